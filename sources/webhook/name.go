package webhook

import (
	"errors"
	"net/http"

	"github.com/trotline/trotline/event"
	"github.com/trotline/trotline/sources/webhook/verify"
)

// maxName is how long an event's id and type may be, in bytes: they travel in
// headers and are looked up, and an id longer than this is a body by mistake.
const maxName = 1024

// naming is where an event's id or its type comes from: the user's expression,
// else the place where the preset's sender writes it, else nowhere.
type naming struct {
	expr event.Expr
	spot verify.Spot
}

// nameEvent sets the event's id and type. An id that should be there and is not
// is refused: under another one the event's repetitions would not be recognized.
func (s *source) nameEvent(e *event.Event) error {
	id, found, err := s.id.eval(e, "id")
	if err != nil {
		return err
	}
	if !found {
		return event.Refuse(http.StatusBadRequest, "id", "The event's id is missing: %s.", s.id.spot)
	}
	typ, _, err := s.typ.eval(e, "event_type")
	if err != nil {
		return err
	}
	if id != "" {
		e.ID = id
	}
	if typ != "" {
		e.Type = typ
	}
	return nil
}

// eval is the name, "" where there is none, and whether what should be there is;
// what it is called makes the refusal's reason.
func (n naming) eval(e *event.Event, called string) (text string, found bool, err error) {
	found = true
	switch {
	case n.expr != nil:
		v, err := n.expr.Eval(e, nil)
		if err != nil {
			return "", false, event.Refuse(http.StatusBadRequest, called, "The %s cannot be made of this request: %s.", called, cause(err))
		}
		var ok bool
		if text, ok = v.(string); !ok || text == "" {
			return "", false, event.Refuse(http.StatusBadRequest, called, "The %s is empty.", called)
		}
	case !n.spot.IsZero():
		text, found = n.spot.Find(e)
	}
	if len(text) > maxName {
		return "", false, event.Refuse(http.StatusBadRequest, called, "The %s is longer than %d bytes.", called, maxName)
	}
	return text, found, nil
}

// cause is why an expression failed, without its text: that is the user's, not the sender's.
func cause(err error) string {
	var step *event.StepError
	if errors.As(err, &step) && step.Err != nil {
		return step.Err.Error()
	}
	return "its expression failed"
}

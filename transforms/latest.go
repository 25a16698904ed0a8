package transforms

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/trotline/trotline/event"
	"github.com/trotline/trotline/transforms/expression"
)

type latestSettings struct {
	Key     event.Expr `yaml:"key" required:"true" want:"string" doc:"what the versions are of, such as body.order_id"`
	Version event.Expr `yaml:"version" required:"true" doc:"which version an event tells of: a number, a time, or a text that grows, such as body.updated_at"`
	Older   string     `yaml:"older" enum:"drop,mark" doc:"what becomes of an event older than what its key has seen: dropped and counted, or passed on with older: true in its body (drop)"`
}

var latestKind = event.TransformKind{
	Name:     "latest",
	Doc:      "puts right what comes in disorder: drops or marks an event that is older than what its key has already seen",
	Settings: func() any { return &latestSettings{Older: drop} },
	Open: func(settings any, _ event.TransformOptions) (event.Transform, error) {
		s := event.SettingsOf[latestSettings](settings)
		return latest{key: s.Key, version: s.Version, mark: s.Older == mark}, nil
	},
	Shape: func(before *event.Shape, settings any) *event.Shape {
		if before == nil || event.SettingsOf[latestSettings](settings).Older != mark {
			return before
		}
		after := &event.Shape{Fields: maps.Clone(before.Fields)}
		if after.Fields == nil {
			after.Fields = make(map[string]*event.Shape, 1)
		}
		after.Fields["older"] = nil
		return after
	},
}

// latest remembers the newest version of a key.
type latest struct {
	key, version event.Expr
	mark         bool
}

// version is one as it is remembered: one of its fields.
type version struct {
	Number json.Number `json:"number,omitempty"`
	Time   *time.Time  `json:"time,omitempty"`
	Text   string      `json:"text,omitempty"`
}

// Apply is the step for an event that is the newest.
func (l latest) Apply(_ context.Context, e *event.Event) ([]*event.Event, error) {
	if _, err := l.Key(e, time.Time{}); err != nil {
		return nil, err
	}
	if _, err := l.versionOf(e); err != nil {
		return nil, err
	}
	return l.Follow(e, pass)
}

// State implements [event.Stateful].
func (l latest) State() string { return stateName(l.key.Text(), l.version.Text()) }

// Key implements [event.Stateful].
func (l latest) Key(e *event.Event, _ time.Time) (string, error) { return textOf(l.key, e) }

// Decide implements [event.Stateful]. A version equal to the newest passes: it is
// the same once more, or tells of the same moment.
func (l latest) Decide(_ string, value any, e *event.Event) (event.Decision, error) {
	v, err := l.versionOf(e)
	if err != nil {
		return event.Decision{}, err
	}
	if newest, ok := value.(version); ok {
		order, comparable := compare(v, newest)
		switch {
		case !comparable:
			return event.Decision{}, &event.StepError{
				Expression: l.version.Text(), Value: shown(v.is()),
				Err: fmt.Errorf("it gives %s, and gave %s for this key before; versions of both kinds cannot be compared", v.kind(), newest.kind()),
			}
		case order < 0 && l.mark:
			return event.Decision{Word: mark}, nil
		case order < 0:
			return event.Decision{Word: drop}, nil
		case order == 0:
			return event.Decision{Word: pass}, nil
		}
	}
	note, err := json.Marshal(v)
	return event.Decision{Word: pass, Note: note}, err
}

// Follow implements [event.Stateful].
func (l latest) Follow(e *event.Event, word string) ([]*event.Event, error) {
	switch {
	case word == drop:
		return nil, nil
	case !l.mark:
		return []*event.Event{e}, nil
	}
	body, err := decoded(e.Body)
	if err != nil {
		return nil, err
	}
	object, ok := body.(map[string]any)
	if !ok {
		return nil, &event.StepError{Value: shown(body), Err: errors.New("the body is no object, so it cannot be marked with older")}
	}
	marked := maps.Clone(object)
	marked["older"] = word == mark
	return []*event.Event{e.WithBody(event.BodyOf(marked))}, nil
}

// Noted implements [event.Stateful].
func (l latest) Noted(_ any, note []byte) (any, error) {
	var v version
	err := json.Unmarshal(note, &v)
	return v, err
}

// Note implements [event.Stateful].
func (l latest) Note(value any) ([]byte, error) { return json.Marshal(value) }

// Ends implements [event.Stateful]: a version is remembered as long as there is room.
func (l latest) Ends(any) time.Time { return time.Time{} }

func (l latest) versionOf(e *event.Event) (version, error) {
	v, err := l.version.Eval(e, nil)
	if err != nil {
		return version{}, err
	}
	made, err := versionOfValue(v)
	if err != nil {
		return version{}, &event.StepError{Expression: l.version.Text(), Value: shown(v), Err: err}
	}
	return made, nil
}

func versionOfValue(v any) (version, error) {
	switch v := v.(type) {
	case string:
		if t, err := time.Parse(time.RFC3339Nano, v); err == nil {
			return version{Time: &t}, nil
		}
		return version{Text: v}, nil
	case time.Time:
		return version{Time: &v}, nil
	case json.Number, int, float64:
		text, err := event.EncodeJSON(v)
		return version{Number: json.Number(text)}, err
	}
	return version{}, errors.New("it gives no version: a number, a time or a text is one")
}

func (v version) is() any {
	switch {
	case v.Number != "":
		return v.Number
	case v.Time != nil:
		return *v.Time
	}
	return v.Text
}

func (v version) kind() string {
	switch {
	case v.Number != "":
		return "a number"
	case v.Time != nil:
		return "a time"
	}
	return "a text"
}

func compare(a, b version) (order int, ok bool) {
	if a.kind() != b.kind() {
		return 0, false
	}
	return expression.Order(a.is(), b.is())
}

package stage

import (
	"errors"
	"runtime/debug"
	"time"

	"github.com/trotline/trotline/event"
)

// saying is what a step that is not pure has said of an event. It is stored, so
// that an event that comes again is told the same again.
type saying struct {
	Word  string     `json:"word,omitempty"`  // a decision, or an answer
	None  string     `json:"none,omitempty"`  // why no answer will ever come
	Again *time.Time `json:"again,omitempty"` // when the event is to be asked about again
	Fault *fault     `json:"fault,omitempty"` // the step failed on the event
}

// fault is an error of a step, as it is stored.
type fault struct {
	Expression string `json:"expression,omitempty"`
	Value      string `json:"value,omitempty"`
	Text       string `json:"text"`
}

func faultOf(err error) *fault {
	f := &fault{Text: err.Error()}
	var step *event.StepError
	if errors.As(err, &step) {
		f.Expression, f.Value, f.Text = step.Expression, step.Value, step.Err.Error()
	}
	return f
}

func (f *fault) err() error {
	return &event.StepError{Expression: f.Expression, Value: f.Value, Err: errors.New(f.Text)}
}

func (s saying) none() error { return errors.New(s.None) }

// guarded turns a panic of a step into an error.
func guarded[T any](call func() (T, error)) (result T, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &panicError{v, debug.Stack()}
		}
	}()
	return call()
}

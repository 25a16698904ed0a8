package event

import (
	"context"
	"fmt"
)

// Transform is one step of a pipeline: pure, so that an event handled twice
// gives the same result, and safe for concurrent use.
type Transform interface {
	// Apply returns what becomes of the event: nothing when it is filtered out,
	// several when it is split. The error is a *[StepError] where an expression
	// or a check failed on this event; it is never worth a retry.
	Apply(ctx context.Context, e *Event) ([]*Event, error)
}

// StepError tells why a step failed on an event, for the dead letter.
type StepError struct {
	Expression string // the text of the expression, "" if none was at fault
	Value      string // what broke it, shortened
	Err        error
}

func (e *StepError) Error() string {
	switch {
	case e.Expression == "":
		return e.Err.Error()
	case e.Value == "":
		return fmt.Sprintf("%s: %v", e.Expression, e.Err)
	}
	return fmt.Sprintf("%s: %v (value: %s)", e.Expression, e.Err, e.Value)
}

func (e *StepError) Unwrap() error { return e.Err }

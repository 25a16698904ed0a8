package stage

import (
	"context"
	"fmt"
	"runtime/debug"

	"github.com/trotline/trotline/event"
)

// panicError is a fault of ours, met while an event was handled.
type panicError struct {
	value any
	stack []byte
}

func (p *panicError) Error() string { return fmt.Sprintf("panic: %v", p.value) }

// apply runs a step and turns a panic into an error.
func apply(ctx context.Context, t event.Transform, e *event.Event) (out []*event.Event, err error) {
	defer func() {
		if v := recover(); v != nil {
			out, err = nil, &panicError{v, debug.Stack()}
		}
	}()
	return t.Apply(ctx, e)
}

// evaluated runs an expression and turns a panic into an error.
func evaluated(eval func() (any, error)) (v any, err error) {
	defer func() {
		if p := recover(); p != nil {
			v, err = nil, &panicError{p, debug.Stack()}
		}
	}()
	return eval()
}

package engine

import (
	"github.com/trotline/trotline/event"
)

// Condition is an expression that chooses events. An event on which it fails is
// not chosen, and is counted. It serves one run, and is not safe for concurrent use.
type Condition struct {
	expr   event.Expr
	Failed int   // on how many events it failed
	Err    error // why, on the first of them
}

// Condition compiles an expression that chooses events. It sees no env: who may
// look at the events may not look at the engine's secrets.
func (e *Engine) Condition(text string) (*Condition, error) {
	language := e.options.Kinds.Language(func(string) (string, bool) { return "", false })
	expr, err := language.Expr(text, event.Scope{Want: event.Bool})
	if err != nil {
		return nil, err
	}
	return &Condition{expr: expr}, nil
}

// Holds tells whether the event is chosen.
func (c *Condition) Holds(e *event.Event) bool {
	v, err := c.expr.Eval(e, nil)
	if err != nil {
		if c.Failed++; c.Err == nil {
			c.Err = err
		}
		return false
	}
	return v == true
}

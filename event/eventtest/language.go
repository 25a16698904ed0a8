package eventtest

import (
	"fmt"

	"github.com/trotline/trotline/event"
)

// Expr is an expression that always gives this value.
func Expr(value any) event.Expr {
	return ExprFunc(fmt.Sprintf("%#v", value), func(*event.Event, event.Results) (any, error) { return value, nil })
}

// Field is the expression body.<name>; it is nil where the body has no such field.
func Field(name string) event.Expr {
	return ExprFunc("body."+name, func(e *event.Event, _ event.Results) (any, error) {
		v, err := e.Body.Value()
		if err != nil {
			return nil, err
		}
		object, _ := v.(map[string]any)
		return object[name], nil
	})
}

// FailingExpr is an expression that fails on every event.
func FailingExpr(text string, err error) event.Expr {
	return ExprFunc(text, func(*event.Event, event.Results) (any, error) {
		return nil, &event.StepError{Expression: text, Err: err}
	})
}

// ExprFunc is an expression that a function evaluates; text is what it is shown as.
func ExprFunc(text string, eval func(*event.Event, event.Results) (any, error)) event.Expr {
	return expr{text, eval}
}

type expr struct {
	text string
	eval func(*event.Event, event.Results) (any, error)
}

func (x expr) Eval(e *event.Event, r event.Results) (any, error) { return x.eval(e, r) }
func (x expr) Text() string                                      { return x.text }

// Template is a text without expressions.
func Template(text string) event.Template {
	return template{text: text}
}

// TemplateFunc is a template that a function renders; text is what it is shown as.
func TemplateFunc(text string, render func(*event.Event, event.Results) (string, error)) event.Template {
	return template{text, render}
}

type template struct {
	text   string
	render func(*event.Event, event.Results) (string, error)
}

func (t template) Render(e *event.Event, r event.Results) (string, error) {
	if t.render == nil {
		return t.text, nil
	}
	return t.render(e, r)
}

func (t template) Constant() (string, bool) {
	if t.render == nil {
		return t.text, true
	}
	return "", false
}

func (t template) Text() string { return t.text }

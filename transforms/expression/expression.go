// Package expression is the language of the pipelines: expr-lang, with the
// meaning that webhooks need. An absent field is nil at any depth, nil is never
// quietly smaller or larger than anything, numbers keep their digits until they
// are calculated with, and nothing depends on the clock or on chance, so that
// an event handled twice gives the same result.
//
// The parser, the type checker and the virtual machine are those of
// github.com/expr-lang/expr. Between the checker and the machine every operator,
// member access and function is replaced by an operation of this package (see
// rewrite.go), which knows the operands' text and so can name them in an error.
package expression

import (
	"errors"
	"fmt"
	"sync"

	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/vm"

	"github.com/trotline/trotline/event"
)

// New is the language. env looks up what expressions call env.NAME; it is asked
// when an expression is compiled, never later.
func New(env func(name string) (string, bool)) event.Language {
	return language{env}
}

type language struct {
	env func(string) (string, bool)
}

// Expr implements [event.Language].
func (l language) Expr(text string, scope event.Scope) (event.Expr, error) {
	p, err := l.compile(text, scope)
	if err != nil {
		return nil, err
	}
	return p, nil
}

// program is a compiled expression.
type program struct {
	text    string
	want    event.Want
	code    *vm.Program
	private bool // it mentions env, whose values must not show in errors
	convert bool // its result may hold values that only expressions know
	request bool // its events have no id yet
}

// Text implements [event.Expr].
func (p *program) Text() string { return p.text }

// machine is what one evaluation needs; it is used again by the next one.
type machine struct {
	vm    vm.VM
	frame frame
}

var machines = sync.Pool{New: func() any { return new(machine) }}

// Eval implements [event.Expr].
func (p *program) Eval(e *event.Event, results event.Results) (any, error) {
	m := machines.Get().(*machine)
	m.frame = frame{event: e, results: results, request: p.request}
	v, err := m.vm.Run(p.code, &m.frame)
	m.forget()
	if err != nil {
		return nil, p.stepError(err)
	}
	if p.convert {
		v = plain(v)
	}
	if v, err = conform(v, p.want); err != nil {
		return nil, p.stepError(err)
	}
	return v, nil
}

// forget lets go of the event, which would otherwise live as long as the pool
// keeps the machine, and of a machine that one large event has made large.
func (m *machine) forget() {
	const largest = 1 << 10
	if cap(m.vm.Stack) > largest {
		return
	}
	m.frame = frame{}
	clear(m.vm.Stack[:cap(m.vm.Stack)])
	clear(m.vm.Variables)
	machines.Put(m)
}

func (p *program) stepError(err error) error {
	s := &event.StepError{Expression: p.text}
	var f *fault
	var fe *file.Error
	switch {
	case errors.As(err, &f):
		s.Err = errors.New(f.text())
		if s.Value = show(f.value); p.private {
			s.Value = "***"
		}
	case errors.As(err, &fe):
		s.Err = errors.New(machineMessage(fe.Message))
	default:
		s.Err = err
	}
	return s
}

// machineMessage says in the language's own words what the virtual machine stopped for.
func machineMessage(msg string) string {
	switch msg {
	case "memory budget exceeded":
		return "it makes more than a million values"
	case "reduce of empty array with no initial value":
		return "reduce of an empty list without a first value: give one, as in reduce(list, #acc + #, 0)"
	}
	return msg
}

// conform gives a value the type that is wanted of the expression.
func conform(v any, want event.Want) (any, error) {
	switch want {
	case event.Bool:
		if _, ok := v.(bool); !ok {
			return nil, &fault{arg: -1, value: v, msg: fmt.Sprintf("it gives %s, not true or false", described(v))}
		}
	case event.String:
		text, err := scalarText(v)
		if err != nil {
			return nil, err
		}
		if text == "" {
			return nil, &fault{arg: -1, value: v, msg: "it gives an empty text"}
		}
		if _, already := v.(string); !already { // what is one need not be put into memory again
			v = text
		}
	case event.List:
		list, ok := asList(v)
		if !ok {
			return nil, &fault{arg: -1, value: v, msg: fmt.Sprintf("it gives %s, not a list", described(v))}
		}
		return list, nil
	}
	return v, nil
}

package event

import (
	"fmt"
	"slices"
)

// Expr is a compiled expression. It is safe for concurrent use.
type Expr interface {
	// Eval evaluates it on an event. results is nil outside a chain. The error is a *[StepError].
	Eval(e *Event, results Results) (any, error)
	// Text is the expression as it was written.
	Text() string
}

// Template is a text that may hold {{ expression }}. It is safe for concurrent use.
type Template interface {
	// Render fills it in. An absent value, and one that is not a text, a number
	// or a boolean, is an error of the event.
	Render(e *Event, results Results) (string, error)
	// Constant is the text itself when it holds no expression.
	Constant() (text string, ok bool)
	// Text is the template as it was written.
	Text() string
}

// Want is the type an expression must have; it is checked when it is compiled,
// as far as the types are known, and otherwise at each evaluation.
type Want string

// What can be wanted of an expression.
const (
	Any    Want = ""
	Bool   Want = "bool"
	String Want = "string" // a text, or a number or boolean written as one; never nil, never empty
	List   Want = "list"
)

// Scope is what an expression may see.
type Scope struct {
	Want Want
	// Body is what the body is known to look like; nil knows nothing.
	Body *Shape
	// Results are the sinks whose answers can be asked for; nil: there is no results variable.
	Results []string
	// Request: the event is not made yet; id, type and original are not there.
	Request bool
	// Answer: it sees what a receiver answered, status, headers, body and error, and nothing of the event.
	Answer bool
	// Head: the request's body is not read yet; body and raw are not there.
	Head bool
}

// Shape is what is known of a value: the fields a map makes. A nil *Shape, and
// a field with a nil *Shape, is a value nothing is known of.
type Shape struct {
	Fields map[string]*Shape
}

// Names are the known fields, sorted.
func (s *Shape) Names() []string {
	names := make([]string, 0, len(s.Fields))
	for n := range s.Fields {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// Language compiles expressions and templates.
type Language interface {
	// Expr compiles an expression. The error is a *[TextError].
	Expr(text string, s Scope) (Expr, error)
	// Template compiles a text with {{ expressions }}. The error is a *[TextError].
	Template(text string, s Scope) (Template, error)
}

// TextError is a fault at a place in a text.
type TextError struct {
	Offset int    // in bytes from the start of the text
	Len    int    // how many bytes are at fault; 0 is not known
	Msg    string // what is wrong
	Hint   string // what was probably meant, "" if nobody can tell
}

func (e *TextError) Error() string {
	if e.Hint != "" {
		return fmt.Sprintf("%s (%s)", e.Msg, e.Hint)
	}
	return e.Msg
}

// Mapping is a tree of expressions: what map and set make of an event. Exactly
// one of Expr, Fields and Items is set; none of them is the literal Value.
type Mapping struct {
	Expr   Expr
	Value  any
	Fields []MappedField
	Items  []*Mapping
}

// MappedField is a field of an object that a [Mapping] makes.
type MappedField struct {
	Name  string
	Value *Mapping
}

// Eval makes the value. The error is a *[StepError].
func (m *Mapping) Eval(e *Event, results Results) (any, error) {
	switch {
	case m.Expr != nil:
		return m.Expr.Eval(e, results)
	case m.Fields != nil:
		object := make(map[string]any, len(m.Fields))
		for _, f := range m.Fields {
			v, err := f.Value.Eval(e, results)
			if err != nil {
				return nil, err
			}
			object[f.Name] = v
		}
		return object, nil
	case m.Items != nil:
		list := make([]any, len(m.Items))
		for i, item := range m.Items {
			v, err := item.Eval(e, results)
			if err != nil {
				return nil, err
			}
			list[i] = v
		}
		return list, nil
	}
	return m.Value, nil
}

// Shape is what is known of the value the mapping makes.
func (m *Mapping) Shape() *Shape {
	if m.Fields == nil {
		return nil
	}
	s := &Shape{Fields: make(map[string]*Shape, len(m.Fields))}
	for _, f := range m.Fields {
		s.Fields[f.Name] = f.Value.Shape()
	}
	return s
}

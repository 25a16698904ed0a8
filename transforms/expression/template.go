package expression

import (
	"errors"
	"strings"

	"github.com/trotline/trotline/event"
)

// template is a text with expressions in it.
type template struct {
	text  string
	parts []part
}

// part is a piece of a template: a literal text, or an expression.
type part struct {
	literal string
	expr    *program
}

// Template implements [event.Language].
func (l language) Template(text string, scope event.Scope) (event.Template, error) {
	t := &template{text: text}
	scope.Want = event.Any // rendering makes a text of it
	for at := 0; ; {
		open := strings.Index(text[at:], "{{")
		if open < 0 {
			t.literal(text[at:])
			return t, nil
		}
		t.literal(text[at : at+open])
		start := at + open + len("{{")
		length := expressionEnd(text[start:])
		if length < 0 {
			return nil, &event.TextError{
				Offset: at + open, Len: len("{{"), Msg: "the {{ is not closed",
				Hint: `end it with }}; a literal {{ is written {{ "{{" }}`,
			}
		}
		p, err := l.compile(text[start:start+length], scope)
		if err != nil {
			return nil, shifted(err, start)
		}
		t.parts = append(t.parts, part{expr: p})
		at = start + length + len("}}")
	}
}

func (t *template) literal(text string) {
	if text != "" {
		t.parts = append(t.parts, part{literal: text})
	}
}

// shifted is a fault of a part of a text as one of the whole text.
func shifted(err error, by int) error {
	var e *event.TextError
	if !errors.As(err, &e) {
		return err
	}
	moved := *e
	moved.Offset += by
	return &moved
}

// expressionEnd is where the }} stands that ends the expression text starts
// with: not the one inside a quoted text, nor the one that closes two objects.
// It is -1 if there is none.
func expressionEnd(text string) int {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case '"', '\'', '`':
			n := quotedLen(text[i:])
			if n < 0 {
				return -1
			}
			i += n - 1
		case '{':
			depth++
		case '}':
			if depth == 0 && strings.HasPrefix(text[i:], "}}") {
				return i
			}
			depth--
		}
	}
	return -1
}

// quotedLen is how long the quoted text is that text starts with, -1 if it does not end.
func quotedLen(text string) int {
	quote := text[0]
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] == quote:
			return i + 1
		case text[i] == '\\' && quote != '`':
			i++
		}
	}
	return -1
}

// Render implements [event.Template].
func (t *template) Render(e *event.Event, results event.Results) (string, error) {
	if text, ok := t.Constant(); ok {
		return text, nil
	}
	var b strings.Builder
	for _, p := range t.parts {
		if p.expr == nil {
			b.WriteString(p.literal)
			continue
		}
		v, err := p.expr.Eval(e, results)
		if err != nil {
			return "", err
		}
		text, err := scalarText(v)
		if err != nil {
			return "", p.expr.stepError(err)
		}
		b.WriteString(text)
	}
	return b.String(), nil
}

// Constant implements [event.Template].
func (t *template) Constant() (string, bool) {
	for _, p := range t.parts {
		if p.expr != nil {
			return "", false
		}
	}
	return t.text, true
}

// Text implements [event.Template].
func (t *template) Text() string { return t.text }

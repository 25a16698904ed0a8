package verify

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/trotline/trotline/event"
)

// template is a text with places, part by part.
type template []part

// part is a literal text, one or several places, or a group that may be dropped.
type part struct {
	literal []byte
	places  []place
	filters []filter
	group   template
}

// parseTemplate reads "{timestamp}.{body}".
func parseTemplate(text string) (template, error) {
	p := parser{rest: text}
	return p.template(false)
}

// parseSpot reads a template, or a place that stands alone without its braces.
func parseSpot(text string) (template, error) {
	if text == "" || strings.Contains(text, "{") {
		return parseTemplate(text)
	}
	p, err := parsePlace(text)
	if err != nil {
		return nil, err
	}
	return template{{places: []place{p}}}, nil
}

// parser is on its way through the text of a template.
type parser struct {
	rest    string
	literal []byte
	parts   template
}

// template reads up to the end of the text, or to the brace that ends a group.
func (p *parser) template(inGroup bool) (template, error) {
	for p.rest != "" {
		c := p.rest[0]
		p.rest = p.rest[1:]
		switch {
		case c == '\\':
			if err := p.escape(); err != nil {
				return nil, err
			}
		case c == '{' && p.isLiteralBrace():
			p.literal = append(p.literal, c)
		case c == '{':
			if err := p.brace(); err != nil {
				return nil, err
			}
		case c == '}' && inGroup:
			return p.flush(), nil
		default:
			p.literal = append(p.literal, c)
		}
	}
	if inGroup {
		return nil, errors.New("{? is not closed")
	}
	return p.flush(), nil
}

// isLiteralBrace tells whether a brace begins JSON.
func (p *parser) isLiteralBrace() bool {
	return strings.HasPrefix(p.rest, `"`) || strings.HasPrefix(p.rest, "}")
}

func (p *parser) flush() template {
	if len(p.literal) > 0 {
		p.parts = append(p.parts, part{literal: p.literal})
		p.literal = nil
	}
	return p.parts
}

var escapes = map[byte]byte{'n': '\n', 'r': '\r', 't': '\t', '\\': '\\', '{': '{', '}': '}'}

func (p *parser) escape() error {
	if p.rest == "" {
		return errors.New(`a \ stands at the end: write \\ where it is meant`)
	}
	c, ok := escapes[p.rest[0]]
	if !ok {
		return fmt.Errorf(`unknown escape \%c: there are \n \r \t \\ \{ \}`, p.rest[0])
	}
	p.literal, p.rest = append(p.literal, c), p.rest[1:]
	return nil
}

// brace reads what stands behind an opening brace.
func (p *parser) brace() error {
	p.flush()
	if rest, ok := strings.CutPrefix(p.rest, "?"); ok {
		inner := parser{rest: rest}
		group, err := inner.template(true)
		if err != nil {
			return err
		}
		if !group.hasPlace() {
			return errors.New("{? … } without a place in it is never dropped")
		}
		p.parts, p.rest = append(p.parts, part{group: group}), inner.rest
		return nil
	}
	text, rest, closed := strings.Cut(p.rest, "}")
	if !closed {
		return fmt.Errorf("{%s is not closed", p.rest)
	}
	made, err := parsePart(text)
	if err != nil {
		return err
	}
	p.parts, p.rest = append(p.parts, made), rest
	return nil
}

// parsePart reads "query:a + secret | sha256 | hex".
func parsePart(text string) (part, error) {
	words := strings.Split(text, "|")
	var made part
	for name := range strings.SplitSeq(words[0], " + ") {
		p, err := parsePlace(strings.TrimSpace(name))
		if err != nil {
			return part{}, err
		}
		made.places = append(made.places, p)
	}
	for _, word := range words[1:] {
		f, err := parseFilter(strings.TrimSpace(word))
		if err != nil {
			return part{}, err
		}
		made.filters = append(made.filters, f)
	}
	return made, nil
}

func (t template) hasPlace() bool {
	for range t.places() {
		return true
	}
	return false
}

// places are all of a template's places.
func (t template) places() func(yield func(place) bool) {
	return func(yield func(place) bool) { t.walk(yield) }
}

func (t template) walk(yield func(place) bool) bool {
	for _, part := range t {
		for _, p := range part.places {
			if !yield(p) {
				return false
			}
		}
		if !part.group.walk(yield) {
			return false
		}
	}
	return true
}

// single is the place, where the template is nothing else.
func (t template) single() (*place, bool) {
	if len(t) != 1 || len(t[0].places) != 1 || t[0].filters != nil {
		return nil, false
	}
	return &t[0].places[0], true
}

// holds tells whether a place is part of the template whatever a request lacks:
// outside of the groups that may be dropped.
func (t template) holds(want func(place) bool) bool {
	return slices.ContainsFunc(t, func(p part) bool { return slices.ContainsFunc(p.places, want) })
}

// uses tells whether a place of a kind is part of the template.
func (t template) uses(k kind) bool {
	for p := range t.places() {
		if p.kind == k {
			return true
		}
	}
	return false
}

// filtered tells whether a filter is part of the template.
func (t template) filtered(name string) bool {
	return slices.ContainsFunc(t, func(p part) bool {
		return p.group.filtered(name) || slices.ContainsFunc(p.filters, func(f filter) bool { return f.name == name })
	})
}

// absence is a place that holds nothing, or more than one value.
type absence struct {
	place place
	was   state
}

func (a *absence) Error() string {
	if a.was == twice {
		return a.place.String() + " is there more than once"
	}
	return a.place.String() + " is missing"
}

// refusal is the absence as the sender is told of it. A missing header has a
// word of its own; reason is the word for everything else.
func (a *absence) refusal(reason string) *event.Refusal {
	if a.was == twice {
		return event.Refuse(http.StatusUnauthorized, reason, "The request gives %s more than once.", a.place.spoken())
	}
	if a.place.kind == inHeader {
		reason = reasonMissing
	}
	return event.Refuse(http.StatusUnauthorized, reason, "The request lacks %s.", a.place.spoken())
}

// write writes the template for a request into a hash or a buffer, which never
// fail. The error is an [*absence].
func (t template) write(w io.Writer, q *reading) error {
	for i := range t {
		part := &t[i]
		switch {
		case part.group != nil:
			if !part.group.complete(q) {
				continue
			}
			if err := part.group.write(w, q); err != nil {
				return err
			}
		case part.places == nil:
			_, _ = w.Write(part.literal)
		case part.filters != nil:
			if err := part.writeFiltered(w, q); err != nil {
				return err
			}
		default:
			for j := range part.places {
				if err := q.write(w, &part.places[j]); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// write writes what stands at a place. scratch spares an allocation for each text.
func (q *reading) write(w io.Writer, p *place) error {
	if p.isBody() {
		_, _ = w.Write(q.Body)
		return nil
	}
	text, was := q.find(p)
	if was != once && (was == twice || !p.mayBeEmpty()) {
		return &absence{*p, was}
	}
	q.scratch = append(q.scratch[:0], text...)
	_, _ = w.Write(q.scratch)
	return nil
}

func (part *part) writeFiltered(w io.Writer, q *reading) error {
	var b buffer
	for i := range part.places {
		if err := q.write(&b, &part.places[i]); err != nil {
			return err
		}
	}
	for _, f := range part.filters {
		b = f.apply(q, b)
	}
	_, _ = w.Write(b)
	return nil
}

// complete tells whether all of a group's own places are there.
func (t template) complete(q *reading) bool {
	for _, part := range t {
		if slices.ContainsFunc(part.places, func(p place) bool { _, was := q.find(&p); return was == absent }) {
			return false
		}
	}
	return true
}

// text is the template for a request, as a text.
func (t template) text(q *reading) (string, error) {
	var b buffer
	err := t.write(&b, q)
	return string(b), err
}

// buffer is a Writer that appends.
type buffer []byte

func (b *buffer) Write(p []byte) (int, error) {
	*b = append(*b, p...)
	return len(p), nil
}

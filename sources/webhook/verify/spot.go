package verify

import "github.com/trotline/trotline/event"

// Spot is where a sender writes something about an event: a place, or a
// template of several. The zero Spot is nowhere.
type Spot struct {
	text   string
	parts  template
	scheme *Scheme
}

// IsZero tells whether the Spot is nowhere.
func (s Spot) IsZero() bool { return s.parts == nil }

// String is the Spot as it was written.
func (s Spot) String() string { return s.text }

// Find is the text there. It is not ok where something is missing; a text that
// is "" and ok is what a sender leaves out.
func (s Spot) Find(e *event.Event) (text string, ok bool) {
	if p, single := s.parts.single(); single {
		switch {
		case p.kind == inHeader:
			text, was := only(e.Request.Info().Header[p.name])
			return text, was == once
		case p.kind == inBody && p.path != nil:
			text, was := textOf(lookup(e.Body, p.path))
			return text, was == once
		}
	}
	return s.write(e)
}

func (s Spot) write(e *event.Event) (text string, ok bool) {
	kept := e.Request.Info()
	r := &event.Request{Method: kept.Method, Path: kept.Path, Header: kept.Header, Query: kept.Query}
	if s.parts.uses(inBody) || s.parts.uses(inForm) {
		raw, err := e.Body.Raw()
		if err != nil {
			return "", false
		}
		r.Body = raw
	}
	q := s.scheme.read(r, nil)
	defer q.done()
	q.json = e.Body
	text, err := s.parts.text(q)
	return text, err == nil
}

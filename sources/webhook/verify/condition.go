package verify

import (
	"crypto/subtle"
	"slices"
)

// equality is a place that must hold what a template says.
type equality struct {
	when  conditions
	place place
	want  template
}

// digestsBody tells whether what must stand there is the body, or a hash of it.
func (e *equality) digestsBody() bool {
	return slices.ContainsFunc(e.want, func(p part) bool {
		return slices.ContainsFunc(p.places, place.isBody) && (p.filters == nil || slices.ContainsFunc(p.filters, func(f filter) bool { return f.raw }))
	})
}

// equals takes the same time however much is right: what is compared may be a
// secret. Of a claim that is a list, such as an audience, one must be equal.
func equals(q *reading, p *place, t template) bool {
	want, err := t.text(q)
	if err != nil {
		return false
	}
	if list, ok := follow(q.claims, p.path).([]any); ok && p.kind == inClaim {
		return slices.Contains(list, any(want))
	}
	got, was := q.find(p)
	return was == once && subtle.ConstantTimeCompare([]byte(got), []byte(want)) == 1
}

// conditions are places with what must stand there.
type conditions []condition

type condition struct {
	place place
	any   bool // anything
	none  bool // nothing
	want  template
}

func (all conditions) hold(q *reading) bool {
	return !slices.ContainsFunc(all, func(c condition) bool { return !c.holds(q) })
}

func (c *condition) holds(q *reading) bool {
	switch {
	case c.any:
		_, was := q.find(&c.place)
		return was == once
	case c.none:
		_, was := q.find(&c.place)
		return was == absent
	}
	return equals(q, &c.place, c.want)
}

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

// holds is true too where the equality does not count. It takes the same time
// however much is right: what is compared may be a secret.
func (e *equality) holds(q *reading) bool {
	return !e.when.hold(q) || equals(q, e.place, e.want)
}

func equals(q *reading, p place, t template) bool {
	got, was := q.find(p)
	want, err := t.text(q)
	return was == once && err == nil && subtle.ConstantTimeCompare([]byte(got), []byte(want)) == 1
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
		_, was := q.find(c.place)
		return was == once
	case c.none:
		_, was := q.find(c.place)
		return was == absent
	}
	return equals(q, c.place, c.want)
}

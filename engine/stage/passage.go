package stage

import (
	"context"
	"strings"
	"time"

	"github.com/trotline/trotline/engine/bus"
	"github.com/trotline/trotline/event"
)

// passage is one event on its way through the steps of a pipeline.
type passage struct {
	rules    *Rules
	sequence uint64 // its place in the events stream; 0 is not known
	elements []*event.Event
	next     int // the step the elements stand before
	out      Outcome

	// What follows is for steps that are not pure. Without a memory, each of
	// those does what it does for an event that is alone in the world.
	memory *memory
	cause  string
	stamp  string
	past   []saying // what the steps have said of it before; nil: it comes for the first time
	said   []saying // what they have said of it, in order
	asked  []saying // what the step it stands before has answered, for each element

	began    int       // the step it goes on at after it was held
	attempts int       // how often that step has been asked
	since    time.Time // when it was asked first
}

// run leads the event on until it has left the steps, or stands before one that
// is to be asked: then it returns false, and goes on once it is answered.
func (g *passage) run(ctx context.Context) bool {
	for ; g.next < len(g.rules.Steps); g.next++ {
		step := &g.rules.Steps[g.next]
		if asker, ok := step.Transform.(event.Asker); ok && g.memory != nil && len(g.elements) > 0 {
			if !g.answered() {
				return false
			}
			g.follow(step, asker)
			continue
		}
		g.elements = g.rules.step(ctx, step, g.elements, g)
	}
	for _, e := range g.elements {
		g.rules.route(e, g.sequence, &g.out)
	}
	g.elements = nil
	return true
}

// apply is what a step makes of an event.
func (g *passage) apply(ctx context.Context, step *Step, e *event.Event) ([]*event.Event, error) {
	if g.memory != nil {
		switch t := step.Transform.(type) {
		case event.Waiter:
			return g.wait(t, e)
		case event.Stateful:
			return g.decide(step, t, e)
		}
	}
	return apply(ctx, step.Transform, e)
}

// wait holds an event at a step, if it is to wait.
func (g *passage) wait(t event.Waiter, e *event.Event) ([]*event.Event, error) {
	until, err := guarded(func() (time.Time, error) { return t.Until(e) })
	if err != nil {
		return nil, err
	}
	if !until.After(e.Time) {
		return []*event.Event{e}, nil
	}
	g.hold(e, g.next+1, until, 0, e.Time)
	return nil, nil
}

// hold puts an event aside. It comes back as a passage of its own.
func (g *passage) hold(e *event.Event, step int, until time.Time, attempts int, since time.Time) {
	g.out.Held = append(g.out.Held, &bus.Held{
		Event: e, Pipeline: g.rules.Pipeline, Generation: g.rules.Generation, Step: step,
		Until: until, Since: since, Attempts: attempts, Cause: g.cause,
	})
}

// decide is what a stateful step makes of an event.
func (g *passage) decide(step *Step, t event.Stateful, e *event.Event) ([]*event.Event, error) {
	s, before := g.recall()
	if !before {
		s = g.memory.decide(g.rules.Generation, step, t, e)
	}
	g.said = append(g.said, s)
	if s.Fault != nil {
		return nil, s.Fault.err()
	}
	return guarded(func() ([]*event.Event, error) { return t.Follow(e, s.Word) })
}

// recall is what was said next, when the event came before.
func (g *passage) recall() (s saying, ok bool) {
	if len(g.past) == 0 {
		return saying{}, false
	}
	s, g.past = g.past[0], g.past[1:]
	return s, true
}

// answered tells whether the step the event stands before has been asked.
func (g *passage) answered() bool {
	if g.asked == nil && len(g.past) >= len(g.elements) {
		g.asked, g.past = g.past[:len(g.elements)], g.past[len(g.elements):]
	}
	return g.asked != nil
}

// follow carries out what a step has answered.
func (g *passage) follow(step *Step, t event.Asker) {
	var out []*event.Event
	for i, e := range g.elements {
		s := g.asked[i]
		g.said = append(g.said, s)
		if s.Again != nil {
			attempts, since := g.tries()
			g.hold(e, g.next, *s.Again, attempts+1, since)
			continue
		}
		made, err := guarded(func() ([]*event.Event, error) {
			if s.None != "" {
				return t.Unanswered(e, s.none())
			}
			return t.Answered(e, []byte(s.Word))
		})
		out = append(out, g.rules.made(step, e, made, err, &g.out)...)
	}
	g.elements, g.asked = out, nil
}

// tries is how often the step the event stands before was asked before, and since when.
func (g *passage) tries() (attempts int, since time.Time) {
	if g.next == g.began && g.attempts > 0 {
		return g.attempts, g.since
	}
	return 0, time.Now().UTC()
}

// account is what was said of the event, to be kept and to be written.
func (g *passage) account() (*account, record) {
	place := g.sequence
	if strings.HasPrefix(g.cause, causeHeld) {
		place = 0
	}
	return &account{cause: g.cause, stamp: g.stamp, place: place, said: g.said},
		record{Cause: g.cause, Stamp: g.stamp, Place: place, Said: g.said}
}

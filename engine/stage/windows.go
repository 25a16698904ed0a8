package stage

import (
	"context"
	"time"

	"github.com/trotline/trotline/engine/bus"
	"github.com/trotline/trotline/event"
)

const (
	// lookPeriod is how often a pipeline looks at most how far it is, to close windows.
	lookPeriod = 200 * time.Millisecond
	// forgetSlack is how much longer a key is remembered than it has to be:
	// events are not stored exactly in the order they were received in.
	forgetSlack = time.Minute
	// orphanPeriod is how often a pipeline looks at least whether a step has left it.
	orphanPeriod = time.Second
	// guardPeriod is how often an event is looked at that is due and cannot go on yet.
	guardPeriod = 20 * time.Millisecond
)

// late is how much later than its end something ends for good.
func (s *state) late() time.Duration {
	if w, ok := s.step.(event.Windowing); ok {
		return w.Late()
	}
	return forgetSlack
}

// clock is how late it is for a step, if nothing is on its way any more.
func (s *state) clock(now time.Time) time.Time {
	if s.newest.IsZero() {
		return now.Add(-s.late())
	}
	return s.newest.Add(now.Sub(s.seen) - s.late())
}

// wakeAt is when something may end; zero is never.
func (s *state) wakeAt(now time.Time) time.Time {
	if len(s.ends) == 0 {
		return time.Time{}
	}
	return now.Add(s.ends[0].ends.Sub(s.clock(now)))
}

// wake is when there is something to do although no event comes; zero is never.
func (m *memory) wake(now, looked time.Time) time.Time {
	if m.pending() || len(m.closing) > 0 {
		return now
	}
	var at time.Time
	sooner := func(t time.Time) {
		if !t.IsZero() && (at.IsZero() || t.Before(at)) {
			at = t
		}
	}
	if len(m.marks.due) > 0 {
		sooner(m.marks.due[0].at)
	}
	if len(m.states) > 0 {
		sooner(looked.Add(orphanPeriod))
	}
	for _, s := range m.states {
		if t := s.wakeAt(now); !t.IsZero() {
			if t.Before(looked.Add(lookPeriod)) {
				t = looked.Add(lookPeriod)
			}
			sooner(t)
		}
	}
	return at
}

// endsBy tells whether something may end now.
func (m *memory) endsBy(now time.Time) bool {
	for _, s := range m.states {
		if len(s.ends) > 0 && !s.ends[0].ends.After(s.clock(now)) {
			return true
		}
	}
	return false
}

// end closes the windows and forgets the keys whose time is over. Every event
// stored before through has been handled, all there is if idle.
func (m *memory) end(through time.Time, idle bool) {
	for _, s := range m.states {
		if len(s.ends) == 0 {
			continue
		}
		now := through.Add(-s.late())
		if !s.newest.IsZero() {
			if now = s.newest.Add(-s.late()); idle {
				now = s.clock(through)
			}
		}
		m.endState(s, now)
	}
}

func (m *memory) endState(s *state, now time.Time) {
	windowing := s.windowing()
	for len(s.ends) > 0 && !s.ends[0].ends.After(now) {
		v := s.ends[0]
		if !windowing {
			s.drop(v)
			continue
		}
		if v.ends.After(s.closed) {
			s.closed, s.clockMoved = v.ends, true
		}
		m.close(v)
	}
}

// orphan ends what no event can add to any more: the step has left the
// configuration, or was edited, and every event from before has been handled.
func (m *memory) orphan() {
	current := m.book.At(m.pipeline, newest)
	next := m.book.At(m.pipeline, m.bus.Settled(m.pipeline)+1)
	for name, s := range m.states {
		if has(current, name) || has(next, name) {
			continue
		}
		if s.windowing() {
			for _, v := range s.values {
				m.close(v)
			}
		}
		delete(m.states, name)
	}
}

func has(r *Rules, state string) bool {
	if r == nil {
		return false
	}
	_, step := r.remembering(state)
	return step != nil
}

// find is how to read what is remembered under a name: the step of the newest
// rules that have it.
func (m *memory) find(state string) event.Stateful {
	for _, r := range m.book.All(m.pipeline) {
		if _, step := r.remembering(state); step != nil {
			return step
		}
	}
	return nil
}

// emit makes the events of the closed windows and holds them before the step
// that follows. They follow the rules of the last event they have gathered.
func (m *memory) emit(o *outbox) {
	for _, c := range m.closing {
		if c.sent {
			continue
		}
		c.sent = true
		o.gone = append(o.gone, c.name)
		m.emission(c, o)
	}
}

func (m *memory) emission(c *closing, o *outbox) {
	rules := m.book.Of(m.pipeline, c.generation)
	if rules == nil {
		m.log.Error("a window is lost: the rules its events were accepted under are gone", "pipeline", m.pipeline, "window", c.name, "generation", c.generation)
		return
	}
	place, step := rules.remembering(c.state.name)
	windows, ok := step.(event.Windowing)
	if !ok {
		m.log.Error("a window is lost: the rules its events were accepted under do not have it", "pipeline", m.pipeline, "window", c.name, "generation", c.generation)
		return
	}
	var made []*event.Event
	e, err := guarded(func() (*event.Event, error) { return windows.Close(c.is, c.name) })
	if e != nil {
		made = append(made, e)
	} else if err != nil {
		e = &event.Event{ID: c.name, Stamp: c.name, Source: "window", Time: time.Now().UTC()}
	}
	outcome := &Outcome{}
	for _, e := range rules.made(&rules.Steps[place], e, made, err, outcome) {
		h := &bus.Held{
			Event: e, Pipeline: m.pipeline, Generation: c.generation, Step: place + 1,
			Since: e.Time, Cause: causeWindow + c.name,
		}
		if !m.marks.holds(h) {
			o.held = append(o.held, h)
		}
	}
	o.dead = append(o.dead, outcome.Dead...)
}

// through is up to when every stored event has been handled; idle tells that
// all of them have.
func (p *Pipeline) through(ctx context.Context) (through time.Time, idle bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	now := time.Now()
	info, err := p.Consumer.Info(ctx)
	switch {
	case err != nil:
		return time.Time{}, false, err
	case info.Pending+info.AckPending == 0:
		return now, true, nil
	case info.OldestPending.IsZero(): // handled while we asked
		return time.Time{}, false, nil
	}
	return info.OldestPending, false, nil
}

// lookTime is how long a look at the consumer may take.
const lookTime = 5 * time.Second

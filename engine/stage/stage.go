// Package stage holds the two loops every event passes: the pipeline's, which
// turns an event into deliveries, and the sink's, which makes them. A loop
// pulls from a durable consumer, works, publishes what comes of it, waits until
// that is durable, and only then acknowledges what it pulled: at every moment
// an event stands somewhere on the disk.
//
// What to do with a message is decided by pure functions that return it as
// values; the loops carry it out, so that an acknowledgement can neither be
// forgotten nor come too early.
package stage

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/trotline/trotline/engine/bus"
	"github.com/trotline/trotline/engine/metrics"
)

// Book answers which rules hold. It is the one place that knows generations;
// the engine swaps its content at a cut.
type Book interface {
	// At is the rules of a pipeline for the event at a sequence of the events
	// stream; nil when the pipeline was not there.
	At(pipeline string, sequence uint64) *Rules
	// Of is the rules of a pipeline in a generation; nil when it was not there.
	Of(pipeline string, generation uint64) *Rules
	// Takes tells whether a sink takes deliveries.
	Takes(sink string) Intake
}

// Intake is whether a sink takes more deliveries.
type Intake int

// The answers of [Book.Takes].
const (
	Open    Intake = iota
	Full           // its backlog budget is used up
	Removed        // no sink of that name is in the configuration
)

// Shared is what every stage is given.
type Shared struct {
	Bus     *bus.Bus
	Book    Book
	Metrics *metrics.Metrics
	Log     *slog.Logger
}

// outbox collects what a batch of messages brings forth, and the messages
// themselves, until everything is durable.
type outbox struct {
	messages []*bus.Message
	work     []*bus.Work
	dead     []*bus.Dead
}

// letter is something published whose answer is still to come: a delivery or a dead letter.
type letter struct {
	work    *bus.Work
	dead    *bus.Dead
	pending *bus.Pending
}

// publish sends everything, in order.
func (o *outbox) publish(b *bus.Bus) []letter {
	letters := make([]letter, 0, len(o.work)+len(o.dead))
	for _, w := range o.work {
		letters = append(letters, letter{work: w, pending: b.Hand(w)})
	}
	for _, d := range o.dead {
		letters = append(letters, letter{dead: d, pending: b.Bury(d)})
	}
	return letters
}

// How long a stage waits before it publishes again what the store would not take.
const (
	publishAgainFirst = 100 * time.Millisecond
	publishAgainMax   = 5 * time.Second
)

// settle waits until what was published is durable, publishing again for as
// long as it takes, and then acknowledges. The names of what is published are
// the same at each try, so a try that only seemed to fail doubles nothing.
// When ctx ends first the messages stay unacknowledged and come again after a
// restart.
func (s *Shared) settle(ctx context.Context, o *outbox, letters []letter) {
	for wait := publishAgainFirst; len(letters) > 0; wait = min(2*wait, publishAgainMax) {
		failed, err := s.await(ctx, letters)
		if err == nil {
			break
		}
		if ctx.Err() != nil {
			return
		}
		s.Log.Warn("the store does not take what a stage hands over; trying again", "error", err, "messages", len(failed))
		if !sleep(ctx, wait) {
			return
		}
		letters = failed
		for i := range letters {
			letters[i] = s.again(letters[i])
		}
	}
	for _, m := range o.messages {
		m.Ack()
	}
	for _, d := range o.dead {
		s.Metrics.Dead(d.Pipeline, diedAt(d), d.Reason)
	}
}

// await returns the letters that are not durable, and the error of one of them.
// What can never be stored is a dead letter from here on.
func (s *Shared) await(ctx context.Context, letters []letter) (failed []letter, err error) {
	for _, l := range letters {
		_, e := l.pending.Wait(ctx)
		if e == nil {
			continue
		}
		if errors.Is(e, bus.ErrUnstorable) && l.work != nil {
			l = letter{dead: buryWork(l.work, ReasonUnstorable, e.Error())}
			s.Metrics.Dead(l.dead.Pipeline, diedAt(l.dead), l.dead.Reason)
		}
		failed, err = append(failed, l), e
	}
	return failed, err
}

// again publishes a letter once more.
func (s *Shared) again(l letter) letter {
	if l.work != nil {
		l.pending = s.Bus.Hand(l.work)
	} else {
		l.pending = s.Bus.Bury(l.dead)
	}
	return l
}

// gate turns deliveries for a sink that takes none into dead letters.
func (s *Shared) gate(work []*bus.Work, o *outbox) {
	for _, w := range work {
		switch s.Book.Takes(w.Sink) {
		case Open:
			o.work = append(o.work, w)
		case Full:
			o.dead = append(o.dead, buryWork(w, ReasonBacklog, "the sink has more waiting than its backlog setting allows"))
		case Removed:
			o.dead = append(o.dead, buryWork(w, ReasonRemoved, removedText))
		}
	}
}

const removedText = "the sink is no longer in the configuration; replay it elsewhere with --to"

// buryWork is a dead letter of a delivery that was not attempted.
func buryWork(w *bus.Work, reason, text string) *bus.Dead {
	return &bus.Dead{
		Event: w.Event, Generation: w.Generation, Pipeline: w.Pipeline, Route: w.Route,
		Sink: w.Sink, Hop: w.Hop, Results: w.Results,
		Reason: reason, Error: text, FirstAttempt: w.Event.Time, LastAttempt: w.Event.Time,
	}
}

// diedAt is the sink or the step a dead letter died at.
func diedAt(d *bus.Dead) string {
	if d.Sink != "" {
		return d.Sink
	}
	return d.Step
}

// sleep waits; false when ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

package stage

import (
	"context"
	"errors"
	"time"

	"github.com/trotline/trotline/engine/bus"
	"github.com/trotline/trotline/internal/planted"
)

// outbox collects what a batch of messages brings forth, and the messages
// themselves, until everything is durable.
type outbox struct {
	events   []*bus.Message // a pipeline's
	messages []message      // a sink's
	work     []*bus.Work
	dead     []*bus.Dead
	held     []*bus.Held

	// Of a pipeline alone: held events that have gone on, and closed windows
	// whose event is among the held ones.
	memory   *memory
	released []uint64
	gone     []string

	done func() // told when everything is durable, or nobody waits for that any more
}

// lasting tells whether more comes of it than deliveries and dead letters.
func (o *outbox) lasting() bool {
	return len(o.held)+len(o.released)+len(o.gone) > 0 || o.memory != nil && o.memory.pending()
}

// bury puts a dead letter into the outbox, and the message it is made of.
func (o *outbox) bury(m message, d *bus.Dead) {
	o.messages = append(o.messages, m)
	o.dead = append(o.dead, d)
}

// handOver is a delivery or a dead letter on its way into the store.
type handOver struct {
	work    *bus.Work // one of the three
	dead    *bus.Dead
	held    *bus.Held
	pending *bus.Pending // its answer, which is still to come
}

// publish sends it, the second time as well as the first.
func (h *handOver) publish(b *bus.Bus) {
	switch {
	case h.work != nil:
		h.pending = b.Hand(h.work)
	case h.held != nil:
		h.pending = b.Hold(h.held)
	default:
		h.pending = b.Bury(h.dead)
	}
}

// publish sends everything, in order.
func (o *outbox) publish(b *bus.Bus) []handOver {
	if planted.EarlyAck {
		o.acknowledge()
	}
	o.done = b.HandingOver()
	sent := make([]handOver, 0, len(o.work)+len(o.dead)+len(o.held))
	for _, w := range o.work {
		sent = append(sent, handOver{work: w})
	}
	for _, d := range o.dead {
		sent = append(sent, handOver{dead: d})
	}
	for _, h := range o.held {
		sent = append(sent, handOver{held: h})
	}
	for i := range sent {
		sent[i].publish(b)
	}
	return sent
}

// How long a stage waits before it publishes again what the store would not take.
const (
	publishAgainFirst = 100 * time.Millisecond
	publishAgainMax   = 5 * time.Second
)

// settle waits until what was published is durable, publishing again for as
// long as it takes, and then acknowledges. The names of what is published are
// the same at each try, so a try that only seemed to fail doubles nothing.
// When ctx ends first it returns false, and the messages stay unacknowledged and
// come again after a restart.
func (s *Shared) settle(ctx context.Context, o *outbox, sent []handOver) bool {
	defer o.done()
	for wait := publishAgainFirst; len(sent) > 0; wait = min(2*wait, publishAgainMax) {
		failed, err := s.await(ctx, o, sent)
		if err == nil {
			break
		}
		if ctx.Err() != nil {
			return false
		}
		s.Log.Warn("the store does not take what a stage hands over; trying again", "error", err, "messages", len(failed))
		if !sleep(ctx, wait) {
			return false
		}
		sent = failed
		for i := range sent {
			sent[i].publish(s.Bus)
		}
	}
	o.acknowledge()
	for _, d := range o.dead {
		s.Mourn(d)
	}
	return true
}

func (o *outbox) acknowledge() {
	bus.Done(o.events)
	for _, m := range o.messages {
		m.Ack()
	}
}

// Mourn counts a dead letter and tells of it. What broke it may hold what the
// sender wrote, so the log says only where to look.
func (s *Shared) Mourn(d *bus.Dead) {
	s.Metrics.Dead(d.Pipeline, diedAt(d), d.Reason, Class(d.Reason))
	s.Log.Warn("an event became a dead letter; see `trotline dead list`",
		"pipeline", d.Pipeline, "at", diedAt(d), "reason", d.Reason, "event", d.Event.ID)
}

// await returns what is not durable, and the error of one of them. What can
// never be stored is a dead letter from here on.
func (s *Shared) await(ctx context.Context, o *outbox, sent []handOver) (failed []handOver, err error) {
	for _, h := range sent {
		ack, e := h.pending.Wait(ctx)
		if e == nil {
			if h.held != nil {
				o.memory.marks.add(bus.HeldMark{Sequence: ack.Sequence, Name: h.held.Name(), Cause: h.held.Cause, Until: h.held.Until})
			}
			continue
		}
		if errors.Is(e, bus.ErrUnstorable) && h.dead == nil {
			h = handOver{dead: buryUnstorable(h, e)}
			s.Mourn(h.dead)
		}
		failed, err = append(failed, h), e
	}
	return failed, err
}

// gate turns deliveries for a sink that takes none into dead letters.
func (s *Shared) gate(work []*bus.Work, o *outbox) {
	for _, w := range work {
		takes, lanes := s.Book.Takes(w.Sink)
		w.Lane = w.Lane || lanes
		if w.Skip { // it asks nothing of the sink
			takes = Open
		}
		switch takes {
		case Open:
			o.work = append(o.work, w)
		case Full:
			o.dead = append(o.dead, buryWork(w, ReasonBacklog, "the sink has more waiting than its backlog setting allows"))
		case Removed:
			o.dead = append(o.dead, buryWork(w, ReasonRemoved, removedText))
		}
	}
}

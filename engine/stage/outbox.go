package stage

import (
	"context"
	"errors"
	"time"

	"github.com/trotline/trotline/engine/bus"
)

// outbox collects what a batch of messages brings forth, and the messages
// themselves, until everything is durable.
type outbox struct {
	messages []message
	work     []*bus.Work
	dead     []*bus.Dead
}

// bury puts a dead letter into the outbox, and the message it is made of.
func (o *outbox) bury(m message, d *bus.Dead) {
	o.messages = append(o.messages, m)
	o.dead = append(o.dead, d)
}

// handOver is a delivery or a dead letter on its way into the store.
type handOver struct {
	work    *bus.Work // one of the two
	dead    *bus.Dead
	pending *bus.Pending // its answer, which is still to come
}

// publish sends it, the second time as well as the first.
func (h *handOver) publish(b *bus.Bus) {
	if h.work != nil {
		h.pending = b.Hand(h.work)
	} else {
		h.pending = b.Bury(h.dead)
	}
}

// publish sends everything, in order.
func (o *outbox) publish(b *bus.Bus) []handOver {
	sent := make([]handOver, 0, len(o.work)+len(o.dead))
	for _, w := range o.work {
		sent = append(sent, handOver{work: w})
	}
	for _, d := range o.dead {
		sent = append(sent, handOver{dead: d})
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
// When ctx ends first the messages stay unacknowledged and come again after a
// restart; then it is false.
func (s *Shared) settle(ctx context.Context, o *outbox, sent []handOver) bool {
	for wait := publishAgainFirst; len(sent) > 0; wait = min(2*wait, publishAgainMax) {
		failed, err := s.await(ctx, sent)
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
	for _, m := range o.messages {
		m.Ack()
	}
	for _, d := range o.dead {
		s.mourn(d)
	}
	return true
}

// mourn counts a dead letter and tells of it. What broke it may hold what the
// sender wrote, so the log says only where to look.
func (s *Shared) mourn(d *bus.Dead) {
	s.Metrics.Dead(d.Pipeline, diedAt(d), d.Reason)
	s.Log.Warn("an event became a dead letter; see `trotline dead list`",
		"pipeline", d.Pipeline, "at", diedAt(d), "reason", d.Reason, "event", d.Event.ID)
}

// await returns what is not durable, and the error of one of them. What can
// never be stored is a dead letter from here on.
func (s *Shared) await(ctx context.Context, sent []handOver) (failed []handOver, err error) {
	for _, h := range sent {
		_, e := h.pending.Wait(ctx)
		if e == nil {
			continue
		}
		if errors.Is(e, bus.ErrUnstorable) && h.work != nil {
			h = handOver{dead: buryWork(h.work, ReasonUnstorable, e.Error())}
			s.mourn(h.dead)
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

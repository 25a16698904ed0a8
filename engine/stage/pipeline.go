package stage

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/trotline/trotline/engine/bus"
)

// Pipeline is the stage that runs a pipeline's steps on the events of the
// stream. The rules it follows are those of each event's own generation, so an
// edit never stops it.
type Pipeline struct {
	Shared
	Name     string
	Consumer *bus.Consumer

	holder holder
	memory *memory
	looked time.Time    // when it last looked how far it is
	busy   atomic.Int64 // how much there is that goes on by itself; not known before the memory is read: 1
	uses   generations
	shown  map[string]bool // the steps whose figures are shown
	look   atomic.Bool     // somebody else has held an event for it
}

const (
	// pipelineFetch is how many events are handled between two waits for the disk, at the most.
	pipelineFetch = 512
	// pipelineAhead is how many such batches may be waiting for the disk while the next is handled.
	pipelineAhead = 4
)

// Run handles events until take ends, then waits for what it has begun. work
// ends what has been begun; it should end later than take. Nothing is running
// when Run has returned.
func (p *Pipeline) Run(take, work context.Context) {
	var running, finishing sync.WaitGroup
	defer running.Wait()
	holding, letGo := context.WithCancel(work)
	defer letGo()
	running.Go(func() { p.holder.run(holding) })
	defer finishing.Wait()
	if !p.remember(take) {
		return
	}

	ahead := make(chan struct{}, pipelineAhead)
	for take.Err() == nil {
		messages, err := p.fetch(take)
		if err != nil {
			if take.Err() == nil {
				p.Log.Warn("cannot read the events stream; trying again", "pipeline", p.Name, "error", err)
				sleep(take, time.Second)
			}
			continue
		}
		round := p.round(messages, pipelineFetch)
		group := p.holder.hold(messages)
		span := sequences(messages)
		p.Order.pulled(p.Name, span)
		o := p.handle(work, messages)
		if o.lasting() {
			if p.finish(work, o) {
				p.Order.handed(p.Name, span)
			}
			group.done(len(messages))
			p.pause(take, round)
			continue
		}
		// Publishing stays in this goroutine: what one key brings forth is handed over in its order.
		sent := o.publish(p.Bus)
		ahead <- struct{}{}
		finishing.Go(func() {
			if p.settle(work, o, sent) {
				p.Order.handed(p.Name, span)
			}
			group.done(len(messages))
			<-ahead
		})
		p.pause(take, round)
	}
}

// lookOftenEnough is how long a pipeline may not notice what somebody else has held for it.
const lookOftenEnough = time.Second

// fetch returns the events that are there, none when something else is to be done.
func (p *Pipeline) fetch(take context.Context) ([]*bus.Message, error) {
	now := time.Now()
	wake := p.memory.wake(now, p.looked)
	if r := p.Book.At(p.Name, newest); wake.IsZero() && r != nil && r.impure {
		wake = now.Add(lookOftenEnough)
	}
	if wake.IsZero() {
		return p.Consumer.Fetch(take, pipelineFetch)
	}
	if soonest := now.Add(time.Millisecond); wake.Before(soonest) {
		wake = soonest
	}
	ctx, cancel := context.WithDeadline(take, wake)
	defer cancel()
	messages, err := p.Consumer.Fetch(ctx, pipelineFetch)
	if errors.Is(err, context.DeadlineExceeded) {
		err = nil
	}
	return messages, err
}

// handle is what becomes of the events, of those that have waited, and of the
// windows whose time is over.
func (p *Pipeline) handle(ctx context.Context, messages []*bus.Message) *outbox {
	o := &outbox{events: messages, memory: p.memory}
	passages := make([]*passage, 0, len(messages))
	for i, m := range messages {
		if !p.stale(m, messages[:i]) {
			if g := p.enter(ctx, m, o); g != nil {
				passages = append(passages, g)
			}
		}
	}
	passages = append(passages, p.resume(ctx, o)...)
	p.advance(ctx, passages)
	for _, g := range passages {
		p.leave(g, o)
	}
	p.end(ctx)
	p.memory.emit(o)
	return o
}

// stale tells a second copy of an event that has been handled, or is at hand: the
// server hands one out when the first has waited for long, as in a process that
// was stopped.
func (p *Pipeline) stale(m *bus.Message, before []*bus.Message) bool {
	if m.Delivered() < 2 {
		return false
	}
	return m.Sequence() <= p.Bus.Settled(p.Name) ||
		slices.ContainsFunc(before, func(b *bus.Message) bool { return b.Sequence() == m.Sequence() })
}

// sequences are the first and the last of some messages, nil of none.
func sequences(messages []*bus.Message) *span {
	if len(messages) == 0 {
		return nil
	}
	s := &span{first: messages[0].Sequence()}
	for _, m := range messages {
		s.first, s.last = min(s.first, m.Sequence()), max(s.last, m.Sequence())
	}
	return s
}

// enter is an event before the first step; nil if the pipeline does not take it.
func (p *Pipeline) enter(ctx context.Context, m *bus.Message, o *outbox) *passage {
	e, err := m.Event()
	if err != nil {
		o.dead = append(o.dead, unreadable(p.Name, m, err))
		return nil
	}
	rules := p.Book.At(p.Name, m.Sequence())
	if rules == nil {
		return nil
	}
	if _, ours := rules.From[e.Source]; !ours {
		return nil
	}
	p.Metrics.Handled(p.Name)
	g := rules.enter(ctx, e, m.Sequence())
	if rules.impure {
		g.memory, g.cause, g.stamp = p.memory, eventCause(m.Sequence()), e.Stamp
		g.past = p.memory.remembered(g.cause, g.stamp)
	}
	return g
}

// leave puts what has become of an event into the outbox.
func (p *Pipeline) leave(g *passage, o *outbox) {
	p.gate(g.out.Work, o)
	o.dead = append(o.dead, g.out.Dead...)
	for _, h := range g.out.Held {
		if !p.memory.marks.holds(h) {
			o.held = append(o.held, h)
		}
	}
	if len(g.said) > 0 && p.memory.remembered(g.cause, g.stamp) == nil {
		a, r := g.account()
		p.memory.account(a)
		p.memory.records = append(p.memory.records, r)
	}
	p.count(&g.out)
}

func (p *Pipeline) count(out *Outcome) {
	for _, step := range out.Filtered {
		p.Metrics.Filtered(p.Name, step)
	}
	for _, step := range out.Dropped {
		p.Metrics.Dropped(p.Name, step)
	}
	for range out.Unrouted {
		p.Metrics.Unrouted(p.Name)
	}
}

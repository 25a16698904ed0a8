package stage

import (
	"context"
	"sync"
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

	ahead := make(chan struct{}, pipelineAhead)
	for take.Err() == nil {
		messages, err := p.Consumer.Fetch(take, pipelineFetch)
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
		o := &outbox{messages: make([]message, len(messages))}
		for i, m := range messages {
			o.messages[i] = m
			p.handle(work, m, o)
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

// sequences are the first and the last of some messages.
func sequences(messages []*bus.Message) *span {
	s := &span{first: messages[0].Sequence()}
	for _, m := range messages {
		s.first, s.last = min(s.first, m.Sequence()), max(s.last, m.Sequence())
	}
	return s
}

// handle puts what becomes of one event into the outbox.
func (p *Pipeline) handle(ctx context.Context, m *bus.Message, o *outbox) {
	e, err := m.Event()
	if err != nil {
		o.dead = append(o.dead, unreadable(p.Name, m, err))
		return
	}
	rules := p.Book.At(p.Name, m.Sequence())
	if rules == nil {
		return
	}
	if _, ours := rules.From[e.Source]; !ours {
		return
	}
	out := rules.Evaluate(ctx, e, m.Sequence())
	p.gate(out.Work, o)
	o.dead = append(o.dead, out.Dead...)
	p.count(out)
}

func (p *Pipeline) count(out *Outcome) {
	p.Metrics.Handled(p.Name)
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

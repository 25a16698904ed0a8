package stage

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/trotline/trotline/engine/bus"
	"github.com/trotline/trotline/event"
)

const (
	// resumeMax is how many held events go on in one round.
	resumeMax = 256
	// resumeAtOnce is how many of them are removed at a time.
	resumeAtOnce = 16
)

// Look has the stage look for events that somebody else has held for it.
func (p *Pipeline) Look() { p.look.Store(true) }

// relook reads what is held anew.
func (p *Pipeline) relook(ctx context.Context) {
	err := p.Bus.HeldMarks(ctx, p.Name, func(mark bus.HeldMark) bool {
		p.memory.marks.add(mark)
		return true
	})
	if err != nil && ctx.Err() == nil {
		p.Log.Warn("what waits in a pipeline cannot be read; trying again", "pipeline", p.Name, "error", err)
		p.look.Store(true)
	}
}

// resume takes up the held events that are due.
func (p *Pipeline) resume(ctx context.Context, o *outbox) []*passage {
	if p.look.Swap(false) {
		p.relook(ctx)
	}
	now := time.Now()
	var ready []uint64
	for _, sequence := range p.memory.marks.pop(now, resumeMax) {
		if mark, there := p.memory.marks.waiting[sequence]; there {
			if p.memory.mayGoOn(mark.Cause) {
				ready = append(ready, sequence)
			} else {
				p.memory.marks.push(sequence, now.Add(guardPeriod))
			}
		}
	}
	slices.Sort(ready)
	held, err := p.Bus.HeldEvents(ctx, ready)
	if err != nil {
		if ctx.Err() == nil {
			p.Log.Warn("events that wait cannot be read; trying again", "pipeline", p.Name, "error", err)
		}
		for _, sequence := range ready {
			p.memory.marks.push(sequence, now.Add(time.Second))
		}
		return nil
	}
	passages := make([]*passage, len(held))
	read := make(map[uint64]bool, len(held))
	for i, h := range held {
		passages[i] = p.goOn(h)
		read[h.Sequence] = true
		o.released = append(o.released, h.Sequence)
	}
	for _, sequence := range ready {
		if !read[sequence] {
			p.memory.marks.drop(sequence) // somebody has removed it by hand
		}
	}
	return passages
}

// mayGoOn tells whether what a held event was made of can make it no more.
func (m *memory) mayGoOn(cause string) bool {
	kind, rest := cause, ""
	if len(cause) > 1 {
		kind, rest = cause[:1], cause[1:]
	}
	switch kind {
	case causeEvent:
		sequence, err := strconv.ParseUint(rest, 10, 64)
		return err != nil || sequence <= m.bus.Settled(m.pipeline)
	case causeHeld:
		return !m.marks.has(cause)
	case causeWindow:
		return m.closing[rest] == nil
	}
	return true
}

// goOn is a held event before the step it goes on at.
func (p *Pipeline) goOn(h *bus.Held) *passage {
	g := &passage{
		elements: []*event.Event{h.Event}, next: h.Step, memory: p.memory,
		cause: heldCause(h.Sequence), stamp: h.Event.Stamp, began: h.Step, attempts: h.Attempts, since: h.Since,
	}
	g.past = p.memory.remembered(g.cause, g.stamp)
	if g.rules = p.Book.Of(p.Name, h.Generation); g.rules == nil || g.rules.Err != nil {
		err := errGenerationGone
		if g.rules == nil {
			g.rules = &Rules{Pipeline: p.Name, Generation: h.Generation}
		} else {
			err = g.rules.Err
		}
		g.out.Dead = append(g.out.Dead, g.rules.bury(h.Event, ReasonGeneration, "", err))
		g.elements = nil
	}
	return g
}

var errGenerationGone = errors.New("the rules it was accepted under are not kept any more")

// release removes the held events that have gone on, and notes those that wait now.
func (p *Pipeline) release(ctx context.Context, o *outbox) {
	atOnce(len(o.released), resumeAtOnce, func(i int) {
		for wait := publishAgainFirst; ; wait = min(2*wait, publishAgainMax) {
			err := p.Bus.LetGo(ctx, o.released[i])
			if err == nil || ctx.Err() != nil {
				return
			}
			p.Log.Warn("an event that has gone on stays in the store; trying again", "pipeline", p.Name, "error", err)
			if !sleep(ctx, wait) {
				return
			}
		}
	})
	if ctx.Err() != nil {
		return
	}
	for _, sequence := range o.released {
		p.memory.marks.drop(sequence)
		delete(p.memory.accounts, heldCause(sequence))
	}
	p.memory.gone = append(p.memory.gone, o.gone...)
}

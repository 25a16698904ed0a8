package stage

import (
	"context"
	"sync"
	"time"
)

// remember reads what an earlier run has left; false when ctx ended first.
func (p *Pipeline) remember(ctx context.Context) bool {
	p.busy.Store(1)
	for {
		p.memory = newMemory(p.Name, &p.Shared)
		err := p.memory.recover(ctx)
		if err == nil {
			p.observe()
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		p.Log.Error("a pipeline cannot go on: what its steps remember cannot be read; trying again", "pipeline", p.Name, "error", err)
		if !sleep(ctx, time.Second) {
			return false
		}
	}
}

// finish puts what has changed on the disk, then what follows from it, and then
// lets go of what it was made of; false when ctx ended first.
func (p *Pipeline) finish(ctx context.Context, o *outbox) bool {
	p.busy.Store(1) // until it is known what comes of it
	if err := p.memory.write(ctx); err != nil {
		return false
	}
	if !p.settle(ctx, o, o.publish(p.Bus)) {
		return false
	}
	p.release(ctx, o)
	p.observe()
	return true
}

// end closes the windows, and forgets the keys, whose time is over.
func (p *Pipeline) end(ctx context.Context) {
	now := time.Now()
	if now.Sub(p.looked) < lookPeriod || len(p.memory.states) == 0 {
		return
	}
	p.looked = now
	p.memory.orphan()
	p.observe()
	if !p.memory.endsBy(now) {
		return
	}
	through, idle, err := p.through(ctx)
	if err != nil {
		return // the store is away; fetching says so
	}
	p.memory.end(through, idle)
}

// observe shows what the pipeline remembers, and notes the rules it still needs.
func (p *Pipeline) observe() {
	m := p.memory
	busy := len(m.marks.waiting) + len(m.closing) + len(m.gone)
	used := make(map[uint64]bool)
	current := p.Book.At(p.Name, newest)
	shown := make(map[string]bool, len(m.states))
	for name, s := range m.states {
		label := stepName(current, name)
		p.Metrics.Remembered(p.Name, label, len(s.values))
		shown[label] = true
		if !s.windowing() {
			continue
		}
		busy += len(s.values)
		for generation := range s.uses {
			used[generation] = true
		}
	}
	for _, c := range m.closing {
		used[c.generation] = true
	}
	for label := range p.shown {
		if !shown[label] {
			p.Metrics.Forgotten(p.Name, label)
		}
	}
	p.shown = shown
	p.Metrics.Held(p.Name, len(m.marks.waiting))
	p.uses.set(used)
	p.busy.Store(int64(busy))
}

// stepName is what figures call the step that remembers under a name.
func stepName(r *Rules, state string) string {
	if r != nil {
		if place, step := r.remembering(state); step != nil {
			return r.Steps[place].Name
		}
	}
	return state
}

// generations are those whose rules a pipeline still needs for its windows.
type generations struct {
	mu   sync.Mutex
	used map[uint64]bool // nil: not known yet
}

func (g *generations) set(used map[uint64]bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.used = used
}

// Uses tells whether the pipeline still needs the rules of a generation for a
// window that is open.
func (p *Pipeline) Uses(generation uint64) bool {
	p.uses.mu.Lock()
	defer p.uses.mu.Unlock()
	return p.uses.used == nil || p.uses.used[generation]
}

// Idle tells whether the pipeline has nothing that goes on by itself: no event
// waits in it, and no window is open.
func (p *Pipeline) Idle() bool { return p.busy.Load() == 0 }

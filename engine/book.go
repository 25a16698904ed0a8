package engine

import (
	"maps"
	"slices"
	"sync/atomic"

	"github.com/trotline/trotline/engine/stage"
)

// generation is one state of the configuration, with the place in the events
// stream from which on it holds.
type generation struct {
	number uint64
	cut    uint64
	rules  map[string]*stage.Rules // by pipeline
	err    error                   // it cannot be compiled any more; rules hold no more than what each pipeline read
}

func (g *generation) of(pipeline string) *stage.Rules { return g.rules[pipeline] }

// broken is a generation that cannot be compiled any more. What its pipelines
// read is still known, so that their events, and no others, become dead letters.
func broken(number, cut uint64, reads map[string][]string, err error) *generation {
	g := &generation{number: number, cut: cut, rules: make(map[string]*stage.Rules, len(reads)), err: err}
	for pipeline, sources := range reads {
		rules := &stage.Rules{Pipeline: pipeline, Generation: number, Err: err, From: make(map[string]*stage.Step, len(sources))}
		for _, source := range sources {
			rules.From[source] = nil
		}
		g.rules[pipeline] = rules
	}
	return g
}

// book is the one answer to the question which rules hold. It is read by every
// stage for every event and changed by edits alone, so it is copied, never
// changed in place.
type book struct {
	generations atomic.Pointer[[]*generation] // ascending by cut
	intakes     atomic.Pointer[map[string]*intake]
}

// intake is whether a sink takes more deliveries.
type intake struct {
	full  atomic.Bool
	lanes atomic.Bool // everything waits in its lanes
}

func newBook() *book {
	b := &book{}
	b.generations.Store(&[]*generation{})
	b.intakes.Store(&map[string]*intake{})
	return b
}

// At is part of [stage.Book].
func (b *book) At(pipeline string, sequence uint64) *stage.Rules {
	all := *b.generations.Load()
	i := len(all) - 1
	for i >= 0 && all[i].cut > sequence {
		i--
	}
	if i >= 0 {
		if rules := all[i].of(pipeline); rules != nil {
			return rules
		}
	}
	return firstLater(all[i+1:], pipeline)
}

// firstLater is the rules a pipeline began with, if it began with events from before.
func firstLater(later []*generation, pipeline string) *stage.Rules {
	for _, g := range later {
		if rules := g.rules[pipeline]; rules != nil {
			if rules.Backfill || rules.Err != nil { // broken rules do not say how they began: a dead letter is no loss
				return rules
			}
			return nil
		}
	}
	return nil
}

// Of is part of [stage.Book].
func (b *book) Of(pipeline string, number uint64) *stage.Rules {
	all := *b.generations.Load()
	for i := len(all) - 1; i >= 0; i-- {
		if all[i].number == number {
			return all[i].of(pipeline)
		}
	}
	return nil
}

// All is part of [stage.Book].
func (b *book) All(pipeline string) []*stage.Rules {
	var all []*stage.Rules
	for _, g := range slices.Backward(*b.generations.Load()) {
		if rules := g.of(pipeline); rules != nil {
			all = append(all, rules)
		}
	}
	return all
}

// Takes is part of [stage.Book].
func (b *book) Takes(sink string) (stage.Intake, bool) {
	in := (*b.intakes.Load())[sink]
	switch {
	case in == nil:
		return stage.Removed, false
	case in.full.Load():
		return stage.Full, false
	}
	return stage.Open, in.lanes.Load()
}

// takes is what [book.Takes] says of a sink, without the lanes.
func (b *book) takes(sink string) stage.Intake {
	in, _ := b.Takes(sink)
	return in
}

// sinks are those that are in the configuration.
func (b *book) sinks() []string { return slices.Collect(maps.Keys(*b.intakes.Load())) }

// current is the generation in force, nil before the first.
func (b *book) current() *generation {
	all := *b.generations.Load()
	if len(all) == 0 {
		return nil
	}
	return all[len(all)-1]
}

// add puts a generation in force.
func (b *book) add(g *generation) {
	all := *b.generations.Load()
	next := append(append(make([]*generation, 0, len(all)+1), all...), g)
	b.generations.Store(&next)
}

// drop forgets a generation nothing refers to any more.
func (b *book) drop(number uint64) {
	var next []*generation
	for _, g := range *b.generations.Load() {
		if g.number != number {
			next = append(next, g)
		}
	}
	b.generations.Store(&next)
}

// end is the sequence from which on the next generation holds; false for the one in force.
func (b *book) end(number uint64) (uint64, bool) {
	all := *b.generations.Load()
	for i := range all {
		if all[i].number == number && i+1 < len(all) {
			return all[i+1].cut, true
		}
	}
	return 0, false
}

// setSinks says which sinks take deliveries; those that stay keep their state.
func (b *book) setSinks(targets map[string]*stage.Target) {
	before := *b.intakes.Load()
	next := make(map[string]*intake, len(targets))
	for name, t := range targets {
		if next[name] = before[name]; next[name] == nil {
			next[name] = &intake{}
		}
		next[name].lanes.Store(t.Rate.Per != nil)
	}
	b.intakes.Store(&next)
}

// setFull says whether a sink's backlog budget is used up.
func (b *book) setFull(sink string, full bool) {
	if in := (*b.intakes.Load())[sink]; in != nil {
		in.full.Store(full)
	}
}

// sources are the sources a pipeline reads in any generation the book still has.
func (b *book) sources(pipeline string) map[string]bool {
	found := make(map[string]bool)
	for _, g := range *b.generations.Load() {
		if rules := g.rules[pipeline]; rules != nil {
			for source := range rules.From {
				found[source] = true
			}
		}
	}
	return found
}

package engine

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/trotline/trotline/engine/bus"
	"github.com/trotline/trotline/engine/config"
)

// resume goes on where the last run ended: it reads the generations that are
// kept, puts the configuration in force (a new generation if it was edited
// meanwhile) and starts the stages, also those that an earlier edit has retired
// and that have not finished.
func (e *Engine) resume(ctx context.Context, p *plan) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	stored, err := e.bus.Generations(ctx)
	if err != nil {
		return err
	}
	for _, g := range stored {
		e.nextNumber = max(e.nextNumber, g.Number)
		if g.Cut > 0 {
			e.book.add(e.restore(g))
		}
	}
	e.nextNumber++
	continued := uint64(0)
	if last := lastInForce(stored); last != nil && sameTexts(last, p.config) {
		continued = last.Number
	}
	if err := e.apply(ctx, p, continued); err != nil {
		return err
	}
	e.note(Edit{Time: time.Now().UTC(), Result: Applied, Generation: e.book.current().number})
	if err := e.retireLeftovers(ctx); err != nil {
		return err
	}
	e.order.Complete()
	return nil
}

func lastInForce(stored []bus.Generation) *bus.Generation {
	for i := len(stored) - 1; i >= 0; i-- {
		if stored[i].Cut > 0 {
			return &stored[i]
		}
	}
	return nil
}

// restore compiles the rules of a generation from the texts kept with it.
func (e *Engine) restore(g bus.Generation) *generation {
	r := &generation{number: g.Number, cut: g.Cut}
	texts := make(map[string][]byte, len(g.Files))
	var paths []string
	for _, f := range g.Files {
		texts[f.Path] = f.Data
		if f.Config {
			paths = append(paths, f.Path)
		}
	}
	c, problems := config.Load(paths, config.Options{
		Kinds: e.options.Kinds, Env: e.options.Env, RulesOnly: true,
		ReadFile: func(path string) ([]byte, error) {
			if text, ok := texts[path]; ok {
				return text, nil
			}
			return nil, fmt.Errorf("%s was not kept with generation %d", path, g.Number)
		},
	})
	if c != nil {
		var more config.Problems
		r.rules, more = e.kinds.compileRules(c, e.log)
		problems = append(problems, more...)
	}
	if problems.HasErrors() {
		err := fmt.Errorf("the rules this event was accepted under (generation %d) cannot be compiled any more: %w", g.Number, problems.Err())
		e.log.Error("an old generation cannot be compiled; what is left of it becomes dead letters", "generation", g.Number, "error", problems.Err())
		return broken(g.Number, g.Cut, g.Reads, err)
	}
	for _, rules := range r.rules {
		rules.Generation = g.Number
	}
	return r
}

func sameTexts(g *bus.Generation, c *config.Config) bool {
	return slices.EqualFunc(g.Files, c.Files, func(a bus.StoredFile, b config.File) bool {
		return a.Path == b.Path && a.Config == b.Config && string(a.Data) == string(b.Data)
	})
}

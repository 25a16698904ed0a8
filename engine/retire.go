package engine

import (
	"context"
	"time"

	"github.com/trotline/trotline/engine/config"
	"github.com/trotline/trotline/engine/stage"
)

// retire lets go of the stages whose pipeline or sink is no longer in the
// configuration. A pipeline goes on to the cut, by the rules it had; a sink's
// queue turns into dead letters at once. The janitor ends them when they are
// through. Callers hold e.mu.
func (e *Engine) retire() {
	kept := e.book.current()
	for name, r := range e.pipelines {
		if r.until == 0 && kept.rules[name] == nil {
			r.until = kept.cut
			e.log.Info("a pipeline left the configuration; what was accepted before is still handled", "pipeline", name)
		}
	}
	for name, r := range e.sinks {
		if e.book.takes(name) != stage.Removed || r.sink == nil {
			continue
		}
		e.retarget(r, removedTarget())
		r.checksum = ""
		e.log.Info("a sink left the configuration; what waits for it becomes dead letters", "sink", name)
	}
}

// removedTarget is what a sink's stage is aimed at once the sink is gone.
func removedTarget() *stage.Target {
	return &stage.Target{Timeout: stopTime, Concurrency: 1, BatchSize: 100}
}

// retireLeftovers starts a stage for every consumer that an earlier run has
// left and that the configuration does not name any more. Callers hold e.mu.
func (e *Engine) retireLeftovers(ctx context.Context) error {
	pipelines, err := e.bus.PipelineConsumers(ctx)
	if err != nil {
		return err
	}
	for _, name := range pipelines {
		if e.pipelines[name] != nil {
			continue
		}
		sources := e.book.sources(name)
		consumer, err := e.openPipeline(ctx, name, eventsConsumer(config.Start{}, sources))
		if err != nil {
			return err
		}
		r := e.startPipeline(name, consumer)
		r.sources, r.until = sources, e.book.current().cut
	}
	queues, err := e.bus.SinkConsumers(ctx)
	if err != nil {
		return err
	}
	for _, name := range queues {
		if e.sinks[name] != nil {
			continue
		}
		if err := e.drain(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

// drain starts a stage that turns what waits for a sink that is gone into dead
// letters. Callers hold e.mu.
func (e *Engine) drain(ctx context.Context, name string) error {
	queues, err := e.openQueues(ctx, name)
	if err != nil {
		return err
	}
	e.startSink(name, queues, removedTarget())
	return nil
}

// How often the janitor looks, and how often it looks at what changes rarely.
const (
	observePeriod = time.Second
	prunePeriod   = 30 * time.Second
	// askTime is how long it asks a store that does not answer: edits and the status wait meanwhile.
	askTime = 2 * time.Second
)

// keepHouse shows what waits, ends what has retired and forgets the generations
// nothing refers to, until ctx ends.
func (e *Engine) keepHouse(ctx context.Context) {
	tick := time.NewTicker(observePeriod)
	defer tick.Stop()
	pruned := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		e.mu.Lock()
		asking, cancel := context.WithTimeout(ctx, askTime)
		e.observe(ctx, asking)
		if time.Since(pruned) > prunePeriod && asking.Err() == nil {
			e.prune(ctx)
			pruned = time.Now()
		}
		cancel()
		e.mu.Unlock()
	}
}

// observe looks at every consumer once, until asking ends. Callers hold e.mu.
func (e *Engine) observe(ctx, asking context.Context) {
	for name, r := range e.pipelines {
		info, err := r.stage.Consumer.Info(asking)
		if err != nil {
			continue // the store is away; the stage itself says so
		}
		e.metrics.Waiting("pipeline", name, info.Pending, info.AckPending, age(info.OldestPending))
		if r.until > 0 && (info.Floor+1 >= r.until || info.Pending == 0 && info.AckPending == 0) && r.stage.Idle() {
			e.endPipeline(ctx, name, r)
		}
	}
	for name, r := range e.sinks {
		info, err := r.waiting(asking)
		if err != nil {
			continue
		}
		e.metrics.Waiting("sink", name, info.Pending, info.AckPending, age(info.OldestPending))
		limit := r.stage.Target().Backlog
		e.book.setFull(name, limit > 0 && info.Pending+info.AckPending >= limit)
		if r.sink == nil && info.Pending == 0 && info.AckPending == 0 {
			e.endSink(ctx, name, r)
		}
	}
	e.observeStreams(ctx, asking)
}

// observeStreams shows how full the streams are, and finds deliveries for a
// sink that an edit removed while they were being handed over.
func (e *Engine) observeStreams(ctx, asking context.Context) {
	stats, err := e.bus.Stats(asking)
	if err != nil {
		return
	}
	for _, s := range stats.Streams {
		e.metrics.Stream(s.Name, s.Messages, s.Bytes, s.MaxBytes)
	}
	for sink, waiting := range stats.Waiting {
		if waiting == 0 || e.sinks[sink] != nil {
			continue
		}
		if err := e.drain(ctx, sink); err != nil {
			e.log.Warn("cannot drain what waits for a sink that is gone", "sink", sink, "error", err)
		}
	}
}

func age(oldest time.Time) time.Duration {
	if oldest.IsZero() {
		return 0
	}
	return max(0, time.Since(oldest))
}

func (e *Engine) endPipeline(ctx context.Context, name string, r *runningPipeline) {
	r.end()
	e.order.End(name)
	delete(e.pipelines, name)
	e.metrics.Gone("pipeline", name)
	e.metrics.Forgotten(name, "")
	if err := e.bus.ForgetChanges(ctx, name, 0); err != nil {
		e.log.Warn("what a retired pipeline remembered stays in the store", "pipeline", name, "error", err)
	}
	if err := e.bus.DeleteEventsConsumer(ctx, name); err != nil {
		e.log.Warn("a retired pipeline's consumer stays until the next start", "pipeline", name, "error", err)
	}
}

func (e *Engine) endSink(ctx context.Context, name string, r *runningSink) {
	r.end()
	delete(e.sinks, name)
	e.kinds.tables.sinks.Delete(name)
	e.metrics.Gone("sink", name)
	if err := e.bus.DeleteWorkConsumer(ctx, name); err != nil {
		e.log.Warn("a removed sink's queue stays until the next start", "sink", name, "error", err)
	}
}

// keptGenerations is how many generations stay in the store when nothing refers to them.
const keptGenerations = 10

// prune forgets generations: the rules of those nothing refers to, and the
// texts of all but the last few of them. Callers hold e.mu.
func (e *Engine) prune(ctx context.Context) {
	floor, err := e.floor(ctx)
	if err != nil {
		return
	}
	for _, g := range *e.book.generations.Load() {
		end, over := e.book.end(g.number)
		if !over || floor+1 < end || e.windowsUse(g.number) {
			continue
		}
		used, err := e.bus.UsesGeneration(ctx, g.number)
		if err != nil || used {
			continue
		}
		e.book.drop(g.number)
	}
	e.dropTexts(ctx)
}

// windowsUse tells whether an open window follows the rules of a generation. Callers hold e.mu.
func (e *Engine) windowsUse(generation uint64) bool {
	for _, r := range e.pipelines {
		if r.stage.Uses(generation) {
			return true
		}
	}
	return false
}

// floor is the sequence up to which every pipeline has handled the events.
func (e *Engine) floor(ctx context.Context) (uint64, error) {
	floor := ^uint64(0) - 1
	for _, r := range e.pipelines {
		info, err := r.stage.Consumer.Info(ctx)
		if err != nil {
			return 0, err
		}
		// Nothing waits and nothing is in hand: everything there is has been handled.
		if info.Pending > 0 || info.AckPending > 0 {
			floor = min(floor, info.Floor)
		}
	}
	return floor, nil
}

func (e *Engine) dropTexts(ctx context.Context) {
	stored, err := e.bus.Generations(ctx)
	if err != nil || len(stored) <= keptGenerations {
		return
	}
	inBook := make(map[uint64]bool)
	for _, g := range *e.book.generations.Load() {
		inBook[g.number] = true
	}
	for _, g := range stored[:len(stored)-keptGenerations] {
		if inBook[g.Number] {
			continue
		}
		if err := e.bus.DropGeneration(ctx, g.Number); err != nil {
			e.log.Warn("an old generation's text stays in the store", "generation", g.Number, "error", err)
		}
	}
}

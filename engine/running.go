package engine

import (
	"context"

	"github.com/trotline/trotline/engine/bus"
	"github.com/trotline/trotline/engine/stage"
	"github.com/trotline/trotline/event"
)

// loop is a stage's loop, as it runs.
type loop struct {
	cancel context.CancelFunc
	done   chan struct{}
}

// start runs a stage's loop. [loop.stop] ends the taking of work; the end of
// work abandons what has been taken.
func start(work context.Context, run func(take, work context.Context)) loop {
	take, cancel := context.WithCancel(work)
	l := loop{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(l.done)
		run(take, work)
	}()
	return l
}

// stop ends the taking of work.
func (l loop) stop() { l.cancel() }

// end stops the loop and waits until nothing of it runs.
func (l loop) end() {
	l.stop()
	<-l.done
}

// stopAll stops loops together, so that the slowest alone is waited for.
func stopAll[L interface {
	stop()
	end()
}](all map[string]L) {
	for _, l := range all {
		l.stop()
	}
	for _, l := range all {
		l.end()
	}
}

// runningPipeline is a pipeline's stage and what is known of it.
type runningPipeline struct {
	loop
	stage   *stage.Pipeline
	sources map[string]bool // what its consumer reads
	// until is where a pipeline that left the configuration ends: what lies
	// before it is still handled. 0: it is in the configuration.
	until uint64
}

// runningSink is a sink's stage and what is known of it.
type runningSink struct {
	loop
	stage    *stage.Sink
	sink     event.Sink // what it delivers to; nil once it left the configuration
	kind     string
	checksum string
	slots    int // the concurrency the sink was opened for
}

// waiting is how much waits for a sink, in its queue and in its lanes.
func (r *runningSink) waiting(ctx context.Context) (bus.ConsumerInfo, error) {
	all, err := r.stage.Consumer.Info(ctx)
	if err != nil {
		return all, err
	}
	lanes, err := r.stage.Lanes.Info(ctx)
	all.Pending += lanes.Pending
	all.AckPending += lanes.AckPending
	if all.OldestPending.IsZero() || !lanes.OldestPending.IsZero() && lanes.OldestPending.Before(all.OldestPending) {
		all.OldestPending = lanes.OldestPending
	}
	return all, err
}

// startPipeline starts a pipeline's stage. Callers hold e.mu.
func (e *Engine) startPipeline(name string, consumer *bus.Consumer) *runningPipeline {
	r := &runningPipeline{stage: &stage.Pipeline{Shared: e.shared(), Name: name, Consumer: consumer}}
	r.loop = start(e.work, r.stage.Run)
	e.pipelines[name] = r
	return r
}

// startSink starts a sink's stage. Callers hold e.mu.
func (e *Engine) startSink(name string, q queues, t *stage.Target) *runningSink {
	r := &runningSink{stage: stage.NewSink(e.shared(), name, q.work, q.lanes, t)}
	r.loop = start(e.work, r.stage.Run)
	e.sinks[name] = r
	e.kinds.tables.sinks.Store(name, r.stage)
	return r
}

// shared is what every stage is given.
func (e *Engine) shared() stage.Shared {
	return stage.Shared{Bus: e.bus, Book: e.book, Metrics: e.metrics, Log: e.log, Door: &e.store, Order: e.order}
}

package engine

import (
	"context"

	"github.com/trotline/trotline/engine/stage"
	"github.com/trotline/trotline/event"
)

// looped is a stage's loop, as it runs.
type looped struct {
	stop context.CancelFunc
	done chan struct{}
}

// start runs a stage's loop. stop ends the taking of work; abandon ends work itself.
func start(work context.Context, run func(take, work context.Context)) looped {
	take, stop := context.WithCancel(work)
	l := looped{stop: stop, done: make(chan struct{})}
	go func() {
		defer close(l.done)
		run(take, work)
	}()
	return l
}

// end stops the loop and waits until nothing of it runs.
func (l looped) end() {
	l.stop()
	<-l.done
}

type runningPipeline struct {
	looped
	stage   *stage.Pipeline
	sources map[string]bool // what its consumer reads
	// until is where a pipeline that left the configuration ends: what lies
	// before it is still handled. 0: it is in the configuration.
	until uint64
}

type runningSink struct {
	looped
	stage    *stage.Sink
	sink     event.Sink // what it delivers to; nil once it left the configuration
	kind     string
	checksum string
	slots    int // the concurrency the sink was opened for
}

// stopAll stops loops together, so that the slowest alone is waited for.
func stopAll[L interface{ halt() looped }](all map[string]L) {
	for _, l := range all {
		l.halt().stop()
	}
	for _, l := range all {
		l.halt().end()
	}
}

func (r *runningPipeline) halt() looped { return r.looped }
func (r *runningSink) halt() looped     { return r.looped }

package stage

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/trotline/trotline/event"
)

// Target is a sink as the configuration in force has it: what is attempted, and how.
type Target struct {
	Sink        event.Sink // nil: the sink was removed, and what waits for it becomes dead letters
	Timeout     time.Duration
	Retry       Retry
	Concurrency int
	BatchSize   int
	BatchWait   time.Duration
	Backlog     uint64 // how many deliveries may wait; 0 is no limit
	Breaker     Breaker
	Rate        Rate

	// uses is held for reading by each attempt, so that Close waits for the last one.
	uses   sync.RWMutex
	closed bool
}

// Close waits for the attempts that are under way and closes the sink, unless
// keep says that the next target has the same one.
func (t *Target) Close(ctx context.Context, keep bool) error {
	t.uses.Lock()
	defer t.uses.Unlock()
	t.closed = true
	if c, ok := t.Sink.(event.Closer); ok && !keep {
		return c.Close(ctx)
	}
	return nil
}

// deliver makes one attempt with the whole batch. It returns a verdict for each
// delivery, whatever the sink does.
func (t *Target) deliver(ctx context.Context, batch []*event.Delivery) (verdicts []event.Verdict) {
	ctx, cancel := context.WithTimeout(ctx, t.Timeout)
	defer cancel()
	defer func() {
		if v := recover(); v != nil {
			verdicts = event.VerdictAll(len(batch), &panicError{v, debug.Stack()})
		}
	}()
	verdicts = t.Sink.Deliver(ctx, batch)
	if len(verdicts) != len(batch) {
		return event.VerdictAll(len(batch), fmt.Errorf("the sink gave %d verdicts for %d deliveries", len(verdicts), len(batch)))
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		for i, v := range verdicts {
			if errors.Is(v.Err, context.DeadlineExceeded) {
				verdicts[i].Err = fmt.Errorf("no answer within %v (timeout)", t.Timeout)
			}
		}
	}
	return verdicts
}

package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	pace "golang.org/x/time/rate"

	"github.com/trotline/trotline/engine/bus"
	"github.com/trotline/trotline/engine/stage"
	"github.com/trotline/trotline/event"
)

// Tally is how far a run over many messages is, and how it ended.
type Tally struct {
	Done     int            `json:"done"`              // how many it is done with
	Failed   int            `json:"stay,omitempty"`    // how many stay as they were
	Failures []Failure      `json:"failed,omitempty"`  // the first of those
	To       map[string]int `json:"to,omitempty"`      // deliveries, by their sink
	Held     int            `json:"held,omitempty"`    // events that their pipeline goes on with
	Dead     int            `json:"died,omitempty"`    // events that became dead letters again
	At       uint64         `json:"at,omitempty"`      // the sequence of the last message that was looked at to its end
	Through  uint64         `json:"through,omitempty"` // the sequence it goes on to
	Replay   string         `json:"replay,omitempty"`  // the name of a replay of events
	DryRun   bool           `json:"dry_run,omitempty"` // nothing was done
}

// Failure is a message that stays, and why.
type Failure struct {
	Sequence uint64 `json:"sequence"`
	Error    string `json:"error"`
}

// maxFailures is how many failures a tally tells; the others are counted.
const maxFailures = 100

func (t *Tally) fail(sequence uint64, err error) {
	t.Failed++
	if len(t.Failures) < maxFailures {
		t.Failures = append(t.Failures, Failure{sequence, err.Error()})
	}
}

func (t *Tally) sent(work []*bus.Work, held []*bus.Held) {
	t.Held += len(held)
	if t.To == nil {
		t.To = make(map[string]int)
	}
	for _, w := range work {
		t.To[w.Sink]++
	}
}

// RunOptions are how a run over many messages goes.
type RunOptions struct {
	Rate   event.Rate  // the zero rate is as fast as the store is
	DryRun bool        // only tell what would be done
	Report func(Tally) // how far it is; nil: nobody asks
}

func (o RunOptions) tell(t Tally) {
	if o.Report != nil {
		o.Report(t)
	}
}

const (
	// bulkBatch and bulkBytes bound what is carried out together, and so what a
	// run has in memory.
	bulkBatch = 256
	bulkBytes = 8 << 20
	// burstsPerSecond: what a rate allows is used up in so many parts of a second.
	burstsPerSecond = 20
)

// bulk gathers messages and carries them out together, so that they share the
// waits for the disk.
type bulk[T any] struct {
	limit *pace.Limiter // nil: none
	carry func(ctx context.Context, batch []T) error
	batch []T
	bytes int
	err   error // what ended it
}

func newBulk[T any](r event.Rate, carry func(ctx context.Context, batch []T) error) *bulk[T] {
	b := &bulk[T]{carry: carry}
	if r.Count > 0 {
		each := float64(r.Count) / r.Per.Seconds()
		b.limit = pace.NewLimiter(pace.Limit(each), max(1, int(each)/burstsPerSecond))
	}
	return b
}

// add takes one more message; false when the run has ended.
func (b *bulk[T]) add(ctx context.Context, item T, bytes int) bool {
	if b.limit != nil && !b.limit.Allow() {
		b.flush(ctx)
		if err := b.limit.Wait(ctx); err != nil {
			b.err = errors.Join(b.err, err)
			return false
		}
	}
	b.batch, b.bytes = append(b.batch, item), b.bytes+bytes
	if len(b.batch) >= bulkBatch || b.bytes >= bulkBytes {
		b.flush(ctx)
	}
	return b.err == nil && ctx.Err() == nil
}

// flush carries out what is gathered.
func (b *bulk[T]) flush(ctx context.Context) {
	if len(b.batch) > 0 && b.err == nil && ctx.Err() == nil {
		b.err = b.carry(ctx, b.batch)
	}
	clear(b.batch)
	b.batch, b.bytes = b.batch[:0], 0
}

// finish carries out the rest and says what ended the run before its end.
func (b *bulk[T]) finish(ctx context.Context, err error) error {
	b.flush(ctx)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return errors.Join(err, b.err)
}

// roomPeriod is how often a run looks whether a full sink has room again.
const roomPeriod = 100 * time.Millisecond

// awaitRoom waits until the sinks take more deliveries: a run must not fill the
// queues beyond their budgets. The error says that ctx ended, or that a sink is gone.
func (e *Engine) awaitRoom(ctx context.Context, work []*bus.Work) error {
	for _, w := range work {
		for {
			intake := e.book.takes(w.Sink)
			if intake == stage.Open {
				break
			}
			if intake == stage.Removed {
				return fmt.Errorf("there is no sink %s in the configuration", w.Sink)
			}
			select {
			case <-time.After(roomPeriod):
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	return nil
}

// handAll sends deliveries on their way, and events that wait before a step; the
// answers are still to come.
func (e *Engine) handAll(work []*bus.Work, held []*bus.Held) []*bus.Pending {
	pending := make([]*bus.Pending, 0, len(work)+len(held))
	for _, w := range work {
		_, lanes := e.book.Takes(w.Sink)
		w.Lane = w.Lane || lanes
		pending = append(pending, e.bus.Hand(w))
	}
	for _, h := range held {
		pending = append(pending, e.bus.Hold(h))
	}
	return pending
}

package eventtest

import (
	"context"
	"slices"
	"sync"

	"github.com/trotline/trotline/event"
)

// Recorder is a sink that keeps what it is given. The zero value takes everything.
type Recorder struct {
	// Judge gives the verdict on each attempt; nil delivers all. It is called
	// without a lock held and may block to hold an attempt back.
	Judge func(ctx context.Context, d *event.Delivery) event.Verdict

	mu        sync.Mutex
	attempts  []*event.Delivery
	delivered []*event.Delivery
	changed   chan struct{}
}

// Deliver implements [event.Sink].
func (r *Recorder) Deliver(ctx context.Context, batch []*event.Delivery) []event.Verdict {
	verdicts := make([]event.Verdict, len(batch))
	for i, d := range batch {
		if r.Judge != nil {
			verdicts[i] = r.Judge(ctx, d)
		}
		r.record(d, verdicts[i].Err == nil)
	}
	return verdicts
}

func (r *Recorder) record(d *event.Delivery, delivered bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.attempts = append(r.attempts, d)
	if delivered {
		r.delivered = append(r.delivered, d)
	}
	if r.changed != nil {
		close(r.changed)
		r.changed = nil
	}
}

// Attempts are all attempts so far, in the order in which they ended.
func (r *Recorder) Attempts() []*event.Delivery {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.attempts)
}

// Delivered are the attempts that ended without an error, in their order.
func (r *Recorder) Delivered() []*event.Delivery {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.delivered)
}

// Wait returns what was delivered once there are at least n of them, or what
// there is with the context's error when the context ends first.
func (r *Recorder) Wait(ctx context.Context, n int) ([]*event.Delivery, error) {
	for {
		r.mu.Lock()
		if len(r.delivered) >= n {
			defer r.mu.Unlock()
			return slices.Clone(r.delivered), nil
		}
		if r.changed == nil {
			r.changed = make(chan struct{})
		}
		changed := r.changed
		r.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return r.Delivered(), ctx.Err()
		}
	}
}

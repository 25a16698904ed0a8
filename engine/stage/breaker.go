package stage

import (
	"context"
	"sync"
	"time"
)

// Breaker says when a sink that fails is left alone for a while.
type Breaker struct {
	Failures int           // one after the other, or within the window; 0: there is no breaker
	Ratio    float64       // the part of the attempts within the window that must have failed; 0: only those in a row count
	Window   time.Duration // how far the ratio looks back
	Pause    time.Duration // until one delivery tries whether the sink is back
}

// BreakerState is whether a sink is left alone.
type BreakerState int

// The states of a breaker.
const (
	BreakerClosed BreakerState = iota
	BreakerProbing
	BreakerOpen
)

// breaker leaves a failing sink alone. While it is open nothing is pulled and
// nothing attempted; then one delivery goes ahead, and what becomes of it says
// whether the others follow. It outlives the edits of its sink.
type breaker struct {
	mu      sync.Mutex
	rule    Breaker
	state   BreakerState
	until   time.Time // when it is open: when one may go ahead
	inRow   int
	recent  window
	changed chan struct{}            // closed when the state changes
	told    func(state BreakerState) // called on each change, with the lock held
}

func newBreaker(told func(BreakerState)) *breaker {
	return &breaker{changed: make(chan struct{}), told: told}
}

// set changes the rule. anew: the sink is another one, so it is tried at once.
func (b *breaker) set(rule Breaker, anew bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if rule.Window != b.rule.Window {
		b.recent = window{length: rule.Window}
	}
	b.rule = rule
	switch {
	case rule.Failures == 0:
		b.turn(BreakerClosed)
	case anew && b.state == BreakerOpen:
		b.until = time.Time{}
		b.wake()
	}
}

// turn goes to another state. The lock is held.
func (b *breaker) turn(to BreakerState) {
	if b.state == to {
		return
	}
	b.state = to
	if to == BreakerClosed {
		b.inRow, b.recent = 0, window{length: b.rule.Window}
	}
	b.wake()
	b.told(to)
}

// wake lets those who wait look again. The lock is held.
func (b *breaker) wake() {
	close(b.changed)
	b.changed = make(chan struct{})
}

// closed tells whether everything may go.
func (b *breaker) closed() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.state == BreakerClosed
}

// await returns when a delivery may go, or one ahead of the others; false when ctx ended first.
func (b *breaker) await(ctx context.Context) bool {
	for {
		may, wait, changed := b.look(false)
		if may {
			return true
		}
		if !waitFor(ctx, wait, changed) {
			return false
		}
	}
}

// pass waits until a delivery may go. ahead tells that it goes ahead of the
// others: then its end must be told. ok is false when ctx ended first.
func (b *breaker) pass(ctx context.Context) (ahead, ok bool) {
	for {
		may, wait, changed := b.look(true)
		if may {
			return wait < 0, true
		}
		if !waitFor(ctx, wait, changed) {
			return false, false
		}
	}
}

// look tells whether a delivery may go, and if not, how long to wait before
// looking again. With take, one that goes ahead is noted; wait is negative then.
func (b *breaker) look(take bool) (may bool, wait time.Duration, changed <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state == BreakerClosed {
		return true, 0, nil
	}
	if b.state == BreakerProbing {
		return false, time.Hour, b.changed
	}
	if wait = time.Until(b.until); wait > 0 {
		return false, wait, b.changed
	}
	if take {
		b.turn(BreakerProbing)
	}
	return true, -1, nil
}

// waitFor waits for a time or a change; false when ctx ended first.
func waitFor(ctx context.Context, wait time.Duration, changed <-chan struct{}) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-changed:
	case <-ctx.Done():
		return false
	}
	return true
}

// unused says that the delivery that went ahead came to no attempt.
func (b *breaker) unused() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state == BreakerProbing {
		b.until = time.Time{}
		b.turn(BreakerOpen)
	}
}

// ended counts attempts. Those that were under way when it opened say nothing new.
func (b *breaker) ended(good, bad int, ahead bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.rule.Failures == 0 || good+bad == 0:
	case ahead && b.state == BreakerProbing && bad == 0:
		b.turn(BreakerClosed)
	case ahead && b.state == BreakerProbing:
		b.open()
	case b.state == BreakerClosed:
		b.count(good, bad)
	}
}

// count opens it when too many have failed. The lock is held.
func (b *breaker) count(good, bad int) {
	b.inRow += bad
	if good > 0 {
		b.inRow = 0
	}
	now := time.Now()
	b.recent.add(now, good, bad)
	goodOnes, badOnes := b.recent.sum(now)
	tooMany := b.rule.Ratio > 0 && badOnes >= b.rule.Failures && float64(badOnes) >= b.rule.Ratio*float64(goodOnes+badOnes)
	if b.inRow >= b.rule.Failures || tooMany {
		b.open()
	}
}

func (b *breaker) open() {
	b.until = time.Now().Add(b.rule.Pause)
	b.turn(BreakerOpen)
}

// window counts attempts of the last while, in parts.
type window struct {
	length time.Duration
	parts  [windowParts]struct {
		number    int64 // which part of all time it is
		good, bad int
	}
}

const windowParts = 10

func (w *window) add(now time.Time, good, bad int) {
	number := w.number(now)
	p := &w.parts[number%windowParts]
	if p.number != number {
		p.number, p.good, p.bad = number, 0, 0
	}
	p.good += good
	p.bad += bad
}

func (w *window) sum(now time.Time) (good, bad int) {
	number := w.number(now)
	for i := range w.parts {
		if p := &w.parts[i]; number-p.number < windowParts {
			good += p.good
			bad += p.bad
		}
	}
	return good, bad
}

func (w *window) number(now time.Time) int64 {
	return now.UnixNano() / max(int64(w.length)/windowParts, 1)
}

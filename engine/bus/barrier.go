package bus

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// barrier makes what JetStream has confirmed durable. JetStream confirms a
// message once it is written, which a power cut undoes; so one goroutine
// flushes the disk for everybody who waits, and only then they are released. A
// waiter that comes while a round is under way takes part in the next one.
type barrier struct {
	flush func([]*Pending) error // makes those who wait durable
	fail  func(error)            // told once, when a flush has failed

	// busy is how many messages are still to be confirmed; nil: a round waits for none of them.
	busy func() int

	mu      sync.Mutex
	waiting []*Pending
	missing int // how many confirmations the next round still waits for
	spare   []*Pending
	err     error // of the round that failed; none is ever made again
	closed  bool

	wake     chan struct{}
	gathered chan struct{} // none is missing any more
	done     chan struct{} // closed when the goroutine has ended
}

func newBarrier(flush func([]*Pending) error, busy func() int, fail func(error)) *barrier {
	b := &barrier{
		flush: flush, busy: busy, fail: fail,
		wake: make(chan struct{}, 1), gathered: make(chan struct{}, 1), done: make(chan struct{}),
	}
	go b.run()
	return b
}

// gatherTime is the longest a round waits for messages on their way. They would
// otherwise need a round of their own, and rounds are what costs.
const gatherTime = time.Millisecond

// join resolves p after the next round.
func (b *barrier) join(p *Pending) {
	b.mu.Lock()
	if b.err != nil || b.closed {
		err := b.err
		b.mu.Unlock()
		if err == nil {
			err = unavailable("the store is closed")
		}
		p.resolve(err)
		return
	}
	b.waiting = append(b.waiting, p)
	if len(b.waiting) == 1 {
		b.wake <- struct{}{} // does not block: the goroutine has taken what the former first one left
	}
	if b.missing--; b.missing == 0 {
		select {
		case b.gathered <- struct{}{}:
		default:
		}
	}
	b.mu.Unlock()
}

// round waits for one round.
func (b *barrier) round(ctx context.Context) error {
	p := newPending()
	b.join(p)
	_, err := p.Wait(ctx)
	return err
}

func (b *barrier) run() {
	defer close(b.done)
	late := time.NewTimer(gatherTime)
	defer late.Stop()
	for range b.wake {
		b.gather(late)
		b.mu.Lock()
		b.missing = 0
		batch := b.waiting
		b.waiting = b.spare[:0]
		b.mu.Unlock()
		b.release(batch, b.flushed(batch))
		clear(batch)
		b.spare = batch
	}
}

// gather waits for the messages that are on their way when a round begins.
func (b *barrier) gather(late *time.Timer) {
	if b.busy == nil {
		return
	}
	b.mu.Lock()
	select {
	case <-b.gathered: // of an earlier round
	default:
	}
	b.missing = b.busy()
	missing := b.missing
	b.mu.Unlock()
	if missing == 0 {
		return
	}
	late.Reset(gatherTime)
	select {
	case <-b.gathered:
	case <-late.C:
	}
}

// flushed makes a round. An error is for good: the kernel reports a failed
// write once and may then take the page for clean, so that the next round
// would confirm what is not on the disk.
func (b *barrier) flushed(batch []*Pending) error {
	b.mu.Lock()
	err := b.err
	b.mu.Unlock()
	if err != nil {
		return err
	}
	if err = b.flush(batch); err == nil {
		return nil
	}
	err = fmt.Errorf("%w: the disk does not keep what is written (%w); check the disk, then restart Trotline", ErrUnavailable, err)
	b.mu.Lock()
	b.err = err
	b.mu.Unlock()
	b.fail(err)
	return err
}

func (b *barrier) release(batch []*Pending, err error) {
	for _, p := range batch {
		p.resolve(err)
	}
}

// broken tells whether a round has failed. A bus without a barrier has none that can.
func (b *barrier) broken() bool {
	if b == nil {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err != nil
}

// close makes a last round for those who wait and ends the goroutine.
func (b *barrier) close() {
	if b == nil {
		return
	}
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return
	}
	b.closed = true
	b.mu.Unlock()
	close(b.wake)
	<-b.done
}

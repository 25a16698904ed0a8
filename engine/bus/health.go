package bus

import (
	"fmt"
	"sync"
	"sync/atomic"
)

// health is why the store takes nothing, one reason for each cause.
type health struct {
	mu      sync.Mutex
	reasons [causes]error
	worst   atomic.Pointer[error] // the first of the reasons; nil when there is none
}

// cause is what can be wrong with the store, the worst first.
type cause int

const (
	causeBarrier    cause = iota // the disk lost a write: for good
	causeClosed                  // closing
	causeLease                   // another engine has taken its place: for good
	causeFrozen                  // a stream stopped writing
	causeDisk                    // the disk is nearly full
	causeConnection              // the server cannot be reached
	causeCut                     // it is not known whether a cut is in force
	causeDoubt                   // it is not known which events are stored
	causes
)

// set says what is wrong; nil says that it is over. It tells whether that is news.
func (h *health) set(c cause, err error) (changed bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	changed = (h.reasons[c] == nil) != (err == nil)
	h.reasons[c] = err
	for _, reason := range h.reasons {
		if reason != nil {
			h.worst.Store(&reason)
			return changed
		}
	}
	h.worst.Store(nil)
	return changed
}

// err is the worst that is wrong, as an [ErrUnavailable].
func (h *health) err() error {
	if worst := h.worst.Load(); worst != nil {
		return unavailable("%w", *worst)
	}
	return nil
}

// closing tells whether the store is being closed.
func (h *health) closing() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.reasons[causeClosed] != nil
}

// Healthy is nil while the store takes events. The error is [ErrUnavailable]
// and says what is wrong and what to do.
func (b *Bus) Healthy() error { return b.health.err() }

// What is kept free on the disk of the embedded server. JetStream does not
// survive a full disk without a restart, so events are refused before; what is
// stored already may still be handed over until a quarter of it is left.
const (
	reserveShare = 20 // a twentieth of the disk
	reserveMin   = 16 << 20
	reserveMax   = 512 << 20
)

func reserve(total uint64) uint64 {
	return min(max(total/reserveShare, reserveMin), reserveMax)
}

// checkDisk looks at the free space.
func (b *Bus) checkDisk() {
	free, total, err := b.space(b.folder.dir)
	if err != nil {
		b.report(causeDisk, fmt.Errorf("cannot look at the disk: %w", err))
		return
	}
	keep := reserve(total)
	if b.diskLow.Load() {
		keep += keep / 4 // so that it does not go back and forth
	}
	b.diskTight.Store(free < 2*reserve(total))
	if b.diskTight.Load() {
		b.makeRoom()
	}
	// Refusing must begin with most of the reserve left: it takes the confirmations under way, and the hand-overs.
	b.unlooked.Store(int64(max(reserve(total), free-min(free, keep)) / 4))
	b.diskLow.Store(free < keep)
	b.diskGone.Store(free < reserve(total)/4)
	if free >= keep {
		b.report(causeDisk, nil)
		return
	}
	b.report(causeDisk, fmt.Errorf("the disk of %s has only %d MiB free (%d MiB are kept free); make room, and events are taken again",
		b.folder.dir, free>>20, keep>>20))
}

// sent counts what is on its way to the disk, and has the disk looked at before that can fill it.
func (b *Bus) sent(bytes int) {
	if b.server == nil || b.unlooked.Add(-int64(bytes)) > 0 {
		return
	}
	select {
	case b.lookNow <- struct{}{}:
	default:
	}
}

// report notes and logs what is wrong, or that it is over.
func (b *Bus) report(c cause, err error) {
	if !b.health.set(c, err) {
		return
	}
	if err != nil {
		b.log.Error("the store takes no events", "error", err)
		return
	}
	if b.Healthy() == nil {
		b.log.Info("the store takes events again")
	}
}

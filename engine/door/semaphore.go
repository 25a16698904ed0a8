package door

import "sync/atomic"

// semaphore bounds how much of something is held at once. Nobody waits for it:
// who finds too little left is turned away. The zero semaphore bounds nothing.
type semaphore struct {
	limit int64
	held  *atomic.Int64
}

func newSemaphore(limit int64) semaphore { return semaphore{limit, new(atomic.Int64)} }

// tryAcquire takes n, or nothing if there are not so many left.
func (s semaphore) tryAcquire(n int64) bool {
	if s.held != nil && s.held.Add(n) > s.limit {
		s.held.Add(-n)
		return false
	}
	return true
}

func (s semaphore) release(n int64) {
	if s.held != nil {
		s.held.Add(-n)
	}
}

package stage

import (
	"context"
	"sync"
)

// slots bounds how many attempts a sink makes at once. The bound may change
// while attempts are under way.
type slots struct {
	mu    sync.Mutex
	size  int
	used  int
	freed chan struct{} // closed when a slot may have become free
}

// resize changes the bound; attempts under way beyond it end in their own time.
func (s *slots) resize(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.size = n
	s.wake()
}

// acquire waits for a slot; false when ctx ended first.
func (s *slots) acquire(ctx context.Context) bool {
	for ctx.Err() == nil {
		s.mu.Lock()
		if s.used < s.size {
			s.used++
			s.mu.Unlock()
			return true
		}
		if s.freed == nil {
			s.freed = make(chan struct{})
		}
		freed := s.freed
		s.mu.Unlock()
		select {
		case <-freed:
		case <-ctx.Done():
		}
	}
	return false
}

// release frees a slot.
func (s *slots) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used--
	s.wake()
}

// wake lets the waiting look again. Callers hold the lock.
func (s *slots) wake() {
	if s.freed != nil {
		close(s.freed)
		s.freed = nil
	}
}

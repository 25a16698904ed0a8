package door

import (
	"context"

	weighted "golang.org/x/sync/semaphore"
)

const (
	// largeBody is the size from which a body waits for its turn.
	largeBody = 64 << 10
	// turnsShare is the part of [Limits.Bodies] that large bodies on their way into the store may take.
	turnsShare = 16
)

// turns bound the large bodies that are handed to the store at once: on its way
// a body is in memory several times. Unlike a [semaphore] they make wait: how
// long it takes depends on the store alone, not on how fast senders are.
type turns struct {
	limit int64
	free  *weighted.Weighted
}

func newTurns(bodies int64) turns {
	limit := max(bodies/turnsShare, 1)
	return turns{limit, weighted.NewWeighted(limit)}
}

// acquire waits until a body of size bytes has its turn, in the order of the
// calls. One that is larger than the limit has it alone.
func (t turns) acquire(ctx context.Context, size int64) error {
	if size < largeBody {
		return nil
	}
	return t.free.Acquire(ctx, min(size, t.limit))
}

// release gives back what acquire has taken.
func (t turns) release(size int64) {
	if size >= largeBody {
		t.free.Release(min(size, t.limit))
	}
}

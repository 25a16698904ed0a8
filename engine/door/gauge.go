package door

import "sync/atomic"

// gauge counts something that must not be more than a limit.
type gauge struct {
	limit int64
	now   atomic.Int64
}

// take takes n, or nothing if there are not so many left.
func (g *gauge) take(n int64) bool {
	if g.now.Add(n) > g.limit {
		g.now.Add(-n)
		return false
	}
	return true
}

func (g *gauge) give(n int64) { g.now.Add(-n) }

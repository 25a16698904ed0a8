package httpsink

import (
	"slices"
	"sync"
	"time"
)

const (
	// keepIdle is how long a connection waits for the next request. It is shorter
	// than the patience of any common server (gunicorn has 2s, Node.js 5s), so that
	// a request seldom meets one that the receiver is just closing.
	keepIdle = time.Second
	// maxIdle is how many connections wait, to whatever addresses, unless the
	// sink's concurrency is higher.
	maxIdle = 256
)

// idle is the connections that wait for a request, the one used last at the end.
// There are never more to one address than the sink's concurrency, because a
// connection is made only where none is idle.
type idle struct {
	limit int
	keep  time.Duration

	mu     sync.Mutex
	conns  []*conn
	timer  *time.Timer // until the next sweep, nil if none is needed
	closed bool
}

// take is the connection to this address that was used last, nil if there is none.
func (i *idle) take(address string) *conn {
	i.mu.Lock()
	defer i.mu.Unlock()
	for n, c := range slices.Backward(i.conns) {
		if c.address != address {
			continue
		}
		if time.Since(c.since) > i.keep {
			return nil // the timer is late
		}
		i.conns = slices.Delete(i.conns, n, n+1)
		return c
	}
	return nil
}

func (i *idle) put(c *conn) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.closed {
		c.Close()
		return
	}
	if len(i.conns) >= i.limit {
		i.drop(1)
	}
	c.since = time.Now()
	i.conns = append(i.conns, c)
	if i.timer == nil {
		i.timer = time.AfterFunc(i.keep, i.sweep)
	}
}

// sweep closes what has waited for too long.
func (i *idle) sweep() {
	i.mu.Lock()
	defer i.mu.Unlock()
	old := 0
	for old < len(i.conns) && time.Since(i.conns[old].since) >= i.keep {
		old++
	}
	i.drop(old)
	if len(i.conns) == 0 {
		i.timer = nil
		return
	}
	i.timer.Reset(i.keep - time.Since(i.conns[0].since))
}

// drop closes the first n.
func (i *idle) drop(n int) {
	for _, c := range i.conns[:n] {
		c.Close()
	}
	i.conns = slices.Delete(i.conns, 0, n)
}

// close closes all, those that are in use as they come back.
func (i *idle) close() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.closed = true
	i.drop(len(i.conns))
	if i.timer != nil {
		i.timer.Stop()
	}
}

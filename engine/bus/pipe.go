package bus

import (
	"net"
	"sync"
	"time"
)

// pipe is the client's end of the way to the server in this process. What the
// server gave us hands over each write from one goroutine to another, and the
// client writes after nearly every message; here a write is put to those before
// it, which go over together.
type pipe struct {
	net.Conn

	mu      sync.Mutex
	changed *sync.Cond // any of the following
	waiting []byte
	spare   []byte
	moving  bool  // some are on their way
	err     error // the other end takes no more
	closed  bool
}

const (
	// pipeMost is how much may wait; a writer waits until it is less.
	pipeMost = 1 << 20
	// pipeKept is the largest buffer that is used again.
	pipeKept = 2 << 20
	// pipeClosing is how long Close waits for what was written to get over.
	pipeClosing = time.Second
)

func newPipe(c net.Conn) *pipe {
	p := &pipe{Conn: c}
	p.changed = sync.NewCond(&p.mu)
	go p.move()
	return p
}

// Write returns before the other end has what is written. Its error may be that of an earlier write.
func (p *pipe) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.waiting) > pipeMost && p.err == nil && !p.closed {
		p.changed.Wait()
	}
	switch {
	case p.closed:
		return 0, net.ErrClosed
	case p.err != nil:
		return 0, p.err
	}
	p.waiting = append(p.waiting, b...)
	p.changed.Broadcast()
	return len(b), nil
}

// SetWriteDeadline does nothing: no write waits for the other end, but for room.
func (p *pipe) SetWriteDeadline(time.Time) error { return nil }

// move brings what is written to the other end.
func (p *pipe) move() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.err == nil {
		if len(p.waiting) == 0 {
			if p.closed {
				return
			}
			p.changed.Wait()
			continue
		}
		batch := p.waiting
		p.waiting, p.moving = p.spare[:0], true
		p.mu.Unlock()
		_, err := p.Conn.Write(batch)
		p.mu.Lock()
		p.err, p.moving = err, false
		if p.spare = batch; cap(batch) > pipeKept {
			p.spare = nil
		}
		p.changed.Broadcast()
	}
}

// Close brings over what was written, as far as the other end takes it, and closes both ends.
func (p *pipe) Close() error {
	_ = p.Conn.SetWriteDeadline(time.Now().Add(pipeClosing)) // of a pipe: it does not fail
	p.mu.Lock()
	p.closed = true
	p.changed.Broadcast()
	for (len(p.waiting) > 0 || p.moving) && p.err == nil {
		p.changed.Wait()
	}
	p.mu.Unlock()
	return p.Conn.Close()
}

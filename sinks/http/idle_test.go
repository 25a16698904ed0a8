package httpsink

import (
	"io"
	"testing"
	"time"

	"github.com/trotline/trotline/event"
	"github.com/trotline/trotline/event/eventtest"
)

// dialled are n connections to one address. What comes from ended is the number
// of one that has been closed.
func dialled(t *testing.T, p *plain, n int) (conns []*conn, ended chan int) {
	ended = make(chan int, n)
	ready := make(chan struct{})
	address := converse(t, "127.0.0.1:0", func(p *peer) {
		ready <- struct{}{}
		_, _ = io.Copy(io.Discard, p)
		ended <- p.n
	})
	t.Cleanup(p.close)
	for range n {
		c, err := p.dial(t.Context(), address)
		must(t, err)
		<-ready
		conns = append(conns, c)
	}
	return conns, ended
}

func newIdle(t *testing.T) *plain {
	transport, err := newTransport(nil, 1)
	must(t, err)
	p := newPlain(transport, 1)
	p.idle.keep = time.Hour
	return p
}

func TestIdle(t *testing.T) {
	p := newIdle(t)
	p.idle.limit = 2
	conns, ended := dialled(t, p, 3)
	address := conns[0].address
	for _, c := range conns {
		p.idle.put(c)
	}
	if n := <-ended; n != 0 {
		t.Errorf("%d is closed for want of room", n)
	}
	if c := p.idle.take("elsewhere:80"); c != nil {
		t.Errorf("a connection to %s is taken for one to elsewhere", c.address)
	}
	last := p.idle.take(address)
	if last != conns[2] {
		t.Error("it is not the one used last that is taken")
	}
	conns[1].since = time.Now().Add(-2 * p.idle.keep)
	if c := p.idle.take(address); c != nil {
		t.Error("one that has waited for too long is taken")
	}
	p.close()
	if n := <-ended; n != 1 {
		t.Errorf("%d is closed with the sink", n)
	}
	p.idle.put(last)
	if n := <-ended; n != 2 {
		t.Errorf("%d is closed as it comes back", n)
	}
}

// What waits for too long is closed by itself, and nothing is left of it.
func TestIdleEnds(t *testing.T) {
	p := newIdle(t)
	p.idle.keep = time.Millisecond
	conns, ended := dialled(t, p, 4)
	for _, two := range [][]int{{0, 1}, {2, 3}} { // once all are gone it begins anew
		for _, n := range two {
			p.idle.put(conns[n])
		}
		if a, b := <-ended, <-ended; a+b != two[0]+two[1] {
			t.Errorf("%d and %d are closed, not %v", a, b, two)
		}
	}
	p.idle.mu.Lock()
	defer p.idle.mu.Unlock()
	if len(p.idle.conns) > 0 {
		t.Errorf("%d are left", len(p.idle.conns))
	}
}

// There are never more connections than deliveries at once.
func TestOneConnectionForEachDelivery(t *testing.T) {
	accepted := make(chan int, 100)
	address := converse(t, "127.0.0.1:0", func(p *peer) {
		accepted <- p.n
		for {
			if r, _ := p.listen(); r == nil {
				return
			}
			p.say("HTTP/1.1 204 No Content\r\n\r\n")
		}
	})
	s := start(t, &Settings{URL: eventtest.Template("http://" + address), Method: "POST"})
	done := make(chan error)
	for worker := range 4 {
		go func() {
			var failed error
			for i := range 100 {
				if v := s.Deliver(t.Context(), []*event.Delivery{eventtest.Numbered(worker*100 + i)})[0]; v.Err != nil {
					failed = v.Err
				}
			}
			done <- failed
		}()
	}
	for range 4 {
		must(t, <-done)
	}
	if n := len(accepted); n > 4 {
		t.Errorf("%d connections", n)
	}
}

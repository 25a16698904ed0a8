package e2e

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestHostileFloods sends slowly, and much, on many connections at once. Those
// that never end their request are cut.
func TestHostileFloods(t *testing.T) {
	slow(t)
	for _, secure := range []bool{false, true} {
		t.Run(fmt.Sprintf("TLS %t", secure), func(t *testing.T) {
			f := newFortress(t, secure, hostileSources)
			f.while(func() {
				var all sync.WaitGroup
				for _, attack := range slowAttacks() {
					for range attack.connections {
						conn := f.begin(attack.raw)
						all.Go(func() { attack.run(t, conn) })
					}
				}
				all.Wait()
			})
			f.onlyGood()
		})
	}
}

// begin opens a connection; a raw one is without TLS whatever the engine wants.
func (f *fortress) begin(raw bool) net.Conn {
	f.t.Helper()
	if !raw {
		return f.dial()
	}
	conn, err := net.DialTimeout("tcp", f.door, 5*time.Second)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		f.t.Fatal(err)
	}
	return conn
}

// slowAttack is what many connections do at once.
type slowAttack struct {
	connections int
	raw         bool // without TLS
	run         func(t *testing.T, conn net.Conn)
}

func slowAttacks() []slowAttack {
	long := startLine + "Content-Length: 60000\r\n\r\n"
	return []slowAttack{
		{500, true, untilCut("", "")},
		{100, true, untilCut("\x16\x03\x01\x02\x00\x01", "\x00")}, // half a TLS handshake, or noise
		{50, false, untilCut("", "")},
		{50, false, untilCut("", "\r\n")},
		{100, false, untilCut("POST /hooks/shop HTTP/1.1\r\nHost: x\r\nX-", "a")},
		{50, false, untilCut(startLine, "X: y\r\n")},
		{100, false, untilCut(long, "a")},
		{50, false, untilCut(startLine+"Transfer-Encoding: chunked\r\n\r\n", "1\r\na\r\n")},
		{50, false, untilCut(startLine+"Transfer-Encoding: chunked\r\n\r\n1", "0")},
		{50, false, untilCut(startLine+"Content-Length: 1000\r\nExpect: 100-continue\r\n\r\n", "")},
		{50, false, untilCut("POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n", "a")},
		{10, false, pour(startLine + strings.Repeat("X: y\r\n", 200))},
		{10, false, pour(startLine + "X: " + strings.Repeat("a", 10_000))},
		{10, false, pour(startLine + "Transfer-Encoding: chunked\r\n\r\n" + strings.Repeat("fff\r\n"+strings.Repeat("a", 0xfff)+"\r\n", 100))},
		{10, false, pour("POST /hooks/shop HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n" + strings.Repeat("a", 60_000))},
		{10, false, pour("GET / HTTP/1.1\r\nHost: x\r\n\r\n")}, // whose answers are not read
		{10, false, pour(shopWith(strings.Repeat(" ", 60_000)))},
	}
}

// untilCut writes a beginning, and then a drop ten times a second, until the
// connection ends. It must end before it is done.
func untilCut(beginning, drop string) func(*testing.T, net.Conn) {
	return func(t *testing.T, conn net.Conn) {
		defer conn.Close()
		ended := make(chan error, 1)
		go func() {
			_, err := io.Copy(io.Discard, conn)
			ended <- err
		}()
		_, _ = io.WriteString(conn, beginning)
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case err := <-ended:
				if isTimeout(err) {
					t.Errorf("%.40q and then %q is not cut", beginning, drop)
				}
				return
			case <-tick.C:
				_, _ = io.WriteString(conn, drop) // the end is seen by the reader
			}
		}
	}
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// pour writes the same again and again, as fast as it can, and reads nothing.
func pour(text string) func(*testing.T, net.Conn) {
	return func(_ *testing.T, conn net.Conn) {
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(time.Second))
		for {
			if _, err := io.WriteString(conn, text); err != nil {
				return
			}
		}
	}
}

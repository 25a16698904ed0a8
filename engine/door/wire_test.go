package door

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// dial opens a connection on which a test writes what a well-behaved client would not.
func dial(t *testing.T, addr string) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return conn, bufio.NewReader(conn)
}

func send(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
}

func status(t *testing.T, r *bufio.Reader) int {
	t.Helper()
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode
}

func TestStrangeRequests(t *testing.T) {
	store := newMemory(1)
	_, addr := listen(t, Options{Store: store, Table: table(t, 1, Settings{}, Route{MaxBody: 100}),
		Limits: Limits{Header: 4 << 10}})
	const head = "POST /hooks/shop HTTP/1.1\r\nHost: x\r\n"
	chunks := func(sizes ...int) string {
		var b strings.Builder
		for _, n := range append(sizes, 0) {
			fmt.Fprintf(&b, "%x\r\n%s", n, strings.Repeat("a", n))
			if n > 0 {
				b.WriteString("\r\n")
			}
		}
		return b.String() + "\r\n"
	}
	tests := []struct {
		name, request string
		status        int
	}{
		{"chunked", head + "X-Id: chunked\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks(40, 60), 202},
		{"chunked above the limit", head + "Transfer-Encoding: chunked\r\n\r\n" + chunks(40, 61), 413},
		{"chunked far above the limit", head + "Transfer-Encoding: chunked\r\n\r\n" + chunks(1<<20, 1<<20), 413},
		{"a broken chunk", head + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400},
		{"two lengths", head + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400},
		{"a negative length", head + "Content-Length: -1\r\n\r\n", 400},
		{"two transfer encodings", head + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n", 501},
		{"an unknown transfer encoding", head + "Transfer-Encoding: gzip\r\n\r\n", 501},
		{"a length above the limit", head + "Content-Length: 1000000000000\r\n\r\n", 413},
		{"no length and no body", head + "\r\n", 202},
		{"no host", "POST /hooks/shop HTTP/1.1\r\n\r\n", 400},
		{"an endless header", head + "X-Long: " + strings.Repeat("a", 20<<10) + "\r\n\r\n", 431},
		{"as many header lines as there may be", head + "X-Id: lines\r\n" + strings.Repeat("A:\r\n", 127) + "\r\n", 202},
		{"one header line too many", head + strings.Repeat("A:\r\n", 129) + "\r\n", 431},
		{"a header with a control character", head + "X-Bad: a\x00b\r\n\r\n", 400},
		{"an absolute address", "POST http://other/hooks/shop HTTP/1.1\r\nHost: x\r\n\r\n", 202},
		{"everything", "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 200},
		{"a broken escape", "POST /hooks/%zz HTTP/1.1\r\nHost: x\r\n\r\n", 400},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			conn, r := dial(t, addr)
			go io.WriteString(conn, tt.request) // the server may answer before it has read all
			if got := status(t, r); got != tt.status {
				t.Errorf("answered %d, want %d", got, tt.status)
			}
		})
	}
	if raw, _ := store.get("chunked").Body.Raw(); len(raw) != 100 {
		t.Errorf("stored %d bytes, want 100", len(raw))
	}
}

func TestConnectionServesOnAfterARefusal(t *testing.T) {
	_, addr := listen(t, Options{Store: newMemory(1), Table: table(t, 1, Settings{}, Route{MaxBody: 10})})
	conn, r := dial(t, addr)
	for _, tt := range []struct {
		request string
		status  int
	}{
		{"POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 20\r\n\r\n01234567890123456789", 404},
		{"GET /hooks/shop HTTP/1.1\r\nHost: x\r\n\r\n", 405},
		{"POST /hooks/shop HTTP/1.1\r\nHost: x\r\nContent-Length: 20\r\n\r\n01234567890123456789", 413},
		{"POST /hooks/shop HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nok", 202},
	} {
		send(t, conn, tt.request)
		if got := status(t, r); got != tt.status {
			t.Fatalf("answered %d, want %d", got, tt.status)
		}
	}
}

func TestExpectContinue(t *testing.T) {
	_, addr := listen(t, Options{Store: newMemory(1), Table: table(t, 1, Settings{}, Route{MaxBody: 10})})
	conn, r := dial(t, addr)
	send(t, conn, "POST /hooks/shop HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
	if got := status(t, r); got != 100 {
		t.Fatalf("answered %d, want 100", got)
	}
	send(t, conn, "ok")
	if got := status(t, r); got != 202 {
		t.Fatalf("answered %d, want 202", got)
	}
	send(t, conn, "POST /hooks/shop HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 11\r\n\r\n")
	if got := status(t, r); got != 413 {
		t.Errorf("answered %d before the body is sent, want 413", got)
	}
}

func TestSlowSendersAreCut(t *testing.T) {
	o := &seen{}
	_, addr := listen(t, Options{Store: newMemory(1), Observer: o, Table: table(t, 1, Settings{}, Route{}),
		Limits: Limits{HeaderTimeout: 50 * time.Millisecond, ReadTimeout: 100 * time.Millisecond}})
	t.Run("header", func(t *testing.T) {
		conn, r := dial(t, addr)
		send(t, conn, "POST /hooks/shop HTTP/1.1\r\nHost:")
		if _, err := r.ReadByte(); err != io.EOF {
			t.Errorf("read %v, want the connection closed", err)
		}
	})
	t.Run("body", func(t *testing.T) {
		conn, r := dial(t, addr)
		send(t, conn, "POST /hooks/shop HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab")
		if got := status(t, r); got != 408 {
			t.Errorf("answered %d, want 408", got)
		}
		if n := o.count("refused shop timeout 408"); n != 1 {
			t.Errorf("counted %d times", n)
		}
	})
	t.Run("body that nobody reads", func(t *testing.T) {
		conn, r := dial(t, addr)
		send(t, conn, "POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab")
		if got := status(t, r); got != 404 {
			t.Errorf("answered %d, want 404", got)
		}
		if _, err := io.Copy(io.Discard, r); err != nil {
			t.Errorf("read %v, want the connection closed", err)
		}
	})
}

func TestSenderThatLeavesIsStored(t *testing.T) {
	store := newMemory(1)
	store.hold, store.held = make(chan struct{}), make(chan struct{}, 1)
	o := &accepting{accepted: make(chan struct{}, 1)}
	_, addr := listen(t, Options{Store: store, Observer: o, Table: table(t, 1, Settings{}, Route{})})
	conn, _ := dial(t, addr)
	send(t, conn, "POST /hooks/shop HTTP/1.1\r\nHost: x\r\nX-Id: gone\r\nContent-Length: 2\r\n\r\nok")
	<-store.held
	conn.Close()
	close(store.hold)
	<-o.accepted
	if store.get("gone") == nil {
		t.Error("the event of a sender that left is not stored")
	}
}

// accepting tells when an event is accepted.
type accepting struct {
	unobserved
	accepted chan struct{}
}

func (a *accepting) Accepted(string, time.Duration) { a.accepted <- struct{}{} }

package httpsink

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/url"
	"sync"
	"syscall"
	"time"
)

const (
	// maxPlainBody is the longest body that is written before anything is read. It
	// fits into the buffers of the two sockets, so that a receiver which answers
	// without reading it keeps nobody waiting.
	maxPlainBody = 32 << 10
	// maxHeader is how long an answer's header may be, with all that come before it.
	maxHeader = 64 << 10
)

// plain sends requests without TLS, each on its caller's goroutine. An
// http.Transport has two more for each connection, and to hand a request to them
// and its answer back costs more than all the rest. It gets what is not plain.
type plain struct {
	transport *http.Transport
	idle      *idle
	maxBody   int64
}

func newPlain(t *http.Transport, concurrency int) *plain {
	return &plain{transport: t, idle: &idle{limit: max(maxIdle, concurrency), keep: keepIdle}, maxBody: maxPlainBody}
}

// RoundTrip implements [http.RoundTripper]. When it fails because the context has
// ended, its error need not say so.
func (p *plain) RoundTrip(r *http.Request) (*http.Response, error) {
	if !p.takes(r) {
		return p.transport.RoundTrip(r)
	}
	message := messages.Get().(*bytes.Buffer)
	defer messages.Put(message)
	message.Reset()
	if err := r.Write(message); err != nil {
		return nil, err
	}
	to := address(r.URL)
	if c := p.kept(to); c != nil {
		resp, err := c.exchange(r, message.Bytes())
		if err == nil || c.answered() || r.Context().Err() != nil {
			return resp, err
		}
		// The receiver was just closing it. By the Idempotency-Key he can tell
		// whether he has had the request nevertheless.
	}
	c, err := p.dial(r.Context(), to)
	if err != nil {
		return nil, err
	}
	return c.exchange(r, message.Bytes())
}

func (p *plain) close() {
	p.transport.CloseIdleConnections()
	p.idle.close()
}

// messages are the buffers in which requests become bytes.
var messages = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// takes tells whether a request is plain: one for this client.
func (p *plain) takes(r *http.Request) bool {
	if !canLook || r.URL.Scheme != "http" || r.ContentLength > p.maxBody || !isASCII(r.URL.Host) {
		return false
	}
	proxy, err := p.transport.Proxy(r)
	return proxy == nil && err == nil
}

func isASCII(host string) bool {
	for i := range len(host) {
		if host[i] >= 0x80 {
			return false
		}
	}
	return true
}

// address is where the URL's host listens.
func address(u *url.URL) string {
	if u.Port() != "" {
		return u.Host
	}
	return net.JoinHostPort(u.Hostname(), "80")
}

// kept is a connection to this address on which nothing has come since its last
// answer: no end, and nothing that would be taken for the answer to the next request.
func (p *plain) kept(address string) *conn {
	for {
		c := p.idle.take(address)
		if c == nil || c.quiet() {
			return c
		}
		c.Close()
	}
}

func (p *plain) dial(ctx context.Context, address string) (*conn, error) {
	nc, err := p.transport.DialContext(ctx, "tcp", address)
	if err != nil {
		if end, ok := ctx.Deadline(); ok && time.Now().After(end) {
			return nil, context.DeadlineExceeded // a dialer may know it before the context does
		}
		return nil, err
	}
	c := &conn{Conn: nc, address: address, home: p.idle, hangUp: func() { nc.Close() }}
	c.limited.R = nc
	c.reader = bufio.NewReader(&c.limited)
	if c.raw, err = nc.(*net.TCPConn).SyscallConn(); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// conn is a connection, which carries one request at a time.
type conn struct {
	net.Conn
	raw     syscall.RawConn
	address string
	home    *idle
	hangUp  func()
	reader  *bufio.Reader
	limited io.LimitedReader // what reader reads from: bounds headers
	since   time.Time        // when it became idle
}

// exchange sends a request and reads its answer's header. The end of its context
// closes the connection until the answer's body is closed.
func (c *conn) exchange(r *http.Request, message []byte) (*http.Response, error) {
	stop := context.AfterFunc(r.Context(), c.hangUp)
	resp, err := c.ask(r, message)
	if err != nil {
		stop()
		c.Close()
		return nil, err
	}
	resp.Body = &body{conn: c, stop: stop, content: resp.Body, ended: resp.Body == http.NoBody, last: resp.Close}
	return resp, nil
}

func (c *conn) ask(r *http.Request, message []byte) (*http.Response, error) {
	c.limited.N = maxHeader
	// A receiver that refuses a request may close before he has read it.
	_, unsent := c.Write(message)
	for {
		resp, err := http.ReadResponse(c.reader, r)
		switch {
		case err != nil && unsent != nil:
			return nil, unsent
		case err != nil && c.limited.N <= 0:
			return nil, fmt.Errorf("the answer's header is longer than %d KiB", maxHeader>>10)
		case err != nil:
			return nil, err
		case resp.StatusCode == http.StatusSwitchingProtocols:
			return nil, errors.New("the answer is another protocol's, for which nobody has asked")
		case resp.StatusCode/100 != 1:
			c.limited.N = math.MaxInt64
			resp.Close = resp.Close || unsent != nil
			return resp, nil
		}
	}
}

// answered tells whether any of the last request's answer has come.
func (c *conn) answered() bool { return c.limited.N != maxHeader }

// body is the body of an answer, whose end makes its connection idle.
type body struct {
	conn    *conn // nil once it is closed
	stop    func() bool
	content io.Reader
	ended   bool // all of it has been read
	last    bool // the connection carries no more requests
}

func (b *body) Read(p []byte) (int, error) {
	if b.conn == nil {
		return 0, http.ErrBodyReadAfterClose
	}
	n, err := b.content.Read(p)
	b.ended = b.ended || errors.Is(err, io.EOF)
	return n, err
}

// Close reads no further: the content's own Close would, without an end.
func (b *body) Close() error {
	c := b.conn
	if c == nil {
		return nil
	}
	b.conn = nil
	if b.stop() && b.ended && !b.last && c.reader.Buffered() == 0 {
		c.home.put(c)
	} else {
		c.Close()
	}
	return nil
}

package httpsink

import (
	"bufio"
	"bytes"
	"context"
	"net"
	"net/http"
	"net/url"
	"time"
)

// maxPlainBody is the longest body that is written before anything is read. It
// fits into the buffers of the two sockets, so that a receiver which answers
// without reading it keeps nobody waiting.
const maxPlainBody = 32 << 10

// plain sends requests without TLS, each on its caller's goroutine. An
// http.Transport has two more for each connection, and to hand a request to them
// and its answer back costs more than all the rest. It gets what is not plain.
type plain struct {
	transport *http.Transport
	idle      *idle
	maxBody   int64 // of a plain request
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
	if err := writeRequest(message, r); err != nil {
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

// takes tells whether a request is plain: one for this client.
func (p *plain) takes(r *http.Request) bool {
	if !canLook || r.URL.Scheme != "http" || r.ContentLength > p.maxBody {
		return false
	}
	if !isPlainHost(r.URL.Host) || !isPlainHost(r.Host) {
		return false
	}
	proxy, err := p.transport.Proxy(r)
	return proxy == nil && err == nil
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

package httpsink

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"syscall"
	"time"
)

// maxHeader is how long an answer's header may be, with all that come before it.
const maxHeader = 64 << 10

// conn is a connection, which carries one request at a time.
type conn struct {
	net.Conn
	raw     syscall.RawConn
	address string
	home    *idle
	hangUp  func() // Close, made a function once for all requests
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
		case resp.StatusCode/100 != 1:
			c.limited.N = math.MaxInt64
			resp.Close = resp.Close || unsent != nil
			return resp, nil
		case resp.StatusCode == http.StatusSwitchingProtocols: // what follows is no HTTP
			resp.Close = true
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

package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"
)

// client is one keep-alive connection that sends requests as they are and
// reads no more of an answer than it must.
type client struct {
	addr string
	conn net.Conn
	buf  [8 << 10]byte
}

// answerTime is how long an answer may take.
const answerTime = 30 * time.Second

// do sends one request and returns the status of its answer. After an error
// the next call opens a new connection.
func (c *client) do(request []byte) (status int, err error) {
	if c.conn == nil {
		if c.conn, err = net.Dial("tcp", c.addr); err != nil {
			c.conn = nil
			return 0, err
		}
	}
	status, reusable, err := c.exchange(request)
	if err != nil || !reusable {
		c.close()
	}
	return status, err
}

func (c *client) close() {
	if c.conn != nil {
		c.conn.Close()
		c.conn = nil
	}
}

func (c *client) exchange(request []byte) (status int, reusable bool, err error) {
	if err := c.conn.SetDeadline(time.Now().Add(answerTime)); err != nil {
		return 0, false, err
	}
	if _, err := c.conn.Write(request); err != nil {
		return 0, false, err
	}
	var n int
	for {
		m, err := c.conn.Read(c.buf[n:])
		if err != nil {
			return 0, false, fmt.Errorf("no answer: %w", err)
		}
		n += m
		end := bytes.Index(c.buf[:n], []byte("\r\n\r\n"))
		if end < 0 {
			continue
		}
		length, err := contentLength(c.buf[:end])
		if err != nil {
			return 0, false, err
		}
		if total := end + 4 + length; total > len(c.buf) {
			return 0, false, errors.New("the answer is too long for the benchmark's client")
		} else if n >= total {
			status, err := strconv.Atoi(string(c.buf[9:12]))
			return status, !bytes.Contains(c.buf[:end], []byte("Connection: close")), err
		}
	}
}

var lengthField = []byte("\r\nContent-Length: ")

// contentLength is the length an HTTP/1.1 header of net/http announces.
func contentLength(header []byte) (int, error) {
	at := bytes.Index(header, lengthField)
	if at < 0 {
		return 0, errors.New("an answer without Content-Length")
	}
	digits := header[at+len(lengthField):]
	if end := bytes.IndexByte(digits, '\r'); end >= 0 {
		digits = digits[:end]
	}
	return strconv.Atoi(string(digits))
}

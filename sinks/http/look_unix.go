//go:build unix

package httpsink

import (
	"errors"
	"syscall"
)

// canLook tells whether a connection can be asked what has come on it without waiting.
const canLook = true

// quiet tells whether nothing has come on an idle connection, not even its end.
func (c *conn) quiet() bool {
	var err error
	_ = c.raw.Read(func(fd uintptr) bool {
		_, err = syscall.Read(int(fd), make([]byte, 1))
		return true
	})
	return errors.Is(err, syscall.EAGAIN)
}

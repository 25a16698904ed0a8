//go:build !unix

package httpsink

const canLook = false

func (c *conn) quiet() bool { return false }

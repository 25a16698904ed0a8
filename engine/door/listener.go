package door

import (
	"net"
	"net/http"
)

// listener bounds how many connections are open. One too many is closed at
// once: if it waited for another one to end, so would everybody behind it, for
// as long as a flood of silent connections likes.
type listener struct {
	net.Listener
	door *Door
}

// Accept waits for a connection there is room for.
func (l *listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if l.door.connections.Load() < l.door.limits.Connections {
			return c, nil
		}
		c.Close()
		l.door.observer.Refused("", "connections", http.StatusServiceUnavailable)
	}
}

// count keeps the number of open connections. net/http calls it with a new one
// before it accepts another.
func (d *Door) count(_ net.Conn, s http.ConnState) {
	switch s {
	case http.StateNew:
		d.connections.Add(1)
	case http.StateClosed:
		d.connections.Add(-1)
	}
}

package door

import (
	"net"
	"net/http"
	"net/netip"

	"github.com/pires/go-proxyproto"
)

// listener bounds how many connections are open, and lets trusted proxies say
// whose connection theirs is (the PROXY protocol, versions 1 and 2). One
// connection too many is closed at
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
			return l.door.introduced(c), nil
		}
		c.Close()
		l.door.observer.Refused("", "connections", http.StatusServiceUnavailable)
	}
}

// introduced is a connection whose address is that of the PROXY header, if it
// comes from a trusted proxy and begins with one. To anybody else such a header
// is a broken request. The header is read when the connection is, so that a
// silent proxy does not hold up the others.
func (d *Door) introduced(c net.Conn) net.Conn {
	table := d.table.Load()
	if table == nil || len(table.settings.TrustedProxies) == 0 {
		return c
	}
	peer, err := netip.ParseAddrPort(c.RemoteAddr().String())
	if err != nil || !within(table.settings.TrustedProxies, plain(peer.Addr())) {
		return c
	}
	return &proxied{proxyproto.NewConn(c,
		proxyproto.WithPolicy(proxyproto.USE), proxyproto.SetReadHeaderTimeout(d.limits.HeaderTimeout))}
}

// proxied is a connection of a trusted proxy.
type proxied struct{ *proxyproto.Conn }

// CloseWrite is how net/http ends a connection of which it has not read all: an
// answer would be lost if it were closed at once.
func (p *proxied) CloseWrite() error {
	if tcp, ok := p.TCPConn(); ok {
		return tcp.CloseWrite()
	}
	return nil
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

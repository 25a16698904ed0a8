package door

import (
	"net/http"
	"net/netip"
	"strings"
)

// remoteIP is the address a request came from. X-Forwarded-For is read from the
// right, as far as the addresses are trusted proxies': what stands left of the
// first one that is not was written by whoever wanted to.
func (t *Table) remoteIP(r *http.Request) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	addr := plain(peer.Addr())
	if len(t.settings.TrustedProxies) == 0 {
		return addr
	}
	hops := strings.Split(strings.Join(r.Header["X-Forwarded-For"], ","), ",")
	for i := len(hops) - 1; i >= 0 && within(t.settings.TrustedProxies, addr); i-- {
		hop, ok := parseHop(strings.TrimSpace(hops[i]))
		if !ok {
			break
		}
		addr = hop
	}
	return addr
}

// parseHop reads an address as proxies write it: with and without a port and brackets.
func parseHop(text string) (netip.Addr, bool) {
	if addr, err := netip.ParseAddr(strings.Trim(text, "[]")); err == nil {
		return plain(addr), true
	}
	if hop, err := netip.ParseAddrPort(text); err == nil {
		return plain(hop.Addr()), true
	}
	return netip.Addr{}, false
}

// plain is an address without its zone, and IPv4 where it is that in IPv6's clothes.
func plain(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }

func within(prefixes []netip.Prefix, a netip.Addr) bool {
	for _, p := range prefixes {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

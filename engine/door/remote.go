package door

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// remoteIP is the address a request came from. The addresses that proxies have
// written down are read from the last one on, as far as they are trusted
// proxies': what stands before the first one that is not was written by whoever
// wanted to.
func (t *Table) remoteIP(r *http.Request) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	addr := plain(peer.Addr())
	if !within(t.settings.TrustedProxies, addr) {
		return addr
	}
	for _, text := range slices.Backward(t.settings.hops(r.Header)) {
		hop, ok := parseHop(text)
		if !ok {
			break
		}
		if addr = hop; !within(t.settings.TrustedProxies, addr) {
			break
		}
	}
	return addr
}

// hops are what the proxies have written down, each proxy behind the one before it.
func (s *Settings) hops(h http.Header) []string {
	if s.Forwarded {
		return forwardedFor(h["Forwarded"])
	}
	return strings.Split(strings.Join(h["X-Forwarded-For"], ","), ",")
}

// parseHop reads an address as proxies write it: with and without a port and brackets.
func parseHop(text string) (netip.Addr, bool) {
	text = strings.TrimSpace(text)
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

package webhook

import (
	"maps"
	"net/http"
	"net/url"
	"strings"

	"github.com/trotline/trotline/event"
)

// credentials are headers with which a sender, or someone's browser, proves who
// it is. They are never stored, whatever the source verifies. Signatures prove
// one body and are kept.
var credentials = []string{"Authorization", "Proxy-Authorization", "Cookie"}

// hopByHop are headers of the connection, not of the request (RFC 9110,
// section 7.6.1, and those that older software sends).
var hopByHop = []string{
	"Connection", "Keep-Alive", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade", "Expect",
}

// kept is what is stored of a request.
func (p *proof) kept(r *event.Request) event.RequestInfo {
	info := event.RequestInfo{
		Method: r.Method,
		Path:   r.Path,
		Header: p.keptHeader(r.Header),
		Query:  p.keptQuery(r.Query),
		Params: r.Params,
	}
	if r.RemoteIP.IsValid() {
		info.RemoteIP = r.RemoteIP.String()
	}
	return info
}

// keptHeader is a new map: the request may be received again, and still needs
// what is taken off here.
func (p *proof) keptHeader(h http.Header) http.Header {
	kept := maps.Clone(h)
	for _, value := range h["Connection"] {
		for name := range strings.SplitSeq(value, ",") {
			kept.Del(strings.TrimSpace(name))
		}
	}
	for _, name := range hopByHop {
		delete(kept, name)
	}
	for _, name := range credentials {
		delete(kept, name)
	}
	for _, name := range p.secretHeaders {
		delete(kept, name)
	}
	return kept
}

func (p *proof) keptQuery(q url.Values) url.Values {
	if len(p.secretQuery) == 0 {
		return q
	}
	kept := maps.Clone(q)
	for _, name := range p.secretQuery {
		kept.Del(name)
	}
	return kept
}

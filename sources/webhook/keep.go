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

// kept is what is stored of a request, but for its header.
func (p *proof) kept(r *event.Request) event.RequestInfo {
	info := event.RequestInfo{
		Method: r.Method,
		Path:   r.Path,
		Query:  p.keptQuery(r.Query),
		Params: r.Params,
	}
	if r.RemoteIP.IsValid() {
		info.RemoteIP = r.RemoteIP.String()
	}
	return info
}

// keptHeader is what is stored of a header. It is a copy once it differs: the
// request may be received again, and still needs what is taken off here. Names
// are in canonical form.
type keptHeader struct {
	header http.Header
	copied bool
}

func (p *proof) keptHeader(h http.Header) keptHeader {
	kept := keptHeader{header: h}
	for _, value := range h["Connection"] {
		for name := range strings.SplitSeq(value, ",") {
			kept.remove(http.CanonicalHeaderKey(strings.TrimSpace(name)))
		}
	}
	for _, name := range hopByHop {
		kept.remove(name)
	}
	for _, name := range credentials {
		kept.remove(name)
	}
	for _, name := range p.secretHeaders {
		kept.remove(name)
	}
	return kept
}

func (k *keptHeader) remove(name string) {
	if _, there := k.header[name]; there {
		k.copy()
		delete(k.header, name)
	}
}

func (k *keptHeader) set(name, value string) {
	k.copy()
	k.header[name] = []string{value}
}

func (k *keptHeader) copy() {
	if !k.copied {
		k.header, k.copied = maps.Clone(k.header), true
	}
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

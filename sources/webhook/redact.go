package webhook

import (
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"

	"github.com/trotline/trotline/event"
)

// redacted stands where something is left out.
const redacted = "***"

// telling are names of headers and parameters that hold what proves a sender,
// to us or to somebody else. Who sent a request that was refused is not known,
// nor which of its secrets went astray: rather one too many.
var telling = regexp.MustCompile(`(?i)auth|cookie|token|secret|passw|credential|signature|hmac|digest|jwt|session|assertion|api-?_?key|[-_]key$|^key$|[-_]?sig$|[-_]?sign$|otp|nonce|code$`)

// Redacted implements [event.Redactor].
func (s *source) Redacted(r *event.Request) *event.Event {
	headers, query, inBody := s.proof.at()
	info := s.proof.kept(r)
	info.Header, info.Query = hide(r.Header, headers), url.Values(hide(http.Header(r.Query), query))
	for _, name := range hopByHop {
		delete(info.Header, name)
	}
	body := event.NewBody(event.Binary, r.Body)
	if inBody {
		body = event.NewBody(event.Text, []byte(redacted))
	}
	return s.newEvent(r, event.Keep(info), body)
}

// at is where what proves a sender stands.
func (p *proof) at() (headers, query []string, body bool) {
	if p.scheme == nil {
		return p.secretHeaders, p.secretQuery, false
	}
	return p.scheme.ProofAt()
}

// hide is a copy whose values are left out where they stand under one of the
// names, or under one that sounds like a secret.
func hide(values http.Header, names []string) http.Header {
	shown := maps.Clone(values)
	for name := range shown {
		if slices.Contains(names, name) || telling.MatchString(name) {
			shown[name] = []string{redacted}
		}
	}
	return shown
}

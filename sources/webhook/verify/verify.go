// Package verify tells whether a request comes from the sender it should come
// from. Signature schemes are data ([Definition]; the providers' own stand in
// presets.yaml), and one engine checks them all: any signature that is listed
// against any secret that is configured, in constant time, and within the
// tolerance of the signed time. A request that proves nothing is refused.
package verify

import (
	"net/http"

	"github.com/trotline/trotline/event"
)

// Verifier checks requests. It is safe for concurrent use.
type Verifier interface {
	// Verify returns nil, or a *[event.Refusal] with status 401 and one of the
	// reasons missing_header, signature, timestamp and credentials.
	Verify(r *event.Request) error
}

// Unverified takes every request.
type Unverified struct{}

// Verify returns nil.
func (Unverified) Verify(*event.Request) error { return nil }

// single is a header that must be there exactly once: of two values, a proxy
// and we could each believe another one. twice is the refusal's reason then.
func single(h http.Header, canonical, twice string) (string, error) {
	values := h[canonical]
	switch {
	case len(values) == 0 || len(values) == 1 && values[0] == "":
		return "", event.Refuse(http.StatusUnauthorized, "missing_header", "The header %s is missing.", canonical)
	case len(values) > 1:
		return "", event.Refuse(http.StatusUnauthorized, twice, "The header %s is given more than once.", canonical)
	}
	return values[0], nil
}

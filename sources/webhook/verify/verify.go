// Package verify tells whether a request comes from the sender it should come
// from. Signature schemes are data ([Definition]; the providers' own stand in
// presets.yaml), and one engine checks them all: any signature that is listed
// against any secret that is configured, in constant time, and within the
// tolerance of the signed time. A request that proves nothing is refused.
package verify

import (
	"context"

	"github.com/trotline/trotline/event"
)

// The words of a refusal.
const (
	reasonMissing     = "missing_header"
	reasonSignature   = "signature"
	reasonTimestamp   = "timestamp"
	reasonCredentials = "credentials"
	reasonHandshake   = "handshake"
	reasonOutside     = "outside" // with 503
	reasonCertificate = "certificate"
)

// Verifier checks requests. It is safe for concurrent use.
type Verifier interface {
	// Verify returns nil, or a *[event.Refusal] with status 401 and one of the
	// reasons missing_header, signature, timestamp, credentials and certificate; or with 503
	// where what is needed to tell cannot be had now.
	Verify(ctx context.Context, r *event.Request) error
}

// Unverified takes every request.
type Unverified struct{}

// Verify returns nil.
func (Unverified) Verify(context.Context, *event.Request) error { return nil }

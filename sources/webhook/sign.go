package webhook

import (
	"crypto/rand"

	"github.com/trotline/trotline/event"
)

// Sign completes a request as the sender of a source would send it, from the
// source's [*Settings]: with the first of several secrets, and with an id of its
// own where the scheme has one. The request needs its method, URL and body, and
// a header for the signature's.
func Sign(settings any, r *event.Request) error { return SignWith(settings, r, "") }

// SignWith signs with a key in the place of the first secret: a private one,
// where the source has but the sender's public key.
func SignWith(settings any, r *event.Request, key event.Secret) error {
	p, problem := newProof(event.SettingsOf[Settings](settings).Verify, world{})
	if problem != nil {
		return problem
	}
	if p.sign != nil {
		return p.sign(r)
	}
	if p.scheme == nil {
		return nil
	}
	if key == "" && len(p.given.Secrets) > 0 {
		key = p.given.Secrets[0]
	}
	return p.scheme.Sign(r, key, p.given.Inputs, "msg_"+rand.Text())
}

package webhook

import (
	"crypto/rand"

	"github.com/trotline/trotline/event"
)

// Sign completes a request as the sender of a source would send it, from the
// source's [*Settings]: with the first of several secrets, and with an id of its
// own where the scheme has one. The request needs its method, URL and body, and
// a header for the signature's.
func Sign(settings any, r *event.Request) error {
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
	var secret event.Secret
	if len(p.given.Secrets) > 0 {
		secret = p.given.Secrets[0]
	}
	return p.scheme.Sign(r, secret, p.given.Inputs, "msg_"+rand.Text())
}

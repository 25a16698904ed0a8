package verify

import (
	"crypto/rand"
	"sync/atomic"

	"github.com/trotline/trotline/event"
)

// ring are the keys that handshakes brought. Their list only grows.
type ring struct {
	kept func() []event.Secret
	make func(event.Secret) (prover, error)
	made atomic.Pointer[keys]
}

// keys are those made of the first secrets of the list.
type keys struct {
	secrets int
	provers []prover
}

// newRing begins with a key that nobody knows, so that a request takes as long
// without a key as with one.
func newRing(kept func() []event.Secret, make func(event.Secret) (prover, error)) *ring {
	r := &ring{kept: kept, make: make}
	first := &keys{}
	if nobodys, err := make(event.Secret(rand.Text())); err == nil {
		first.provers = []prover{nobodys}
	}
	r.made.Store(first)
	return r
}

func (r *ring) proves(q *reading) (bool, error) {
	for _, key := range r.provers() {
		if ok, err := key.proves(q); ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}

// provers are made of the secrets that came since the last time.
func (r *ring) provers() []prover {
	secrets, made := r.kept(), r.made.Load()
	if made.secrets == len(secrets) {
		return made.provers
	}
	all := make([]prover, 0, len(secrets))
	for _, secret := range secrets {
		if p, err := r.make(secret); err == nil { // it was tried before it was kept
			all = append(all, p)
		}
	}
	r.made.Store(&keys{len(secrets), all})
	return all
}

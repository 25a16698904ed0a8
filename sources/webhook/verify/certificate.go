package verify

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/trotline/trotline/event"
)

// certificateRule is where a request names its certificate.
type certificateRule struct {
	at    place
	hosts hosts
}

// named is the key of a certificate that the request names. It was fetched from
// one of the sender's own hosts over HTTPS; that, not its issuer, is what makes
// it the sender's.
type named struct {
	certificateRule
	public  publicKey
	outside Outside
	budget  budget
	known   *Certificates
}

func (n *named) proves(q *reading) (bool, error) {
	address, was := q.find(&n.at)
	if was != once {
		return false, &absence{n.at, was}
	}
	if !n.hosts.allow(address) {
		return false, nil
	}
	certificate, err := n.known.get(q.ctx, address, func() (*x509.Certificate, error) { return n.fetch(q, address) })
	if err != nil {
		refusal := event.Refuse(http.StatusServiceUnavailable, reasonOutside, "The certificate cannot be fetched now; send it again.")
		refusal.RetryAfter = outsideTime
		return false, refusal
	}
	if !n.fits(certificate, q.Time) {
		return false, nil
	}
	return pinned{certificate.PublicKey}.proves(q)
}

// fits tells whether a certificate is of the scheme's kind, and of this time.
func (n *named) fits(c *x509.Certificate, now time.Time) bool {
	_, err := n.public.fit(c.PublicKey)
	return err == nil && !now.Before(c.NotBefore) && !now.After(c.NotAfter)
}

func (n *named) fetch(q *reading, address string) (*x509.Certificate, error) {
	if err := n.budget.spend(q.Time); err != nil {
		return nil, err
	}
	text, err := n.outside.Get(q.ctx, address)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("what is there is no certificate")
	}
	return x509.ParseCertificate(block.Bytes)
}

// Certificates are those that requests of all sources named, by their addresses.
// They outlive an edit, so that it does not depend on their senders' answers.
type Certificates struct {
	mu    sync.Mutex
	known map[string]*fetched
}

// fetched is a certificate, ready or on its way.
type fetched struct {
	ready       chan struct{}
	certificate *x509.Certificate
	err         error
}

// maxCertificates is how many are kept; a sender has one or two.
const maxCertificates = 256

// get is the certificate at an address, fetched by the first who asks. What
// fails is fetched again by the next one.
func (c *Certificates) get(ctx context.Context, address string, fetch func() (*x509.Certificate, error)) (*x509.Certificate, error) {
	f, first := c.at(address)
	if first {
		f.certificate, f.err = fetch()
		if f.err != nil {
			c.forget(address, f)
		}
		close(f.ready)
	}
	select {
	case <-f.ready:
		return f.certificate, f.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// at is what is known of an address; first tells whoever is to fetch it.
func (c *Certificates) at(address string) (f *fetched, first bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f, ok := c.known[address]; ok {
		return f, false
	}
	if c.known == nil || len(c.known) >= maxCertificates {
		c.known = make(map[string]*fetched)
	}
	f = &fetched{ready: make(chan struct{})}
	c.known[address] = f
	return f, true
}

func (c *Certificates) forget(address string, f *fetched) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known[address] == f {
		delete(c.known, address)
	}
}

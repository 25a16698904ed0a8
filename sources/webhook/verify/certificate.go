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

// named is the key of a certificate that the request names. It was fetched from
// one of the sender's own hosts over HTTPS; that, not its issuer, is what makes
// it the sender's.
type named struct {
	certificateRule
	public  publicKey
	outside Outside
	budget  budget

	mu    sync.Mutex
	known map[string]*fetched
}

// fetched is a certificate's key, ready or on its way.
type fetched struct {
	ready       chan struct{}
	key         any
	from, until time.Time
	err         error
}

// certificateRule is where a request names its certificate.
type certificateRule struct {
	at    place
	hosts hosts
}

func (c *certificateRule) open(s *Scheme, o Outside) *named {
	return &named{certificateRule: *c, public: s.algorithm.public, outside: o, known: make(map[string]*fetched)}
}

// maxCertificates is how many certificates are kept; a sender has one or two.
const maxCertificates = 64

func (n *named) proves(q *reading) (bool, error) {
	address, was := q.find(&n.at)
	if was != once {
		return false, &absence{n.at, was}
	}
	if !n.hosts.allow(address) {
		return false, nil
	}
	key, err := n.key(q.ctx, address, q.Time)
	if err != nil {
		refusal := event.Refuse(http.StatusServiceUnavailable, reasonOutside, "The certificate cannot be fetched now; send it again.")
		refusal.RetryAfter = outsideTime
		return false, refusal
	}
	if key == nil {
		return false, nil
	}
	return pinned{key}.proves(q)
}

// key is that of the certificate at an address; nil if it is no good at the time.
func (n *named) key(ctx context.Context, address string, now time.Time) (any, error) {
	n.mu.Lock()
	c, ok := n.known[address]
	if !ok {
		if err := n.budget.spend(now); err != nil {
			n.mu.Unlock()
			return nil, err
		}
		if len(n.known) >= maxCertificates {
			clear(n.known)
		}
		c = &fetched{ready: make(chan struct{})}
		n.known[address] = c
		n.mu.Unlock()
		n.fetch(ctx, address, c)
	} else {
		n.mu.Unlock()
	}
	select {
	case <-c.ready:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if c.err != nil || now.Before(c.from) || now.After(c.until) {
		return nil, c.err
	}
	return c.key, nil
}

// fetch fills in what is at the address. What fails is asked again by the next request.
func (n *named) fetch(ctx context.Context, address string, c *fetched) {
	defer close(c.ready)
	var text []byte
	if text, c.err = n.outside.Get(ctx, address); c.err == nil {
		c.key, c.from, c.until, c.err = n.read(text)
	}
	if c.err != nil {
		n.mu.Lock()
		delete(n.known, address)
		n.mu.Unlock()
	}
}

func (n *named) read(text []byte) (key any, from, until time.Time, err error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, from, until, errors.New("what is there is no certificate")
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, from, until, err
	}
	key, err = n.public.fit(certificate.PublicKey)
	return key, certificate.NotBefore, certificate.NotAfter, err
}

package verify

import (
	"crypto/hmac"
	"crypto/sha512"
	"errors"
	"fmt"
	"hash"
	"net/http"
	"strings"
	"sync"

	"github.com/trotline/trotline/event"
)

// keyRule is how a secret becomes the key of an HMAC.
type keyRule struct {
	strip    string
	encoding *encoding // nil: the secret's bytes are the key
	name     string    // of the encoding
}

// derive makes the key. An empty one is refused: anyone could sign with it.
func (k keyRule) derive(secret event.Secret) ([]byte, error) {
	text := secret.Reveal()
	if strings.TrimSpace(text) == "" {
		return nil, errors.New("is empty")
	}
	text = strings.TrimPrefix(text, k.strip)
	key := []byte(text)
	if k.encoding != nil {
		var ok bool
		if key, ok = k.encoding.decode(make([]byte, len(text)), []byte(text)); !ok {
			return nil, fmt.Errorf("is not %s: copy it again from the sender's page", k.name)
		}
	}
	if len(key) == 0 {
		return nil, errors.New("is empty")
	}
	return key, nil
}

// mac computes and compares signatures with one key. It is used by one goroutine at a time.
type mac struct {
	hash.Hash
	sum     []byte
	scratch []byte
	decoded [sha512.Size + 2]byte // a digest, and room for what is too long to be one
}

func newMAC(s *Scheme, key []byte) *mac {
	m := &mac{Hash: hmac.New(s.hash, key)}
	m.sum = make([]byte, 0, m.Size())
	return m
}

func (m *mac) sign(s *Scheme, h http.Header, body []byte, timestamp string) []byte {
	m.Reset()
	m.scratch = s.content.write(m, h, body, timestamp, m.scratch)
	m.sum = m.Sum(m.sum[:0])
	return m.sum
}

// macPool keeps the MACs of one key: making one hashes the key, which costs as
// much as signing a small body.
type macPool struct{ sync.Pool }

func newMACPool(s *Scheme, key []byte) *macPool {
	return &macPool{sync.Pool{New: func() any { return newMAC(s, key) }}}
}

// matches tells whether any of the signatures given is that of the request under this key.
func (p *macPool) matches(s *Scheme, r *event.Request, timestamp, given string) bool {
	m := p.Get().(*mac)
	defer p.Put(m)
	want := m.sign(s, r.Header, r.Body, timestamp)
	if s.separator == "" {
		return m.equals(s, want, given)
	}
	for item := range strings.SplitSeq(given, s.separator) {
		if m.equals(s, want, item) {
			return true
		}
	}
	return false
}

func (m *mac) equals(s *Scheme, want []byte, item string) bool {
	text, ok := s.signature(item)
	if !ok {
		return false
	}
	m.scratch = append(m.scratch[:0], text...)
	got, ok := s.encoding.decode(m.decoded[:], m.scratch)
	return ok && hmac.Equal(got, want)
}

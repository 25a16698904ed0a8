package verify

import (
	"crypto/hmac"
	"crypto/sha512"
	"errors"
	"fmt"
	"hash"
	"strings"
	"sync"

	"github.com/trotline/trotline/event"
)

// prover checks the signatures of requests with one key.
type prover interface {
	// proves tells whether one of the signatures the request gives was made with
	// the key. The error is an [*absence], or why it cannot be told now.
	proves(q *reading) (bool, error)
}

// keyRule is how a secret becomes a key.
type keyRule struct {
	strip    string
	encoding *encoding // nil: the secret's bytes are the key
	name     string    // of the encoding
	digest   func() hash.Hash
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
		if key, ok = k.encoding.decodeAll(text); !ok {
			return nil, fmt.Errorf("is not %s: copy it again from the sender's page", k.name)
		}
	}
	if len(key) == 0 {
		return nil, errors.New("is empty")
	}
	if k.digest != nil {
		h := k.digest()
		h.Write(key)
		key = h.Sum(nil)
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
	m := &mac{Hash: s.algorithm.newHash(key)}
	m.sum = make([]byte, 0, m.Size())
	return m
}

// macPool keeps the MACs of one key: making one hashes the key, which costs as
// much as signing a small body.
type macPool struct {
	sync.Pool
	secret string
}

func newMACPool(s *Scheme, secret string, key []byte) *macPool {
	return &macPool{sync.Pool{New: func() any { return newMAC(s, key) }}, secret}
}

func (p *macPool) proves(q *reading) (bool, error) {
	m := p.Get().(*mac)
	defer p.Put(m)
	q.secret = p.secret
	m.Reset()
	if err := q.scheme.content.write(m, q); err != nil {
		return false, err
	}
	m.sum = m.Sum(m.sum[:0])
	return q.scheme.anySignature(q, m.equals), nil
}

func (m *mac) equals(s *Scheme, text string) bool {
	m.scratch = append(m.scratch[:0], text...)
	got, ok := s.encoding.decode(m.decoded[:], m.scratch)
	return ok && hmac.Equal(got, m.sum)
}

// of is the MAC of a text.
func (p *macPool) of(content []byte) []byte {
	m := p.Get().(*mac)
	defer p.Put(m)
	m.Reset()
	m.Write(content)
	return m.Sum(nil)
}

// pinned is a public key that is known.
type pinned struct {
	key any
}

func (p pinned) proves(q *reading) (bool, error) {
	s := q.scheme
	var content buffer
	if err := s.content.write(&content, q); err != nil {
		return false, err
	}
	digest := s.algorithm.public.digest(content)
	return s.anySignature(q, func(s *Scheme, text string) bool {
		signature, ok := s.encoding.decodeAll(text)
		return ok && s.algorithm.public.verify(p.key, digest, signature)
	}), nil
}

// token is a proof that is the secret itself.
type token struct{ secrets keySet }

func (g token) proves(q *reading) (bool, error) {
	return q.scheme.anySignature(q, func(s *Scheme, text string) bool {
		if s.encoding == nil {
			return g.secrets.holds(text)
		}
		raw, ok := s.encoding.decodeAll(text)
		return ok && g.secrets.holds(string(raw))
	}), nil
}

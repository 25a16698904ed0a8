package verify

import (
	"fmt"
	"hash"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/trotline/trotline/event"
)

// Scheme is a signature scheme ready for use. It is immutable.
type Scheme struct {
	doc       string // the provider's page
	header    string // canonical
	separator string
	tag       string
	encoding  encoding
	hash      func() hash.Hash
	key       keyRule
	content   content
	time      *timestamp // nil where no time is signed
	id, typ   Ref
	formField string
}

// ID is where the sender's id of an event stands; the zero Ref where it gives none.
func (s *Scheme) ID() Ref { return s.id }

// Type is where the sender's type of an event stands; the zero Ref where it gives none.
func (s *Scheme) Type() Ref { return s.typ }

// FormField is the field that holds the JSON when the body is a form, "" where the form itself is meant.
func (s *Scheme) FormField() string { return s.formField }

// Sign makes the headers that a sender with this secret would send with a body.
// id is used where the scheme has the event's id in a header.
func (s *Scheme) Sign(secret string, body []byte, now time.Time, id string) (http.Header, error) {
	key, err := s.key.derive(event.Secret(secret))
	if err != nil {
		return nil, err
	}
	h := http.Header{}
	if s.id.header != "" {
		h.Set(s.id.header, id)
	}
	var stamp, prefix string
	if t := s.time; t != nil {
		stamp = strconv.FormatInt(now.Unix(), 10)
		if t.header != "" {
			h.Set(t.header, stamp)
		} else {
			prefix = t.field + stamp + s.separator
		}
	}
	if err := s.content.check(h); err != nil {
		return nil, fmt.Errorf("cannot sign: %w", err)
	}
	m := newMAC(s, key)
	h.Set(s.header, prefix+s.tag+s.encoding.encode(m.sign(s, h, body, stamp)))
	return h, nil
}

// Verifier checks requests against this scheme with any of the secrets. There
// must be one at least, and none that is empty.
func (s *Scheme) Verifier(secrets []event.Secret) (*Signature, error) {
	if len(secrets) == 0 {
		return nil, fmt.Errorf("needs at least one secret")
	}
	v := &Signature{scheme: s, keys: make([]*macPool, len(secrets))}
	for i, secret := range secrets {
		key, err := s.key.derive(secret)
		if err != nil {
			return nil, fmt.Errorf("secret %d: %w", i+1, err)
		}
		v.keys[i] = newMACPool(s, key)
	}
	return v, nil
}

// Signature verifies the signatures of a scheme.
type Signature struct {
	scheme *Scheme
	keys   []*macPool
}

// Verify accepts a request if any signature it lists was made with any of the
// secrets, so that a sender and we can change a secret at different times.
func (v *Signature) Verify(r *event.Request) error {
	s := v.scheme
	given, err := single(r.Header, s.header, "signature")
	if err != nil {
		return err
	}
	var stamp string
	if s.time != nil {
		if stamp, err = s.time.text(r.Header, given, s.separator); err != nil {
			return err
		}
		if err = s.time.check(stamp, r.Time); err != nil {
			return err
		}
	}
	if err := s.content.check(r.Header); err != nil {
		return err
	}
	for _, key := range v.keys {
		if key.matches(s, r, stamp, given) {
			return nil
		}
	}
	return event.Refuse(http.StatusUnauthorized, "signature", "The signature in %s does not match.", s.header)
}

// signature is an item without its tag.
func (s *Scheme) signature(item string) (text string, ok bool) {
	if s.separator != "" {
		item = strings.TrimSpace(item)
	}
	return strings.CutPrefix(item, s.tag)
}

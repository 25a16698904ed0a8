package verify

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/trotline/trotline/event"
)

// Given is what a user gives a scheme.
type Given struct {
	Secrets []event.Secret          // or public keys
	Inputs  map[string]event.Secret // under with
	// Kept are the secrets that handshakes brought; nil where there is nowhere to keep one.
	Kept func() []event.Secret
	// Outside is asked for what a scheme needs of it; nil where nothing can be asked.
	Outside Outside
	// KeySets and Certificates are those that other sources have asked for
	// already; nil shares none.
	KeySets      *KeySets
	Certificates *Certificates
}

// Signed verifies requests by a scheme, with what a user gave.
type Signed struct {
	scheme *Scheme
	keys   []prover
	inputs map[string]string
	sign   func(content []byte) []byte // with the first secret; nil where there is none, or it is no HMAC's
}

// Verifier checks requests against this scheme with any of the secrets. There
// must be one at least, and none that is empty. An error is a [*event.FieldError].
func (s *Scheme) Verifier(g Given) (*Signed, error) {
	v := &Signed{scheme: s, inputs: make(map[string]string, len(g.Inputs))}
	if err := v.takeInputs(g.Inputs); err != nil {
		return nil, err
	}
	if err := v.takeKeys(g); err != nil {
		return nil, &event.FieldError{Path: "secrets", Msg: err.Error()}
	}
	return v, nil
}

func (v *Signed) takeInputs(given map[string]event.Secret) error {
	s := v.scheme
	for _, name := range sorted(given) {
		if _, ok := s.inputs[name]; !ok {
			hint := "there is none"
			if len(s.inputs) > 0 {
				hint = "there are " + names(s.inputs)
			}
			return &event.FieldError{Path: "with", Msg: fmt.Sprintf("unknown input %q", name), Hint: hint}
		}
	}
	for _, name := range sorted(s.inputs) {
		if v.inputs[name] = given[name].Reveal(); v.inputs[name] == "" {
			return &event.FieldError{Path: "with", Msg: name + " is missing", Hint: s.inputs[name]}
		}
	}
	return nil
}

// takeKeys makes every key there is. Without one, nothing could be verified.
func (v *Signed) takeKeys(g Given) error {
	s := v.scheme
	if err := v.takeOthers(g); err != nil {
		return err
	}
	if len(g.Secrets) == 0 {
		if len(v.keys) > 0 && !s.answersHMAC {
			return nil
		}
		return fmt.Errorf("needs at least one %s", s.secretWord())
	}
	if s.algorithm.family == tokens {
		set, err := newKeySet(g.Secrets)
		v.keys = append(v.keys, token{set})
		return err
	}
	for i, secret := range g.Secrets {
		key, err := v.prover(secret)
		if err != nil {
			return fmt.Errorf("number %d %w", i+1, err)
		}
		if pool, ok := key.(*macPool); ok && v.sign == nil {
			v.sign = pool.of
		}
		v.keys = append(v.keys, key)
	}
	return nil
}

// takeOthers makes the keys that are not the user's to give.
func (v *Signed) takeOthers(g Given) error {
	s := v.scheme
	for _, key := range s.published {
		v.keys = append(v.keys, s.pin(key))
	}
	if s.certificate != nil {
		known := g.Certificates
		if known == nil {
			known = &Certificates{}
		}
		v.keys = append(v.keys, &named{certificateRule: *s.certificate, public: s.algorithm.public, outside: g.Outside, known: known})
	}
	if s.jwks != nil {
		q := s.read(&event.Request{}, v.inputs)
		defer q.done()
		address, err := s.jwks.text(q)
		if err != nil {
			return err
		}
		v.keys = append(v.keys, g.KeySets.at(address, g.Outside))
	}
	if s.kept {
		v.keys = append(v.keys, newRing(g.keptNow, v.prover))
	}
	return nil
}

func (g Given) keptNow() []event.Secret {
	if g.Kept == nil {
		return nil
	}
	return g.Kept()
}

// secretWord is what the secrets of the scheme are called.
func (s *Scheme) secretWord() string {
	if s.algorithm.pairs() {
		return "public key"
	}
	return "secret"
}

// pin is the prover of a public key.
func (s *Scheme) pin(key any) prover {
	if s.algorithm.family == jwts {
		return jwtKey{key}
	}
	return pinned{key}
}

func (v *Signed) prover(secret event.Secret) (prover, error) {
	s := v.scheme
	if s.algorithm.pairs() {
		key, err := s.algorithm.public.parse(secret.Reveal(), *s.key.encoding)
		return s.pin(key), err
	}
	key, err := s.key.derive(secret)
	if err != nil {
		return nil, err
	}
	if s.algorithm.family == jwts {
		return jwtKey{jwtSecret(key)}, nil
	}
	return newMACPool(s, string(key), key), nil
}

// Verify accepts a request if any signature it lists was made with any of the
// secrets, so that a sender and we can change a secret at different times.
func (v *Signed) Verify(ctx context.Context, r *event.Request) error {
	q := v.scheme.read(r, v.inputs)
	q.ctx = ctx
	defer q.done()
	if v.scheme.each == nil {
		return v.verify(q)
	}
	return v.verifyEach(q)
}

// verifyEach wants every element of the body's list to be right.
func (v *Signed) verifyEach(q *reading) error {
	list, _ := q.lookup(v.scheme.each).([]any)
	if len(list) == 0 {
		return v.scheme.wrong()
	}
	for _, q.element = range list {
		if err := v.verify(q); err != nil {
			return err
		}
	}
	return nil
}

func (v *Signed) verify(q *reading) error {
	s := v.scheme
	if err := s.gather(q); err != nil {
		return s.refusal(err)
	}
	if s.time != nil && s.time.place.kind != inClaim {
		if err := s.time.read(q); err != nil {
			return err
		}
	}
	if err := v.proven(q); err != nil {
		return err
	}
	if s.algorithm.family == jwts {
		if err := s.alive(q); err != nil {
			return err
		}
	}
	return s.bound(q)
}

// proven asks one key after the other.
func (v *Signed) proven(q *reading) error {
	for _, key := range v.keys {
		ok, err := key.proves(q)
		switch {
		case err != nil:
			return v.scheme.refusal(err)
		case ok:
			return nil
		}
	}
	return v.scheme.wrong()
}

// alive wants a token of this time.
func (s *Scheme) alive(q *reading) error {
	if s.time != nil && s.time.place.kind == inClaim {
		if err := s.time.read(q); err != nil {
			return err
		}
	}
	return q.checkLife()
}

// bound wants what belongs to the signature: the equalities, and a body that is signed.
func (s *Scheme) bound(q *reading) error {
	signed := !s.bodyLoose || len(q.Body) == 0 || s.formSigned && q.isForm()
	for i := range s.required {
		e := &s.required[i]
		if !e.when.hold(q) {
			continue
		}
		if !equals(q, &e.place, e.want) {
			return s.wrong()
		}
		signed = signed || e.digestsBody()
	}
	if !signed {
		return event.Refuse(http.StatusUnauthorized, reasonSignature, "The body is not signed.")
	}
	return nil
}

// refusal is an error as the sender is told of it.
func (s *Scheme) refusal(err error) error {
	var a *absence
	if !errors.As(err, &a) {
		return err
	}
	refusal := a.refusal(s.reason())
	refusal.Header = s.challenge()
	return refusal
}

// challenge says in a refusal how to authenticate, as a 401 must (RFC 9110,
// section 15.5.2); some senders give their credentials only when asked.
func (s *Scheme) challenge() http.Header {
	if s.algorithm.family != tokens || s.at[0].name != "Authorization" {
		return nil
	}
	switch s.tag.text {
	case "Basic ":
		return http.Header{"Www-Authenticate": {`Basic realm="webhooks", charset="UTF-8"`}}
	case "Bearer ":
		return http.Header{"Www-Authenticate": {"Bearer"}}
	}
	return nil
}

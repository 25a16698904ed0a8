package verify

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/trotline/trotline/event"
)

// Given is what a user gives a scheme.
type Given struct {
	Secrets []event.Secret          // or public keys
	Inputs  map[string]event.Secret // under with
}

// Signed verifies requests by a scheme, with what a user gave.
type Signed struct {
	scheme *Scheme
	keys   []prover
	inputs map[string]string
	sign   func(content []byte) []byte // with the first secret; nil where it is no HMAC's
}

// Verifier checks requests against this scheme with any of the secrets. There
// must be one at least, and none that is empty. An error is a [*event.FieldError].
func (s *Scheme) Verifier(g Given) (*Signed, error) {
	v := &Signed{scheme: s, inputs: make(map[string]string, len(g.Inputs))}
	if err := v.takeInputs(g.Inputs); err != nil {
		return nil, err
	}
	if err := v.takeSecrets(g.Secrets); err != nil {
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

func (v *Signed) takeSecrets(secrets []event.Secret) error {
	s := v.scheme
	for _, key := range s.published {
		v.keys = append(v.keys, pinned{key})
	}
	if len(secrets) == 0 && len(v.keys) == 0 {
		if s.algorithm.family == publicKeys {
			return errors.New("needs at least one public key")
		}
		return errors.New("needs at least one secret")
	}
	if s.algorithm.family == tokens {
		set, err := newKeySet(secrets)
		if err != nil {
			return err
		}
		v.keys = append(v.keys, token{set})
		return nil
	}
	for i, secret := range secrets {
		key, err := v.prover(secret)
		if err != nil {
			return fmt.Errorf("number %d %w", i+1, err)
		}
		v.keys = append(v.keys, key)
	}
	return nil
}

func (v *Signed) prover(secret event.Secret) (prover, error) {
	s := v.scheme
	if s.algorithm.family == publicKeys {
		key, err := s.algorithm.public.parse(secret.Reveal(), *s.key.encoding)
		return pinned{key}, err
	}
	key, err := s.key.derive(secret)
	if err != nil {
		return nil, err
	}
	pool := newMACPool(s, string(key), key)
	if v.sign == nil && s.algorithm.family == macs {
		v.sign = pool.of
	}
	return pool, nil
}

// Verify accepts a request if any signature it lists was made with any of the
// secrets, so that a sender and we can change a secret at different times.
func (v *Signed) Verify(r *event.Request) error {
	q := v.scheme.read(r, v.inputs)
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
	if s.time != nil {
		if err := s.time.read(q); err != nil {
			return err
		}
	}
	proven := false
	for _, key := range v.keys {
		ok, err := key.proves(q)
		if err != nil {
			return s.refusal(err)
		}
		if proven = ok; proven {
			break
		}
	}
	if !proven {
		return s.wrong()
	}
	for i := range s.required {
		if !s.required[i].holds(q) {
			return s.wrong()
		}
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

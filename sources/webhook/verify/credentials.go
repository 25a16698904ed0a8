package verify

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/trotline/trotline/event"
)

// keySet are shared secrets, kept as digests: comparing those takes the same
// time whatever the secret's length and however much of it is right.
type keySet [][sha256.Size]byte

func newKeySet(secrets []event.Secret) (keySet, error) {
	if len(secrets) == 0 {
		return nil, errors.New("needs at least one")
	}
	set := make(keySet, len(secrets))
	for i, s := range secrets {
		if strings.TrimSpace(s.Reveal()) == "" {
			return nil, fmt.Errorf("number %d is empty", i+1)
		}
		set[i] = sha256.Sum256([]byte(s.Reveal()))
	}
	return set, nil
}

// holds compares with every key, found or not.
func (set keySet) holds(given string) bool {
	digest := sha256.Sum256([]byte(given))
	found := 0
	for i := range set {
		found |= subtle.ConstantTimeCompare(set[i][:], digest[:])
	}
	return found == 1
}

// APIKey looks for a shared secret in a header or in the query.
type APIKey struct {
	header, query string
	keys          keySet
}

// NewAPIKey takes any of the keys, in the header or the query parameter of that
// name; one of the two names is "".
func NewAPIKey(header, query string, keys []event.Secret) (*APIKey, error) {
	if (header == "") == (query == "") {
		return nil, errors.New("needs either header or query: where the sender writes the key")
	}
	set, err := newKeySet(keys)
	if err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	return &APIKey{header: http.CanonicalHeaderKey(header), query: query, keys: set}, nil
}

// Verify looks for one of the keys.
func (a *APIKey) Verify(r *event.Request) error {
	given, err := a.given(r)
	if err != nil {
		return err
	}
	if !a.keys.holds(given) {
		return event.Refuse(http.StatusUnauthorized, "credentials", "The key is not valid.")
	}
	return nil
}

func (a *APIKey) given(r *event.Request) (string, error) {
	if a.header != "" {
		return single(r.Header, a.header, "credentials")
	}
	if values := r.Query[a.query]; len(values) == 1 && values[0] != "" {
		return values[0], nil
	}
	return "", event.Refuse(http.StatusUnauthorized, "credentials", "The query parameter %s must be there once.", a.query)
}

// Bearer looks for a token in the Authorization header (RFC 6750).
type Bearer struct{ tokens keySet }

// NewBearer takes any of the tokens.
func NewBearer(tokens []event.Secret) (*Bearer, error) {
	set, err := newKeySet(tokens)
	if err != nil {
		return nil, fmt.Errorf("tokens: %w", err)
	}
	return &Bearer{set}, nil
}

// Verify looks for one of the tokens.
func (b *Bearer) Verify(r *event.Request) error {
	token, err := authorization(r.Header, "Bearer")
	if err == nil && !b.tokens.holds(token) {
		err = event.Refuse(http.StatusUnauthorized, "credentials", "The token is not valid.")
	}
	return challenge(err, "Bearer")
}

// Basic looks for a user and a password in the Authorization header (RFC 7617).
type Basic struct{ users keySet }

// NewBasic takes any of the users with their passwords.
func NewBasic(users map[string]event.Secret) (*Basic, error) {
	pairs := make([]event.Secret, 0, len(users))
	for user, password := range users {
		switch {
		case user == "" || strings.Contains(user, ":"):
			return nil, fmt.Errorf("users: %q cannot be a user's name: it must have letters and no colon", user)
		case strings.TrimSpace(password.Reveal()) == "":
			return nil, fmt.Errorf("users: the password of %s is empty", user)
		}
		pairs = append(pairs, event.Secret(user+":"+password.Reveal()))
	}
	set, err := newKeySet(pairs)
	if err != nil {
		return nil, fmt.Errorf("users: %w", err)
	}
	return &Basic{set}, nil
}

// Verify looks for one of the users.
func (b *Basic) Verify(r *event.Request) error {
	pair, err := authorization(r.Header, "Basic")
	if err == nil {
		raw, bad := base64.StdEncoding.DecodeString(pair)
		if bad != nil || !b.users.holds(string(raw)) {
			err = event.Refuse(http.StatusUnauthorized, "credentials", "The user or the password is not valid.")
		}
	}
	return challenge(err, `Basic realm="webhooks", charset="UTF-8"`)
}

// authorization is what stands behind the scheme's name, which has no case (RFC 9110, section 11.1).
func authorization(h http.Header, scheme string) (string, error) {
	value, err := single(h, "Authorization", "credentials")
	if err != nil {
		return "", err
	}
	name, rest, _ := strings.Cut(value, " ")
	if !strings.EqualFold(name, scheme) {
		return "", event.Refuse(http.StatusUnauthorized, "credentials", "Authorization must be of the scheme %s.", scheme)
	}
	return strings.TrimSpace(rest), nil
}

// challenge says in a refusal how to authenticate, as a 401 must (RFC 9110,
// section 15.5.2); some senders give their credentials only when asked.
func challenge(err error, how string) error {
	var refusal *event.Refusal
	if errors.As(err, &refusal) {
		refusal.Header = http.Header{"Www-Authenticate": {how}}
	}
	return err
}

package verify

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/trotline/trotline/event"
)

// Issuance is what a token that was issued to a sender (RFC 7519) must be. Its
// keys are exactly one of JWKS, Keys, Secrets, or what the Issuer publishes.
type Issuance struct {
	Issuer     string   // "" is any, where there are keys
	Audience   []string // any of them; none is any
	Claims     map[string]string
	JWKS       string         // the address of a set of keys
	Keys       []string       // public keys, PEM
	Secrets    []event.Secret // of HMACs
	Algorithms []string       // none is every one that fits the keys
	Header     string         // "" is Authorization
}

var (
	pairAlgorithms = []jose.SignatureAlgorithm{
		jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512, jose.ES256, jose.ES384, jose.ES512, jose.EdDSA,
	}
	secretAlgorithms = []jose.SignatureAlgorithm{jose.HS256, jose.HS384, jose.HS512}
)

// Issued verifies tokens that an issuer gives to senders. Which algorithms are
// taken depends on the keys alone, so that a token cannot have a public key
// taken for a secret, or go unsigned.
type Issued struct {
	Issuance
	header     string // canonical
	algorithms []jose.SignatureAlgorithm
	keys       func(ctx context.Context, id string, now time.Time) ([]jose.JSONWebKey, error)
}

// NewIssued makes a verifier. It asks nobody: keys of the issuer's are fetched
// when the first token comes. An error is a [*event.FieldError].
func NewIssued(i Issuance, sets *KeySets, outside Outside) (*Issued, error) {
	v := &Issued{Issuance: i, header: "Authorization", algorithms: pairAlgorithms}
	if i.Header != "" {
		v.header = http.CanonicalHeaderKey(i.Header)
	}
	if len(i.Secrets) > 0 {
		v.algorithms = secretAlgorithms
	}
	for _, check := range []func() error{v.checkKeys, v.checkAlgorithms} {
		if err := check(); err != nil {
			return nil, err
		}
	}
	if err := v.takeKeys(sets, outside); err != nil {
		return nil, err
	}
	return v, nil
}

// checkKeys wants one way to the keys.
func (v *Issued) checkKeys() error {
	var ways []string
	for _, w := range []struct {
		word  string
		given bool
	}{{"jwks_url", v.JWKS != ""}, {"keys", len(v.Keys) > 0}, {"secrets", len(v.Secrets) > 0}} {
		if w.given {
			ways = append(ways, w.word)
		}
	}
	switch {
	case len(ways) > 1:
		return &event.FieldError{Path: ways[1], Msg: "there is " + ways[0] + " already", Hint: "tokens are checked with one or the other"}
	case len(ways) == 0 && v.Issuer == "":
		return &event.FieldError{Msg: "says nothing to check a token with", Hint: "give issuer, jwks_url, keys or secrets"}
	case len(ways) == 0 && !isHTTPS(v.Issuer):
		return &event.FieldError{Path: "issuer", Msg: "issuer is no address of HTTPS, so its keys cannot be found there", Hint: "add jwks_url, keys or secrets"}
	case v.JWKS != "" && !isHTTPS(v.JWKS):
		return &event.FieldError{Path: "jwks_url", Msg: "jwks_url is no address of HTTPS", Hint: "write https://login.example.com/keys"}
	case v.outside() && len(v.Audience) == 0 && len(v.Claims) == 0:
		return &event.FieldError{Msg: "takes whatever token was issued, to whomever", Hint: "add audience: who the sender's tokens are for; or claims that no other token has"}
	}
	return nil
}

// outside tells whether the keys are not the user's own.
func (v *Issued) outside() bool { return len(v.Keys) == 0 && len(v.Secrets) == 0 }

func isHTTPS(address string) bool {
	u, err := url.Parse(address)
	return err == nil && u.Scheme == "https" && u.Host != "" && u.User == nil
}

func (v *Issued) checkAlgorithms() error {
	if len(v.Algorithms) == 0 {
		return nil
	}
	fit := v.algorithms
	v.algorithms = nil
	for _, name := range v.Algorithms {
		if !slices.Contains(fit, jose.SignatureAlgorithm(name)) {
			hint := "public keys"
			if len(v.Secrets) > 0 {
				hint = "secrets"
			}
			return &event.FieldError{Path: "algorithms", Msg: name + " is none for " + hint, Hint: fmt.Sprintf("there are %s", fit)}
		}
		v.algorithms = append(v.algorithms, jose.SignatureAlgorithm(name))
	}
	return nil
}

func (v *Issued) takeKeys(sets *KeySets, outside Outside) error {
	switch {
	case v.JWKS != "":
		v.keys = sets.at(v.JWKS, outside).keys
		return nil
	case v.outside():
		v.keys = sets.at(discoveryAddress(v.Issuer), discovery{v.Issuer, outside}).keys
		return nil
	}
	var own []jose.JSONWebKey
	for i, text := range v.Keys {
		key, err := parsePublic(strings.TrimSpace(text), encodings["base64"])
		if err != nil {
			return &event.FieldError{Path: "keys", Msg: fmt.Sprintf("number %d %v", i+1, err)}
		}
		own = append(own, jose.JSONWebKey{Key: key})
	}
	for i, secret := range v.Secrets {
		if strings.TrimSpace(secret.Reveal()) == "" {
			return &event.FieldError{Path: "secrets", Msg: fmt.Sprintf("number %d is empty", i+1)}
		}
		own = append(own, jose.JSONWebKey{Key: jwtSecret([]byte(secret.Reveal()))})
	}
	v.keys = func(context.Context, string, time.Time) ([]jose.JSONWebKey, error) { return own, nil }
	return nil
}

// Verify wants one token, signed, in force, and by and for whom it must be.
func (v *Issued) Verify(ctx context.Context, r *event.Request) error {
	err := v.verify(ctx, r)
	var refusal *event.Refusal
	if errors.As(err, &refusal) && refusal.Status == http.StatusUnauthorized && v.Header == "" {
		refusal.Header = http.Header{"Www-Authenticate": {"Bearer"}}
	}
	return err
}

func (v *Issued) verify(ctx context.Context, r *event.Request) error {
	text, err := v.token(r.Header)
	if err != nil {
		return err
	}
	token, err := jose.ParseSignedCompact(text, v.algorithms)
	if err != nil {
		return event.Refuse(http.StatusUnauthorized, reasonCredentials, "The token is no JWT, or not signed in a way that is taken.")
	}
	keys, err := v.keys(ctx, token.Signatures[0].Header.KeyID, r.Time)
	if err != nil {
		return noKeys()
	}
	q := &reading{Request: r}
	if !slices.ContainsFunc(keys, func(key jose.JSONWebKey) bool { return fits(token, key) && q.takeClaims(token, key.Key) }) {
		return event.Refuse(http.StatusUnauthorized, reasonSignature, "The signature of the token does not match.")
	}
	if _, ok := q.claimTime("exp"); !ok {
		return event.Refuse(http.StatusUnauthorized, reasonTimestamp, "The token never ends.")
	}
	if err := q.checkLife(); err != nil {
		return err
	}
	if !v.holds(q.claims) {
		return event.Refuse(http.StatusUnauthorized, reasonCredentials, "The token is another issuer's, or for somebody else.")
	}
	return nil
}

// token is what stands in the header, which must be there once.
func (v *Issued) token(h http.Header) (string, error) {
	value, was := only(h[v.header])
	if was != once {
		return "", (&absence{place{kind: inHeader, name: v.header}, was}).refusal(reasonCredentials)
	}
	scheme, token, found := strings.Cut(value, " ")
	switch {
	case found && strings.EqualFold(scheme, "Bearer"):
		return strings.TrimSpace(token), nil
	case v.Header == "":
		return "", event.Refuse(http.StatusUnauthorized, reasonCredentials, "Authorization must be of the scheme Bearer.")
	}
	return value, nil
}

// minRSA is the shortest RSA key, in bytes (RFC 7518, section 3.3).
const minRSA = 256

// fits tells whether a key is for tokens like this one, as far as it says so.
func fits(token *jose.JSONWebSignature, key jose.JSONWebKey) bool {
	if pair, ok := key.Key.(*rsa.PublicKey); ok && pair.Size() < minRSA {
		return false
	}
	return key.Algorithm == "" || key.Algorithm == token.Signatures[0].Header.Algorithm
}

func (v *Issued) holds(claims map[string]any) bool {
	if v.Issuer != "" && claims["iss"] != v.Issuer {
		return false
	}
	if len(v.Audience) > 0 && !slices.ContainsFunc(v.Audience, func(a string) bool { return says(claims["aud"], a) }) {
		return false
	}
	for name, want := range v.Claims {
		if !says(claims[name], want) {
			return false
		}
	}
	return true
}

// says tells whether a claim is a text, a number or a boolean, or a list that holds it.
func says(claim any, want string) bool {
	switch claim := claim.(type) {
	case string:
		return claim == want
	case json.Number:
		return claim.String() == want
	case bool:
		return fmt.Sprint(claim) == want
	case []any:
		return slices.ContainsFunc(claim, func(item any) bool { return says(item, want) })
	}
	return false
}

// Sign gives a request a token for a minute, where the secrets are the user's
// own; one that it has already stays.
func (v *Issued) Sign(r *event.Request) error {
	if r.Header.Get(v.header) != "" {
		return nil
	}
	if len(v.Secrets) == 0 {
		return fmt.Errorf(`only the issuer can make a token: give one of its own with -H "%s: Bearer …"`, v.header)
	}
	claims := map[string]any{"iat": r.Time.Unix(), "exp": r.Time.Add(time.Minute).Unix()}
	if v.Issuer != "" {
		claims["iss"] = v.Issuer
	}
	if len(v.Audience) > 0 {
		claims["aud"] = v.Audience[0]
	}
	for name, value := range v.Claims {
		claims[name] = value
	}
	payload, err := event.EncodeJSON(claims)
	if err != nil {
		return err
	}
	key := jose.SigningKey{Algorithm: v.algorithms[0], Key: jwtSecret([]byte(v.Secrets[0].Reveal()))}
	signer, err := jose.NewSigner(key, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return fmt.Errorf("cannot sign: %w", err)
	}
	token, err := signer.Sign(payload)
	if err != nil {
		return fmt.Errorf("cannot sign: %w", err)
	}
	text, err := token.CompactSerialize()
	r.Header.Set(v.header, "Bearer "+text)
	return err
}

// discovery finds an issuer's keys by OpenID Connect Discovery 1.0, section 4.
type discovery struct {
	issuer  string
	outside Outside
}

func discoveryAddress(issuer string) string {
	return strings.TrimSuffix(issuer, "/") + "/.well-known/openid-configuration"
}

// Get is the set of keys that stands where the issuer says.
func (d discovery) Get(ctx context.Context, address string) ([]byte, error) {
	text, err := d.outside.Get(ctx, address)
	if err != nil {
		return nil, err
	}
	var said struct {
		Issuer string `json:"issuer"`
		JWKS   string `json:"jwks_uri"`
	}
	if err := json.Unmarshal(text, &said); err != nil {
		return nil, fmt.Errorf("what is there is no configuration of OpenID Connect: %w", err)
	}
	if said.Issuer != d.issuer {
		return nil, fmt.Errorf("what is there is the configuration of %q, not of %q", said.Issuer, d.issuer)
	}
	return d.outside.Get(ctx, said.JWKS)
}

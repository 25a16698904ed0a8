package verify

import (
	"crypto/sha512"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/trotline/trotline/event"
)

// jwtLeeway is how far a sender's clock may be from ours where a token says
// when it begins and ends.
const jwtLeeway = time.Minute

// jwtKey is a key that tokens are signed with. Which algorithm that is, the
// scheme says, never the token.
type jwtKey struct{ key any }

func (k jwtKey) proves(q *reading) (bool, error) {
	return q.scheme.anySignature(q, func(s *Scheme, text string) bool {
		token, ok := q.parseJWT(text)
		return ok && q.takeClaims(token, k.key)
	}), nil
}

// parseJWT reads a token that is signed by the scheme's algorithm.
func (q *reading) parseJWT(text string) (*jose.JSONWebSignature, bool) {
	s := q.scheme
	allowed := []jose.SignatureAlgorithm{s.algorithm.jwt}
	if !s.detached() {
		token, err := jose.ParseSignedCompact(strings.TrimSpace(text), allowed)
		return token, err == nil
	}
	content, err := s.content.text(q)
	if err != nil {
		return nil, false
	}
	token, err := jose.ParseDetached(text, []byte(content), allowed)
	return token, err == nil
}

// detached tells whether the token's payload is not in it, but in the content (RFC 7515, appendix F).
func (s *Scheme) detached() bool { return s.algorithm.family == jwts && s.content != nil }

// takeClaims verifies a token and keeps its claims. A detached one has them in its header.
func (q *reading) takeClaims(token *jose.JSONWebSignature, key any) bool {
	payload, err := token.Verify(key)
	if err != nil {
		return false
	}
	if s := q.scheme; s != nil && s.detached() { // an issuer's token belongs to no scheme
		if payload, err = json.Marshal(token.Signatures[0].Protected.ExtraHeaders); err != nil {
			return false
		}
	}
	claims, err := event.Decode(event.JSON, payload)
	if err != nil {
		return false
	}
	object, ok := claims.(map[string]any)
	q.claims = object
	return ok
}

// checkLife refuses a token before it begins and after it ends.
func (q *reading) checkLife() error {
	now := q.Time
	if end, ok := q.claimTime("exp"); ok && !now.Before(end.Add(jwtLeeway)) {
		return event.Refuse(http.StatusUnauthorized, reasonTimestamp, "The token has ended.")
	}
	if begin, ok := q.claimTime("nbf"); ok && now.Before(begin.Add(-jwtLeeway)) {
		return event.Refuse(http.StatusUnauthorized, reasonTimestamp, "The token has not begun.")
	}
	return nil
}

// claimTime is a claim of RFC 7519 that is a time: a number of seconds, which
// may have a fraction. One that is something else has long passed, and is not
// to come.
func (q *reading) claimTime(name string) (at time.Time, there bool) {
	claim, there := q.claims[name]
	if !there || claim == nil {
		return at, false
	}
	number, ok := claim.(json.Number)
	if !ok {
		return at, true
	}
	seconds, err := number.Float64()
	if err != nil || seconds < 0 || seconds > maxSeconds {
		return at, true
	}
	return time.Unix(int64(seconds), 0), true
}

// jwtSecret makes a short secret as long as the library wants a key. An HMAC
// fills its key up with zeros itself (RFC 2104), so it stays the same, and how
// long a secret is the sender decides.
func jwtSecret(key []byte) []byte {
	return append(key, make([]byte, max(0, sha512.Size-len(key)))...)
}

// signJWT makes a token with what the scheme requires of one.
func (w *signing) signJWT() (string, error) {
	s := w.scheme
	key, err := w.jwtKey()
	if err != nil {
		return "", err
	}
	claims, err := w.claims()
	if err != nil {
		return "", err
	}
	signingKey := jose.SigningKey{Algorithm: s.algorithm.jwt, Key: key}
	if s.detached() {
		return w.signDetached(signingKey, claims)
	}
	signer, err := jose.NewSigner(signingKey, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return "", fmt.Errorf("cannot sign: %w", err)
	}
	payload, err := event.EncodeJSON(claims)
	if err != nil {
		return "", err
	}
	token, err := signer.Sign(payload)
	if err != nil {
		return "", fmt.Errorf("cannot sign: %w", err)
	}
	return token.CompactSerialize()
}

// signDetached signs the content as it stands (RFC 7797), with the claims in the header.
func (w *signing) signDetached(key jose.SigningKey, claims any) (string, error) {
	options := (&jose.SignerOptions{}).WithBase64(false)
	for name, value := range claims.(map[string]any) {
		options.WithHeader(jose.HeaderKey(name), value)
	}
	signer, err := jose.NewSigner(key, options)
	if err != nil {
		return "", fmt.Errorf("cannot sign: %w", err)
	}
	q := w.read()
	defer q.done()
	content, err := w.scheme.content.text(q)
	if err != nil {
		return "", fmt.Errorf("cannot sign: %w", err)
	}
	token, err := signer.Sign([]byte(content))
	if err != nil {
		return "", fmt.Errorf("cannot sign: %w", err)
	}
	return token.DetachedCompactSerialize()
}

func (w *signing) jwtKey() (any, error) {
	s := w.scheme
	if s.algorithm.public.kind != "" {
		return s.algorithm.public.private(w.secret)
	}
	key, err := s.key.derive(event.Secret(w.secret))
	if err != nil {
		return nil, fmt.Errorf("the secret %w", err)
	}
	return jwtSecret(key), nil
}

func (w *signing) claims() (any, error) {
	var claims any = map[string]any{}
	if w.scheme.tokenIsBody() {
		body, err := event.Decode(event.JSON, w.request.Body)
		if _, ok := body.(map[string]any); !ok || err != nil {
			return nil, fmt.Errorf("cannot sign: the body must be a JSON object, it becomes the token's claims")
		}
		claims = body
	}
	if now := w.request.Time.Unix(); !w.scheme.detached() {
		claims.(map[string]any)["iat"] = now
		claims.(map[string]any)["exp"] = now + 300
	}
	var err error
	if t := w.scheme.time; t != nil && t.place.kind == inClaim && !t.place.same(issuedAt) {
		if claims, err = set(claims, t.place.path, t.unit.write(w.request.Time)); err != nil {
			return nil, err
		}
	}
	for i := range w.scheme.required {
		e := &w.scheme.required[i]
		if e.place.kind != inClaim {
			continue
		}
		text, counts, err := w.wanted(e)
		if err != nil {
			return nil, err
		}
		if !counts {
			continue
		}
		if claims, err = set(claims, e.place.path, text); err != nil {
			return nil, err
		}
	}
	return claims, nil
}

// issuedAt is the time of a token by RFC 7519: a number.
var issuedAt = place{kind: inClaim, path: []string{"iat"}}

// tokenIsBody tells whether the whole body is a token, and the event what it claims.
func (s *Scheme) tokenIsBody() bool {
	return s.algorithm.family == jwts && s.at[0].isBody()
}

// Payload is what the body of a verified request says, where the body is a token.
func (v *Signed) Payload(r *event.Request) ([]byte, bool) {
	s := v.scheme
	if !s.tokenIsBody() {
		return nil, false
	}
	q := s.read(r, v.inputs)
	defer q.done()
	token, ok := q.parseJWT(string(r.Body))
	if !ok {
		return nil, false
	}
	return token.UnsafePayloadWithoutVerification(), true
}

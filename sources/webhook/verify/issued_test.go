package verify

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	ec "crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/trotline/trotline/event"
)

// pages is a world outside that has a few pages, and counts the questions.
type pages struct {
	mu    sync.Mutex
	texts map[string]string
	asked map[string]int
}

func (p *pages) Get(_ context.Context, address string) ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.asked == nil {
		p.asked = make(map[string]int)
	}
	p.asked[address]++
	text, ok := p.texts[address]
	if !ok {
		return nil, errors.New("nobody answers")
	}
	return []byte(text), nil
}

func (p *pages) put(address, text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.texts == nil {
		p.texts = make(map[string]string)
	}
	p.texts[address] = text
}

const (
	issuer        = "https://login.example.com"
	keyPage       = "https://login.example.com/keys"
	discoveryPage = "https://login.example.com/.well-known/openid-configuration"
)

// signedToken is a token with these claims, over good ones.
func signedToken(t *testing.T, algorithm jose.SignatureAlgorithm, key any, id string, claims map[string]any) string {
	t.Helper()
	all := map[string]any{"iss": issuer, "aud": "hooks", "exp": tokenEnd.Unix(), "sub": "partner"}
	maps.Copy(all, claims)
	maps.DeleteFunc(all, func(_ string, v any) bool { return v == nil })
	payload, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: jose.JSONWebKey{Key: key, KeyID: id}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	token, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	text, err := token.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

var (
	tokenTime = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	tokenEnd  = tokenTime.Add(time.Hour)
)

func setOf(t *testing.T, keys ...jose.JSONWebKey) string {
	t.Helper()
	text, err := json.Marshal(jose.JSONWebKeySet{Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func rsaKey(t *testing.T, bits int) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func publicPEM(t *testing.T, key crypto.PublicKey) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

func tokensOf(t *testing.T, i Issuance, sets *KeySets, outside Outside) *Issued {
	t.Helper()
	v, err := NewIssued(i, sets, outside)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// refusedWith is a refusal as "status reason", "" for none.
func refusedWith(t *testing.T, v Verifier, at time.Time, values ...string) string {
	t.Helper()
	return refusedIn(t, v, at, http.Header{"Authorization": values})
}

func refusedIn(t *testing.T, v Verifier, at time.Time, h http.Header) string {
	t.Helper()
	err := v.Verify(t.Context(), &event.Request{Header: h, Time: at})
	if err == nil {
		return ""
	}
	var refusal *event.Refusal
	if !errors.As(err, &refusal) {
		t.Fatal(err)
	}
	return fmt.Sprintf("%d %s", refusal.Status, refusal.Reason)
}

func TestIssuedTokens(t *testing.T) {
	key, other, short := rsaKey(t, 2048), rsaKey(t, 2048), rsaKey(t, 1024)
	curve, err := ecdsa.GenerateKey(ec.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	secret := []byte(strings.Repeat("secret", 12))
	world := &pages{}
	world.put(discoveryPage, `{"issuer":"`+issuer+`","jwks_uri":"`+keyPage+`"}`)
	set := setOf(t, jose.JSONWebKey{Key: &key.PublicKey, KeyID: "rsa"}, jose.JSONWebKey{Key: &short.PublicKey, KeyID: "short"},
		jose.JSONWebKey{Key: &key.PublicKey, KeyID: "ps only", Algorithm: "PS256"}, jose.JSONWebKey{Key: &key.PublicKey, KeyID: "not for signatures", Use: "enc"},
		jose.JSONWebKey{Key: curve.Public(), KeyID: "ec"}, jose.JSONWebKey{Key: edwards.Public(), KeyID: "ed"})
	// Keys that nobody knows, and one that should never be published, are left out.
	world.put(keyPage, strings.Replace(set, "[", `[{"kty":"OKP","crv":"X448","x":"AA","kid":"strange"},{"kty":"oct","k":"c2VjcmV0","kid":"oct"},`, 1))

	public := publicPEM(t, &key.PublicKey)
	unsigned := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." +
		base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"iss":%q,"aud":"hooks","exp":%d}`, issuer, tokenEnd.Unix())) + "."
	good := signedToken(t, jose.RS256, key, "rsa", nil)
	by := Issuance{Issuer: issuer, Audience: []string{"hooks", "other"}}
	own := Issuance{Keys: []string{public}}
	shared := Issuance{Issuer: issuer, Audience: []string{"hooks"}, Secrets: []event.Secret{"another", event.Secret(secret)}}
	tests := []struct {
		name  string
		rules Issuance
		token string
		want  string
	}{
		{"an issuer's", by, good, ""},
		{"an issuer's key without its name", by, signedToken(t, jose.RS256, key, "", nil), ""},
		{"another algorithm of the key's", by, signedToken(t, jose.PS384, key, "rsa", nil), ""},
		{"an elliptic one", by, signedToken(t, jose.ES384, curve, "ec", nil), ""},
		{"an Edwards one", by, signedToken(t, jose.EdDSA, edwards, "ed", nil), ""},
		{"a set of keys", Issuance{JWKS: keyPage, Audience: []string{"hooks"}}, good, ""},
		{"a key of one's own", own, good, ""},
		{"a secret", shared, signedToken(t, jose.HS256, secret, "", nil), ""},
		{"several audiences", by, signedToken(t, jose.RS256, key, "rsa", map[string]any{"aud": []string{"x", "other"}}), ""},

		{"another's signature", by, signedToken(t, jose.RS256, other, "rsa", nil), "401 signature"},
		{"an unknown key", by, signedToken(t, jose.RS256, other, "unknown", nil), "401 signature"},
		{"a key of one's own, another's signature", own, signedToken(t, jose.RS256, other, "", nil), "401 signature"},
		{"a secret that is not ours", shared, signedToken(t, jose.HS256, []byte(strings.Repeat("x", 64)), "", nil), "401 signature"},
		{"a changed token", by, strings.Replace(good, ".", ".e", 1), "401 signature"},
		{"a key that is too short", by, signedToken(t, jose.RS256, short, "short", nil), "401 signature"},
		{"a key for another algorithm", by, signedToken(t, jose.RS256, key, "ps only", nil), "401 signature"},
		{"a key for encryption", by, signedToken(t, jose.RS256, key, "not for signatures", nil), "401 signature"},

		{"no signature", by, unsigned, "401 credentials"},
		{"no signature, a secret", shared, unsigned, "401 credentials"},
		{"a public key as a secret", own, signedToken(t, jose.HS256, []byte(public), "", nil), "401 credentials"},
		{"a public key as a secret, by an issuer", by, signedToken(t, jose.HS256, []byte(public), "rsa", nil), "401 credentials"},
		{"a published secret", by, signedToken(t, jose.HS256, []byte(strings.Repeat("secret", 12)), "oct", nil), "401 credentials"},
		{"a pair where a secret is shared", shared, good, "401 credentials"},
		{"an algorithm that is not listed", Issuance{JWKS: keyPage, Audience: by.Audience, Algorithms: []string{"ES384"}}, good, "401 credentials"},
		{"a text", by, "hello", "401 credentials"},
		{"another issuer", by, signedToken(t, jose.RS256, key, "rsa", map[string]any{"iss": issuer + "/"}), "401 credentials"},
		{"no issuer", by, signedToken(t, jose.RS256, key, "rsa", map[string]any{"iss": nil}), "401 credentials"},
		{"another audience", by, signedToken(t, jose.RS256, key, "rsa", map[string]any{"aud": "hooks2"}), "401 credentials"},
		{"no audience", by, signedToken(t, jose.RS256, key, "rsa", map[string]any{"aud": nil}), "401 credentials"},
		{"an audience that is no text", by, signedToken(t, jose.RS256, key, "rsa", map[string]any{"aud": map[string]any{"hooks": 1}}), "401 credentials"},
		{"claims", Issuance{Issuer: issuer, Claims: map[string]string{"sub": "partner", "n": "1", "ok": "true"}},
			signedToken(t, jose.RS256, key, "rsa", map[string]any{"n": 1, "ok": true}), ""},
		{"another claim", Issuance{Issuer: issuer, Claims: map[string]string{"sub": "else"}}, good, "401 credentials"},
		{"a claim that is not there", Issuance{Issuer: issuer, Claims: map[string]string{"email": ""}}, good, "401 credentials"},

		{"ended", by, signedToken(t, jose.RS256, key, "rsa", map[string]any{"exp": tokenTime.Unix() - 61}), "401 timestamp"},
		{"ended, but for a slow clock", by, signedToken(t, jose.RS256, key, "rsa", map[string]any{"exp": tokenTime.Unix() - 59}), ""},
		{"not begun", by, signedToken(t, jose.RS256, key, "rsa", map[string]any{"nbf": tokenTime.Unix() + 61}), "401 timestamp"},
		{"without an end", by, signedToken(t, jose.RS256, key, "rsa", map[string]any{"exp": nil}), "401 timestamp"},
		{"with an odd end", by, signedToken(t, jose.RS256, key, "rsa", map[string]any{"exp": "never"}), "401 timestamp"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := refusedWith(t, tokensOf(t, tt.rules, nil, world), tokenTime, "Bearer "+tt.token); got != tt.want {
				t.Errorf("refused with %q, want %q", got, tt.want)
			}
		})
	}

	v := tokensOf(t, by, nil, world)
	for _, tt := range []struct {
		values []string
		want   string
	}{
		{[]string{"bearer  " + good}, ""},
		{nil, "401 missing_header"},
		{[]string{""}, "401 missing_header"},
		{[]string{"Bearer " + good, "Bearer " + good}, "401 credentials"},
		{[]string{good}, "401 credentials"},
		{[]string{"Basic " + good}, "401 credentials"},
	} {
		if got := refusedWith(t, v, tokenTime, tt.values...); got != tt.want {
			t.Errorf("%.20q is refused with %q, want %q", tt.values, got, tt.want)
		}
	}
	named := by
	named.Header = "x-token"
	for _, h := range []http.Header{{"X-Token": {good}}, {"X-Token": {"Bearer " + good}}} {
		if got := refusedIn(t, tokensOf(t, named, nil, world), tokenTime, h); got != "" {
			t.Errorf("in a header of its own it is refused with %q", got)
		}
	}
}

func TestKeysAreFetchedSeldom(t *testing.T) {
	first, second := rsaKey(t, 2048), rsaKey(t, 2048)
	world, sets := &pages{}, &KeySets{}
	rules := Issuance{JWKS: keyPage, Audience: []string{"hooks"}}
	v := tokensOf(t, rules, sets, world)
	old := "Bearer " + signedToken(t, jose.RS256, first, "1", map[string]any{"exp": tokenTime.Add(1000 * time.Hour).Unix()})
	rotated := "Bearer " + signedToken(t, jose.RS256, second, "2", map[string]any{"exp": tokenTime.Add(1000 * time.Hour).Unix()})
	steps := []struct {
		name  string
		page  string // what stands there from now on; "" leaves it
		after time.Duration
		token string
		want  string
		asked int
	}{
		{"nobody answers", "", 0, old, "503 outside", 1},
		{"and it is not asked at once", setOf(t, jose.JSONWebKey{Key: &first.PublicKey, KeyID: "1"}), keysPause - 1, old, "503 outside", 1},
		{"but soon", "", keysPause, old, "", 2},
		{"kept", "", 10 * time.Minute, old, "", 2},
		{"an unknown key", "", 10 * time.Minute, rotated, "401 signature", 3},
		{"again", "", 10*time.Minute + 1, rotated, "401 signature", 3},
		{"there it is", setOf(t, jose.JSONWebKey{Key: &second.PublicKey, KeyID: "2"}), 11 * time.Minute, rotated, "", 4},
		{"the old one is withdrawn", "", 11*time.Minute + 1, old, "401 signature", 4},
		{"old, and nobody answers sense", "<html>", 2 * time.Hour, rotated, "", 5},
		{"and again", "", 2*time.Hour + keysPause, rotated, "", 6},
		{"too old to be trusted", "", 11*time.Minute + keysTrusted + 1, rotated, "503 outside", 7},
	}
	for _, s := range steps {
		if s.page != "" {
			world.put(keyPage, s.page)
		}
		if got := refusedWith(t, v, tokenTime.Add(s.after), s.token); got != s.want {
			t.Errorf("%s: refused with %q, want %q", s.name, got, s.want)
		}
		if n := world.asked[keyPage]; n != s.asked {
			t.Errorf("%s: asked %d times, want %d", s.name, n, s.asked)
		}
		v = tokensOf(t, rules, sets, world) // as after an edit
	}
}

// TestOneAsksForAll: requests that find no keys wait for one question, and those
// that find old ones do not wait.
func TestOneAsksForAll(t *testing.T) {
	key := rsaKey(t, 2048)
	token := "Bearer " + signedToken(t, jose.RS256, key, "1", map[string]any{"exp": tokenTime.Add(1000 * time.Hour).Unix()})
	world := &slowPages{pages: pages{}, entered: make(chan struct{}), leave: make(chan struct{})}
	world.put(keyPage, setOf(t, jose.JSONWebKey{Key: &key.PublicKey, KeyID: "1"}))
	v := tokensOf(t, Issuance{JWKS: keyPage, Audience: []string{"hooks"}}, nil, world)
	ask := func(at time.Time, n int) *sync.WaitGroup {
		var all sync.WaitGroup
		for range n {
			all.Go(func() {
				if got := refusedWith(t, v, at, token); got != "" {
					t.Errorf("refused with %q", got)
				}
			})
		}
		return &all
	}
	waiting := ask(tokenTime, 10)
	<-world.entered
	world.leave <- struct{}{}
	waiting.Wait()

	asking := ask(tokenTime.Add(2*time.Hour), 1)
	<-world.entered
	ask(tokenTime.Add(2*time.Hour), 10).Wait() // while the first one still asks
	world.leave <- struct{}{}
	asking.Wait()
	if n := world.asked[keyPage]; n != 2 {
		t.Errorf("asked %d times", n)
	}
}

// slowPages is a world that answers when it is told to.
type slowPages struct {
	pages
	entered, leave chan struct{}
}

func (h *slowPages) Get(ctx context.Context, address string) ([]byte, error) {
	h.entered <- struct{}{}
	<-h.leave
	return h.pages.Get(ctx, address)
}

func TestDiscoveryFailsClosed(t *testing.T) {
	key := rsaKey(t, 2048)
	token := "Bearer " + signedToken(t, jose.RS256, key, "1", nil)
	set := setOf(t, jose.JSONWebKey{Key: &key.PublicKey, KeyID: "1"})
	for name, page := range map[string]string{
		"another issuer": `{"issuer":"https://evil.example.com","jwks_uri":"` + keyPage + `"}`,
		"no issuer":      `{"jwks_uri":"` + keyPage + `"}`,
		"no keys":        `{"issuer":"` + issuer + `"}`,
		"no JSON":        `<html>`,
	} {
		world := &pages{}
		world.put(discoveryPage, page)
		world.put(keyPage, set)
		v := tokensOf(t, Issuance{Issuer: issuer, Audience: []string{"hooks"}}, nil, world)
		if got := refusedWith(t, v, tokenTime, token); got != "503 outside" {
			t.Errorf("%s: refused with %q", name, got)
		}
	}
}

func TestIssuanceMistakes(t *testing.T) {
	public := publicPEM(t, &rsaKey(t, 2048).PublicKey)
	audience := []string{"hooks"}
	for _, tt := range []struct {
		rules Issuance
		want  string
	}{
		{Issuance{}, "says nothing to check a token with (give issuer, jwks_url, keys or secrets)"},
		{Issuance{Issuer: "login", Audience: audience}, "issuer: issuer is no address of HTTPS"},
		{Issuance{Issuer: "http://login.example.com", Audience: audience}, "issuer: issuer is no address of HTTPS"},
		{Issuance{Issuer: issuer}, "takes whatever token was issued, to whomever (add audience"},
		{Issuance{JWKS: "http://login.example.com/keys", Audience: audience}, "jwks_url: jwks_url is no address of HTTPS"},
		{Issuance{JWKS: keyPage}, "takes whatever token was issued"},
		{Issuance{JWKS: keyPage, Keys: []string{public}}, "keys: there is jwks_url already"},
		{Issuance{Keys: []string{public}, Secrets: []event.Secret{"x"}}, "secrets: there is keys already"},
		{Issuance{Keys: []string{"topsecret"}}, "keys: number 1 is not a public key"},
		{Issuance{Secrets: []event.Secret{"topsecret", " "}}, "secrets: number 2 is empty"},
		{Issuance{Secrets: []event.Secret{"topsecret"}, Algorithms: []string{"RS256"}}, "algorithms: RS256 is none for secrets (there are [HS256"},
		{Issuance{Keys: []string{public}, Algorithms: []string{"RS256", "HS256"}}, "algorithms: HS256 is none for public keys"},
	} {
		_, err := NewIssued(tt.rules, nil, &pages{})
		if err == nil || !strings.HasPrefix(err.Error(), tt.want) || strings.Contains(err.Error(), "topsecret") {
			t.Errorf("%+v: %v, want %s", tt.rules, err, tt.want)
		}
	}
}

package verify

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/trotline/trotline/event"
)

// issued is a certificate with its key, made for a host.
func issued(t testing.TB, host string, until time.Time) (certificate *x509.Certificate, key *rsa.PrivateKey) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		NotBefore: at.Add(-time.Hour), NotAfter: until, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	if certificate, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return certificate, key
}

func asPEM(c *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
}

func privatePEM(t testing.TB, key any) event.Secret {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return event.Secret(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// theWorld is a real HTTPS server that every host's address leads to.
func theWorld(t testing.TB, host string, handler http.Handler) Outside {
	t.Helper()
	certificate, key := issued(t, host, time.Now().Add(time.Hour))
	server := httptest.NewUnstartedServer(handler)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{certificate.Raw}, PrivateKey: key}}}
	server.StartTLS()
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(certificate)
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots}, DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, server.Listener.Addr().String())
		},
	}
	return NewOutside(transport)
}

const sns = `
algorithm: rsa-sha256
content: 'Message\n{body.Message}\nType\n{body.Type}\n'
unsigned_body: true
signature: {at: body.Signature, encoding: base64}
key: {certificate: {at: body.SigningCertURL, hosts: [sns.*.amazonaws.com]}}
inputs: {topic: "the topic's ARN"}
require: [{at: body.TopicArn, is: "{input:topic}"}]
`

func TestNamedCertificates(t *testing.T) {
	const host = "sns.eu-west-1.amazonaws.com"
	certificate, key := issued(t, host, at.Add(time.Hour))
	old, _ := issued(t, host, at.Add(-time.Minute))
	var asked atomic.Int32
	world := theWorld(t, host, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		switch r.URL.Path {
		case "/good.pem":
			_, _ = w.Write(asPEM(certificate))
		case "/old.pem":
			_, _ = w.Write(asPEM(old))
		case "/text.pem":
			_, _ = w.Write([]byte("hello"))
		case "/large.pem":
			_, _ = w.Write(make([]byte, maxOutside+1))
		case "/away.pem":
			http.Redirect(w, r, "/good.pem", http.StatusFound)
		default:
			http.NotFound(w, r)
		}
	}))
	s := compiled(t, sns)
	inputs := map[string]event.Secret{"topic": "arn:1"}
	v, err := s.Verifier(Given{Outside: world, Inputs: inputs})
	if err != nil {
		t.Fatal(err)
	}
	request := func(address string) *event.Request {
		t.Helper()
		r := &event.Request{Header: http.Header{}, Time: at,
			Body: []byte(`{"Message":"hello","Type":"Notification","TopicArn":"arn:1","SigningCertURL":"` + address + `"}`)}
		if err := s.Sign(r, privatePEM(t, key), inputs, ""); err != nil {
			t.Fatal(err)
		}
		return r
	}
	for _, tt := range []struct {
		address string
		status  int // 0 is taken
	}{
		{"https://" + host + "/good.pem", 0},
		{"https://" + host + ":443/good.pem", 0},
		{"https://" + host + "/old.pem", 401},
		{"https://" + host + "/text.pem", 503},
		{"https://" + host + "/large.pem", 503},
		{"https://" + host + "/away.pem", 503},
		{"https://" + host + "/none.pem", 503},
		{"http://" + host + "/good.pem", 401},
		{"https://" + host + ":8443/good.pem", 401},
		{"https://user@" + host + "/good.pem", 401},
		{"https://" + host + ".evil.example/good.pem", 401},
		{"https://sns.a.b.amazonaws.com/good.pem", 401},
		{"https://s3.eu-west-1.amazonaws.com/good.pem", 401},
		{"https://evil.example/?" + host, 401},
		{"://", 401},
		{"", 401},
	} {
		err := v.Verify(t.Context(), request(tt.address))
		var refusal *event.Refusal
		errors.As(err, &refusal)
		if (err == nil) != (tt.status == 0) || refusal != nil && refusal.Status != tt.status {
			t.Errorf("%s: %v, want %d", tt.address, err, tt.status)
		}
		if refusal != nil && refusal.Status == 503 && (refusal.Reason != reasonOutside || refusal.RetryAfter == 0) {
			t.Errorf("%s: %+v", tt.address, refusal)
		}
	}

	before := asked.Load()
	for range 3 {
		if err := v.Verify(t.Context(), request("https://"+host+"/good.pem")); err != nil {
			t.Error(err)
		}
	}
	if asked.Load() != before {
		t.Error("a certificate that is known was asked for")
	}

	known := &Certificates{}
	for range 2 { // as an edit makes a verifier anew
		v, err := s.Verifier(Given{Outside: world, Inputs: inputs, Certificates: known})
		if err != nil {
			t.Fatal(err)
		}
		if err := v.Verify(t.Context(), request("https://"+host+"/good.pem")); err != nil {
			t.Error(err)
		}
	}
	if asked.Load() != before+1 {
		t.Error("an edit forgets a certificate")
	}

	another := request("https://" + host + "/good.pem")
	another.Body = []byte(strings.Replace(string(another.Body), "arn:1", "arn:2", 1))
	if got := reason(t, v.Verify(t.Context(), another)); got != reasonSignature {
		t.Errorf("another topic: %q", got)
	}
}

// TestStrangersCannotMakeUsAsk bounds the addresses that are asked.
func TestStrangersCannotMakeUsAsk(t *testing.T) {
	var asked atomic.Int32
	world := theWorld(t, "sns.eu-west-1.amazonaws.com", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		http.NotFound(w, r)
	}))
	v, err := compiled(t, sns).Verifier(Given{Outside: world, Inputs: map[string]event.Secret{"topic": "arn:1"}})
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for i := range 4 * maxAsked {
		all.Go(func() {
			body := `{"Message":"m","Type":"T","Signature":"AAAA","SigningCertURL":"https://sns.eu-west-1.amazonaws.com/` + strings.Repeat("a", i) + `"}`
			var refusal *event.Refusal
			if err := v.Verify(t.Context(), &event.Request{Body: []byte(body), Time: at}); !errors.As(err, &refusal) || refusal.Status != 503 {
				t.Errorf("got %v", err)
			}
		})
	}
	all.Wait()
	if n := asked.Load(); n > maxAsked {
		t.Errorf("%d addresses were asked", n)
	}
}

// keyServer serves a set of keys that can be changed.
type keyServer struct {
	mu    sync.Mutex
	set   jose.JSONWebKeySet
	down  bool
	asked int
}

func (k *keyServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.asked++
	if k.down {
		http.Error(w, "down", http.StatusBadGateway)
		return
	}
	_ = json.NewEncoder(w).Encode(k.set)
}

func (k *keyServer) put(down bool, keys ...jose.JSONWebKey) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.set.Keys, k.down = keys, down
}

func TestKeySets(t *testing.T) {
	newKey := func(id string) (jose.JSONWebKey, *rsa.PrivateKey) {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			t.Fatal(err)
		}
		return jose.JSONWebKey{Key: &key.PublicKey, KeyID: id, Algorithm: "RS256", Use: "sig"}, key
	}
	first, firstKey := newKey("first")
	second, secondKey := newKey("second")
	server := &keyServer{}
	world := theWorld(t, "login.example.com", server)
	s := compiled(t, `
algorithm: jwt-rs256
unsigned_body: true
signature: {at: header:Authorization, tag: "Bearer "}
key: {jwks: "https://{input:domain}/keys"}
inputs: {domain: "the issuer's domain", audience: "who the token is for"}
require:
  - {at: "claim:iss", is: "https://{input:domain}"}
  - {at: "claim:aud", is: "{input:audience}"}
  - {at: "claim:email_verified", is: "true"}
`)
	v, err := s.Verifier(Given{Outside: world, Inputs: map[string]event.Secret{"domain": "login.example.com", "audience": "me"}})
	if err != nil {
		t.Fatal(err)
	}
	claims := func(change func(map[string]any)) map[string]any {
		c := map[string]any{"iss": "https://login.example.com", "aud": []string{"you", "me"}, "email_verified": true,
			"exp": at.Unix() + 60, "nbf": at.Unix() - 60}
		change(c)
		return c
	}
	same := func(map[string]any) {}
	token := func(key any, id string, c map[string]any) string {
		t.Helper()
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: key, KeyID: id}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		payload, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		signed, err := signer.Sign(payload)
		if err != nil {
			t.Fatal(err)
		}
		text, err := signed.CompactSerialize()
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	now := at
	verify := func(text string) error {
		return v.Verify(t.Context(), &event.Request{Header: http.Header{"Authorization": {"Bearer " + text}}, Time: now})
	}
	status := func(err error) int {
		var refusal *event.Refusal
		if errors.As(err, &refusal) {
			return refusal.Status
		}
		return 0
	}
	good := token(firstKey, "first", claims(same))

	server.put(true)
	if got := status(verify(good)); got != 503 {
		t.Errorf("without keys: %d", got)
	}
	server.put(false, first)
	if got := status(verify(good)); got != 503 || server.asked != 1 {
		t.Errorf("asked again at once: %d", got)
	}
	now = now.Add(keysPause)
	if err := verify(good); err != nil {
		t.Fatal(err)
	}
	asked := server.asked
	for name, want := range map[string]struct {
		text, reason string
	}{
		"right":                  {good, ""},
		"without a key's id":     {token(firstKey, "", claims(same)), ""},
		"another audience":       {token(firstKey, "first", claims(func(c map[string]any) { c["aud"] = "you" })), "signature"},
		"no audience":            {token(firstKey, "first", claims(func(c map[string]any) { delete(c, "aud") })), "signature"},
		"an audience in objects": {token(firstKey, "first", claims(func(c map[string]any) { c["aud"] = []any{map[string]any{"me": "me"}} })), "signature"},
		"another issuer":         {token(firstKey, "first", claims(func(c map[string]any) { c["iss"] = "https://evil.example" })), "signature"},
		"not verified":           {token(firstKey, "first", claims(func(c map[string]any) { c["email_verified"] = false })), "signature"},
		"ended":                  {token(firstKey, "first", claims(func(c map[string]any) { c["exp"] = at.Unix() - 60 })), "timestamp"},
		"an end that is none":    {token(firstKey, "first", claims(func(c map[string]any) { c["exp"] = "tomorrow" })), "timestamp"},
		"not begun":              {token(firstKey, "first", claims(func(c map[string]any) { c["nbf"] = at.Unix() + 3600 })), "timestamp"},
		"another's key":          {token(secondKey, "first", claims(same)), "signature"},
		"no token":               {"a.b.c", "signature"},
		"unsigned":               {"eyJhbGciOiJub25lIn0.e30.", "signature"},
	} {
		if got := reason(t, verify(want.text)); got != want.reason {
			t.Errorf("%s: %q, want %q", name, got, want.reason)
		}
	}
	if server.asked != asked {
		t.Errorf("the keys were asked for %d times more", server.asked-asked)
	}

	server.put(false, second)
	rolled := token(secondKey, "second", claims(func(c map[string]any) { c["exp"] = at.Unix() + 7200 }))
	now = now.Add(keysPause)
	if err := verify(rolled); err != nil {
		t.Errorf("a new key: %v", err)
	}
	server.put(true)
	now = now.Add(keysFresh)
	if err := verify(rolled); err != nil {
		t.Errorf("the keys cannot be asked for, and one is known: %v", err)
	}
}

func TestHosts(t *testing.T) {
	for pattern, want := range map[string]string{
		"": "must name a domain", "com": "must name a domain", "*.com": "must name a domain", "a.*": "must name a domain",
		"a.example.com/x": "is not a host", "a.example.com:1": "is not a host", "https://example.com": "is not a host",
	} {
		if _, err := parseHosts([]string{pattern}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: the error is %v", pattern, err)
		}
	}
	if _, err := parseHosts(nil); err == nil {
		t.Error("no hosts are taken")
	}
}

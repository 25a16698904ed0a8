package verify

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	ec "crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/trotline/trotline/event"
)

// shapes are schemes of every shape there is, each with a body it can sign.
const shapes = `
body:           {algorithm: hmac-sha256, content: "{body}", signature: {at: header:X-Sig, tag: sha256=, encoding: hex}}
md5:            {algorithm: hmac-md5, content: "{body}", signature: {at: header:X-Sig, encoding: hex}}
sha1:           {algorithm: hmac-sha1, content: "{body}", signature: {at: header:X-Sig, encoding: base64}}
sha384:         {algorithm: hmac-sha384, content: "{body}", signature: {at: header:X-Sig, encoding: base64url}}
sha512:         {algorithm: hmac-sha512, content: "{body}", signature: {at: header:X-Sig, encoding: base64}}
plain_hash:     {algorithm: sha256, content: "{secret}{method}{url}{body}", signature: {at: header:X-Sig, encoding: hex}}
literal:        {algorithm: hmac-sha256, content: "hmacsha256={body}", signature: {at: header:X-Sig, encoding: hex}}
framed:         {algorithm: hmac-sha256, content: "[{timestamp};{body}]", signature: {at: header:X-Sig, encoding: hex}, timestamp: {at: header:X-Time, unit: ms, tolerance: 5m}}
items:          {algorithm: hmac-sha256, content: "{timestamp}.{body}", signature: {at: header:X-Sig, list: ",", tag: v1=, encoding: hex}, timestamp: {at: "item:t=", unit: s, tolerance: 5m}}
semicolons:     {algorithm: hmac-sha256, content: "{timestamp}:{body}", signature: {at: header:X-Sig, list: ;, tag: h1=, encoding: hex}, timestamp: {at: "item:ts=", unit: s, tolerance: 5s}}
body_first:     {algorithm: hmac-sha256, content: "{body}{timestamp}", signature: {at: header:X-Sig, list: ",", tag: d=, encoding: hex}, timestamp: {at: "item:v=", unit: ms, tolerance: 5m}}
positional:     {algorithm: hmac-sha256, content: "{timestamp}.{body}", signature: {at: header:X-Sig, list: ",", encoding: hex}, timestamp: {at: "item:0", unit: auto, tolerance: 5m}}
several_items:  {algorithm: hmac-sha256, content: '{"Body":{body | json},"Env":{item:env= | json},"Time":{timestamp}}', signature: {at: header:X-Sig, list: ", ", tag: sign=, encoding: base64}, timestamp: {at: "item:t=", unit: s, tolerance: 5m}}
numbered:       {algorithm: hmac-sha256, content: "{body}", signature: {at: header:X-Sig-*, encoding: base64}}
alternatives:   {algorithm: hmac-sha256, content: "{body}{timestamp}", signature: {at: [header:X-Primary, header:X-Secondary], encoding: base64}, timestamp: {at: header:X-Time, unit: rfc3339, tolerance: 10m}}
headers:        {algorithm: hmac-sha256, content: "{header:X-Id}.{timestamp}.{body}", key: {strip: whsec_, encoding: base64}, signature: {at: header:X-Sig, list: " ", tag: "v1,", encoding: base64}, timestamp: {at: header:X-Time, unit: s, tolerance: 5m}, id: header:X-Id}
request:        {algorithm: hmac-sha256, content: "{method}{url}{body}{timestamp}", signature: {at: header:X-Sig, encoding: base64}, timestamp: {at: header:X-Time, unit: ms, tolerance: 5m}}
canonical:      {algorithm: hmac-sha256, content: '{method}\n{uri}\n{headers:X-Signed-Headers}\n{body}', signature: {at: header:X-Sig, encoding: hex}, timestamp: {at: header:X-Time, unit: ms, tolerance: 30s}}
parts:          {algorithm: hmac-sha256, content: "id:{?{query:data.id | lower};}{?request-id:{header:X-Request};}ts:{timestamp};", unsigned_body: true, signature: {at: header:X-Sig, list: ",", tag: v1=, encoding: hex}, timestamp: {at: "item:ts=", unit: s, tolerance: 5m}}
form:           {algorithm: hmac-sha1, content: "{url}{form}", signature: {at: header:X-Sig, encoding: base64}, require: [{when: {form: "", body: "*"}, at: query:bodySHA256, is: "{body | sha256 | hex}"}]}
form_signature: {algorithm: hmac-sha1, content: "{form:payload}", unsigned_body: true, key: {digest: sha1}, signature: {at: form:signature, list: "&", tag: "*|", encoding: hex}}
query_signature: {algorithm: hmac-sha256, content: "{body}", signature: {at: query:signature, encoding: hex}}
in_the_body:    {algorithm: hmac-sha256, content: "{timestamp}{body.signature.token}", unsigned_body: true, signature: {at: body.signature.signature, encoding: hex}, timestamp: {at: body.signature.timestamp, unit: s, tolerance: none}}
elements:       {algorithm: hmac-sha256, content: "{each.id}:{?{each.original}}:{each.amount.value}", unsigned_body: true, each: body.items, key: {encoding: hex}, signature: {at: each.data.signature, encoding: base64}}
rfc1123:        {algorithm: hmac-sha256, content: "{timestamp}{body}", signature: {at: header:X-Sig, encoding: hex}, timestamp: {at: header:X-Date, unit: rfc1123, tolerance: 1m}}
time_in_body:   {algorithm: hmac-sha256, content: "{form}", signature: {at: header:X-Sig, encoding: hex}, timestamp: {at: form:time, unit: ms, tolerance: 1m}}
crc:            {algorithm: hmac-sha256, content: "{header:X-Id}|{input:webhook_id}|{body | crc32}", unsigned_body: true, inputs: {webhook_id: "the webhook's id"}, signature: {at: header:X-Sig, encoding: base64}}
digest:         {algorithm: hmac-sha256, content: "{header:Digest}", signature: {at: header:X-Sig, encoding: base64}, require: [{at: header:Digest, is: "SHA-256={body | sha256 | base64}"}]}
canonical_line: {algorithm: hmac-sha256, content: '{canonical}&{query | params}\n{body}', signature: {at: header:X-Sig, encoding: hex}}
token:          {algorithm: token, signature: {at: [header:X-Token, query:token]}}
bearer:         {algorithm: token, signature: {at: header:Authorization, tag: "Bearer "}}
basic:          {algorithm: token, signature: {at: header:Authorization, tag: "Basic ", encoding: base64}}
token_in_body:  {algorithm: token, each: body.items, signature: {at: each.state}}
ed25519:        {algorithm: ed25519, content: "{timestamp}|{body}", key: {encoding: hex}, signature: {at: header:X-Sig, encoding: hex}, timestamp: {at: header:X-Time, unit: s, tolerance: 5m}}
ecdsa:          {algorithm: ecdsa-sha256, content: "{timestamp}{body}", signature: {at: header:X-Sig, encoding: base64}, timestamp: {at: header:X-Time, unit: s, tolerance: 5m}}
ecdsa_sha1:     {algorithm: ecdsa-sha1, content: "{body}", signature: {at: header:X-Sig, encoding: base64}}
wrapped:        {algorithm: ecdsa-sha1, content: "{body}", signature: {at: header:X-Sig, field: signature, encoding: base64}}
rsa:            {algorithm: rsa-sha256, content: "{body}", signature: {at: header:X-Sig, encoding: base64}}
rsa_sha1:       {algorithm: rsa-sha1, content: 'Message\n{body.message}\n{?Subject\n{body.subject}\n}', unsigned_body: true, signature: {at: body.signature, encoding: base64}}
rsa_sha512:     {algorithm: rsa-sha512, content: "{body}", signature: {at: header:X-Sig, encoding: base64}}
rsa_pss:        {algorithm: rsa-pss-sha256, content: "{body}", signature: {at: header:X-Sig, encoding: base64}}
jwt:            {algorithm: jwt-hs256, signature: {at: header:X-Token}, require: [{at: "claim:iss", is: netlify}, {at: "claim:sha256", is: "{body | sha256 | hex}"}]}
jwt_iat:        {algorithm: jwt-hs512, signature: {at: header:Authorization, tag: "Bearer "}, timestamp: {at: "claim:iat", unit: s, tolerance: 5m}, require: [{at: "claim:payload_hash", is: "{body | sha256 | hex}"}]}
jwt_rs256:      {algorithm: jwt-rs256, unsigned_body: true, signature: {at: header:Authorization, tag: "Bearer "}, inputs: {audience: "who it is for"}, require: [{at: "claim:aud", is: "{input:audience}"}]}
jwt_es256:      {algorithm: jwt-es256, signature: {at: header:X-Token}, require: [{at: "claim:request_body_sha256", is: "{body | sha256 | hex}"}]}
jwt_eddsa:      {algorithm: jwt-eddsa, signature: {at: header:X-Token}, require: [{at: "claim:sum", is: "{body | sha256 | base64}"}]}
jws_detached:   {algorithm: jwt-rs256, content: "{body}", signature: {at: header:X-Sig}, timestamp: {at: "claim:ts", unit: s, tolerance: 5m}}
jwt_body:       {algorithm: jwt-rs256, signature: {at: body}}
`

// shape is one of them, with what a user gives it and what its sender has.
type shape struct {
	Definition
	scheme  *Scheme
	given   Given
	private event.Secret
	body    string
	form    bool
}

const (
	aBody    = `{"id":"1","message":"hello","items":[{"id":1,"amount":{"value":10.10}},{"id":2,"original":"1","amount":{"value":1}}]}`
	aForm    = "payload=eyJ9&b=2&b=1&a=%C3%A9"
	hexKey   = "44782def547aaa06c910c43932b1eb0c71fc68d9d0c057550c48ec2acf6ba056"
	anotherA = "bm90IHRoZSBzZWNyZXQ="
)

func readShapes(t testing.TB) map[string]*shape {
	t.Helper()
	var all map[string]*shape
	var definitions map[string]Definition
	if err := yaml.Unmarshal([]byte(shapes), &definitions); err != nil {
		t.Fatal(err)
	}
	all = make(map[string]*shape, len(definitions))
	pairs := newPairs(t)
	for name, d := range definitions {
		scheme, err := Compile(d)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		s := &shape{Definition: d, scheme: scheme, private: "c2VjcmV0", body: aBody, given: Given{Inputs: map[string]event.Secret{}}}
		if d.Key.Encoding == "hex" {
			s.private = hexKey
		}
		s.given.Secrets = []event.Secret{s.private}
		if scheme.algorithm.pairs() {
			pair := pairs[scheme.algorithm.public.kind]
			s.private, s.given.Secrets = pair.private, []event.Secret{pair.public}
			if d.Key.Encoding == "hex" {
				s.given.Secrets = []event.Secret{event.Secret(encodings["hex"].encode(pair.raw))}
			}
		}
		for input := range d.Inputs {
			s.given.Inputs[input] = "an input"
		}
		if s.form = strings.HasPrefix(name, "form") || name == "time_in_body"; s.form {
			s.body = aForm
		}
		all[name] = s
	}
	return all
}

// pair is a pair of keys, as PEM.
type pair struct {
	private, public event.Secret
	raw             []byte
}

func newPairs(t testing.TB) map[keyKind]pair {
	t.Helper()
	pairs := map[keyKind]pair{}
	add := func(kinds []keyKind, private, public any, err error) {
		if err != nil {
			t.Fatal(err)
		}
		der, err := x509.MarshalPKCS8PrivateKey(private)
		if err != nil {
			t.Fatal(err)
		}
		spki, err := x509.MarshalPKIXPublicKey(public)
		if err != nil {
			t.Fatal(err)
		}
		p := pair{private: event.Secret(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
			public: event.Secret(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki}))}
		p.raw, _ = public.(ed25519.PublicKey)
		for _, kind := range kinds {
			pairs[kind] = p
		}
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	add([]keyKind{edwards}, private, public, err)
	curve, err := ecdsa.GenerateKey(ec.P256(), rand.Reader)
	add([]keyKind{elliptic}, curve, &curve.PublicKey, err)
	big, err := rsa.GenerateKey(rand.Reader, 2048)
	add([]keyKind{rsaPKCS, rsaPSS}, big, &big.PublicKey, err)
	return pairs
}

var at = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// signed is a request as the shape's sender would make it.
func (s *shape) signed(t testing.TB) *event.Request {
	t.Helper()
	r := &event.Request{Method: "POST", URL: "https://hooks.example.com/hooks/shop?data.id=ABC", Path: "/hooks/shop",
		Query: url.Values{"data.id": {"ABC"}}, Header: http.Header{}, Body: []byte(s.body), Time: at}
	if s.form {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if err := s.scheme.Sign(r, s.private, s.given.Inputs, "id-1"); err != nil {
		t.Fatal(err)
	}
	return r
}

func (s *shape) verifier(t testing.TB, more ...event.Secret) *Signed {
	t.Helper()
	g := s.given
	g.Secrets = append(more, g.Secrets...)
	v, err := s.scheme.Verifier(g)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func (s *shape) refused(t testing.TB, r *event.Request) string {
	t.Helper()
	return reason(t, s.verifier(t).Verify(t.Context(), r))
}

// TestShapes signs with every scheme, and tries what must not pass.
func TestShapes(t *testing.T) {
	strangers := newPairs(t)
	for name, s := range readShapes(t) {
		t.Run(name, func(t *testing.T) {
			if got := s.refused(t, s.signed(t)); got != "" {
				t.Fatalf("a signed request is refused with %q: %+v", got, s.signed(t))
			}
			t.Run("another secret", func(t *testing.T) {
				other := *s
				other.given.Secrets = []event.Secret{anotherA}
				if s.Key.Encoding == "hex" {
					other.given.Secrets = []event.Secret{"00"}
				}
				if s.scheme.algorithm.pairs() {
					other.given.Secrets = []event.Secret{strangers[s.scheme.algorithm.public.kind].public}
				}
				got := other.refused(t, s.signed(t))
				if want := s.scheme.reason(); got != want {
					t.Errorf("got %q, want %q", got, want)
				}
				if got := reason(t, s.verifier(t, other.given.Secrets...).Verify(t.Context(), s.signed(t))); got != "" {
					t.Errorf("the second of two secrets is refused with %q", got)
				}
			})
			t.Run("another body", func(t *testing.T) { s.changeBody(t) })
			t.Run("without a proof", func(t *testing.T) { s.unsigned(t) })
			t.Run("twice", func(t *testing.T) { s.doubled(t) })
			t.Run("another time", func(t *testing.T) { s.late(t) })
		})
	}
}

func (s *shape) changeBody(t *testing.T) {
	if s.UnsignedBody || s.Algorithm == "token" {
		t.Skip("the body is not signed")
	}
	for _, change := range []func(r *event.Request){
		func(r *event.Request) { r.Body = append(r.Body, "&c=3"...) },
		func(r *event.Request) { r.Body = []byte("{}") },
		func(r *event.Request) { r.Body = []byte("{}"); r.Header.Set("Content-Type", "application/json") },
		func(r *event.Request) { r.Body = r.Body[1:] },
	} {
		r := s.signed(t)
		change(r)
		if got := s.refused(t, r); got == "" {
			t.Errorf("got %q with the body %s", got, r.Body)
		}
	}
}

func (s *shape) unsigned(t *testing.T) {
	r := s.signed(t)
	for _, p := range s.scheme.at {
		switch p.kind {
		case inHeader:
			r.Header.Del(strings.Replace(p.name, "*", "1", 1))
		case inQuery:
			r.Query.Del(p.name)
		default:
			r.Body, r.Header = []byte("{}"), http.Header{}
		}
	}
	want := s.scheme.reason()
	if s.scheme.at[0].kind == inHeader {
		want = "missing_header"
	}
	if got := s.refused(t, r); got != want && (s.scheme.time == nil || got != "timestamp") {
		t.Errorf("got %q, want %q", got, want)
	}
}

func (s *shape) doubled(t *testing.T) {
	r := s.signed(t)
	for name := range r.Header {
		if name == "Content-Type" || name == "X-Id" && s.scheme.content == nil {
			continue
		}
		r := s.signed(t)
		r.Header.Add(name, r.Header.Get(name))
		if got := s.refused(t, r); got == "" {
			t.Errorf("%s twice is taken", name)
		}
	}
	for _, p := range s.scheme.at {
		if p.kind == inQuery && r.Query.Has(p.name) {
			r := s.signed(t)
			r.Query.Add(p.name, r.Query.Get(p.name))
			if got := s.refused(t, r); got != s.scheme.reason() {
				t.Errorf("a query parameter twice: %q", got)
			}
		}
	}
}

func (s *shape) late(t *testing.T) {
	if s.scheme.time == nil {
		t.Skip("no time is signed")
	}
	for _, apart := range []time.Duration{-1, 1} {
		bound := apart * (s.scheme.time.tolerance + time.Second)
		r := s.signed(t)
		r.Time = at.Add(bound)
		want := "timestamp"
		if s.scheme.time.unbounded {
			want = ""
		}
		if got := s.refused(t, r); got != want {
			t.Errorf("%s from our time: %q, want %q", bound, got, want)
		}
		r.Time = at.Add(bound - apart*time.Second)
		if got := s.refused(t, r); got != "" {
			t.Errorf("at the tolerance: %q", got)
		}
	}
}

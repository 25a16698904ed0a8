package verify

import (
	"context"
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trotline/trotline/event"
	"gopkg.in/yaml.v3"
)

// presetVector is a vector of testdata/vectors: a request that is really signed so.
type presetVector struct {
	preset string

	Grade      string            `yaml:"grade"`
	Source     string            `yaml:"source"`
	Secret     string            `yaml:"secret"`
	PrivateKey string            `yaml:"private_key"`
	With       map[string]string `yaml:"with"`
	Now        time.Time         `yaml:"now"`
	Method     string            `yaml:"method"`
	URL        string            `yaml:"url"`
	Headers    map[string]string `yaml:"headers"`
	Body       string            `yaml:"body"`
	Fetch      map[string]string `yaml:"fetch"`
	ID         string            `yaml:"id"`
	Type       string            `yaml:"type"`
}

// presetVectors are the vectors of every preset that there is.
func presetVectors(t testing.TB) []presetVector {
	t.Helper()
	all, err := Presets()
	if err != nil {
		t.Fatal(err)
	}
	var list []presetVector
	for _, name := range sorted(all) {
		text, err := os.ReadFile(filepath.Join("testdata", "vectors", name+".yaml"))
		if err != nil {
			t.Errorf("the preset %s has no vector: %v", name, err)
			continue
		}
		var own []presetVector
		if err := yaml.Unmarshal(text, &own); err != nil || len(own) == 0 {
			t.Errorf("%s.yaml: %d vectors, %v", name, len(own), err)
		}
		for _, v := range own {
			v.preset = name
			list = append(list, v)
		}
	}
	return list
}

// request is a fresh copy of the vector's request.
func (v presetVector) request(t testing.TB) *event.Request {
	t.Helper()
	r := &event.Request{
		Method: http.MethodPost, URL: v.URL, Path: "/hooks", Header: http.Header{}, Query: url.Values{},
		Body: []byte(v.Body), Time: v.Now,
	}
	if v.Method != "" {
		r.Method = v.Method
	}
	for name, value := range v.Headers {
		r.Header.Set(name, value)
	}
	if v.URL != "" {
		u, err := url.Parse(v.URL)
		if err != nil {
			t.Fatal(err)
		}
		r.Path, r.Query = u.Path, u.Query()
	}
	return r
}

// inputs are what the preset asks for under with.
func (v presetVector) inputs(s *Scheme) map[string]event.Secret {
	inputs := map[string]event.Secret{}
	for name := range s.inputs {
		inputs[name] = event.Secret("the " + name)
		if given, ok := v.With[name]; ok {
			inputs[name] = event.Secret(given)
		}
	}
	return inputs
}

// Get serves what the vector says would stand at an address.
func (v presetVector) Get(_ context.Context, address string) ([]byte, error) {
	text, ok := v.Fetch[address]
	if !ok {
		return nil, fmt.Errorf("%s is not to be asked", address)
	}
	return []byte(text), nil
}

func (v presetVector) verifier(t testing.TB, secrets ...string) *Signed {
	t.Helper()
	s := preset(t, v.preset)
	given := Given{Inputs: v.inputs(s), Kept: func() []event.Secret { return nil }, Outside: v}
	for _, secret := range secrets {
		if secret != "" {
			given.Secrets = append(given.Secrets, event.Secret(secret))
		}
	}
	signed, err := s.Verifier(given)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// another is a secret like the vector's that has signed nothing.
func (v presetVector) another(t testing.TB) string {
	t.Helper()
	s := preset(t, v.preset)
	switch {
	case s.algorithm.public.kind != "":
		return otherKeys[s.algorithm.public.kind]
	case s.key.name == "hex":
		return strings.Repeat("0b", 32)
	case s.key.name == "base64":
		return s.key.strip + base64.StdEncoding.EncodeToString([]byte("another secret altogether"))
	}
	return "another:secret"
}

// otherKeys are public keys whose other halves nobody has kept.
var otherKeys = map[keyKind]string{
	edwards: `-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAPZQyYafQEgeo9AlCrDmlpHQfKmBr65x9Bxu3bN5Z3RU=
-----END PUBLIC KEY-----`,
	elliptic: `-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEcRUkb9XbHmvtY8ADpQdCIqd/FmPe
FHPDQRUrGq/yDZb9xmtpHH7PgNeJdWXq3JrSQg3wEVPgdGmbQeHpxgAV8w==
-----END PUBLIC KEY-----`,
	rsaPKCS: `-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA49fZ5W46yenujVoQ2Q85
J6NPP3MwcVrs2rItlyRLcuNTAf7b90pVSZCvSdZI7aYIhsYZmuvmVmDlrZLFyu3/
m/tTxDx1iHEx4eyCxJMCl60+X46Kb1PE9SRmySAI+a1ukky3q423s4xNRlNT7Z0m
epxE4CEDV2fYbwAOmjJmvEJ/w2URGGg3Fk/oj9r+w63SyXNUrj4n9EW/vu4xP3QN
gyYRjaDEX2OClMJFc3tMOb8J7fQt+K4VfEOsIupz+rr14LhFLb8At09QofT7RaQ3
bQQNx/NsSs2ni07EIfRhCMzLs0c/Ep+LSjRYUQhTfDTExW06yafDyRz6EKLy8Vmz
5wIDAQAB
-----END PUBLIC KEY-----`,
}

func TestPresets(t *testing.T) {
	for _, v := range presetVectors(t) {
		t.Run(v.preset, func(t *testing.T) {
			check := v.verifier(t, v.Secret)
			if err := check.Verify(t.Context(), v.request(t)); err != nil {
				t.Fatalf("made by %s, refused: %v", v.Source, err)
			}
			v.names(t)
			v.refusesOthers(t)
			v.bindsTheBody(t)
			v.bindsTheTime(t)
			v.wantsItsHeadersOnce(t)
			v.takesTheSecondSignature(t)
			v.canBeSigned(t)
		})
	}
}

// names checks the id and the type that the preset finds.
func (v presetVector) names(t *testing.T) {
	if v.ID == "" && v.Type == "" {
		return
	}
	s, r := preset(t, v.preset), v.request(t)
	e := &event.Event{Request: event.Keep(event.RequestInfo{Method: r.Method, Path: r.Path, Header: r.Header, Query: r.Query}), Body: v.decoded(t, s, r)}
	if id, ok := s.ID().Find(e); v.ID != "" && (id != v.ID || !ok) {
		t.Errorf("the id is %q, want %q", id, v.ID)
	}
	if typ, _ := s.Type().Find(e); v.Type != "" && typ != v.Type {
		t.Errorf("the type is %q, want %q", typ, v.Type)
	}
}

// decoded is the body as a source hands it on.
func (v presetVector) decoded(t *testing.T, s *Scheme, r *event.Request) *event.Body {
	q := s.read(r, nil)
	defer q.done()
	if payload, ok := v.verifier(t, v.Secret).Payload(r); ok {
		return event.NewBody(event.JSON, payload)
	}
	form := q.formValues()
	if form == nil {
		return event.NewBody(event.JSON, r.Body)
	}
	if text := form.Get(s.FormField()); text != "" {
		return event.NewBody(event.JSON, []byte(text))
	}
	return event.NewBody(event.Form, r.Body)
}

// refusesOthers: another secret is refused, and does no harm beside the right one.
func (v presetVector) refusesOthers(t *testing.T) {
	for name, given := range v.With {
		other := v
		other.With = maps.Clone(v.With)
		other.With[name] = given + "x"
		if other.verifier(t, v.Secret).Verify(t.Context(), v.request(t)) == nil {
			t.Errorf("another %s is taken", name)
		}
	}
	if v.Secret == "" {
		return
	}
	other := v.another(t)
	if got, want := reason(t, v.verifier(t, other).Verify(t.Context(), v.request(t))), preset(t, v.preset).reason(); got != want {
		t.Errorf("another secret gives %q, want %q", got, want)
	}
	if err := v.verifier(t, other, v.Secret).Verify(t.Context(), v.request(t)); err != nil {
		t.Errorf("the second of two secrets: %v", err)
	}
}

// bindsTheBody: every change of what is signed is refused.
func (v presetVector) bindsTheBody(t *testing.T) {
	p, err := FindPreset(v.preset)
	if err != nil {
		t.Fatal(err)
	}
	if p.UnsignedBody || p.algorithm.family == tokens {
		return
	}
	for i := range len(v.Body) {
		if p.tokenIsBody() && strings.HasPrefix(v.Body[i+1:]+".", ".") {
			continue // the last character of base64 has bits that mean nothing
		}
		r := v.request(t)
		r.Body[i] ^= 1
		if v.verifier(t, v.Secret).Verify(t.Context(), r) == nil {
			t.Fatalf("%q is taken, with its byte %d changed", r.Body, i)
		}
	}
}

// bindsTheTime: neither a stale request nor one of the future is taken.
func (v presetVector) bindsTheTime(t *testing.T) {
	s := preset(t, v.preset)
	if s.time == nil || s.time.unbounded {
		return
	}
	for _, away := range []time.Duration{s.time.tolerance + 2*time.Second, -s.time.tolerance - 2*time.Second} {
		r := v.request(t)
		r.Time = r.Time.Add(away)
		if got := reason(t, v.verifier(t, v.Secret).Verify(t.Context(), r)); got != "timestamp" {
			t.Errorf("%s later gives %q", away, got)
		}
	}
}

// wantsItsHeadersOnce: a header that proves something must be there, and once.
func (v presetVector) wantsItsHeadersOnce(t *testing.T) {
	s := preset(t, v.preset)
	for _, name := range s.provingHeaders() {
		if len(s.at) > 1 || strings.HasSuffix(name, "*") {
			continue // any of several is enough
		}
		r := v.request(t)
		if len(r.Header[name]) == 0 {
			continue
		}
		r.Header.Add(name, r.Header.Get(name))
		if v.verifier(t, v.Secret).Verify(t.Context(), r) == nil {
			t.Errorf("%s is taken twice", name)
		}
		r.Header.Del(name)
		if got := reason(t, v.verifier(t, v.Secret).Verify(t.Context(), r)); got != "missing_header" {
			t.Errorf("without %s it gives %q", name, got)
		}
	}
}

// takesTheSecondSignature: in a list, wrong ones before and behind do no harm, and are not enough.
func (v presetVector) takesTheSecondSignature(t *testing.T) {
	s := preset(t, v.preset)
	if s.list == "" || s.at[0].kind != inHeader {
		return
	}
	r := v.request(t)
	header := s.at[0].name
	given, right := r.Header.Get(header), ""
	for item := range splitList(given, s.list) {
		if _, ok := s.tag.cut(item); ok {
			right = item
		}
	}
	wrong, separator := s.tag.text+s.encoding.encode([]byte("a signature of another's making!")), s.list[:1]
	for list, want := range map[string]string{wrong + separator + right + separator + wrong: "", wrong + separator + wrong: "signature"} {
		r.Header.Set(header, strings.Replace(given, right, list, 1))
		if got := reason(t, v.verifier(t, v.Secret).Verify(t.Context(), r)); got != want {
			t.Errorf("%s gives %q, want %q", r.Header.Get(header), got, want)
		}
	}
}

// canBeSigned: what we sign in the sender's place is taken.
func (v presetVector) canBeSigned(t *testing.T) {
	s, r, secret := preset(t, v.preset), v.request(t), v.Secret
	if s.each != nil || strings.HasPrefix(v.Headers["Content-Type"], "multipart/") {
		return // signing the elements of a list, and the fields of such a form, is not known yet
	}
	if v.PrivateKey != "" {
		secret = v.PrivateKey
	}
	for _, name := range s.provingHeaders() {
		r.Header.Del(name)
	}
	if payload, ok := v.verifier(t, v.Secret).Payload(r); ok {
		r.Body = payload
	}
	if err := s.Sign(r, event.Secret(secret), v.inputs(s), "id-1"); err != nil {
		t.Errorf("cannot be signed: %v", err)
		return
	}
	if err := v.verifier(t, v.Secret).Verify(t.Context(), r); err != nil {
		t.Errorf("we sign %v %q, which is refused: %v", r.Header, r.Body, err)
	}
}

// provingHeaders are the headers that a proof is made of.
func (s *Scheme) provingHeaders() []string {
	var names []string
	add := func(p place) {
		if p.kind == inHeader && !slices.Contains(names, p.name) {
			names = append(names, p.name)
		}
	}
	for _, p := range s.at {
		add(p)
	}
	if s.time != nil {
		add(s.time.place)
	}
	for _, part := range s.content {
		for _, p := range part.places {
			add(p)
		}
	}
	return names
}

func TestPresetsAreExplained(t *testing.T) {
	best := map[string]string{}
	rank := []string{"own", "sdk", "published"}
	for _, v := range presetVectors(t) {
		if slices.Index(rank, v.Grade) < 0 {
			t.Errorf("%s: the grade %q", v.preset, v.Grade)
		}
		if slices.Index(rank, v.Grade) > slices.Index(rank, best[v.preset]) {
			best[v.preset] = v.Grade
		}
	}
	all, err := Presets()
	if err != nil {
		t.Fatal(err)
	}
	proven := 0
	for name, p := range all {
		if p.About.Name == "" || p.About.Setup == "" || p.About.Secret == "" || !strings.HasPrefix(p.About.Doc, "https://") {
			t.Errorf("%s: name, doc, setup or secret is missing", name)
		}
		if p.About.Proven != best[name] {
			t.Errorf("%s: proven says %q, the best vector is %q", name, p.About.Proven, best[name])
		}
		if typ, ok := p.typ.parts.single(); ok && typ.kind == inHeader && !hasHeader(p.Sample, typ.name) {
			t.Errorf("%s: sample says nothing of %s, the event's type", name, typ)
		}
		if p.About.Proven != "own" {
			proven++
		}
	}
	if len(all) < 120 || proven < 40 {
		t.Errorf("there are %d presets, %d of them published or sdk", len(all), proven)
	}
}

func hasHeader(headers map[string]string, name string) bool {
	for header, value := range headers {
		if http.CanonicalHeaderKey(header) == name && value != "" {
			return true
		}
	}
	return false
}

// TestSamples: what is signed without its sender looks like the sender's.
func TestSamples(t *testing.T) {
	r := &event.Request{Method: "POST", Header: http.Header{"X-Shopify-Topic": {"carts/update"}}, Body: []byte("{}"), Time: at}
	if err := preset(t, "shopify").Sign(r, "secret", nil, "id-1"); err != nil {
		t.Fatal(err)
	}
	if r.Header.Get("X-Shopify-Topic") != "carts/update" || r.Header.Get("X-Shopify-Shop-Domain") != "example.myshopify.com" || r.Header.Get("X-Shopify-Webhook-Id") != "id-1" {
		t.Errorf("the header is %v", r.Header)
	}

	s := compiled(t, `{algorithm: hmac-sha256, content: "{body}", signature: {at: header:X-Sig, encoding: hex}, timestamp: {at: body.at, unit: ms, tolerance: 1m}, type: header:X-Event}`)
	r = &event.Request{Method: "POST", Header: http.Header{}, Body: []byte(`{"at": 1}`), Time: at}
	if err := s.Sign(r, "secret", nil, "id-1"); err != nil {
		t.Fatal(err)
	}
	if r.Header.Get("X-Event") != "sample" || string(r.Body) != `{"at":1772366400000}` {
		t.Errorf("signed is %v %s", r.Header, r.Body)
	}
}

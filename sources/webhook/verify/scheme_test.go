package verify

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/trotline/trotline/event"
)

// vector is a request that a sender really signed so.
type vector struct {
	preset string
	from   string // who made it
	secret string
	body   string
	at     int64
	header map[string]string
	id     string
	typ    string
}

var vectors = []vector{
	{
		preset: "github", from: "docs.github.com, validating webhook deliveries, testing",
		secret: "It's a Secret to Everybody", body: "Hello, World!",
		header: map[string]string{
			"X-Hub-Signature-256": "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
			"X-GitHub-Delivery":   "72d3162e-cc78-11e3-81ab-4c9367dc0958", "X-GitHub-Event": "issues",
		},
		id: "72d3162e-cc78-11e3-81ab-4c9367dc0958", typ: "issues",
	},
	{
		preset: "standard_webhooks", from: "the specification's example",
		secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", body: `{"test": 2432232314}`, at: 1614265330,
		header: map[string]string{
			"Webhook-Id": "msg_p5jXN8AQM9LWM0D4loKWxJek", "Webhook-Timestamp": "1614265330",
			"Webhook-Signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
		},
		id: "msg_p5jXN8AQM9LWM0D4loKWxJek",
	},
	{
		preset: "stripe", from: "openssl dgst -sha256 -hmac",
		secret: "whsec_test_secret", body: `{"id":"evt_1NG8Du2eZvKYlo2CUI79vXWy","type":"charge.succeeded"}`, at: 1700000000,
		header: map[string]string{
			"Stripe-Signature": "t=1700000000,v1=e93bb1494d1b8b535a29001640f4709f16886f5a3eef1dfd42e8e27a4ccf8325,v0=6ffbb59b2300aae63f272406069a9788598b792a944a07aba816edb039989a39",
		},
		id: "evt_1NG8Du2eZvKYlo2CUI79vXWy", typ: "charge.succeeded",
	},
	{
		preset: "shopify", from: "openssl dgst -sha256 -hmac -binary | openssl base64",
		secret: "hush", body: `{"id":820982911946154508}`,
		header: map[string]string{
			"X-Shopify-Hmac-Sha256": "qBvrsZF7RfB1iS6BX6IHqJTp5L911P7intnPeTPsH0I=",
			"X-Shopify-Webhook-Id":  "b54557e4-bdd9-4b37-8a5f-bf7d70bcd043", "X-Shopify-Topic": "orders/create",
		},
		id: "b54557e4-bdd9-4b37-8a5f-bf7d70bcd043", typ: "orders/create",
	},
}

func (v vector) request() *event.Request {
	h := http.Header{}
	for name, value := range v.header {
		h.Set(name, value)
	}
	return &event.Request{Method: "POST", Header: h, Body: []byte(v.body), Time: time.Unix(v.at, 0)}
}

func preset(t testing.TB, name string) *Scheme {
	t.Helper()
	p, err := FindPreset(name)
	if err != nil {
		t.Fatal(err)
	}
	return p.Scheme
}

func verifier(t testing.TB, s *Scheme, secrets ...event.Secret) *Signed {
	t.Helper()
	v, err := s.Verifier(Given{Secrets: secrets})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// reason is that of a refusal, "" of none; anything else than a 401 fails the test.
func reason(t testing.TB, err error) string {
	t.Helper()
	if err == nil {
		return ""
	}
	var r *event.Refusal
	if !errors.As(err, &r) || r.Status != http.StatusUnauthorized {
		t.Fatalf("got %v, want a refusal with 401", err)
	}
	return r.Reason
}

func TestVectors(t *testing.T) {
	for _, v := range vectors {
		t.Run(v.preset, func(t *testing.T) {
			s := preset(t, v.preset)
			check := verifier(t, s, event.Secret(v.secret))
			r := v.request()
			if err := check.Verify(t.Context(), r); err != nil {
				t.Fatalf("made by %s, refused: %v", v.from, err)
			}
			e := &event.Event{Request: event.Keep(event.RequestInfo{Header: r.Header}), Body: event.NewBody(event.JSON, r.Body)}
			if id, ok := s.ID().Find(e); id != v.id || !ok {
				t.Errorf("the id is %q, want %q", id, v.id)
			}
			if typ, _ := s.Type().Find(e); typ != v.typ {
				t.Errorf("the type is %q, want %q", typ, v.typ)
			}

			r = v.request()
			r.Body = append(r.Body, ' ')
			if got := reason(t, check.Verify(t.Context(), r)); got != "signature" {
				t.Errorf("a changed body gives %q", got)
			}
			if got := reason(t, verifier(t, s, "bm90IHRoZSBzZWNyZXQ=").Verify(t.Context(), v.request())); got != "signature" {
				t.Errorf("another secret gives %q", got)
			}
			if err := verifier(t, s, "bm90IHRoZSBzZWNyZXQ=", event.Secret(v.secret)).Verify(t.Context(), v.request()); err != nil {
				t.Errorf("the second of two secrets: %v", err)
			}
		})
	}
}

func TestSignIsWhatVerifyTakes(t *testing.T) {
	for _, v := range vectors {
		t.Run(v.preset, func(t *testing.T) {
			now := time.Unix(1700000000, 0)
			r := &event.Request{Header: http.Header{}, Body: []byte(v.body), Time: now}
			if err := preset(t, v.preset).Sign(r, event.Secret(v.secret), nil, "id-1"); err != nil {
				t.Fatal(err)
			}
			if err := verifier(t, preset(t, v.preset), event.Secret(v.secret)).Verify(t.Context(), r); err != nil {
				t.Errorf("%v is refused: %v", r.Header, err)
			}
		})
	}
}

// TestEveryHeaderOfASchemeCounts takes away, repeats and empties each header in turn.
func TestEveryHeaderOfASchemeCounts(t *testing.T) {
	unsigned := map[string]bool{"X-GitHub-Delivery": true, "X-GitHub-Event": true, "X-Shopify-Webhook-Id": true, "X-Shopify-Topic": true}
	for _, v := range vectors {
		check := verifier(t, preset(t, v.preset), event.Secret(v.secret))
		for name := range v.header {
			if unsigned[name] {
				continue
			}
			t.Run(v.preset+"/"+name, func(t *testing.T) {
				r := v.request()
				r.Header.Add(name, r.Header.Get(name))
				if got := reason(t, check.Verify(t.Context(), r)); got != "signature" && got != "timestamp" {
					t.Errorf("twice gives %q", got)
				}
				r.Header.Set(name, "")
				if got := reason(t, check.Verify(t.Context(), r)); got != "missing_header" {
					t.Errorf("empty gives %q", got)
				}
				r.Header.Del(name)
				if got := reason(t, check.Verify(t.Context(), r)); got != "missing_header" {
					t.Errorf("none gives %q", got)
				}
			})
		}
	}
}

func TestSignatureLists(t *testing.T) {
	stripe, standard := vectors[2], vectors[1]
	const right = "v1=e93bb1494d1b8b535a29001640f4709f16886f5a3eef1dfd42e8e27a4ccf8325"
	wrong := "v1=" + strings.Repeat("00", 32)
	const rightToo = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
	tests := []struct {
		name   string
		vector vector
		given  string
		want   string
	}{
		{"alone", stripe, "t=1700000000," + right, ""},
		{"capital hex", stripe, "t=1700000000,v1=" + strings.ToUpper(right[3:]), ""},
		{"the second one", stripe, "t=1700000000," + wrong + "," + right, ""},
		{"blanks", stripe, "t=1700000000, " + wrong + ", " + right, ""},
		{"the time last", stripe, right + ",t=1700000000", ""},
		{"none of them", stripe, "t=1700000000," + wrong, "signature"},
		{"cut short", stripe, "t=1700000000," + right[:len(right)-2], "signature"},
		{"too long", stripe, "t=1700000000," + right + strings.Repeat("00", 100), "signature"},
		{"not hex", stripe, "t=1700000000,v1=" + strings.Repeat("zz", 32), "signature"},
		{"an empty one", stripe, "t=1700000000,v1=", "signature"},
		{"another tag", stripe, "t=1700000000,v0=" + right[3:], "signature"},
		{"no signature", stripe, "t=1700000000", "signature"},
		{"no time", stripe, right, "timestamp"},
		{"an empty time", stripe, "t=," + right, "timestamp"},
		{"the same time twice", stripe, "t=1700000000,t=1700000000," + right, ""},
		{"two times", stripe, "t=1700000000,t=1700000001," + right, "timestamp"},
		{"a time that is none", stripe, "t=soon," + right, "timestamp"},
		{"a huge time", stripe, "t=9223372036854775807," + right, "timestamp"},
		{"a hugely negative time", stripe, "t=-9223372036854775808," + right, "timestamp"},
		{"a time beyond 64 bits", stripe, "t=92233720368547758070," + right, "timestamp"},
		{"another time", stripe, "t=1700000001," + right, "signature"},

		{"alone", standard, rightToo, ""},
		{"behind an asymmetric one", standard, "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg== " + rightToo, ""},
		{"two blanks", standard, "v1,AAAA  " + rightToo, ""},
		{"without padding", standard, strings.TrimSuffix(rightToo, "="), ""},
		{"no tag", standard, rightToo[3:], "signature"},
		{"not base64", standard, "v1,!!!", "signature"},
	}
	for _, tt := range tests {
		t.Run(tt.vector.preset+"/"+tt.name, func(t *testing.T) {
			s := preset(t, tt.vector.preset)
			r := tt.vector.request()
			r.Header.Set(s.at[0].name, tt.given)
			if got := reason(t, verifier(t, s, event.Secret(tt.vector.secret)).Verify(t.Context(), r)); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestTolerance(t *testing.T) {
	for _, v := range vectors[1:3] {
		check := verifier(t, preset(t, v.preset), event.Secret(v.secret))
		for seconds, want := range map[int64]string{-301: "timestamp", -300: "", 0: "", 300: "", 301: "timestamp"} {
			r := v.request()
			r.Time = time.Unix(v.at+seconds, 999_999_999)
			if got := reason(t, check.Verify(t.Context(), r)); got != want {
				t.Errorf("%s: %d seconds later: %q, want %q", v.preset, seconds, got, want)
			}
		}
	}
}

func TestAlgorithmsAndEncodings(t *testing.T) {
	// Made with openssl dgst -<algorithm> -hmac secret over "Hello, World!".
	tests := []struct{ algorithm, encoding, signature string }{
		{"sha1", "hex", "883a982dc2ae46d20f7f106c786a9241b60dc340"},
		{"sha256", "hex", "fcfaffa7fef86515c7beb6b62d779fa4ccf092f2e61c164376054271252821ff"},
		{"sha384", "hex", "699f60b90c6dc0a32be14690a22c541bc3eba8d3215a782c28d66db3f0a3eb81cc0703c932bc181b02d190c9f9967e41"},
		{"sha512", "hex", "851caed63934ad1c9a03aef23ba2b84f224bdff4f5148efc57d95f9ae80ca9db2e98bc4c709a529eb1b7234a1ac2e381d28e0eb1efa090bb19613f5c124b6d5b"},
		{"sha256", "base64", "/Pr/p/74ZRXHvra2LXefpMzwkvLmHBZDdgVCcSUoIf8="},
		{"sha256", "base64url", "_Pr_p_74ZRXHvra2LXefpMzwkvLmHBZDdgVCcSUoIf8="},
		{"sha256", "base64url", "_Pr_p_74ZRXHvra2LXefpMzwkvLmHBZDdgVCcSUoIf8"},
	}
	for _, tt := range tests {
		t.Run(tt.algorithm+"/"+tt.encoding, func(t *testing.T) {
			s, err := Compile(Definition{Algorithm: "hmac-" + tt.algorithm, Content: "{body}",
				Signature: SignatureDefinition{At: Places{"header:x-signature"}, Encoding: tt.encoding}})
			if err != nil {
				t.Fatal(err)
			}
			r := &event.Request{Header: http.Header{"X-Signature": {tt.signature}}, Body: []byte("Hello, World!")}
			if err := verifier(t, s, "secret").Verify(t.Context(), r); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestSpotFindsNothingInOddBodies(t *testing.T) {
	s, err := Compile(Definition{Algorithm: "token", Signature: SignatureDefinition{At: Places{"header:x"}}, ID: "body.event.id"})
	if err != nil {
		t.Fatal(err)
	}
	for body, want := range map[string]string{
		`{"event":{"id":"a"}}`: "a", `{"event":{"id":12345678901234567890}}`: "12345678901234567890",
		`{"event":{"id":null}}`: "", `{"event":{"id":{}}}`: "", `{"event":[1]}`: "", `"text"`: "", `[]`: "", ``: "", `{`: "",
	} {
		e := &event.Event{Body: event.NewBody(event.JSON, []byte(body))}
		if got, ok := s.ID().Find(e); got != want || ok != (want != "") {
			t.Errorf("%s: found %q, want %q", body, got, want)
		}
	}
	if s.ID().String() != "body.event.id" || !s.Type().IsZero() {
		t.Error("a Spot is not written as it was read")
	}
}

// FuzzSignature: nothing that a stranger writes in the places of a signature, of
// a time and of an id is taken, by any scheme there is.
func FuzzSignature(f *testing.F) {
	f.Add("t=1700000000,v1=00", "1700000000", "a", "application/json", []byte("{}"))
	f.Add("v1,AAAA v1a,BBBB", "", "", "", []byte(nil))
	f.Add("sha256=zz", "-1", "\x00", "application/x-www-form-urlencoded", []byte("a=1&signature=x"))
	f.Add("eyJhbGciOiJub25lIn0.e30.", "2026-03-01T12:00:00Z", "", "multipart/form-data; boundary=x", []byte("--x\r\n\r\n--x--"))
	f.Add("Basic Og==", "Sun, 01 Mar 2026 12:00:00 GMT", "1", "", []byte(`{"items":[{"id":1,"state":"x","data":{"signature":"AA=="}}],"signature":{"signature":"00","token":"t","timestamp":"1"}}`))
	schemes := map[string]*Signed{}
	for name, s := range readShapes(f) {
		schemes[name] = s.verifier(f)
	}
	for _, v := range presetVectors(f) {
		schemes[v.preset] = v.verifier(f, v.Secret)
	}
	f.Fuzz(func(t *testing.T, signature, timestamp, id, contentType string, body []byte) {
		for name, v := range schemes {
			r := &event.Request{Method: "POST", URL: "https://a.example/x?signature=" + url.QueryEscape(signature), Path: "/x",
				Query: url.Values{"signature": {signature}, "token": {signature}}, Header: http.Header{"Content-Type": {contentType}}, Body: body, Time: at}
			for p := range v.scheme.content.places() {
				if p.kind == inHeader {
					r.Header[p.name] = []string{id}
				}
			}
			for _, p := range v.scheme.at {
				if p.kind == inHeader {
					r.Header[strings.Replace(p.name, "*", "1", 1)] = []string{signature}
				}
			}
			if v.scheme.time != nil && v.scheme.time.place.kind == inHeader {
				r.Header[v.scheme.time.place.name] = []string{timestamp}
			}
			if reason(t, v.Verify(t.Context(), r)) == "" {
				t.Errorf("%s: %q is taken for a signature", name, signature)
			}
			if _, err := v.Unsigned(r); err != nil {
				var refusal *event.Refusal
				if !errors.As(err, &refusal) {
					t.Errorf("%s: a handshake ends with %v", name, err)
				}
			}
		}
	})
}

// FuzzTimestamp: a time that is taken is within the tolerance, whatever its text.
func FuzzTimestamp(f *testing.F) {
	for _, seed := range []string{"1772366400", "1772366400000", "2026-03-01T12:00:00Z", "2026-03-01T12:00:00.123456789+01:00", "Sun, 01 Mar 2026 12:00:00 GMT",
		"-1", "9223372036854775807", "99999999999", "999999999999", "1e9", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", " 1772366400", "+1772366400"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for name, u := range units {
			s := &Scheme{time: &timestamp{place: place{kind: inHeader, name: "X"}, unit: u, tolerance: time.Minute}}
			q := s.read(&event.Request{Header: http.Header{"X": {text}}, Time: at}, nil)
			err := s.time.read(q)
			if stamp := q.stamp; err == nil && stamp != text {
				t.Errorf("%s: what is signed is %q, not %q", name, stamp, text)
			}
			q.done()
			if err != nil {
				if got := reason(t, err); got != reasonTimestamp && got != reasonMissing {
					t.Errorf("%s: the reason is %q", name, got)
				}
				continue
			}
			when, err := u.parse(text)
			if err != nil || when.Sub(at).Abs() >= time.Minute+time.Second {
				t.Errorf("%s: %q is taken: %v %v", name, text, when, err)
			}
		}
	})
}

func TestTimes(t *testing.T) {
	for text, want := range map[string]string{
		"s 1772366400": "", "s 1772366460": "", "s 1772366461": "timestamp", "s 1772366400000": "timestamp", "s 1772366400.5": "timestamp",
		"ms 1772366400999": "", "ms 1772366400": "timestamp", "ms -1": "timestamp", "ms 9223372036854775807": "timestamp",
		"rfc3339 2026-03-01T12:00:00Z": "", "rfc3339 2026-03-01T13:00:59.999999999+01:00": "", "rfc3339 2026-03-01 12:00:00": "timestamp", "rfc3339 1772366400": "timestamp",
		"rfc1123 Sun, 01 Mar 2026 12:00:00 GMT": "", "rfc1123 Sun, 01 Mar 2026 12:02:00 GMT": "timestamp", "rfc1123 now": "timestamp",
		"auto 1772366400": "", "auto 1772366400000": "", "auto 2026-03-01T12:00:00Z": "", "auto 17723664": "timestamp", "auto soon": "timestamp", "auto ": "missing_header",
	} {
		name, stamp, _ := strings.Cut(text, " ")
		s := &Scheme{time: &timestamp{place: place{kind: inHeader, name: "X"}, unit: units[name], tolerance: time.Minute}}
		q := s.read(&event.Request{Header: http.Header{"X": {stamp}}, Time: at}, nil)
		err := s.time.read(q)
		q.done()
		if got := reason(t, err); got != want {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	body := []byte(strings.Repeat("a", 1024))
	now := time.Unix(1700000000, 0)
	for _, name := range []string{"github", "stripe", "standard_webhooks"} {
		b.Run(name, func(b *testing.B) {
			s := preset(b, name)
			r := &event.Request{Header: http.Header{}, Body: body, Time: now}
			if err := s.Sign(r, "c2VjcmV0", nil, "id"); err != nil {
				b.Fatal(err)
			}
			check := verifier(b, s, "c2VjcmV0")
			b.ReportAllocs()
			for b.Loop() {
				if err := check.Verify(b.Context(), r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

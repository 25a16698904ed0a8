package verify

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/trotline/trotline/event"
)

// fullRequest is a request with something at every place.
func fullRequest() *event.Request {
	return &event.Request{
		Method: "POST", URL: "https://hooks.example.com:8443/hooks/shop?a=1&b=%20x", Path: "/hooks/shop",
		Query:  url.Values{"a": {"1"}, "b": {" x"}, "two": {"1", "2"}, "none": {""}},
		Header: http.Header{"X-Id": {"ID-1"}, "X-Two": {"1", "2"}, "X-Empty": {""}, "X-List": {"x-id, Content-Type"}, "X-Repeats": {"x-id,x-id"}, "Content-Type": {"application/json"}},
		Body:   []byte(`{"a":{"b":["x",{"c":1.50}]},"t":true,"n":null,"o":{},"é":"ü","empty":"","big":12345678901234567890}`), Time: at,
	}
}

func readFull(t testing.TB, r *event.Request) *reading {
	t.Helper()
	s := &Scheme{list: ",", formField: ""}
	q := s.read(r, map[string]string{"token": "in"})
	q.items, q.stamp, q.secret = "t=1,v1=ab, v1=cd,k=2,k=2", "1700000000", "key"
	q.element = map[string]any{"id": "e-1"}
	q.claims = map[string]any{"iss": "me"}
	q.sign = func(b []byte) []byte { return append([]byte("mac:"), b...) }
	t.Cleanup(q.done)
	return q
}

func TestTemplates(t *testing.T) {
	const body = `{"a":{"b":["x",{"c":1.50}]},"t":true,"n":null,"o":{},"é":"ü","empty":"","big":12345678901234567890}`
	tests := []struct{ template, want, missing string }{
		{"", "", ""},
		{"plain", "plain", ""},
		{"{\"a\":1}", `{"a":1}`, ""},
		{"{body}", body, ""},
		{"{method} {host} {path} {uri} {query} {url}", "POST hooks.example.com:8443 /hooks/shop /hooks/shop?a=1&b=%20x a=1&b=%20x https://hooks.example.com:8443/hooks/shop?a=1&b=%20x", ""},
		{"{header:x-id}", "ID-1", ""},
		{"{header:X-ID | lower}", "id-1", ""},
		{"{ header:X-Id  |  lower | upper }", "ID-1", ""},
		{"{header:X-Two}", "", "header:X-Two is there more than once"},
		{"{header:X-Empty}", "", "header:X-Empty is missing"},
		{"{header:X-No}", "", "header:X-No is missing"},
		{"{headers:X-List}", "x-id:ID-1;content-type:application/json", ""},
		{"{headers:X-No}", "", "headers:X-No is missing"},
		{"{headers:X-Id}", "", "headers:X-Id is missing"},
		{"{headers:X-Repeats}", "", "headers:X-Repeats is there more than once"},
		{"{query:b}", " x", ""},
		{"{query:b | trim}", "x", ""},
		{"{query:b | url}", "+x", ""},
		{"{query:two}", "", "query:two is there more than once"},
		{"{query:none}", "", "query:none is missing"},
		{"{body.a.b.0}{body.a.b.1.c}{body.t}{body.é}{body.big}", "x1.50trueü12345678901234567890", ""},
		{"{body.n}", "", "body.n is missing"},
		{"{body.o}", "", "body.o is missing"},
		{"{body.empty}", "", "body.empty is missing"},
		{"{body.a.b.7}", "", "body.a.b.7 is missing"},
		{"{body.a.b.x}", "", "body.a.b.x is missing"},
		{"{form}", "", ""},
		{"{form:a}", "", "form:a is missing"},
		{"{item:t=}{item:0}{item:2}", "1t=1v1=cd", ""},
		{"{item:k=}", "2", ""},
		{"{item:v1=}", "", "item:v1= is there more than once"},
		{"{item:9}{item:x=}", "", "item:9 is missing"},
		{"{timestamp}.{secret}.{input:token}.{each.id}.{claim:iss}", "1700000000.key.in.e-1.me", ""},
		{"{each.no}", "", "each.no is missing"},
		{"{claim:no}", "", "claim:no is missing"},
		{"{input:no}", "", "input:no is missing"},
		{"{query:a + header:X-Id + secret}", "1ID-1key", ""},
		{"{query:a + secret | sha256 | hex}", "0bb0c372b61ac46000edb9ea50f150fa0c1e42e0a8a16527a9e0d756c90bfa3d", ""},
		{"{query:a | hmac | base64}", "bWFjOjE=", ""},
		{"{query:a | md5 | hex}", "c4ca4238a0b923820dcc509a6f75849b", ""},
		{"{query:a | sha1 | hex | upper}", "356A192B7913B04C54574D18C28D46E6395428AB", ""},
		{"{query:a | sha512 | base64url}", "Tf9Oo0DwqCPxXT9PAati6uDl2lecy4Ufjbnf6ExYsrN7iZA6dA4e4XLaeTpuedVg5ff5vQWKEqKAQz7W-kZRCg", ""},
		{"{query:a | crc32}", "2212294583", ""},
		{"{body.é | json}", `"ü"`, ""},
		{`{header:X-Id | json}`, `"ID-1"`, ""},
		{"a{?[{header:X-No}]}b{?[{header:X-Id}]}", "ab[ID-1]", ""},
		{"{?{header:X-No}{?{header:X-Id}}}", "", ""},
		{"{?{header:X-Two}}", "", "header:X-Two is there more than once"},
		{"{?{form}}", "", ""},
		{`\n\r\t\\\{\}`, "\n\r\t\\{}", ""},
		{`{"type":1,"a":{"b":{}},"id":"{header:X-Id}"\}`, `{"type":1,"a":{"b":{}},"id":"ID-1"}`, ""},
		{"[{timestamp};{body.a.b.0}]", "[1700000000;x]", ""},
	}
	for _, tt := range tests {
		t.Run(tt.template, func(t *testing.T) {
			parsed, err := parseTemplate(tt.template)
			if err != nil {
				t.Fatal(err)
			}
			got, err := parsed.text(readFull(t, fullRequest()))
			var a *absence
			switch {
			case tt.missing != "":
				if !errors.As(err, &a) || err.Error() != tt.missing {
					t.Errorf("the error is %v, want %s", err, tt.missing)
				}
			case err != nil || got != tt.want:
				t.Errorf("got %q %v, want %q", got, err, tt.want)
			}
		})
	}
}

func TestTemplatesThatAreNone(t *testing.T) {
	for text, want := range map[string]string{
		"{body":              "is not closed",
		"{?{body}":           "{? is not closed",
		`\`:                  `a \ stands at the end`,
		`\x`:                 `unknown escape \x`,
		"{ }":                "leads nowhere",
		"{nothing}":          `"nothing" leads nowhere: there are body`,
		"{body | }":          `unknown filter ""`,
		"{body | sha}":       `unknown filter "sha": did you mean sha1?`,
		"{body | something}": `unknown filter "something": there are base64, base64url, crc32`,
		"{method.a}":         "method has no fields",
		"{body.}":            "a name between two dots is missing",
		"{body.a..b}":        "a name between two dots is missing",
		"{query:}":           "a name is missing after the colon",
		"{header:a b}":       `"a b" is not the name of a header`,
		"{headr:a}":          "did you mean header?",
		"{timestamp:a}":      `"timestamp:a" leads nowhere`,
	} {
		if _, err := parseTemplate(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: the error is %v, want %s", text, err, want)
		}
	}
}

func TestForms(t *testing.T) {
	const multi = "--x\r\nContent-Disposition: form-data; name=\"b\"\r\n\r\n2\r\n--x\r\nContent-Disposition: form-data; name=\"json\"\r\n\r\n{\"id\":\"1\"}\r\n--x--\r\n"
	const file = "--x\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a.txt\"\r\n\r\n2\r\n--x--\r\n"
	tests := []struct {
		name, contentType, body, sorted, id string
		isForm                              bool
	}{
		{"sorted", "application/x-www-form-urlencoded", "b=2&a=1&b=1&b=2&c=", "a1b1b2c", "", true},
		{"decoded", "application/x-www-form-urlencoded; charset=utf-8", "a=%C3%A9+x", "aé x", "", true},
		{"a field of JSON", "application/x-www-form-urlencoded", "json=%7B%22id%22%3A1%7D", `json{"id":1}`, "1", true},
		{"broken", "application/x-www-form-urlencoded", "a=%zz", "", "", false},
		{"json", "application/json", `{"id":"7"}`, "", "7", false},
		{"no type", "", "a=1", "", "", false},
		{"multipart", `multipart/form-data; boundary=x`, multi, `b2json{"id":"1"}`, "1", false},
		{"a file", `multipart/form-data; boundary=x`, file, "", "", false},
		{"a broken multipart", `multipart/form-data; boundary=x`, "--x\r\n", "", "", false},
		{"no boundary", `multipart/form-data`, multi, "", "", false},
		{"too many fields", `multipart/form-data; boundary=x`, strings.Repeat("--x\r\nContent-Disposition: form-data; name=\"b\"\r\n\r\n2\r\n", 1001) + "--x--\r\n", "", "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := &Scheme{formField: "json"}
			r := &event.Request{Header: http.Header{}, Body: []byte(tt.body)}
			if tt.contentType != "" {
				r.Header.Set("Content-Type", tt.contentType)
			}
			q := s.read(r, nil)
			defer q.done()
			if got, _ := q.find(&place{kind: inForm}); got != tt.sorted {
				t.Errorf("sorted it is %q, want %q", got, tt.sorted)
			}
			if q.isForm() != tt.isForm {
				t.Errorf("it is a form: %t", q.isForm())
			}
			if got, _ := q.find(&place{kind: inBody, path: []string{"id"}}); got != tt.id {
				t.Errorf("the id is %q, want %q", got, tt.id)
			}
		})
	}
}

func TestAFormAloneDoesNotSignAnotherBody(t *testing.T) {
	s := compiled(t, `{algorithm: hmac-sha1, content: "{url}{form}", signature: {at: header:X, encoding: base64}}`)
	r := &event.Request{Method: "POST", URL: "https://a.example/x", Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, Time: at}
	if err := s.Sign(r, "secret", nil, ""); err != nil {
		t.Fatal(err)
	}
	v := verifier(t, s, "secret")
	for body, want := range map[string]string{"": "", "{}": "signature", "a=1": "signature"} {
		for _, contentType := range []string{"application/x-www-form-urlencoded", "application/json", ""} {
			q := *r
			q.Body, q.Header = []byte(body), r.Header.Clone()
			q.Header.Set("Content-Type", contentType)
			if got := reason(t, v.Verify(t.Context(), &q)); got != want {
				t.Errorf("%q as %q: got %q, want %q", body, contentType, got, want)
			}
		}
	}
}

// TestWhatProvesNothingIsNotReadAtLength: a stranger's body takes no more memory than it has bytes.
func TestWhatProvesNothingIsNotReadAtLength(t *testing.T) {
	s := compiled(t, `{algorithm: hmac-sha256, content: "{body.0.id}", unsigned_body: true, signature: {at: header:X, encoding: hex}}`)
	for name, r := range map[string]*event.Request{
		"values": {Body: []byte(`[{"id":"1"}` + strings.Repeat(",1", proofLimits.Values) + "]")},
		"depth":  {Body: []byte(`[{"id":"1"},` + strings.Repeat("[", proofLimits.Depth) + strings.Repeat("]", proofLimits.Depth) + "]")},
	} {
		q := s.read(r, nil)
		if got, was := q.find(&place{kind: inBody, path: []string{"0", "id"}}); was != absent {
			t.Errorf("%s: read is %q", name, got)
		}
		q.done()
	}
	r := &event.Request{Header: http.Header{"Content-Type": {urlencoded}}, Body: []byte(strings.Repeat("a=1&", maxFields))}
	q := s.read(r, nil)
	defer q.done()
	if q.isForm() {
		t.Error("a form of too many fields is read")
	}
}

func TestADigestThatIsNotAskedForSignsNoBody(t *testing.T) {
	s := compiled(t, `
algorithm: jwt-hs256
signature: {at: header:X}
require: [{when: {header:Digest: "*"}, at: "claim:sha256", is: "{body | sha256 | hex}"}]
`)
	r := &event.Request{Method: "POST", Header: http.Header{"Digest": {"yes"}}, Body: []byte("hello"), Time: at}
	if err := s.Sign(r, "secret", nil, ""); err != nil {
		t.Fatal(err)
	}
	v := verifier(t, s, "secret")
	if err := v.Verify(t.Context(), r); err != nil {
		t.Errorf("signed: %v", err)
	}
	r.Header.Del("Digest")
	if got := reason(t, v.Verify(t.Context(), r)); got != "signature" {
		t.Errorf("without what asks for the digest: %q", got)
	}
	r.Body = nil
	if err := v.Verify(t.Context(), r); err != nil {
		t.Errorf("nothing is to be signed: %v", err)
	}
}

func TestSpots(t *testing.T) {
	const body = `{"type":"order","action":"paid","entry":[{"id":7}],"":"x"}`
	tests := []struct {
		id, want string
		missing  bool
	}{
		{"header:X-Id", "h-1", false},
		{"header:X-No", "", true},
		{"{?{header:X-No}}", "", false},
		{"body.type", "order", false},
		{"{body.type}.{body.action}", "order.paid", false},
		{"{body.type}.{body.no}", "order.", true},
		{"body.entry.0.id", "7", false},
		{"{body.entry.0.id | sha256 | hex}", "7902699be42c8a8e46fbbb4501726517e86b22c56a189f7625a6da49081b2451", false},
		{"query:q", "1", false},
		{"{method}{path}", "POST/a", false},
		{"{header:X-No | lower}", "", true},
	}
	for _, tt := range tests {
		d := Definition{Algorithm: "token", Signature: SignatureDefinition{At: Places{"header:x"}}, ID: tt.id}
		s, err := Compile(d)
		if err != nil {
			t.Fatal(err)
		}
		e := &event.Event{Body: event.NewBody(event.JSON, []byte(body)), Request: event.Keep(event.RequestInfo{
			Method: "POST", Path: "/a", Header: http.Header{"X-Id": {"h-1"}}, Query: url.Values{"q": {"1"}}})}
		got, ok := s.ID().Find(e)
		if ok == tt.missing || ok && got != tt.want {
			t.Errorf("%s: got %q %t, want %q", tt.id, got, ok, tt.want)
		}
		if s.ID().String() != tt.id {
			t.Errorf("%s is written as %s", tt.id, s.ID())
		}
	}
}

func TestPlacesAreWrittenAsTheyAreRead(t *testing.T) {
	for _, text := range []string{"body", "body.a.0.b", "header:X-Id", "query:hub.mode", "form:a", "form", "headers:X-List", "item:t=", "item:0",
		"timestamp", "secret", "input:a", "claim:a.b", "each.a", "method", "host", "path", "query", "uri", "url", "canonical"} {
		p, err := parsePlace(text)
		if err != nil || p.String() != text {
			t.Errorf("%s is written as %s, %v", text, p, err)
		}
	}
}

// FuzzTemplate: whatever a template says, it is refused or it can be written, and never panics.
func FuzzTemplate(f *testing.F) {
	for _, seed := range []string{"{timestamp}.{body}", "{?id:{query:data.id | lower};}", `{"a":"{body.a.b.0 | json}"\}`, "{query:a + secret | sha256 | hex}",
		"{headers:X-List}", "{item:0}", `\n\{`, "{form}", "{body.a.b.1.c}", "{?{?{body}}}", "{claim:a.b}{each.id}", "{canonical | sha256 | hex}{query | params}"} {
		f.Add(seed, "application/json", []byte(`{"a":{"b":[1]}}`))
	}
	f.Add("{form:a}{form}", "multipart/form-data; boundary=x", []byte("--x\r\n\r\n--x--"))
	f.Fuzz(func(t *testing.T, text, contentType string, body []byte) {
		parsed, err := parseSpot(text)
		if err != nil {
			return
		}
		r := fullRequest()
		r.Header["Content-Type"], r.Body = []string{contentType}, body
		q := readFull(t, r)
		first, err := parsed.text(q)
		if err != nil {
			var a *absence
			if !errors.As(err, &a) {
				t.Fatalf("the error is %v", err)
			}
			if a.refusal("signature").Status != http.StatusUnauthorized {
				t.Error("an absence is no 401")
			}
			return
		}
		if second, err := parsed.text(readFull(t, r)); err != nil || first != second {
			t.Errorf("%q is written as %q and as %q", text, first, second)
		}
	})
}

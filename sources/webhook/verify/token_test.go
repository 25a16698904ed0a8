package verify

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/trotline/trotline/event"
)

// compiled is the scheme of a definition in YAML.
func compiled(t testing.TB, text string) *Scheme {
	t.Helper()
	var d Definition
	if err := yaml.Unmarshal([]byte(text), &d); err != nil {
		t.Fatal(err)
	}
	s, err := Compile(d)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestTokens(t *testing.T) {
	header := verifier(t, compiled(t, `{algorithm: token, signature: {at: header:x-api-key}}`), "one", "two")
	query := verifier(t, compiled(t, `{algorithm: token, signature: {at: query:key}}`), "one", "two")
	either := verifier(t, compiled(t, `{algorithm: token, signature: {at: [header:x-api-key, query:key]}}`), "one")
	bearer := verifier(t, compiled(t, `{algorithm: token, signature: {at: header:Authorization, tag: "Bearer "}}`), "one", "two")
	basic := verifier(t, compiled(t, `{algorithm: token, signature: {at: header:Authorization, tag: "Basic ", encoding: base64}}`), "ann:a:pass", "bob:hunter2")
	each := verifier(t, compiled(t, `{algorithm: token, each: body.value, signature: {at: each.state}}`), "one")
	// base64 of ann:a:pass, bob:hunter2, bob:a:pass
	const ann, bob, mixed = "YW5uOmE6cGFzcw==", "Ym9iOmh1bnRlcjI=", "Ym9iOmE6cGFzcw=="

	tests := []struct {
		name   string
		v      *Signed
		header []string // values
		query  string
		body   string
		want   string
	}{
		{"api key", header, []string{"one"}, "", "", ""},
		{"the second key", header, []string{"two"}, "", "", ""},
		{"a wrong key", header, []string{"three"}, "", "", "credentials"},
		{"part of a key", header, []string{"on"}, "", "", "credentials"},
		{"two keys", header, []string{"one", "two"}, "", "", "credentials"},
		{"no key", header, nil, "", "", "missing_header"},
		{"an empty key", header, []string{""}, "", "", "missing_header"},
		{"the key in the query instead", header, nil, "key=one", "", "missing_header"},

		{"query", query, nil, "key=two", "", ""},
		{"a wrong query", query, nil, "key=three", "", "credentials"},
		{"a repeated query", query, nil, "key=one&key=one", "", "credentials"},
		{"no query", query, nil, "", "", "credentials"},

		{"one of two places", either, nil, "key=one", "", ""},
		{"the other place", either, []string{"one"}, "", "", ""},
		{"a wrong one and a right one", either, []string{"three"}, "key=one", "", ""},

		{"token", bearer, []string{"Bearer two"}, "", "", ""},
		{"token with a small scheme", bearer, []string{"bearer  one"}, "", "", ""},
		{"a wrong token", bearer, []string{"Bearer three"}, "", "", "credentials"},
		{"another scheme", bearer, []string{"Basic " + ann}, "", "", "credentials"},
		{"the token alone", bearer, []string{"one"}, "", "", "credentials"},
		{"less than the scheme", bearer, []string{"Bear"}, "", "", "credentials"},
		{"two tokens", bearer, []string{"Bearer one", "Bearer one"}, "", "", "credentials"},
		{"no token", bearer, nil, "", "", "missing_header"},

		{"user", basic, []string{"Basic " + ann}, "", "", ""},
		{"another user", basic, []string{"basic " + bob}, "", "", ""},
		{"another user's password", basic, []string{"Basic " + mixed}, "", "", "credentials"},
		{"not base64", basic, []string{"Basic !"}, "", "", "credentials"},
		{"no user", basic, nil, "", "", "missing_header"},

		{"in every element", each, nil, "", `{"value":[{"state":"one"},{"state":"one"}]}`, ""},
		{"not in every element", each, nil, "", `{"value":[{"state":"one"},{"state":"two"}]}`, "credentials"},
		{"missing in an element", each, nil, "", `{"value":[{"state":"one"},{}]}`, "credentials"},
		{"an empty list", each, nil, "", `{"value":[]}`, "credentials"},
		{"no list", each, nil, "", `{"value":{"state":"one"}}`, "credentials"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			q, err := url.ParseQuery(tt.query)
			if err != nil {
				t.Fatal(err)
			}
			r := &event.Request{Header: http.Header{}, Query: q, Body: []byte(tt.body)}
			if tt.header != nil {
				name := "Authorization"
				if tt.v == header || tt.v == either {
					name = "X-Api-Key"
				}
				r.Header[name] = tt.header
			}
			refused := tt.v.Verify(t.Context(), r)
			if got := reason(t, refused); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			var refusal *event.Refusal
			if asks := tt.v == bearer || tt.v == basic; errors.As(refused, &refusal) && asks != (refusal.Header.Get("WWW-Authenticate") != "") {
				t.Errorf("the headers are %v", refusal.Header)
			}
		})
	}
}

func TestWhereSecretsStand(t *testing.T) {
	s := compiled(t, `
algorithm: token
signature: {at: [header:X-Token, query:token, body.token]}
inputs: {token: "a text of yours"}
handshake:
  - {when: {method: GET, query:verify_token: "{input:token}", query:mode: subscribe}, unsigned: true}
`)
	headers, query := s.SecretsAt()
	if strings.Join(headers, " ") != "X-Token" || strings.Join(query, " ") != "token verify_token" {
		t.Errorf("the secrets stand in %v and %v", headers, query)
	}
}

func TestInputs(t *testing.T) {
	s := compiled(t, `{algorithm: hmac-sha256, content: "{input:webhook_id}{body}", signature: {at: header:X, encoding: hex}, inputs: {webhook_id: "its number"}}`)
	for want, inputs := range map[string]map[string]event.Secret{
		"with: webhook_id is missing (its number)":                     nil,
		`with: unknown input "webhook" (there are webhook_id)`:         {"webhook": "1"},
		"with: webhook_id is missing (its number) ":                    {"webhook_id": ""},
		`with: unknown input "a_topsecret_one" (there are webhook_id)`: {"a_topsecret_one": "x", "webhook_id": "1"},
	} {
		_, err := s.Verifier(Given{Secrets: []event.Secret{"x"}, Inputs: inputs})
		if err == nil || err.Error() != strings.TrimSpace(want) {
			t.Errorf("the error is %v, want %s", err, want)
		}
	}
	none := compiled(t, `{algorithm: token, signature: {at: header:X}}`)
	if _, err := none.Verifier(Given{Secrets: []event.Secret{"x"}, Inputs: map[string]event.Secret{"a": "b"}}); err == nil || !strings.Contains(err.Error(), "there is none") {
		t.Errorf("an input of a scheme without: %v", err)
	}
}

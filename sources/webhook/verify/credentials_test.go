package verify

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/trotline/trotline/event"
)

func TestCredentials(t *testing.T) {
	made := func(v Verifier, err error) Verifier {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	header := made(NewAPIKey("x-api-key", "", []event.Secret{"one", "two"}))
	query := made(NewAPIKey("", "key", []event.Secret{"one", "two"}))
	bearer := made(NewBearer([]event.Secret{"one", "two"}))
	basic := made(NewBasic(map[string]event.Secret{"ann": "a:pass", "bob": "hunter2"}))
	// base64 of ann:a:pass, bob:hunter2, bob:a:pass
	const ann, bob, mixed = "YW5uOmE6cGFzcw==", "Ym9iOmh1bnRlcjI=", "Ym9iOmE6cGFzcw=="

	tests := []struct {
		name   string
		v      Verifier
		header []string // values
		query  string
		want   string
	}{
		{"api key", header, []string{"one"}, "", ""},
		{"the second key", header, []string{"two"}, "", ""},
		{"a wrong key", header, []string{"three"}, "", "credentials"},
		{"part of a key", header, []string{"on"}, "", "credentials"},
		{"two keys", header, []string{"one", "two"}, "", "credentials"},
		{"no key", header, nil, "", "missing_header"},
		{"an empty key", header, []string{""}, "", "missing_header"},
		{"the key in the query instead", header, nil, "key=one", "missing_header"},

		{"query", query, nil, "key=two", ""},
		{"a wrong query", query, nil, "key=three", "credentials"},
		{"a repeated query", query, nil, "key=one&key=one", "credentials"},
		{"no query", query, nil, "", "credentials"},

		{"token", bearer, []string{"Bearer two"}, "", ""},
		{"token with a small scheme", bearer, []string{"bearer  one"}, "", ""},
		{"a wrong token", bearer, []string{"Bearer three"}, "", "credentials"},
		{"another scheme", bearer, []string{"Basic " + ann}, "", "credentials"},
		{"the token alone", bearer, []string{"one"}, "", "credentials"},
		{"two tokens", bearer, []string{"Bearer one", "Bearer one"}, "", "credentials"},
		{"no token", bearer, nil, "", "missing_header"},

		{"user", basic, []string{"Basic " + ann}, "", ""},
		{"another user", basic, []string{"basic " + bob}, "", ""},
		{"another user's password", basic, []string{"Basic " + mixed}, "", "credentials"},
		{"not base64", basic, []string{"Basic !"}, "", "credentials"},
		{"no user", basic, nil, "", "missing_header"},

		{"nothing is asked", Unverified{}, nil, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			q, err := url.ParseQuery(tt.query)
			if err != nil {
				t.Fatal(err)
			}
			r := &event.Request{Header: http.Header{}, Query: q}
			if tt.header != nil {
				name := "Authorization"
				if tt.v == header {
					name = "X-Api-Key"
				}
				r.Header[name] = tt.header
			}
			refused := tt.v.Verify(r)
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

func TestCredentialsThatAreNone(t *testing.T) {
	tests := []struct {
		make func() (Verifier, error)
		want string
	}{
		{func() (Verifier, error) { return NewAPIKey("", "", []event.Secret{"a"}) }, "either header or query"},
		{func() (Verifier, error) { return NewAPIKey("X", "x", []event.Secret{"a"}) }, "either header or query"},
		{func() (Verifier, error) { return NewAPIKey("X", "", nil) }, "keys: needs at least one"},
		{func() (Verifier, error) { return NewAPIKey("X", "", []event.Secret{"topsecret", ""}) }, "keys: number 2 is empty"},
		{func() (Verifier, error) { return NewBearer([]event.Secret{" "}) }, "tokens: number 1 is empty"},
		{func() (Verifier, error) { return NewBasic(nil) }, "users: needs at least one"},
		{func() (Verifier, error) { return NewBasic(map[string]event.Secret{"ann": ""}) }, "the password of ann is empty"},
		{func() (Verifier, error) { return NewBasic(map[string]event.Secret{"a:b": "topsecret"}) }, "no colon"},
		{func() (Verifier, error) { return NewBasic(map[string]event.Secret{"": "topsecret"}) }, "must have letters"},
	}
	for _, tt := range tests {
		_, err := tt.make()
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "topsecret") {
			t.Errorf("the error is %v, want %s", err, tt.want)
		}
	}
}

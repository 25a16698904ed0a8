package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const schemeSite = `
server: {listen: DOOR, admin: {listen: ADMIN}, public_url: "https://hooks.example.com"}
sources:
  calls:
    path: /hooks/calls
    verify:
      secrets: [secret]
      scheme:
        algorithm: hmac-sha1
        content: "{url}{form}"
        signature: {at: header:X-Calls-Signature, encoding: base64}
        require:
          - {when: {form: "", body: "*"}, at: query:bodySHA256, is: "{body | sha256 | hex}"}
  mail:
    path: /hooks/mail
    verify:
      secrets: [secret]
      scheme:
        algorithm: hmac-sha256
        content: "{timestamp}{body.signature.token}"
        unsigned_body: true
        signature: {at: body.signature.signature, encoding: hex}
        timestamp: {at: body.signature.timestamp, unit: s, tolerance: 5m}
        id: body.signature.token
  site:
    path: /hooks/site
    verify:
      secrets: [secret]
      scheme:
        algorithm: jwt-hs256
        signature: {at: header:X-Token}
        require: [{at: "claim:sha256", is: "{body | sha256 | hex}"}]
  chat:
    path: /hooks/chat
    verify:
      secrets: [secret]
      with: {verify_token: mine}
      scheme:
        algorithm: hmac-sha256
        content: "{body}"
        signature: {at: header:X-Chat-Signature, encoding: hex}
        inputs: {verify_token: "your own text"}
        handshake:
          - {when: {method: GET, query:hub.verify_token: "{input:verify_token}"}, unsigned: true, answer: {body: "{query:hub.challenge}"}}
          - {when: {method: OPTIONS, header:WebHook-Request-Origin: "*"}, unsigned: true, answer: {headers: {WebHook-Allowed-Origin: "{header:WebHook-Request-Origin}"}}}
          - {when: {method: HEAD}, unsigned: true}
        accepted: {status: 200, body: "[accepted]"}
  bot:
    path: /hooks/bot
    verify:
      secrets: ["${file:public.pem}"]
      scheme:
        algorithm: ed25519
        content: "{timestamp}{body}"
        signature: {at: header:X-Signature, encoding: hex}
        timestamp: {at: header:X-Timestamp, unit: s, tolerance: 5m}
sinks: {out: {type: file, path: out.jsonl}}
pipelines: {all: {from: [calls, mail, site, chat, bot], to: [out]}}
`

// keyPair writes a pair of keys as a provider would have one.
func (s *site) keyPair() {
	s.t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		s.t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		s.t.Fatal(err)
	}
	open, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		s.t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{
		"private.pem": {Type: "PRIVATE KEY", Bytes: secret}, "public.pem": {Type: "PUBLIC KEY", Bytes: open},
	} {
		if err := os.WriteFile(filepath.Join(s.dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			s.t.Fatal(err)
		}
	}
}

// TestSchemes signs with send and asks for handshakes, as a user does who tries a pipeline without the provider.
func TestSchemes(t *testing.T) {
	s := newSite(t, schemeSite)
	s.keyPair()
	s.run()
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"send", "calls", "-d", "From=1&Body=hi"}, "202"},
		{[]string{"send", "calls", "-d", `{"from":1}`}, "202"},
		{[]string{"send", "mail", "-d", `{"event":"opened"}`}, "202"},
		{[]string{"send", "site", "-d", `{"event":"deployed"}`}, "202"},
		{[]string{"send", "chat", "-d", `{"event":"said"}`}, "200 OK [accepted]"},
		{[]string{"send", "bot", "-d", "{}", "--key", "private.pem"}, "202"},
		{[]string{"send", "bot", "-d", "{}"}, "give a private one, as PEM"},
		{[]string{"send", "bot", "-d", "{}", "--key", "nothing.pem"}, "--key: "},
		{[]string{"send", "calls", "-d", "a=1", "-H", "X-Calls-Signature: AAAA"}, "401"},
		{[]string{"send", "chat", "-d", "{}", "-X", "GET"}, "405"},
	} {
		if got := s.trotline(tt.args...); !strings.Contains(got.out+got.errOut, tt.want) {
			t.Errorf("%v: %s%s, want %s", tt.args, got.out, got.errOut, tt.want)
		}
	}
	for _, tt := range []struct {
		method, query string
		status        int
		body          string
	}{
		{http.MethodGet, "?hub.verify_token=mine&hub.challenge=42", 200, "42"},
		{http.MethodGet, "?hub.verify_token=yours&hub.challenge=42", 401, ""},
		{http.MethodOptions, "", 200, ""},
		{http.MethodHead, "", 200, ""},
		{http.MethodPut, "", 405, ""},
	} {
		r, err := http.NewRequest(tt.method, "http://"+s.door+"/hooks/chat"+tt.query, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("WebHook-Request-Origin", "events.example.com")
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil || answer.StatusCode != tt.status || tt.body != "" && string(body) != tt.body {
			t.Errorf("%s %s: %s %s %v, want %d %s", tt.method, tt.query, answer.Status, body, err, tt.status, tt.body)
		}
		if origin := answer.Header.Get("WebHook-Allowed-Origin"); (tt.method == http.MethodOptions) != (origin == "events.example.com") {
			t.Errorf("%s allows %q", tt.method, origin)
		}
	}
	eventually(t, "every event is delivered", func() bool { return len(s.lines("out.jsonl")) == 6 })
}

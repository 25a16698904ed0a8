package webhook

import (
	"slices"

	"github.com/trotline/trotline/event"
	"github.com/trotline/trotline/sources/webhook/verify"
)

// Settings are what a webhook source is told beside what every source has
// (path, methods, max_body, allow_ips, public_url, split).
type Settings struct {
	Verify    *Verify    `yaml:"verify" required:"true" doc:"how the sender proves itself; none must be written"`
	ID        event.Expr `yaml:"id" want:"string" doc:"what makes a second delivery the same event; a preset knows its sender's"`
	EventType event.Expr `yaml:"event_type" want:"string" doc:"the sender's word for what happened; a preset knows its sender's"`
	Decode    string     `yaml:"decode" enum:"auto,json,form,multipart,xml,csv,ndjson,text,binary,cloudevents" doc:"how the body is read; auto (the default) goes by Content-Type"`
	Honeypot  string     `yaml:"honeypot" doc:"a field of the form that people do not see: what fills it is answered as any other, and not stored"`
	Respond   *Respond   `yaml:"respond" doc:"what an accepted request is answered; 202 and the event's id by default"`
	FormField string     `yaml:"form_field" doc:"the field of a form whose JSON is the body; a preset knows its sender's"`
}

// Verify is how a sender proves itself: exactly one of the ways.
type Verify struct {
	Way     string                  `yaml:"way" short:"true" enum:"none" doc:"none: whoever knows the address is believed"`
	HMAC    *HMAC                   `yaml:"hmac" doc:"a signature of the body in a header"`
	APIKey  *APIKey                 `yaml:"api_key" doc:"a shared secret in a header or the query"`
	Bearer  *Bearer                 `yaml:"bearer" doc:"a token in the Authorization header"`
	Basic   *Basic                  `yaml:"basic" doc:"a user and a password in the Authorization header"`
	JWT     *JWT                    `yaml:"jwt" doc:"a token that an issuer gives to the sender"`
	MTLS    *MTLS                   `yaml:"mtls" doc:"a TLS certificate of the sender's, from one of server.tls.client_ca_file"`
	Preset  string                  `yaml:"preset" doc:"a provider whose way of signing is known"`
	Scheme  *verify.Definition      `yaml:"scheme" doc:"any other way of signing, as data; docs/schemes.md has its words"`
	Secrets []event.Secret          `yaml:"secrets" doc:"the preset's or the scheme's secrets, or the sender's public keys; a signature by any of them counts"`
	With    map[string]event.Secret `yaml:"with" doc:"what else the preset or the scheme asks for"`
}

// HMAC is a signature of the body in a header.
type HMAC struct {
	Header    string         `yaml:"header" required:"true" doc:"the header with the signature"`
	Prefix    string         `yaml:"prefix" doc:"what stands before the signature, such as sha256="`
	Algorithm string         `yaml:"algorithm" enum:"sha256,sha1,sha384,sha512" doc:"the hash (sha256)"`
	Encoding  string         `yaml:"encoding" enum:"hex,base64,base64url" doc:"how the signature is written (hex)"`
	Secrets   []event.Secret `yaml:"secrets" required:"true" doc:"a signature by any of them counts"`
}

// APIKey is a shared secret in a header or in the query.
type APIKey struct {
	Header string         `yaml:"header" doc:"the header with the key"`
	Query  string         `yaml:"query" doc:"or the query parameter with the key"`
	Keys   []event.Secret `yaml:"keys" required:"true" doc:"any of them counts"`
}

// Bearer is a token in the Authorization header (RFC 6750).
type Bearer struct {
	Tokens []event.Secret `yaml:"tokens" required:"true" doc:"any of them counts"`
}

// Basic is a user and a password in the Authorization header (RFC 7617).
type Basic struct {
	Users map[string]event.Secret `yaml:"users" required:"true" doc:"each user's password"`
}

// Validate finds what cannot verify anything (no way or several, no secret, an
// empty one), and settings that do not go together.
func (s *Settings) Validate() []*event.FieldError {
	var problems []*event.FieldError
	if _, err := newProof(s.Verify, world{}); err != nil {
		problems = append(problems, err)
	}
	if s.FormField != "" && !slices.Contains([]string{"", auto, "form", "multipart"}, s.Decode) {
		problems = append(problems, &event.FieldError{
			Path: "form_field", Msg: "a body decoded as " + s.Decode + " is no form", Hint: "leave decode out, or make it form or multipart",
		})
	}
	if s.Honeypot != "" && !slices.Contains([]string{"", auto, "form", "multipart", "json"}, s.Decode) {
		problems = append(problems, &event.FieldError{
			Path: "honeypot", Msg: "a body decoded as " + s.Decode + " has no such field", Hint: "leave decode out, or make it form, multipart or json",
		})
	}
	if s.Respond != nil {
		problems = append(problems, s.Respond.Validate()...)
	}
	return problems
}

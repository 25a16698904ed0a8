package webhook

import (
	"strings"
	"testing"

	"github.com/trotline/trotline/event"
)

func TestValidate(t *testing.T) {
	secrets := []event.Secret{"topsecret"}
	tests := []struct {
		name   string
		verify *Verify
		want   string // "" is valid
	}{
		{"missing", nil, "verify: is missing (give one of preset, scheme, hmac, api_key, bearer, basic, jwt and mtls, or write verify: none)"},
		{"empty", &Verify{}, "verify: says nothing (give one of"},
		{"none", &Verify{Way: "none"}, ""},
		{"some", &Verify{Way: "some"}, `verify: unknown way "some"`},
		{"two ways", &Verify{Way: "none", HMAC: &HMAC{Header: "X", Secrets: secrets}}, "verify: says both none and hmac"},
		{"secrets without a preset", &Verify{Way: "none", Secrets: secrets}, "verify.secrets: belongs to a preset or a scheme (write it inside none)"},
		{"hmac", &Verify{HMAC: &HMAC{Header: "X", Secrets: secrets}}, ""},
		{"hmac with everything", &Verify{HMAC: &HMAC{Header: "x-sig", Prefix: "v1=", Algorithm: "sha512", Encoding: "base64url", Secrets: secrets}}, ""},
		{"hmac without a header", &Verify{HMAC: &HMAC{Secrets: secrets}}, `verify.hmac.header: "" is not the name of a header`},
		{"hmac with an odd header", &Verify{HMAC: &HMAC{Header: "X Sig:", Secrets: secrets}}, `verify.hmac.header: "X Sig:" is not`},
		{"hmac with an unknown algorithm", &Verify{HMAC: &HMAC{Header: "X", Algorithm: "md4", Secrets: secrets}}, `verify.hmac.algorithm: unknown word "hmac-md4"`},
		{"hmac without secrets", &Verify{HMAC: &HMAC{Header: "X"}}, "verify.hmac.secrets: needs at least one secret"},
		{"hmac with an empty secret", &Verify{HMAC: &HMAC{Header: "X", Secrets: []event.Secret{"topsecret", ""}}}, "verify.hmac.secrets: number 2 is empty"},
		{"preset", &Verify{Preset: "shopify", Secrets: secrets}, ""},
		{"a misspelt preset", &Verify{Preset: "shoppify", Secrets: secrets}, `verify.preset: unknown preset "shoppify" (did you mean shopify?`},
		{"preset without secrets", &Verify{Preset: "github"}, "verify.secrets: needs at least one secret"},
		{"a secret that is not base64", &Verify{Preset: "standard_webhooks", Secrets: []event.Secret{"topsecret!"}}, "verify.secrets: number 1 is not base64"},
		{"api key", &Verify{APIKey: &APIKey{Header: "X", Keys: secrets}}, ""},
		{"api key nowhere", &Verify{APIKey: &APIKey{Keys: secrets}}, "verify.api_key: needs either header or query"},
		{"api key in an odd header", &Verify{APIKey: &APIKey{Header: "a b", Keys: secrets}}, `verify.api_key.header: "a b" is not`},
		{"bearer", &Verify{Bearer: &Bearer{Tokens: secrets}}, ""},
		{"bearer without tokens", &Verify{Bearer: &Bearer{}}, "verify.bearer.tokens: needs at least one"},
		{"basic", &Verify{Basic: &Basic{Users: map[string]event.Secret{"ann": "x"}}}, ""},
		{"jwt", &Verify{JWT: &JWT{Issuer: "https://login.example.com", Audience: []string{"hooks"}}}, ""},
		{"jwt with secrets", &Verify{JWT: &JWT{Secrets: secrets, Algorithms: []string{"HS256"}, Header: "x-token"}}, ""},
		{"jwt of nobody", &Verify{JWT: &JWT{}}, "verify.jwt: says nothing to check a token with"},
		{"jwt for everybody", &Verify{JWT: &JWT{Issuer: "https://login.example.com"}}, "verify.jwt: takes whatever token was issued"},
		{"jwt of an odd issuer", &Verify{JWT: &JWT{Issuer: "login", Audience: []string{"hooks"}}}, "verify.jwt.issuer: issuer is no address"},
		{"jwt in an odd header", &Verify{JWT: &JWT{Secrets: secrets, Header: "a b"}}, `verify.jwt.header: "a b" is not`},
		{"certificate", &Verify{MTLS: &MTLS{Subject: []string{"partner"}, SAN: []string{"partner.example.com"}}}, ""},
		{"any certificate", &Verify{MTLS: &MTLS{}}, ""},
		{"certificate of an odd name", &Verify{MTLS: &MTLS{SAN: []string{"URI:spiffe"}}}, `verify.mtls.san: "URI:spiffe" is no DNS name`},
		{"basic without users", &Verify{Basic: &Basic{}}, "verify.basic.users: needs at least one"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := &Settings{Verify: tt.verify}
			problems := s.Validate()
			_, err := Kind().Open(s, event.SourceOptions{})
			if (err == nil) != (len(problems) == 0) {
				t.Errorf("Validate finds %v, Open %v", problems, err)
			}
			if tt.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if len(problems) != 1 || !strings.HasPrefix(problems[0].Error(), tt.want) || strings.Contains(problems[0].Error(), "topsecret") {
				t.Errorf("found %v, want %s", problems, tt.want)
			}
		})
	}
}

func TestSignIsWhatReceiveTakes(t *testing.T) {
	secrets := []event.Secret{"c2VjcmV0", "b3RoZXI="}
	for name, v := range map[string]*Verify{
		"none":              {Way: "none"},
		"hmac":              {HMAC: &HMAC{Header: "x-sig", Prefix: "sha1=", Algorithm: "sha1", Encoding: "base64", Secrets: secrets}},
		"api key":           {APIKey: &APIKey{Header: "X-Key", Keys: secrets}},
		"query":             {APIKey: &APIKey{Query: "key", Keys: secrets}},
		"bearer":            {Bearer: &Bearer{Tokens: secrets}},
		"basic":             {Basic: &Basic{Users: map[string]event.Secret{"bob": "b", "ann": "a"}}},
		"jwt":               {JWT: &JWT{Issuer: "me", Audience: []string{"hooks"}, Claims: map[string]string{"sub": "ann"}, Secrets: secrets}},
		"jwt in a header":   {JWT: &JWT{Secrets: secrets, Header: "x-token"}},
		"github":            {Preset: "github", Secrets: secrets},
		"stripe":            {Preset: "stripe", Secrets: secrets},
		"shopify":           {Preset: "shopify", Secrets: secrets},
		"standard_webhooks": {Preset: "standard_webhooks", Secrets: secrets},
	} {
		t.Run(name, func(t *testing.T) {
			s := &Settings{Verify: v}
			const body = `{"id":"1"}`
			r := request(body)
			if err := Sign(s, r); err != nil {
				t.Fatal(err)
			}
			e, refused := receive(t, opened(t, s), r)
			if refused != "" {
				t.Fatalf("%v %v is refused: %s", r.Header, r.Query, refused)
			}
			for _, secret := range []string{"Authorization", "X-Key", "X-Token"} {
				if e.Request.Info().Header.Get(secret) != "" {
					t.Errorf("%s is kept", secret)
				}
			}
			if name == "none" {
				return
			}
			if _, refused := receive(t, opened(t, s), request(body)); !strings.HasPrefix(refused, "401 ") {
				t.Errorf("without a proof it is refused with %q", refused)
			}
		})
	}
	if err := Sign(&Settings{}, request("")); err == nil {
		t.Error("signed without knowing how")
	}
}

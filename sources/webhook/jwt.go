package webhook

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/trotline/trotline/event"
	"github.com/trotline/trotline/sources/webhook/verify"
)

// JWT is a token that an issuer gives to the sender (RFC 7519).
type JWT struct {
	Issuer     string            `yaml:"issuer" doc:"who issues the tokens: https://login.example.com; its keys are found there (OpenID Connect) unless keys are given otherwise"`
	Audience   []string          `yaml:"audience" doc:"whom the tokens are for; any of them counts"`
	Claims     map[string]string `yaml:"claims" doc:"what other claims must say, such as email: hooks@example.com"`
	JWKSURL    string            `yaml:"jwks_url" doc:"the address of the issuer's JSON Web Key Set, where it cannot be found"`
	Keys       []string          `yaml:"keys" doc:"public keys, PEM, instead; any of them counts"`
	Secrets    []event.Secret    `yaml:"secrets" doc:"shared secrets, instead; any of them counts"`
	Algorithms []string          `yaml:"algorithms" enum:"RS256,RS384,RS512,PS256,PS384,PS512,ES256,ES384,ES512,EdDSA,HS256,HS384,HS512" doc:"how tokens may be signed; every way that fits the keys when left out"`
	Header     string            `yaml:"header" doc:"the header with the token (Authorization)"`
}

// keySets and certificates are those of every source, before and after an edit.
var (
	keySets      verify.KeySets
	certificates verify.Certificates
)

func (j *JWT) proof(w world) (*proof, *event.FieldError) {
	if j.Header != "" && !event.ValidHeaderName(j.Header) {
		return nil, headerName("verify.jwt.header", j.Header)
	}
	v, err := verify.NewIssued(verify.Issuance{
		Issuer: j.Issuer, Audience: j.Audience, Claims: j.Claims, JWKS: j.JWKSURL, Keys: j.Keys, Secrets: j.Secrets,
		Algorithms: j.Algorithms, Header: j.Header,
	}, w.keySets, w.outside)
	if err != nil {
		return nil, fieldError("verify.jwt", err)
	}
	p := &proof{Verifier: v, sign: v.Sign}
	if j.Header != "" {
		p.secretHeaders = []string{http.CanonicalHeaderKey(j.Header)}
	}
	return p, nil
}

// told is a world outside whose failures the operator hears of: the sender is
// told nothing but to come again.
type told struct {
	verify.Outside
	log *slog.Logger
}

func (t told) Get(ctx context.Context, address string) ([]byte, error) {
	text, err := t.Outside.Get(ctx, address)
	if err != nil {
		t.log.Error("what proves senders could not be fetched; they are told to come again with 503", "address", address, "error", err)
	}
	return text, err
}

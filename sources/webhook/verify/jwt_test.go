package verify

import (
	"net/http"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/trotline/trotline/event"
)

// TestDetachedTokens signs the body as it stands and encoded (RFC 7797, RFC
// 7515), and hands over tokens that have a payload of their own.
func TestDetachedTokens(t *testing.T) {
	const secret = "a secret that is long enough for everybody, and for the library"
	scheme, err := Compile(Definition{
		Algorithm: "jwt-hs256", Content: "{body}", Signature: SignatureDefinition{At: Places{"header:X-Sig"}},
		Require: []RequireDefinition{{At: "claim:from", Is: "the shop"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	check, err := scheme.Verifier(Given{Secrets: []event.Secret{secret}})
	if err != nil {
		t.Fatal(err)
	}
	sign := func(payload string, serialize func(jose.JSONWebSignature) (string, error), options *jose.SignerOptions) string {
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: jwtSecret([]byte(secret))}, options)
		if err != nil {
			t.Fatal(err)
		}
		token, err := signer.Sign([]byte(payload))
		if err != nil {
			t.Fatal(err)
		}
		text, err := serialize(*token)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	from := func() *jose.SignerOptions { return (&jose.SignerOptions{}).WithHeader("from", "the shop") }
	detached, whole := jose.JSONWebSignature.DetachedCompactSerialize, jose.JSONWebSignature.CompactSerialize
	const body = `{"id":"1"}`
	for name, c := range map[string]struct {
		token string
		right bool
	}{
		"as it stands":         {sign(body, detached, from().WithBase64(false)), true},
		"encoded":              {sign(body, detached, from()), true},
		"of another body":      {sign(`{"id":"2"}`, detached, from()), false},
		"with a payload":       {sign(body, whole, from()), false},
		"of another's header":  {sign(body, detached, (&jose.SignerOptions{}).WithHeader("from", "elsewhere")), false},
		"without the claim":    {sign(body, detached, nil), false},
		"whose claim is moved": {sign(`{"from":"the shop"}`, whole, nil), false},
		"that is none":         {"a.b", false},
	} {
		r := &event.Request{Method: http.MethodPost, Header: http.Header{"X-Sig": {c.token}}, Body: []byte(body)}
		if err := check.Verify(t.Context(), r); (err == nil) != c.right {
			t.Errorf("a token %s: %v", name, err)
		}
	}
}

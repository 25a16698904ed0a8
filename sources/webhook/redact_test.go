package webhook

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/trotline/trotline/event"
	"github.com/trotline/trotline/sources/webhook/verify"
)

// What proves a sender is not kept of a refused request, wherever it stands.
func TestRefusedRequestsShowNoSecret(t *testing.T) {
	const secret = "s3cret"
	request := func() *event.Request {
		return &event.Request{
			Method: http.MethodPost, Path: "/hooks/shop", Stamp: "stamp",
			Header: http.Header{
				"Content-Type": {"application/json"}, "User-Agent": {"Shop/1.0"}, "X-Proof": {secret},
				"Authorization": {"Bearer " + secret}, "Cookie": {"sid=" + secret}, "X-Api-Key": {secret}, "X-Hub-Signature-256": {secret},
			},
			Query: url.Values{"page": {"2"}, "token": {secret}, "proof": {secret}},
			Body:  []byte(`{"n": 1}`),
		}
	}
	for name, v := range map[string]*Verify{
		"none":          {Way: "none"},
		"hmac":          {HMAC: &HMAC{Header: "X-Proof", Secrets: []event.Secret{"k"}}},
		"api_key":       {APIKey: &APIKey{Header: "X-Proof", Keys: []event.Secret{"k"}}},
		"api_key query": {APIKey: &APIKey{Query: "proof", Keys: []event.Secret{"k"}}},
		"bearer":        {Bearer: &Bearer{Tokens: []event.Secret{"k"}}},
		"jwt":           {JWT: &JWT{Header: "X-Proof", Secrets: []event.Secret{"a-secret-of-thirty-two-bytes-....."}}},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := newSource(&Settings{Verify: v}, event.SourceOptions{Name: "shop"}, internet())
			if err != nil {
				t.Fatal(err)
			}
			r := request()
			if name != "api_key query" {
				r.Query.Del("proof")
			}
			if name == "none" || name == "bearer" || name == "api_key query" {
				r.Header.Del("X-Proof")
			}
			e := s.Redacted(r)
			info := e.Request.Info()
			for where, values := range map[string]map[string][]string{"header": info.Header, "query": info.Query} {
				for name, value := range values {
					if strings.Contains(strings.Join(value, " "), secret) {
						t.Errorf("the %s %s is kept: %v", where, name, value)
					}
				}
			}
			if info.Header.Get("User-Agent") != "Shop/1.0" || info.Query.Get("page") != "2" || info.Header.Get("Authorization") != redacted {
				t.Errorf("kept are %v and %v", info.Header, info.Query)
			}
			if r.Header.Get("Authorization") == redacted || r.Query.Get("token") == redacted {
				t.Error("the request itself was changed")
			}
			if raw, err := e.Body.Raw(); err != nil || string(raw) != `{"n": 1}` || e.ID != "stamp" || e.Source != "shop" {
				t.Errorf("the event is %+v", e)
			}
		})
	}
}

// A token may stand in the body: then nothing of the body is kept.
func TestRefusedBodiesThatHoldTheProofAreNotKept(t *testing.T) {
	s, err := newSource(&Settings{Verify: &Verify{Secrets: []event.Secret{"k"}, Scheme: &verify.Definition{
		Algorithm: "token", Signature: verify.SignatureDefinition{At: verify.Places{"body.token"}},
	}}}, event.SourceOptions{Name: "shop"}, internet())
	if err != nil {
		t.Fatal(err)
	}
	if raw, _ := s.Redacted(&event.Request{Body: []byte(`{"token":"s3cret"}`)}).Body.Raw(); strings.Contains(string(raw), "s3cret") {
		t.Errorf("the body is %s", raw)
	}
}

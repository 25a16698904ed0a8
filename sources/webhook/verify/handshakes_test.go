package verify

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/trotline/trotline/event"
)

// TestPresetHandshakes has, for each handshake of each preset, a request as the
// provider's documentation shows it and the answer it wants. HMACs are of
// openssl, with the key "secret".
func TestPresetHandshakes(t *testing.T) {
	const crc, crcHex = "Y6yc1NZ4/vXJenfyjCYSgIF8Mzg4x90pHGQAPEDvi94=", "a1e505e96c6aa1ece082bb9efb06c80f12913d217a7ac2b08b347630787d1da0"
	const plainHex = "92878db06107a37ee801484f082a4394b26ed2d98df3883feb2c3f14aa7b46f4"
	const confirm = "https://sns.us-west-2.amazonaws.com/?Action=ConfirmSubscription&Token=2336"
	tests := []struct {
		preset, method, query string
		headers               map[string]string
		body                  string

		status  int
		answer  string
		header  string // Name: value
		outcome string // what is kept, told or called
	}{
		{preset: "meta", method: "GET", query: "hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=the+verify_token", status: 200, answer: "1158201444"},
		{preset: "meta", method: "GET", query: "hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=another"},
		{preset: "dropbox", method: "GET", query: "challenge=abc", status: 200, answer: "abc", header: "X-Content-Type-Options: nosniff"},
		{preset: "nylas", method: "GET", query: "challenge=bc609b38", status: 200, answer: "bc609b38"},
		{preset: "onfleet", method: "GET", query: "check=1f8b", status: 200, answer: "1f8b"},
		{preset: "ms_graph", method: "POST", query: "validationToken=Validation%3A+Testing+%C3%BC", status: 200, answer: "Validation: Testing ü", header: "Content-Type: text/plain"},
		{preset: "x_twitter", method: "GET", query: "crc_token=crc", status: 200, answer: `{"response_token":"sha256=` + crc + `"}`, header: "Content-Type: application/json"},
		{preset: "linkedin", method: "GET", query: "challengeCode=challenge", status: 200, answer: `{"challengeCode":"challenge","challengeResponse":"` + crcHex + `"}`},
		{preset: "ebay", method: "GET", query: "challenge_code=abc", status: 200, answer: `{"challengeResponse":"c4f87088ac7ade405dcac53ce4e52a8d0330d6ada8bcf9317fd26fef32ddc7d9"}`, header: "Content-Type: application/json"},
		{preset: "okta", method: "GET", headers: map[string]string{"X-Okta-Verification-Challenge": "one-time"}, status: 200, answer: `{"verification":"one-time"}`},
		{preset: "ringcentral", method: "POST", headers: map[string]string{"Validation-Token": "a1b2"}, status: 200, header: "Validation-Token: a1b2"},
		{preset: "front", method: "POST", headers: map[string]string{"X-Front-Challenge": "x9"}, body: "{}", status: 200, answer: "x9"},
		{preset: "azure_web_pubsub", method: "OPTIONS", headers: map[string]string{"WebHook-Request-Origin": "hub.webpubsub.azure.com"}, status: 200, header: "WebHook-Allowed-Origin: hub.webpubsub.azure.com"},
		{preset: "azure_event_grid", method: "OPTIONS", headers: map[string]string{"WebHook-Request-Origin": "eventgrid.azure.net"}, status: 200, header: "WebHook-Allowed-Origin: eventgrid.azure.net"},
		{preset: "azure_event_grid", method: "POST", headers: map[string]string{"aeg-event-type": "SubscriptionValidation"}, body: `[{"data":{"validationCode":"512d38b6"}}]`, status: 200, answer: `{"validationResponse":"512d38b6"}`},
		{preset: "intercom", method: "HEAD", status: 200},
		{preset: "trello", method: "HEAD", status: 200},
		{preset: "mandrill", method: "HEAD", status: 200},
		{preset: "mailchimp", method: "GET", status: 200},
		{preset: "woocommerce", method: "POST", headers: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, body: "webhook_id=7", status: 200},
		{preset: "monday", method: "POST", body: `{"challenge":"3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P"}`, status: 200, answer: `{"challenge":"3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P"}`},
		{preset: "notion", method: "POST", body: `{"verification_token":"secret_tMrl"}`, status: 200,
			outcome: "Notion's verification token is secret_tMrl: enter it at Notion, and as the source's secret"},
		{preset: "asana", method: "POST", query: "token=the+token", headers: map[string]string{"X-Hook-Secret": "b537"}, status: 200, header: "X-Hook-Secret: b537", outcome: "b537"},
		{preset: "asana", method: "POST", query: "token=another", headers: map[string]string{"X-Hook-Secret": "b537"}},

		{preset: "slack", method: "POST", body: `{"token":"Jhj5dZrVaK7ZwHHjRyZWjbDl","challenge":"3eZbrw1aBm2r","type":"url_verification"}`, status: 200, answer: "3eZbrw1aBm2r"},
		{preset: "zoom", method: "POST", body: `{"payload":{"plainToken":"plainToken"},"event_ts":1654503849680,"event":"endpoint.url_validation"}`, status: 200,
			answer: `{"encryptedToken":"` + plainHex + `","plainToken":"plainToken"}`},
		{preset: "twitch", method: "POST", headers: map[string]string{"Twitch-Eventsub-Message-Type": "webhook_callback_verification"}, body: `{"challenge":"pogchamp-kappa-360noscope-vohiyo"}`, status: 200,
			answer: "pogchamp-kappa-360noscope-vohiyo"},
		{preset: "discord", method: "POST", body: `{"version":1,"type":0}`, status: 204},
		{preset: "discord", method: "POST", body: `{"id":"1","type":1}`, status: 200, answer: `{"type":1}`, header: "Content-Type: application/json"},
		{preset: "discord", method: "POST", body: `{"version":1,"type":1,"event":{"type":"ENTITLEMENT_CREATE"}}`},
		{preset: "aws_sns", method: "POST", status: 200, outcome: confirm,
			body: `{"Type":"SubscriptionConfirmation","MessageId":"1","Token":"2336","TopicArn":"the topic","Message":"m","SubscribeURL":"` + confirm + `","Timestamp":"2026-01-15T12:00:00.000Z","SignatureVersion":"2"}`},
		{preset: "aws_sns", method: "POST", status: 200,
			body: `{"Type":"UnsubscribeConfirmation","MessageId":"1","Token":"2336","TopicArn":"the topic","Message":"m","SubscribeURL":"` + confirm + `","Timestamp":"2026-01-15T12:00:00.000Z","SignatureVersion":"2"}`},
	}
	covered := map[string]bool{}
	for _, tt := range tests {
		covered[tt.preset] = true
		t.Run(tt.preset, func(t *testing.T) {
			r := &event.Request{Method: tt.method, URL: "https://hooks.example.com/in", Path: "/in", Header: http.Header{}, Body: []byte(tt.body), Time: time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)}
			if tt.query != "" {
				r.URL += "?" + tt.query
			}
			r.Query, _ = url.ParseQuery(tt.query)
			for name, value := range tt.headers {
				r.Header.Set(name, value)
			}
			h := meant(t, tt.preset, r)
			switch {
			case h == nil && tt.status != 0:
				t.Fatal("it is no handshake")
			case h != nil && tt.status == 0:
				t.Fatalf("it is answered with %d %q", h.Answer.Status, h.Answer.Body)
			case h == nil:
				return
			}
			name, value, _ := strings.Cut(tt.header, ": ")
			if h.Answer.Status != tt.status || string(h.Answer.Body) != tt.answer || !strings.HasPrefix(h.Answer.Header.Get(name), value) {
				t.Errorf("the answer is %d %v %q", h.Answer.Status, h.Answer.Header, h.Answer.Body)
			}
			if got := h.Keep.Reveal() + h.Tell + h.Call; got != tt.outcome {
				t.Errorf("what is kept, told or called is %q", got)
			}
		})
	}
	all, err := Presets()
	if err != nil {
		t.Fatal(err)
	}
	for name, p := range all {
		if len(p.shakes) > 0 && !covered[name] && p.Like == "" {
			t.Errorf("the handshake of %s is not tried", name)
		}
	}
}

// TestOnlyChallengesAreSigned: whoever asks for the MAC of what could be a body
// would have a signature for it.
func TestOnlyChallengesAreSigned(t *testing.T) {
	for name, query := range map[string]string{"x_twitter": "crc_token", "linkedin": "challengeCode"} {
		v := presetVector{preset: name}.verifier(t, "secret")
		for challenge, status := range map[string]int{
			"YzI4ZTc1-_.~+/=": 0, "5c5b5d5a-0c1e-4d5f-8a6b-7c8d9e0f1a2b": 0,
			`{"id":1}`: 400, `hmacsha256={"id":1}`: 400, "[]": 400, `"a"`: 400, "a b": 400, "a&b": 400, "<a/>": 400, "a\nb": 400, strings.Repeat("a", 257): 400,
		} {
			_, err := v.Unsigned(&event.Request{Method: "GET", URL: "https://hooks.example.com/in", Query: url.Values{query: {challenge}}, Header: http.Header{}})
			var refusal *event.Refusal
			if got := errors.As(err, &refusal); got != (status != 0) || got && refusal.Status != status {
				t.Errorf("%s: %q is answered with %v", name, challenge, err)
			}
		}
	}
}

// meant is the handshake that a request is, signed where it must be.
func meant(t *testing.T, name string, r *event.Request) *Handshake {
	t.Helper()
	s, v := preset(t, name), presetVector{preset: name}
	public, secret := "secret", "secret"
	for _, own := range presetVectors(t) {
		if own.preset == name && (own.PrivateKey != "" || s.key.name != "") {
			v, public, secret = own, own.Secret, cmp.Or(own.PrivateKey, own.Secret)
		}
	}
	v.With = nil
	check := v.verifier(t, public)
	h, err := check.Unsigned(r)
	if err != nil {
		t.Fatal(err)
	}
	if h != nil || s.each != nil || r.Method != http.MethodPost || r.Query.Get("token") != "" {
		return h // answered to anyone, or no signed one either
	}
	r.Body = certified(v, r.Body)
	if err := s.Sign(r, event.Secret(secret), v.inputs(s), "id-1"); err != nil {
		t.Fatal(err)
	}
	if err := check.Verify(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if h, err = check.Handshake(r); err != nil {
		t.Fatal(err)
	}
	return h
}

// certified is a body with the address of the vector's certificate.
func certified(v presetVector, body []byte) []byte {
	for address := range v.Fetch {
		return []byte(strings.Replace(string(body), "{", `{"SigningCertURL":"`+address+`",`, 1))
	}
	return body
}

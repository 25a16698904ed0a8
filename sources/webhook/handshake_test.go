package webhook

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/trotline/trotline/event"
	"github.com/trotline/trotline/sources/webhook/verify"
)

// every is a scheme with every handshake there is.
const every = `
algorithm: hmac-sha256
content: "{body}"
signature: {at: header:X-Sig, encoding: hex}
key: {kept: true}
inputs: {verify_token: "your text", guard: "your other text"}
handshake:
  - {when: {method: GET, query:hub.mode: subscribe, query:hub.verify_token: "{input:verify_token}"}, unsigned: true, answer: {body: "{query:hub.challenge}"}}
  - {when: {method: GET, query:challenge: "*"}, unsigned: true, answer: {body: "{query:challenge}", headers: {Content-Type: text/plain}}}
  - {when: {method: GET, query:crc_token: "*"}, unsigned: true, answer: {json: {response_token: "sha256={query:crc_token | hmac | base64}"}}}
  - {when: {method: GET, query:challenge_code: "*"}, unsigned: true, answer: {json: {challengeResponse: "{query:challenge_code + input:verify_token + url | sha256 | hex}"}}}
  - {when: {method: GET, header:X-Okta-Verification-Challenge: "*"}, unsigned: true, answer: {json: {verification: "{header:X-Okta-Verification-Challenge}"}}}
  - {when: {method: OPTIONS, header:WebHook-Request-Origin: "*"}, unsigned: true, answer: {headers: {WebHook-Allowed-Origin: "{header:WebHook-Request-Origin}", WebHook-Allowed-Rate: "*"}}}
  - {when: {method: HEAD}, unsigned: true}
  - {when: {header:X-Hook-Secret: "*", query:guard: "{input:guard}"}, unsigned: true, keep: header:X-Hook-Secret, answer: {headers: {X-Hook-Secret: "{header:X-Hook-Secret}"}}}
  - {when: {body.verification_token: "*", query:guard: "{input:guard}"}, unsigned: true, tell: "The token is {body.verification_token}."}
  - {when: {body.type: url_verification}, answer: {body: "{body.challenge}"}}
  - {when: {body.type: "1"}, answer: {body: '{"type":1}', headers: {Content-Type: application/json}}}
  - {when: {body.event: endpoint.url_validation}, answer: {json: {plainToken: "{body.payload.plainToken}", encryptedToken: "{body.payload.plainToken | hmac | hex}"}}}
  - {when: {body.0.eventType: Validate}, answer: {json: {validationResponse: "{body.0.data.validationCode}"}}}
  - {when: {body.Type: SubscriptionConfirmation}, call: {at: body.SubscribeURL, hosts: [sns.*.amazonaws.com]}}
  - {when: {body.gone: ""  , body.kind: nothing}, answer: {status: 204}}
accepted: {status: 201, body: "[accepted]"}
`

// memory is a keeper that forgets at the end.
type memory struct {
	kept []event.Secret
	err  error
}

func (m *memory) Keep(_ context.Context, s event.Secret) error {
	if m.err == nil {
		m.kept = append(m.kept, s)
	}
	return m.err
}

func (m *memory) Kept() []event.Secret { return m.kept }

// called is a world that remembers the addresses it was asked for.
type called struct {
	addresses []string
	err       error
}

func (c *called) Get(_ context.Context, address string) ([]byte, error) {
	c.addresses = append(c.addresses, address)
	return nil, c.err
}

// station is a source with all that is around it.
type station struct {
	*source
	settings *Settings
	memory   *memory
	called   *called
	log      *bytes.Buffer
}

func newStation(t testing.TB) *station {
	t.Helper()
	var d verify.Definition
	if err := yaml.Unmarshal([]byte(every), &d); err != nil {
		t.Fatal(err)
	}
	st := &station{memory: &memory{}, called: &called{}, log: &bytes.Buffer{}, settings: &Settings{Decode: auto, Verify: &Verify{
		Scheme: &d, Secrets: []event.Secret{"secret"}, With: map[string]event.Secret{"verify_token": "mine", "guard": "closed"}}}}
	src, err := newSource(st.settings, event.SourceOptions{Name: "shop", Keeper: st.memory, Log: slog.New(slog.NewTextHandler(st.log, nil))}, st.called)
	if err != nil {
		t.Fatal(err)
	}
	st.source = src
	return st
}

// asked is a request; its query and its headers are given as "query:a=b" and "header:A=b".
func asked(method, body string, more ...string) *event.Request {
	r := request(body)
	r.Method, r.Query, r.URL = method, url.Values{}, "https://hooks.example.com/hooks/shop"
	for _, m := range more {
		name, value, _ := strings.Cut(m, "=")
		if name, ok := strings.CutPrefix(name, "query:"); ok {
			r.Query.Add(name, value)
			continue
		}
		r.Header.Add(strings.TrimPrefix(name, "header:"), value)
	}
	return r
}

func TestHandshakes(t *testing.T) {
	const reflected = "<script>alert(1)</script>"
	tests := []struct {
		name   string
		r      *event.Request
		signed bool
		status int // of the answer; 0: an event; 4xx: refused
		body   string
		header string // name: value
	}{
		{"query echo with a token", asked("GET", "", "query:hub.mode=subscribe", "query:hub.verify_token=mine", "query:hub.challenge=42"), false, 200, "42", "X-Content-Type-Options: nosniff"},
		{"another token", asked("GET", "", "query:hub.mode=subscribe", "query:hub.verify_token=yours", "query:hub.challenge=42"), false, 401, "", ""},
		{"two tokens", asked("GET", "", "query:hub.mode=subscribe", "query:hub.verify_token=mine", "query:hub.verify_token=mine", "query:hub.challenge=42"), false, 401, "", ""},
		{"nothing to echo", asked("GET", "", "query:hub.mode=subscribe", "query:hub.verify_token=mine"), false, 400, "", ""},
		{"query echo", asked("GET", "", "query:challenge="+reflected), false, 200, reflected, "Content-Type: text/plain"},
		{"the echo by another method", asked("POST", "", "query:challenge=1"), false, 401, "", ""},
		// openssl dgst -sha256 -hmac secret
		{"a computed answer", asked("GET", "", "query:crc_token=abc"), false, 200, `{"response_token":"sha256=mUba1OAOkT/Ivo5dP34RCkqegy+D+wnDRShdeGONig4="}`, "Content-Type: application/json"},
		{"a hash with a token", asked("GET", "", "query:challenge_code=abc"), false, 200, `{"challengeResponse":"88a07c1758912d5c707af717c77be59286a9ef59643414b4d51f328147d339f8"}`, ""},
		{"header to JSON", asked("GET", "", `header:X-Okta-Verification-Challenge=a"b`), false, 200, `{"verification":"a\"b"}`, ""},
		{"options", asked("OPTIONS", "", "header:WebHook-Request-Origin=eventemitter.example.com"), false, 200, "", "Webhook-Allowed-Origin: eventemitter.example.com"},
		{"options without an origin", asked("OPTIONS", ""), false, 401, "", ""},
		{"head", asked("HEAD", ""), false, 200, "", ""},
		{"a signed get that is none", asked("GET", `{"a":1}`), true, 405, "", ""},

		{"body echo", asked("POST", `{"type":"url_verification","challenge":"3eZb"}`), true, 200, "3eZb", ""},
		{"body echo unsigned", asked("POST", `{"type":"url_verification","challenge":"3eZb"}`), false, 401, "", ""},
		{"body echo without", asked("POST", `{"type":"url_verification"}`), true, 400, "", ""},
		{"a number", asked("POST", `{"type":1}`), true, 200, `{"type":1}`, "Content-Type: application/json"},
		{"a computed answer to a body", asked("POST", `{"event":"endpoint.url_validation","payload":{"plainToken":"abc"}}`), true, 200,
			`{"encryptedToken":"9946dad4e00e913fc8be8e5d3f7e110a4a9e832f83fb09c345285d78638d8a0e","plainToken":"abc"}`, ""},
		{"in a list", asked("POST", `[{"eventType":"Validate","data":{"validationCode":"512"}}]`), true, 200, `{"validationResponse":"512"}`, ""},
		{"what is not there", asked("POST", `{"kind":"nothing"}`), true, 204, "", ""},
		{"what is there", asked("POST", `{"kind":"nothing","gone":1}`), true, 0, "", ""},
		{"an event", asked("POST", `{"type":"order"}`), true, 0, "", ""},
		{"an event unsigned", asked("POST", `{"type":"order"}`), false, 401, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			st := newStation(t)
			if tt.signed {
				if err := Sign(st.settings, tt.r); err != nil {
					t.Fatal(err)
				}
			}
			receipt, err := st.Receive(t.Context(), tt.r)
			var refusal *event.Refusal
			if errors.As(err, &refusal) {
				if refusal.Status != tt.status {
					t.Errorf("refused with %v, want %d", err, tt.status)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if tt.status == 0 {
				if receipt.Event == nil || receipt.Status != 201 || string(receipt.Body) != "[accepted]" {
					t.Errorf("the event is answered with %+v", receipt)
				}
				return
			}
			if receipt.Event != nil || receipt.Status != tt.status || string(receipt.Body) != tt.body {
				t.Errorf("answered with %d %s, want %d %s", receipt.Status, receipt.Body, tt.status, tt.body)
			}
			if name, value, ok := strings.Cut(tt.header, ": "); ok && receipt.Header.Get(name) != value {
				t.Errorf("the headers are %v, want %s", receipt.Header, tt.header)
			}
		})
	}
}

func TestMethodsOfHandshakes(t *testing.T) {
	methods := newStation(t).Methods()
	slices.Sort(methods)
	if got := strings.Join(slices.Compact(methods), " "); got != "GET HEAD OPTIONS" {
		t.Errorf("the methods are %s", got)
	}
	if none := opened(t, &Settings{}).(event.Handshaker).Methods(); none != nil {
		t.Errorf("a source without a scheme takes %v", none)
	}
}

func TestAKeyFromAHandshake(t *testing.T) {
	st := newStation(t)
	sent := func(secret string) *event.Request {
		t.Helper()
		r := asked("POST", `{"a":1}`)
		settings := *st.settings
		v := *settings.Verify
		v.Secrets = []event.Secret{event.Secret(secret)}
		settings.Verify = &v
		if err := Sign(&settings, r); err != nil {
			t.Fatal(err)
		}
		return r
	}
	taken := func(secret string) bool {
		_, err := st.Receive(t.Context(), sent(secret))
		return err == nil
	}
	if taken("theirs") {
		t.Fatal("a key that nobody brought counts")
	}
	shake := func(guard, secret string) (*event.Receipt, error) {
		return st.Receive(t.Context(), asked("POST", "", "header:X-Hook-Secret="+secret, "query:guard="+guard))
	}
	if _, err := shake("open", "theirs"); err == nil || taken("theirs") {
		t.Error("without the guard a key was kept")
	}
	for range 2 { // the sender repeats it
		receipt, err := shake("closed", "theirs")
		if err != nil || receipt.Header.Get("X-Hook-Secret") != "theirs" {
			t.Fatalf("the handshake: %+v %v", receipt, err)
		}
	}
	if !taken("theirs") || !taken("secret") || len(st.memory.kept) != 1 {
		t.Errorf("kept are %d keys", len(st.memory.kept))
	}
	if _, err := shake("closed", "another"); err != nil || !taken("another") || !taken("theirs") {
		t.Errorf("a second key: %v", err)
	}
	if strings.Contains(st.log.String(), "theirs") {
		t.Errorf("the log shows the key: %s", st.log)
	}

	st.memory.err = errors.New("the disk is full")
	if _, err := shake("closed", "third"); statusOf(err) != http.StatusServiceUnavailable || taken("third") {
		t.Errorf("a key that cannot be kept: %v", err)
	}
	st.memory.err = nil
	for len(st.memory.kept) < maxKept {
		st.memory.kept = append(st.memory.kept, "x")
	}
	if _, err := shake("closed", "one too many"); statusOf(err) != http.StatusServiceUnavailable {
		t.Errorf("too many keys: %v", err)
	}
	st.keeper = nil
	if _, err := shake("closed", "nowhere"); statusOf(err) != http.StatusServiceUnavailable {
		t.Errorf("nowhere to keep it: %v", err)
	}
}

func statusOf(err error) int {
	var refusal *event.Refusal
	if errors.As(err, &refusal) {
		return refusal.Status
	}
	return 0
}

func TestConfirmation(t *testing.T) {
	const confirm = `{"Type":"SubscriptionConfirmation","SubscribeURL":"ADDRESS"}`
	for address, want := range map[string]int{
		"https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription": 0,
		"http://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription":  400,
		"https://127.0.0.1/": 400,
		"https://sns.eu-west-1.amazonaws.com.evil.example/": 400,
		"": 400,
	} {
		st := newStation(t)
		r := asked("POST", strings.Replace(confirm, "ADDRESS", address, 1))
		if _, err := st.Receive(t.Context(), r); statusOf(err) != 401 || st.called.addresses != nil {
			t.Errorf("%s: before its signature held: %v", address, err)
		}
		if err := Sign(st.settings, r); err != nil {
			t.Fatal(err)
		}
		_, err := st.Receive(t.Context(), r)
		if statusOf(err) != want || (want == 0) != slices.Equal(st.called.addresses, []string{address}) {
			t.Errorf("%s: %v, called %v", address, err, st.called.addresses)
		}
		st.called.err = errors.New("no route to host")
		if _, err := st.Receive(t.Context(), r); want == 0 && statusOf(err) != http.StatusServiceUnavailable {
			t.Errorf("%s: not confirmed, and answered with %v", address, err)
		}
	}
}

func TestTheOperatorIsTold(t *testing.T) {
	st := newStation(t)
	if _, err := st.Receive(t.Context(), asked("POST", `{"verification_token":"ab\ncd"}`, "query:guard=closed")); err != nil {
		t.Fatal(err)
	}
	if got := st.log.String(); !strings.Contains(got, `The token is ab\ncd.`) || strings.Count(got, "\n") != 1 {
		t.Errorf("the log says %s", got)
	}
}

func TestWhatGuardsAHandshakeIsNotKept(t *testing.T) {
	st := newStation(t)
	r := asked("POST", `{"type":"order"}`, "query:guard=closed", "query:hub.verify_token=mine", "query:shop=1", "header:X-Hook-Secret=theirs")
	r.Query.Set("guard", "other")
	if err := Sign(st.settings, r); err != nil {
		t.Fatal(err)
	}
	receipt, err := st.Receive(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	if got := receipt.Event.Request.Info().Query.Encode(); got != "shop=1" {
		t.Errorf("kept of the query is %s", got)
	}
	if got := receipt.Event.Request.Info().Header.Get("X-Hook-Secret"); got != "" {
		t.Error("the key is kept with the event")
	}
}

// TestATokenThatIsTheBody: the event is what the token claims.
func TestATokenThatIsTheBody(t *testing.T) {
	settings := &Settings{Decode: auto, Verify: &Verify{Secrets: []event.Secret{"secret"}, Scheme: &verify.Definition{
		Algorithm: "jwt-hs256", Signature: verify.SignatureDefinition{At: verify.Places{"body"}}, ID: "body.event_id"}}}
	r := asked("POST", `{"event_id":"e-1"}`, "header:Content-Type=application/jwt")
	if err := Sign(settings, r); err != nil {
		t.Fatal(err)
	}
	if strings.HasPrefix(string(r.Body), "{") {
		t.Fatalf("the body is %s", r.Body)
	}
	r.Body = append(r.Body, '\n')
	e, refused := receive(t, opened(t, settings), r)
	if refused != "" || e.ID != "e-1" {
		t.Fatalf("got %v %s", e, refused)
	}
}

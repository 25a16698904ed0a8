package webhook

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/trotline/trotline/event"
)

// expr is an expression written in Go.
type expr func(e *event.Event) (any, error)

func (f expr) Eval(e *event.Event, _ event.Results) (any, error) { return f(e) }
func (f expr) Text() string                                      { return "" }

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func opened(t testing.TB, s *Settings) event.Source {
	t.Helper()
	kind := Kind()
	if s.Verify == nil {
		s.Verify = &Verify{Way: "none"}
	}
	if problems := s.Validate(); problems != nil {
		t.Fatal(problems[0])
	}
	src, err := kind.Open(s, event.SourceOptions{Name: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	return src
}

func request(body string, header ...string) *event.Request {
	r := &event.Request{Method: "POST", Path: "/hooks/shop", Header: http.Header{}, Body: []byte(body), Time: now, Stamp: "stamp-1",
		RemoteIP: netip.MustParseAddr("203.0.113.7")}
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	return r
}

// receive is the event, or the refusal as "status reason".
func receive(t testing.TB, src event.Source, r *event.Request) (*event.Event, string) {
	t.Helper()
	receipt, err := src.Receive(context.Background(), r)
	if err == nil {
		return receipt.Event, ""
	}
	var refusal *event.Refusal
	if !errors.As(err, &refusal) {
		t.Fatalf("the error is %v, want a refusal", err)
	}
	return nil, fmt.Sprintf("%d %s", refusal.Status, refusal.Reason)
}

func TestContentEncodingIsUndoneOnceTheSenderIsKnown(t *testing.T) {
	settings := &Settings{Verify: &Verify{HMAC: &HMAC{Header: "X-Signature", Secrets: []event.Secret{"secret"}}}}
	src := opened(t, settings)
	r := request("packed")
	if err := Sign(settings, r); err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Content-Encoding", "gzip")
	r.Decode = func() ([]byte, error) { return []byte(`{"a":1}`), nil }
	e, refused := receive(t, src, r)
	if refused != "" {
		t.Fatal(refused)
	}
	if raw, err := e.Body.Raw(); err != nil || string(raw) != `{"a":1}` || e.Request.Info().Header.Get("Content-Encoding") != "" {
		t.Errorf("stored %q as %q, %v", raw, e.Request.Info().Header.Get("Content-Encoding"), err)
	}
	r.Decode = func() ([]byte, error) { return nil, event.Refuse(413, "too_large", "") }
	if _, refused := receive(t, src, r); refused != "413 too_large" {
		t.Errorf("got %q", refused)
	}
	r.Body = []byte("forged")
	r.Decode = func() ([]byte, error) { panic("a stranger's body is decoded") }
	if _, refused := receive(t, src, r); refused != "401 signature" {
		t.Errorf("got %q", refused)
	}
}

func TestNames(t *testing.T) {
	text := func(v any) event.Expr { return expr(func(*event.Event) (any, error) { return v, nil }) }
	fails := expr(func(*event.Event) (any, error) {
		return nil, &event.StepError{Expression: "body.secret_rule", Err: errors.New("body.a is nil")}
	})
	stripe := &Verify{Preset: "stripe", Secrets: []event.Secret{"whsec_x"}}
	tests := []struct {
		name     string
		settings Settings
		body     string
		id, typ  string
		refused  string
	}{
		{name: "none", body: `{}`, id: "stamp-1"},
		{name: "an expression", settings: Settings{ID: text("order-1"), EventType: text("order")}, body: `{}`, id: "order-1", typ: "order"},
		{name: "an id that fails", settings: Settings{ID: fails}, body: `{}`, refused: "400 id"},
		{name: "an empty id", settings: Settings{ID: text("")}, body: `{}`, refused: "400 id"},
		{name: "an id that is no text", settings: Settings{ID: text(nil)}, body: `{}`, refused: "400 id"},
		{name: "an endless id", settings: Settings{ID: text(strings.Repeat("a", 1025))}, body: `{}`, refused: "400 id"},
		{name: "a type that fails", settings: Settings{EventType: fails}, body: `{}`, refused: "400 event_type"},
		{name: "the preset's", settings: Settings{Verify: stripe}, body: `{"id":"evt_1","type":"charge"}`, id: "evt_1", typ: "charge"},
		{name: "the preset's without a type", settings: Settings{Verify: stripe}, body: `{"id":"evt_1"}`, id: "evt_1"},
		{name: "the preset's id is missing", settings: Settings{Verify: stripe}, body: `{"type":"charge"}`, refused: "400 id"},
		{name: "the preset's in a body that is no json", settings: Settings{Verify: stripe, Decode: "text"}, body: `hello`, refused: "400 id"},
		{name: "the user's goes first", settings: Settings{Verify: stripe, ID: text("mine")}, body: `{"id":"evt_1"}`, id: "mine"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			src := opened(t, &tt.settings)
			r := request(tt.body)
			if err := Sign(&tt.settings, r); err != nil {
				t.Fatal(err)
			}
			e, refused := receive(t, src, r)
			if refused != tt.refused {
				t.Fatalf("got %q, want %q", refused, tt.refused)
			}
			if e != nil && (e.ID != tt.id || e.Type != tt.typ) {
				t.Errorf("id %q type %q, want %q %q", e.ID, e.Type, tt.id, tt.typ)
			}
		})
	}
}

func TestRefusalDoesNotShowTheExpression(t *testing.T) {
	src := opened(t, &Settings{ID: expr(func(*event.Event) (any, error) {
		return nil, &event.StepError{Expression: "body.secret_rule", Value: "secret value", Err: errors.New("body.a is nil")}
	})})
	_, err := src.Receive(context.Background(), request("{}"))
	if err == nil || strings.Contains(err.Error(), "secret") || !strings.Contains(err.Error(), "body.a is nil") {
		t.Errorf("the refusal is %v", err)
	}
}

func TestGitHubForm(t *testing.T) {
	const secret = "It's a Secret to Everybody"
	src := opened(t, &Settings{Verify: &Verify{Preset: "github", Secrets: []event.Secret{secret}}})
	// Signed with openssl dgst -sha256 -hmac over the form's bytes.
	r := request("payload=%7B%22action%22%3A%22opened%22%7D",
		"X-Hub-Signature-256", "sha256=6ca9a7b0ffc25544d6e409d862ed7ce81d0238216795a855203f96f94d1b36c6",
		"Content-Type", "application/x-www-form-urlencoded", "X-GitHub-Delivery", "1", "X-GitHub-Event", "issues")
	e, refused := receive(t, src, r)
	if refused != "" {
		t.Fatal(refused)
	}
	value, err := e.Body.Value()
	if err != nil || !reflect.DeepEqual(value, map[string]any{"action": "opened"}) || e.Type != "issues" {
		t.Errorf("got %v %v, type %q", value, err, e.Type)
	}
	for body, want := range map[string]string{"payload=%7B": "400 decode", "other=1": "400 decode", "payload=1&payload=2": "400 decode", "%zz": "400 decode"} {
		r := request(body, "Content-Type", "application/x-www-form-urlencoded")
		if err := Sign(&Settings{Verify: &Verify{Preset: "github", Secrets: []event.Secret{secret}}}, r); err != nil {
			t.Fatal(err)
		}
		if _, got := receive(t, src, r); got != want {
			t.Errorf("%s: got %q, want %q", body, got, want)
		}
	}
}

func TestWhatProvedTheSenderIsNotKept(t *testing.T) {
	src := opened(t, &Settings{Verify: &Verify{APIKey: &APIKey{Header: "x-api-key", Keys: []event.Secret{"topsecret"}}}})
	r := request(`{}`, "X-Api-Key", "topsecret", "Authorization", "topsecret", "Proxy-Authorization", "topsecret", "Cookie", "topsecret",
		"Connection", "keep-alive, X-Hop", "X-Hop", "1", "Te", "trailers", "Upgrade", "h2c", "X-Event", "order", "X-Signature", "abc")
	before := r.Header.Clone()
	e, refused := receive(t, src, r)
	if refused != "" {
		t.Fatal(refused)
	}
	if want := (http.Header{"X-Event": {"order"}, "X-Signature": {"abc"}}); !reflect.DeepEqual(e.Request.Info().Header, want) {
		t.Errorf("kept %v, want %v", e.Request.Info().Header, want)
	}
	if !reflect.DeepEqual(r.Header, before) {
		t.Error("the request itself was changed: it cannot be received again")
	}

	src = opened(t, &Settings{Verify: &Verify{APIKey: &APIKey{Query: "key", Keys: []event.Secret{"topsecret"}}}})
	r = request(`{}`)
	r.Query = url.Values{"key": {"topsecret"}, "shop": {"1"}}
	for range 2 { // the same answer twice
		e, refused = receive(t, src, r)
		if refused != "" {
			t.Fatal(refused)
		}
		if want := (url.Values{"shop": {"1"}}); !reflect.DeepEqual(e.Request.Info().Query, want) {
			t.Errorf("kept %v, want %v", e.Request.Info().Query, want)
		}
	}
}

func TestEventOfARequest(t *testing.T) {
	r := request(`{}`)
	r.Params, r.Query = map[string]string{"customer": "acme"}, url.Values{"a": {"1", "2"}}
	e, _ := receive(t, opened(t, &Settings{}), r)
	want := event.RequestInfo{Method: "POST", Path: "/hooks/shop", RemoteIP: "203.0.113.7", Header: http.Header{}, Query: r.Query, Params: r.Params}
	if e.Source != "shop" || e.ID != "stamp-1" || e.Stamp != "stamp-1" || !e.Time.Equal(now) || e.Element != "" || !reflect.DeepEqual(*e.Request.Info(), want) {
		t.Errorf("the event is %+v", e)
	}
	if e.Body != e.Original {
		t.Error("the body would be decoded twice")
	}
}

// FuzzReceive: whatever a stranger sends, an event that is accepted can be read.
func FuzzReceive(f *testing.F) {
	f.Add("application/json", []byte(`{"a":1}`))
	f.Add("", []byte(`[`))
	f.Add("application/x-www-form-urlencoded", []byte("payload=%7B%7D&a=;"))
	f.Add("application/x-ndjson", []byte("{}\n\n1"))
	f.Add("text/x", []byte("\xff"))
	f.Add("text/plain; charset=utf-16", []byte("a\x00"))
	f.Add("application/x-www-form-urlencoded; charset=latin1", []byte("payload=%7B%22%E4%22:1%7D"))
	f.Add("application/xml", []byte("<?xml version='1.0' encoding='latin1'?><a>\xe4</a>"))
	f.Add("text/csv", []byte("\xef\xbb\xbfa;b\n1;2"))
	f.Add("multipart/form-data; boundary=b", []byte("--b\r\nContent-Disposition: form-data; name=payload\r\n\r\n{}\r\n--b--\r\n"))
	settings := &Settings{Verify: &Verify{Preset: "github", Secrets: []event.Secret{"s"}}}
	src := opened(f, settings)
	f.Fuzz(func(t *testing.T, contentType string, body []byte) {
		r := request(string(body))
		if err := Sign(settings, r); err != nil {
			t.Fatal(err)
		}
		r.Header["Content-Type"] = []string{contentType}
		e, refused := receive(t, src, r)
		if refused != "" {
			return
		}
		if _, err := e.Body.Value(); err != nil {
			t.Errorf("accepted as %s, but cannot be read: %v", e.Body.Format(), err)
		}
	})
}

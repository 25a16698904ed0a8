package door

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/trotline/trotline/event"
	"github.com/trotline/trotline/sources/webhook"
)

// discard is a store that has room for everything.
type discard struct{}

func (discard) Append(context.Context, *event.Event, uint64) (Stored, error) { return Stored{}, nil }

func (discard) AppendAll(_ context.Context, events []*event.Event, _ uint64) ([]Stored, error) {
	return make([]Stored, len(events)), nil
}

// signed is a door with a webhook source that verifies, and a signed body of 1 KiB.
func signed(b *testing.B) (d *Door, body []byte, signature string) {
	b.Helper()
	kind := webhook.Kind()
	source, err := kind.Open(&webhook.Settings{Verify: &webhook.Verify{HMAC: &webhook.HMAC{
		Header: "X-Signature", Prefix: "sha256=", Secrets: []event.Secret{"secret"}}}}, event.SourceOptions{Name: "shop"})
	if err != nil {
		b.Fatal(err)
	}
	body = append(append([]byte(`{"event":"new_order","text":"`), bytes.Repeat([]byte("a"), 1024-31)...), `"}`...)
	mac := hmac.New(sha256.New, []byte("secret"))
	mac.Write(body)
	d = New(Options{Store: discard{}, Table: table(b, 1, Settings{}, Route{Receiver: source}), Log: slog.New(slog.DiscardHandler)})
	return d, body, "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

// BenchmarkHandler is the door and the source alone, without net/http.
func BenchmarkHandler(b *testing.B) {
	d, body, signature := signed(b)
	r := httptest.NewRequest(http.MethodPost, "/hooks/shop", nil)
	r.Header = http.Header{"Content-Type": {"application/json"}, "X-Signature": {signature},
		"User-Agent": {"shop/1"}, "Accept": {"*/*"}, "Content-Length": {"1024"}}
	r.ContentLength = int64(len(body))
	reader := bytes.NewReader(body)
	r.Body = io.NopCloser(reader)
	b.ReportAllocs()
	for b.Loop() {
		reader.Reset(body)
		w := answered{h: make(http.Header, 2)}
		d.serve(&w, r)
		if w.status != http.StatusAccepted {
			b.Fatal(w.status)
		}
	}
}

// answered is a ResponseWriter that costs nothing.
type answered struct {
	h      http.Header
	status int
}

func (a *answered) Header() http.Header         { return a.h }
func (a *answered) WriteHeader(status int)      { a.status = status }
func (a *answered) Write(p []byte) (int, error) { return len(p), nil }

// BenchmarkListener is a whole request over a loopback connection, its client included.
func BenchmarkListener(b *testing.B) {
	d, body, signature := signed(b)
	server := httptest.NewServer(d.Handler())
	defer server.Close()
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	defer transport.CloseIdleConnections()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			r, _ := http.NewRequest(http.MethodPost, server.URL+"/hooks/shop", bytes.NewReader(body))
			r.Header = http.Header{"Content-Type": {"application/json"}, "X-Signature": {signature}}
			resp, err := transport.RoundTrip(r)
			if err != nil {
				b.Error(err)
				return
			}
			io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
			if resp.StatusCode != http.StatusAccepted {
				b.Error(resp.Status)
			}
		}
	})
}

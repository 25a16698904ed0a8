package bus

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/trotline/trotline/event"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testLog hands what the bus logs to the test.
type testLog struct{ t testing.TB }

func (l testLog) Write(p []byte) (int, error) {
	l.t.Log(strings.TrimSpace(string(p)))
	return len(p), nil
}

// open opens a bus in a folder and closes it at the end of the test.
func open(t testing.TB, dir string, change ...func(*Options)) *Bus {
	t.Helper()
	b, err := tryOpen(t, dir, change...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { shut(t, b) })
	return b
}

func tryOpen(t testing.TB, dir string, change ...func(*Options)) (*Bus, error) {
	o := Options{
		Dir: dir, MaxDisk: 512 << 20, Durable: true, Dedupe: time.Hour, DeadAge: 24 * time.Hour, EventsAge: time.Hour,
		Log: slog.New(slog.NewTextHandler(testLog{t}, &slog.HandlerOptions{Level: slog.LevelWarn})),
	}
	for _, c := range change {
		c(&o)
	}
	return Open(soon(t), o)
}

func shut(t testing.TB, b *Bus) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := b.Close(ctx); err != nil && b.Healthy() == nil {
		t.Errorf("Close: %v", err)
	}
}

// soon is a context that ends a test that hangs.
func soon(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// start puts a first generation in force.
func start(t testing.TB, b *Bus) {
	t.Helper()
	cutTo(t, b, 1)
}

func cutTo(t testing.TB, b *Bus, generation uint64) uint64 {
	t.Helper()
	if err := b.PutGeneration(soon(t), Generation{Number: generation}); err != nil {
		t.Fatal(err)
	}
	sequence, err := b.Cut(soon(t), generation, func(uint64) {})
	if err != nil {
		t.Fatal(err)
	}
	return sequence
}

// order is an event as a shop sends it.
func order(n int) *event.Event {
	body := event.NewBody(event.JSON, fmt.Appendf(nil, `{"order_id":%d,"note":%q}`, n, strings.Repeat("x", 900)))
	return &event.Event{
		ID: fmt.Sprintf("order-%d", n), Source: "shop", Type: "new_order", Stamp: fmt.Sprintf("stamp-%d", n),
		Time: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC),
		Request: event.Keep(event.RequestInfo{
			Method: "POST", Path: "/hooks/shop", RemoteIP: "192.0.2.1",
			Header: http.Header{"Content-Type": {"application/json"}, "User-Agent": {"Shop/1.0 (webhooks; 100%)"}},
			Query:  url.Values{"a": {"1", "2"}},
		}),
		Body: body, Original: body,
	}
}

// add appends events and waits for them.
func add(t testing.TB, b *Bus, events ...*event.Event) []Ack {
	t.Helper()
	pending := make([]*Pending, len(events))
	for i, e := range events {
		pending[i] = b.Append(e, b.generation)
	}
	acks := make([]Ack, len(events))
	for i, p := range pending {
		var err error
		if acks[i], err = p.Wait(soon(t)); err != nil {
			t.Fatal(err)
		}
	}
	return acks
}

func orders(from, to int) []*event.Event {
	var all []*event.Event
	for n := from; n <= to; n++ {
		all = append(all, order(n))
	}
	return all
}

// take fetches until n messages are there.
func take(t testing.TB, c *Consumer, n int) []*Message {
	t.Helper()
	var all []*Message
	for len(all) < n {
		got, err := c.Fetch(soon(t), n-len(all))
		if err != nil {
			t.Fatalf("after %d of %d messages: %v", len(all), n, err)
		}
		all = append(all, got...)
	}
	return all
}

// none fails if there is anything to fetch.
func none(t testing.TB, c *Consumer) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	if got, err := c.Fetch(ctx, 10); err == nil {
		t.Fatalf("there are %d messages, the first with sequence %d; none were expected", len(got), got[0].Sequence())
	}
}

// eventually waits for something that other goroutines bring about.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(time.Minute); !holds(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("it did not come about: %s", what)
		}
	}
}

// settled waits until a consumer has nothing left.
func settled(t testing.TB, c *Consumer) {
	t.Helper()
	eventually(t, "everything is acknowledged", func() bool {
		info, err := c.Info(soon(t))
		return err == nil && info.Pending == 0 && info.AckPending == 0
	})
}

func bodyOf(size int) *event.Body {
	return event.NewBody(event.Text, bytes.Repeat([]byte("x"), size))
}

func mustRaw(t testing.TB, b *event.Body) []byte {
	t.Helper()
	raw, err := b.Raw()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func portOf(t testing.TB, address string) int {
	t.Helper()
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

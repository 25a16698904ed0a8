package e2e

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/trotline/trotline/internal/rig"
)

// TestFullDisk has somebody else fill the disk under load: to where Trotline
// stops taking events, and then to the last byte at once. Senders get 503 and
// are told when to come again; when there is room again it goes on by itself,
// in the same process, and has everything it accepted.
func TestFullDisk(t *testing.T) {
	slow(t)
	for _, fill := range []struct {
		name string
		left int64 // bytes
	}{
		{"nearly", 8 << 20}, // of the 16 MiB it keeps free
		{"to the last byte", 0},
	} {
		t.Run(fill.name, func(t *testing.T) { fillDisk(t, fill.left) })
	}
}

func fillDisk(t *testing.T, left int64) {
	d := rig.NewDisk(t, 256<<20)
	r := newReceiver(t)
	e := newEngine(t, sources+fmt.Sprintf(`
sinks:
  crm: {type: http, url: %q, retry: {initial: 100ms, max: 1s}}
pipelines:
  orders: {from: shop, to: [crm]}
`, r.url("/")))
	e.keepData(filepath.Join(d.Mount, "data"))
	e.start()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	s := &sender{door: e.door, name: "full", conns: 8, rate: 400}
	sent := s.started(t, ctx)
	await(t, time.Minute, "requests are accepted", func() bool { return s.count() > 500 })

	if err := d.Fill(left); err != nil {
		t.Fatal(err)
	}
	await(t, time.Minute, "senders are told to come again", func() bool { return turnedAway(t, e) })
	if e.ready() {
		t.Error("it says that it is ready, on a full disk")
	}
	before := len(r.all())
	if err := d.Free(); err != nil {
		t.Fatal(err)
	}
	freed := time.Now()
	await(t, time.Minute, "it is ready again", e.ready)
	accepted := s.count()
	await(t, time.Minute, "requests are accepted again", func() bool { return s.count() > accepted+500 })
	t.Logf("it took events again %s after there was room", time.Since(freed).Round(time.Millisecond))
	stop()
	sent()
	if !e.process.Running() {
		t.Fatal("the process has ended")
	}
	ids := s.ids()
	if !holdsWithin(t.Context(), time.Minute, func() bool { return len(r.missing(ids)) == 0 }) {
		t.Errorf("%d of %d accepted events are lost", len(r.missing(ids)), len(ids))
	}
	t.Logf("%d events accepted, %d delivered before there was room again, %d deliveries came twice", len(ids), before, r.doubles())
}

// turnedAway sends an event and tells whether the answer is 503 with a Retry-After.
func turnedAway(t *testing.T, e *engine) bool {
	body := []byte(`{"id":"one more"}`)
	q, err := http.NewRequest(http.MethodPost, "http://"+e.door+"/hooks/shop", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	q.Header.Set("Content-Type", "application/json")
	q.Header.Set(header, sign(body))
	answer, err := (&http.Client{Timeout: 30 * time.Second}).Do(q)
	if err != nil {
		t.Errorf("on a full disk a sender gets no answer: %v", err)
		return false
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusServiceUnavailable {
		return false
	}
	after := strings.TrimSpace(answer.Header.Get("Retry-After"))
	if seconds, err := strconv.Atoi(after); err != nil || seconds < 1 {
		t.Errorf("503 with Retry-After %q", after)
	}
	return true
}

package e2e

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/trotline/trotline/internal/rig"
)

// TestPowerCut cuts the engine off from its disk under load: what got a 202
// must be there when it starts on what the disk had received. The same cut with
// `durability: os` loses events, which shows that the cut is one.
func TestPowerCut(t *testing.T) {
	slow(t)
	t.Run("disk", func(t *testing.T) {
		cuts := 2
		if long {
			cuts = 10
		}
		for n := range cuts {
			if lost, of := cutPower(t, "disk", 3000+2500*n); lost > 0 {
				t.Fatalf("cut %d: %d of %d accepted events are lost", n+1, lost, of)
			}
		}
	})
	t.Run("os", func(t *testing.T) {
		for range 3 {
			lost, of := cutPower(t, "os", 3000)
			if t.Logf("%d of %d accepted events are lost", lost, of); lost > 0 {
				return
			}
		}
		t.Error("no cut lost anything: it does not cut")
	})
}

// cutPower cuts once so many requests were accepted, goes on with what the disk
// has, and returns how many accepted events never arrive. Before the cut the
// second sink of the chain takes nothing, so events stand in every queue.
func cutPower(t *testing.T, durability string, accepted int) (lost, of int) {
	t.Helper()
	d := rig.NewDisk(t, 2<<30)
	first, second := newReceiver(t), newReceiver(t)
	second.answers(func(arrival) int { return http.StatusServiceUnavailable })
	e := newEngine(t, "durability: "+durability+sources+fmt.Sprintf(`
sinks:
  first: {type: http, url: %q}
  second: {type: http, url: %q, retry: {initial: 100ms, max: 1s}}
pipelines:
  orders:
    from: shop
    chain: [first, second]
`, first.url("/"), second.url("/")))
	e.keepData(filepath.Join(d.Mount, "data"))
	e.start()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	s := &sender{door: e.door, name: durability, conns: 16}
	sent := s.started(t, ctx)
	await(t, time.Minute, "requests are accepted", func() bool { return s.count() >= accepted })

	e.signal(syscall.SIGSTOP)
	if err := d.CutPower(e.kill); err != nil {
		t.Fatal(err)
	}
	stop()
	sent()
	ids := s.ids()

	second.answers(nil)
	if err := e.tryStart(t.Context()); err != nil {
		t.Logf("it does not start on what the disk has: %v", err)
		return len(ids), len(ids)
	}
	await(t, 2*time.Minute, "deliveries come to an end", func() bool {
		return len(second.missing(ids)) == 0 || time.Since(second.last()) > quiet
	})
	if durability == "disk" {
		checkKnown(t, e, ids)
	}
	return len(second.missing(ids)), len(ids)
}

// checkKnown sends accepted events again: each must be a duplicate.
func checkKnown(t *testing.T, e *engine, ids map[string]bool) {
	t.Helper()
	for id := range ids {
		body := fmt.Appendf(nil, `{"id":%q}`, id)
		if a := deliver(t, http.DefaultClient, e.door, body, sign(body)); a.status != http.StatusAccepted || !a.Duplicate {
			t.Fatalf("%s was accepted before the cut, and is answered %+v when it comes again", id, a)
		}
	}
}

package e2e

import (
	"context"
	"fmt"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/trotline/trotline/internal/rig"
)

// TestPowerCutWindows cuts the engine off from its disk while windows are filled,
// closed and delivered: what was accepted must be in one window, also in those
// that were delivered before the cut.
func TestPowerCutWindows(t *testing.T) {
	slow(t)
	cuts := 2
	if long {
		cuts = 10
	}
	for n := range cuts {
		cutWindows(t, 3000+1500*n)
	}
}

func cutWindows(t *testing.T, accepted int) {
	t.Helper()
	d := rig.NewDisk(t, 2<<30)
	r := newReceiver(t)
	e := newEngine(t, "durability: disk"+sources+fmt.Sprintf(`
sinks:
  timed: {type: http, url: %q, retry: {initial: 100ms, max: 1s}}
pipelines:
  timed:
    from: shop
    steps:
      - dedupe: {key: body.id, window: 1h}
      - window: {key: body.conn, every: 1s, aggregate: {ids: collect(body.id)}}
    to: [timed]
`, r.url("/timed")))
	e.keepData(filepath.Join(d.Mount, "data"))
	e.start()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	s := &sender{door: e.door, name: "cut", conns: 16}
	sent := s.started(t, ctx)
	await(t, time.Minute, "requests are accepted", func() bool { return s.count() >= accepted })

	e.signal(syscall.SIGSTOP)
	if err := d.CutPower(e.kill); err != nil {
		t.Fatal(err)
	}
	stop()
	sent()
	ids := s.ids()

	e.start()
	missing := func() (n int) {
		windows := windowsOf(t, r)["/timed"]
		for id := range ids {
			if len(windows[id]) == 0 {
				n++
			}
		}
		return n
	}
	if !holdsWithin(t.Context(), 90*time.Second, func() bool { return missing() == 0 }) {
		t.Errorf("%d of %d accepted events are in no window", missing(), len(ids))
	}
	for id, in := range windowsOf(t, r)["/timed"] {
		if len(in) > 1 { // one that was not answered may be in a window, but not in two
			t.Errorf("%s is in the windows %v", id, in)
		}
	}
}

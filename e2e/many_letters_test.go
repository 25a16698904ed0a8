package e2e

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestManyDeadLetters works on a hundred thousand dead letters: none of it takes
// them all into memory, or holds up what comes in meanwhile.
func TestManyDeadLetters(t *testing.T) {
	if !long {
		t.Skip("takes minutes; run with TROTLINE_LONG=1")
	}
	const letters = 100_000
	r := newReceiver(t)
	r.answers(func(a arrival) int {
		if strings.HasPrefix(a.event, "many-") {
			return http.StatusBadRequest
		}
		return http.StatusNoContent
	})
	e := newEngine(t, oneSink(r.url("/"), "concurrency: 64"))
	e.disk = "2GiB"
	e.write(e.pipelines)
	e.start()
	s := &sender{door: e.door, name: "many", conns: 32, total: letters}
	s.send(t.Context())
	await(t, 5*time.Minute, "all are dead letters", func() bool { return e.metric("trotline_dead_total") == letters })
	e.forgetPeak()

	other := &sender{door: e.door, name: "live", conns: 2, rate: 100}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	wait := other.started(t, ctx)
	timed := func(args ...string) {
		began := time.Now()
		out := e.must(args...)
		t.Logf("%s: %s, up to %d MiB: %s", strings.Join(args, " "), time.Since(began).Round(time.Millisecond), e.peak()>>20, out[max(0, len(out)-120):])
	}
	timed("dead", "list", "--limit", "5")
	timed("dead", "list", "--limit", "5", "--where", "body.n == 17")
	timed("dead", "replay", "--all", "--dry-run")
	timed("dead", "export", "-o", "letters.jsonl")
	timed("dead", "replay", "--all", "--limit", "40000", "--to", "crm")
	timed("events", "replay", "--all", "--sink", "crm", "--dry-run")
	timed("dead", "drop", "--all", "--yes")
	stop()
	wait()
	if peak := e.peak(); peak > maxMemory {
		t.Errorf("it took %d MiB of memory", peak>>20)
	}
	if n := len(other.failed()); n > 0 {
		t.Errorf("%d requests failed meanwhile, such as %s", n, other.failed()[0])
	}
}

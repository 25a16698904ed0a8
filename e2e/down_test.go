package e2e

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestASinkThatIsDown lets deliveries pile up at a sink whose receiver is down.
// The engine's memory stays small, its sibling does not feel it, and when it is
// back it is given what waits at its rate.
func TestASinkThatIsDown(t *testing.T) {
	slow(t)
	waiting, rate := 10_000, 2000
	if os.Getenv("TROTLINE_LONG") != "" {
		waiting = 200_000
	}
	r, sibling := newReceiver(t), newReceiver(t)
	e := newEngine(t, sources+fmt.Sprintf(`
sinks:
  down: {type: http, url: %q, concurrency: 32, rate: %d/s, retry: {initial: 1s, max: 5s}, breaker: {failures: 10, pause: 1s}}
  up: {type: http, url: %q}
pipelines:
  piling: {from: shop, steps: [filter: body.id startsWith "pile"], to: [down]}
  passing: {from: shop, steps: [filter: body.id startsWith "pass"], to: [up]}
`, r.url("/down"), rate, sibling.url("/up")))
	e.start()
	alone := latency(t, e, sibling, "pass-alone")
	r.down()
	(&sender{door: e.door, name: "pile", conns: 32, total: waiting}).send(t.Context())
	await(t, 5*time.Minute, "the deliveries wait", func() bool {
		return e.metric("trotline_backlog", `name="down"`)+e.metric("trotline_unacknowledged", `name="down"`) >= float64(waiting/32*32)
	})
	if open := e.metric("trotline_breaker_opened_total", `sink="down"`); open == 0 {
		t.Error("the sink is not left alone")
	}
	beside := latency(t, e, sibling, "pass-beside")
	memory := rss(t, e)
	t.Logf("%d deliveries wait: %d MB; its sibling's latency is %v, alone %v", waiting, memory>>20, beside, alone)
	if memory > 300<<20 {
		t.Errorf("the engine takes %d MB", memory>>20)
	}
	if beside > 2*alone+20*time.Millisecond {
		t.Errorf("the sibling's latency is %v, alone %v", beside, alone)
	}
	r.up()
	await(t, time.Minute, "the first delivery arrives", func() bool { return r.count() > 0 })
	began := time.Now()
	await(t, 10*time.Minute, "what waited has arrived", func() bool { return r.count() >= waiting/32*32 })
	if took, least := time.Since(began), time.Duration(waiting)*time.Second/time.Duration(rate)*9/10; took < least {
		t.Errorf("%d deliveries came in %v, its rate allows %v", waiting, took, least)
	}
}

// latency is the median time from a request to its arrival at the receiver.
func latency(t *testing.T, e *engine, r *receiver, name string) time.Duration {
	t.Helper()
	before := r.count()
	const n = 200
	(&sender{door: e.door, name: name, conns: 2, total: n, rate: 50}).send(context.Background())
	await(t, time.Minute, "the sibling has everything", func() bool { return r.count() >= before+n })
	var took []time.Duration
	for _, a := range r.all() {
		if strings.HasPrefix(a.event, name) {
			took = append(took, a.at.Sub(sentAt(t, a)))
		}
	}
	slices.Sort(took)
	return took[len(took)/2]
}

// rss is the memory of the engine's process, in bytes.
func rss(t *testing.T, e *engine) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", e.process.PID()))
	if err != nil {
		t.Skipf("the system does not tell: %v", err)
	}
	_, rest, _ := strings.Cut(string(text), "VmRSS:")
	kilobytes, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		t.Fatal(err)
	}
	return kilobytes << 10
}

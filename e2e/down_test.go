package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"
)

// TestASinkThatIsDown lets deliveries pile up at a sink whose receiver is down.
// The engine's memory stays small, and its sibling does not feel it: it is as
// fast as in a second engine beside it, at which nothing waits and which gets
// the same requests in turns with it. When the receiver is back it is given
// what waits, at its rate.
func TestASinkThatIsDown(t *testing.T) {
	slow(t)
	waiting, rate, down := 10_000, 2000, 20*time.Second
	if long {
		waiting, rate, down = 200_000, 1000, 5*time.Minute
	}
	sick, well := newDownRig(t, rate), newDownRig(t, rate)
	sick.flaky.down()
	gone := time.Now()
	(&sender{door: sick.door, name: "pile", conns: 32, total: waiting}).send(t.Context())
	waiting = waiting / 32 * 32
	backlog := func() int {
		return int(sick.metric("trotline_backlog", `name="flaky"`) + sick.metric("trotline_unacknowledged", `name="flaky"`))
	}
	await(t, 5*time.Minute, "the deliveries wait", func() bool { return backlog() >= waiting })
	if sick.metric("trotline_breaker_opened_total", `sink="flaky"`) == 0 {
		t.Error("the sink is not left alone")
	}

	idle := max(down-time.Since(gone), down/2)
	spent, spentWell := sick.cpu(), well.cpu()
	inTurns(t, int(idle/turn), sick, well)
	spent, spentWell = sick.cpu()-spent, well.cpu()-spentWell
	beside, alone := sick.latency(t), well.latency(t)
	t.Logf("%d deliveries waited for %s: %d MiB, at most %d MiB; the sibling's latency is %v, without them %v; the CPU %v, without them %v",
		backlog(), time.Since(gone).Round(time.Second), sick.rss()>>20, sick.peak()>>20, beside, alone, spent, spentWell)
	if peak := sick.peak(); peak > maxMemory {
		t.Errorf("the engine takes %d MiB", peak>>20)
	}
	if beside > alone*11/10 {
		t.Errorf("the sibling's latency is %v beside what waits, and %v without", beside, alone)
	}
	// Or the other engine might be as slow because this one leaves it nothing.
	if more := spent - spentWell; more > idle/20 {
		t.Errorf("what waits takes %v of the CPU in %v", more, idle)
	}

	waiting += sick.accepted
	sick.flaky.up()
	await(t, time.Minute, "the first delivery arrives", func() bool { return sick.flaky.count() > 0 })
	began, before := time.Now(), sick.flaky.count()
	await(t, 10*time.Minute, "what waited has arrived", func() bool { return sick.flaky.count() >= waiting })
	took := time.Since(began)
	t.Logf("it was drained at %.0f/s; its rate is %d/s", float64(waiting-before)/took.Seconds(), rate)
	if least := time.Duration(waiting-before) * time.Second / time.Duration(rate) * 9 / 10; took < least {
		t.Errorf("%d deliveries came in %v, its rate allows %v", waiting-before, took, least)
	}
}

// downRig is an engine with two sinks side by side. Events named pile come to one alone.
type downRig struct {
	*engine
	flaky, steady *receiver
	accepted      int // of the requests that come to both
}

func newDownRig(t *testing.T, rate int) *downRig {
	t.Helper()
	d := &downRig{flaky: newReceiver(t), steady: newReceiver(t)}
	d.engine = newEngine(t, sources+fmt.Sprintf(`
sinks:
  flaky: {type: http, url: %q, concurrency: 32, rate: %d/s, retry: {initial: 1s, max: 5s}, breaker: {failures: 10, pause: 1s}}
  steady: {type: http, url: %q}
pipelines:
  orders:
    from: shop
    routes:
      - {name: all, to: [flaky]}
      - {name: some, when: not (body.id startsWith "pile"), to: [steady]}
`, d.flaky.url("/"), rate, d.steady.url("/")))
	d.start()
	return d
}

// turn is how often each engine gets a request.
const turn = 25 * time.Millisecond

// inTurns sends a number of requests to each engine, in turns, so that whatever
// else the machine does meets both.
func inTurns(t *testing.T, each int, engines ...*downRig) {
	t.Helper()
	client := &http.Client{}
	defer client.CloseIdleConnections()
	ticker := time.NewTicker(turn / time.Duration(len(engines)))
	defer ticker.Stop()
	for n := range each {
		for _, e := range engines {
			<-ticker.C
			s := &sender{door: e.door, accepted: make(map[string]bool)}
			id := fmt.Sprintf("some-%d", n)
			if s.post(client, id, fmt.Appendf(nil, `{"id":%q,"sent":%d}`, id, time.Now().UnixNano())) {
				e.accepted++
			} else {
				t.Error(s.failed())
			}
		}
		slices.Reverse(engines) // or one would always be the second
	}
}

// latency is the median time from a request to its arrival at the steady receiver.
func (d *downRig) latency(t *testing.T) time.Duration {
	t.Helper()
	await(t, time.Minute, "the sibling has everything", func() bool { return d.steady.count() >= d.accepted })
	var took []time.Duration
	for _, a := range d.steady.all() {
		took = append(took, a.at.Sub(sentAt(t, a)))
	}
	slices.Sort(took)
	return took[len(took)/2]
}

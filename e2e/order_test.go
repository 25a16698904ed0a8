package e2e

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// TestOrderSurvivesKill9 kills the engine and edits the sinks while events of
// several keys go through a chain whose receivers fail at random: at each of
// them every key is seen in its order. After a kill, what was under way may come
// again, and then what follows it.
func TestOrderSurvivesKill9(t *testing.T) {
	slow(t)
	const (
		keys     = 16
		requests = 8000
		kills    = 3
	)
	r := newReceiver(t)
	r.answers(func(arrival) int { return []int{204, 204, 204, 204, 503}[rand.IntN(5)] })
	pipelines := func(concurrency int) string {
		return sources + fmt.Sprintf(`
sinks:
  first: {type: http, url: %q, concurrency: %d, retry: {initial: 10ms, max: 1s}}
  second: {type: http, url: %q, concurrency: %d, retry: {initial: 10ms, max: 1s}}
pipelines:
  orders:
    from: shop
    order_by: body.conn
    chain: [first, second]
`, r.url("/first"), concurrency, r.url("/second"), concurrency)
	}
	e := newEngine(t, pipelines(16))
	e.start()
	s := &sender{door: e.door, name: "order", conns: keys, total: requests, retry: e.awaitUp}
	sent := s.started(t, t.Context())
	var killed []time.Time
	for k := 1; k <= kills; k++ {
		await(t, time.Minute, "requests are accepted", func() bool { return s.count() >= k*requests/(kills+1) })
		e.write(pipelines(16 + k))
		await(t, time.Minute, "more requests are accepted", func() bool { return s.count() >= k*requests/(kills+1)+requests/20 })
		e.kill()
		killed = append(killed, time.Now())
		e.start()
	}
	sent()
	if n := s.count(); n != requests {
		t.Fatalf("%d of %d requests were accepted: %v", n, requests, s.failed())
	}
	at := func(path string) []arrival {
		return slices.DeleteFunc(r.all(), func(a arrival) bool { return a.path != path })
	}
	whole := func(path string) bool {
		seen := make(map[string]bool)
		for _, a := range at(path) {
			seen[a.event] = true
		}
		return len(seen) == requests
	}
	await(t, 2*time.Minute, "every event has arrived at the end of the chain", func() bool { return whole("/second") })
	for _, path := range []string{"/first", "/second"} {
		checkOrder(t, at(path), killed)
	}
	if n := e.metric("trotline_dead_total"); n != 0 {
		t.Errorf("%v dead letters", n)
	}
}

// checkOrder finds an arrival that came before one it had to wait for.
func checkOrder(t *testing.T, arrivals []arrival, crashes []time.Time) {
	t.Helper()
	type last struct {
		n  int
		at time.Time
	}
	seen := make(map[int]last)
	repeated := 0
	for _, a := range arrivals {
		var b struct{ Conn, N int }
		if err := json.Unmarshal(a.body, &b); err != nil {
			t.Fatalf("%s: %v", a.body, err)
		}
		before, known := seen[b.Conn]
		switch {
		case !known && b.N == 0, known && b.N == before.n+1:
		case known && b.N <= before.n && slices.ContainsFunc(crashes, func(c time.Time) bool { return c.After(before.at) && c.Before(a.at) }):
			repeated++
		default:
			t.Fatalf("%s: %d of key %d came after %d", a.path, b.N, b.Conn, before.n)
		}
		seen[b.Conn] = last{b.N, a.at}
	}
	t.Logf("%d arrivals, %d of them again after a kill", len(arrivals), repeated)
}

package e2e

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	_ "modernc.org/sqlite"
)

// lastMoment is how long before a crash something may have been done that is
// done again after it: NATS writes what was acknowledged at most ten times a
// second, and a busy machine is late.
const lastMoment = 500 * time.Millisecond

// TestKill9 kills the engine again and again while requests come. What got a
// 202 must arrive; without keys a delivery may come again, but only one of the
// last moment before a kill; with a key each ends as one row.
func TestKill9(t *testing.T) {
	slow(t)
	const (
		requests = 20_000
		kills    = 4
	)
	r := newReceiver(t)
	e := newEngine(t, sources+fmt.Sprintf(`
sinks:
  receiver: {type: http, url: %q, retry: {initial: 100ms, max: 1s}}
  shop: {type: sqlite, path: ./shop.db, table: orders, key: [id], create: true}
pipelines:
  orders:
    from: shop
    steps:
      - filter: body.amount > 100
    to:
      - receiver
      - {sink: shop, map: {id: body.id, n: body.n, amount: body.amount}}
`, r.url("/orders")))
	e.start()
	s := &sender{door: e.door, name: "kill", conns: 16, total: requests, retry: e.awaitUp}
	sent := s.started(t, t.Context())
	var killed []time.Time
	for k := 1; k <= kills; k++ {
		await(t, time.Minute, "requests are accepted", func() bool { return s.count() >= k*requests/(kills+1) })
		e.kill()
		killed = append(killed, time.Now())
		e.start()
	}
	sent()
	accepted := s.ids()
	if len(accepted) != requests {
		t.Fatalf("%d of %d requests were accepted: %v", len(accepted), requests, s.failed())
	}
	arrived := holdsWithin(t.Context(), 90*time.Second, func() bool { return r.count() >= requests })
	if missing := r.missing(accepted); !arrived || len(missing) > 0 {
		t.Fatalf("%d accepted events are lost, such as %v\ndead letters: %s", len(missing), missing[:min(5, len(missing))], e.must("dead", "list", "--json"))
	}
	t.Logf("%d requests had to be sent again, %d deliveries came twice", len(s.failed()), r.doubles())
	checkDoubles(t, r, killed)
	awaitRows(t, e, requests)
	if n := e.metric("trotline_dead_total"); n != 0 {
		t.Errorf("%v dead letters", n)
	}
}

// checkDoubles finds deliveries that came again without a reason: no crash
// between the two, or the first was neither made in the last moment before a
// crash nor of an event that an earlier crash had left in hand.
func checkDoubles(t *testing.T, r *receiver, crashes []time.Time) {
	t.Helper()
	first := make(map[string]arrival)
	for _, again := range r.all() {
		a, known := first[again.key]
		if !known {
			first[again.key] = again
			continue
		}
		next := slices.IndexFunc(crashes, func(crash time.Time) bool { return crash.After(a.at) })
		if next < 0 || again.at.Before(crashes[next]) {
			t.Errorf("%s came twice, and no crash lies between", a.event)
			continue
		}
		inHand := next > 0 && sentAt(t, a).Before(crashes[next-1])
		if before := crashes[next].Sub(a.at); before > lastMoment && !inHand {
			t.Errorf("%s was delivered %s before a crash and again after it", a.event, before)
		}
	}
}

// sentAt is when an event was sent first, as its body says.
func sentAt(t *testing.T, a arrival) time.Time {
	t.Helper()
	var b struct{ Sent int64 }
	if err := json.Unmarshal(a.body, &b); err != nil {
		t.Fatalf("%s: %v", a.body, err)
	}
	return time.Unix(0, b.Sent)
}

// awaitRows waits until the table holds every order, each once.
func awaitRows(t *testing.T, e *engine, want int) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(e.folder, "shop.db")+"?mode=ro&_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var rows, distinct int
	ok := holdsWithin(t.Context(), time.Minute, func() bool {
		if err := db.QueryRow("SELECT count(*), count(DISTINCT id) FROM orders").Scan(&rows, &distinct); err != nil {
			t.Fatal(err)
		}
		return distinct >= want
	})
	if !ok || rows != want || distinct != want {
		t.Errorf("%d rows of %d orders, want each of %d once", rows, distinct, want)
	}
}

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

const edits = 50

// generation is the configuration of an edit. Each stamps its number into the
// events twice in each pipeline: in a step, and where a delivery is shaped. An
// edit changes thresholds, addresses, a step, a route and a pipeline.
func generation(g int, r *receiver) string {
	text := sources + fmt.Sprintf(`
sinks:
  one: {type: http, url: "%[1]s?edit=%[4]d"}
  two: {type: http, url: %[2]q, timeout: %[5]ds}
  three: {type: http, url: %[3]q}
pipelines:
  first:
    from: shop
    steps:
      - set: {g1: %[6]d}
    routes:
      - name: main
        to: [{sink: one, map: {id: body.id, conn: body.conn, n: body.n, g1: body.g1, g2: %[6]d}}]
`, r.url("/one"), r.url("/two"), r.url("/three"), g/2, 10+g, g)
	if hasMore(g) {
		text += fmt.Sprintf(`
      - name: more
        when: body.n >= 0
        to: [{sink: three, map: {id: body.id, conn: body.conn, n: body.n, g1: body.g1, g2: %d}}]
`, g)
	}
	text += fmt.Sprintf(`
  second:
    from: shop
    steps:
      - filter: body.n %% 10 >= %[2]d
      - set: {g1: %[1]d}
    to: [{sink: two, map: {id: body.id, conn: body.conn, n: body.n, g1: body.g1, g2: %[1]d}}]
`, g, threshold(g))
	if hasExtra(g) {
		text += fmt.Sprintf(`
  extra:
    from: shop
    steps:
      - set: {g1: %[1]d}
    to: [{sink: three, map: {id: body.id, conn: body.conn, n: body.n, g1: body.g1, g2: %[1]d}}]
`, g)
	}
	return text
}

func hasMore(g int) bool  { return g%3 == 0 }
func hasExtra(g int) bool { return g%4 == 1 }
func threshold(g int) int { return g % 5 }

// broken is a configuration that cannot be used, each time for another reason.
func broken(n int, r *receiver) string {
	good := generation(1000+n, r)
	switch n % 5 {
	case 0:
		return good + "\n   nonsense: [\n"
	case 1:
		return strings.Replace(good, "sink: one", "sink: onee", 1)
	case 2:
		return strings.Replace(good, "body.n % 10", "body.n %% 10", 1)
	case 3:
		return strings.Replace(good, "type: http", "type: htpp", 1)
	default:
		return strings.Replace(good, "from: shop", "from: shoo", 1)
	}
}

// stamped is a delivery's body.
type stamped struct {
	ID      string
	Conn, N int
	G1, G2  int
}

// TestEditsUnderLoad edits the file again and again while requests come. No
// request may fail, no event be lost or doubled, and each must be handled by
// one generation as a whole: in all pipelines, routes and deliveries. Five
// edits are broken, and change nothing.
func TestEditsUnderLoad(t *testing.T) {
	slow(t)
	r := newReceiver(t)
	e := newEngine(t, generation(1, r))
	e.start()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	s := &sender{door: e.door, name: "edit", conns: 8, rate: 500}
	sent := s.started(t, ctx)

	last := 1
	for n := 2; n <= edits; n++ {
		if n%10 == 0 {
			refused := e.metric("trotline_config_reloads_total", `result="refused"`)
			e.write(broken(n/10, r))
			await(t, 10*time.Second, "a broken edit is refused", func() bool {
				return e.metric("trotline_config_reloads_total", `result="refused"`) > refused
			})
			continue
		}
		applied := e.metric("trotline_config_reloads_total", `result="applied"`)
		if n%2 == 0 {
			e.write(generation(n, r))
		} else {
			e.overwrite(generation(n, r))
		}
		await(t, 10*time.Second, fmt.Sprintf("edit %d is applied", n), func() bool {
			return e.metric("trotline_config_reloads_total", `result="applied"`) > applied
		})
		last = n
	}
	underLast := s.count()
	await(t, 10*time.Second, "requests under the last edit", func() bool { return s.count() > underLast+500 })
	stop()
	sent()

	if n := len(s.failed()); n > 0 {
		t.Errorf("%d requests failed, such as %s", n, s.failed()[0])
	}
	ids := s.ids()
	if !holdsWithin(t.Context(), time.Minute, func() bool { return r.count() >= len(ids) && time.Since(r.last()) > time.Second }) {
		missing := r.missing(ids)
		t.Fatalf("%d of %d events are lost, such as %v", len(missing), len(ids), missing[:min(5, len(missing))])
	}
	if n := r.doubles(); n > 0 {
		t.Errorf("%d deliveries came twice", n)
	}
	if n := e.metric("trotline_dead_total"); n > 0 {
		t.Errorf("%v dead letters: %s", n, e.must("dead", "list"))
	}
	checkGenerations(t, s, r, last)
}

// checkGenerations compares what arrived of each event with what its
// generation, taken from the delivery every generation makes, asks for.
func checkGenerations(t *testing.T, s *sender, r *receiver, last int) {
	t.Helper()
	generations, counts := make(map[string]int), make(map[string]map[string]int)
	for _, a := range r.all() {
		var b stamped
		if err := json.Unmarshal(a.body, &b); err != nil {
			t.Fatalf("%s: %v", a.body, err)
		}
		if b.G1 != b.G2 {
			t.Errorf("%s at %s: the step is of generation %d, the delivery of %d", b.ID, a.path, b.G1, b.G2)
		}
		if g, known := generations[b.ID]; known && g != b.G1 {
			t.Errorf("%s was handled by the generations %d and %d", b.ID, g, b.G1)
		}
		generations[b.ID] = b.G1
		if counts[b.ID] == nil {
			counts[b.ID] = make(map[string]int)
		}
		counts[b.ID][a.path]++
	}
	seen := make(map[int]bool)
	for _, g := range generations {
		seen[g] = true
	}
	if t.Logf("%d events of %d generations", len(generations), len(seen)); len(seen) < edits/2 {
		t.Errorf("events of only %d generations arrived: the load is too thin to show anything", len(seen))
	}
	for c := range s.conns {
		before := 0
		for n := 0; ; n++ {
			id := fmt.Sprintf("%s-%d-%d", s.name, c, n)
			if !s.accepted[id] {
				break
			}
			g := generations[id]
			if g < before {
				t.Errorf("%s was accepted after one of generation %d, and handled by %d", id, before, g)
			}
			before = g
			if want := wanted(g, n); !equalCounts(counts[id], want) {
				t.Errorf("%s of generation %d arrived %v, want %v", id, g, counts[id], want)
			}
		}
		if before != last {
			t.Errorf("connection %d ended with generation %d, want %d", c, before, last)
		}
	}
}

// wanted is how often the n-th event of a connection is to arrive at each path under a generation.
func wanted(g, n int) map[string]int {
	want := map[string]int{"/one": 1}
	if n%10 >= threshold(g) {
		want["/two"]++
	}
	if hasMore(g) {
		want["/three"]++
	}
	if hasExtra(g) {
		want["/three"]++
	}
	return want
}

func equalCounts(a, b map[string]int) bool {
	for _, path := range []string{"/one", "/two", "/three"} {
		if a[path] != b[path] {
			return false
		}
	}
	return true
}

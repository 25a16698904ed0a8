package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"
)

// windowConns is how many senders there are, each with windows of its own.
const windowConns = 8

// still is how long nothing arrives until nothing more is expected, on a machine that is busy.
const still = 45 * time.Second

// TestWindows kills the engine again and again while windows of each kind are
// filled. Every accepted event must be in exactly one window of each pipeline,
// and each window must arrive, with one key and one content.
func TestWindows(t *testing.T) {
	slow(t)
	kills, size := 5, 20
	if long {
		kills = 50
	}
	requests := kills * windowConns * size * 3
	r := newReceiver(t)
	e := newEngine(t, sources+fmt.Sprintf(`
sinks:
  counted: {type: http, url: %q, retry: {initial: 100ms, max: 1s}}
  timed: {type: http, url: %q, retry: {initial: 100ms, max: 1s}}
  waited: {type: http, url: %q, retry: {initial: 100ms, max: 1s}}
pipelines:
  counted:
    from: shop
    steps:
      - window: {key: body.conn, count: %d, aggregate: {ids: collect(body.id)}}
    to: [counted]
  timed:
    from: shop
    steps:
      - window: {key: body.conn, every: 1s, aggregate: {ids: collect(body.id)}}
    to: [timed]
  waited:
    from: shop
    steps:
      - dedupe: {key: body.id, window: 1h}
      - delay: 300ms
      - window: {every: 1s, aggregate: {ids: collect(body.id)}}
      - dedupe: {key: id, window: 1h}
      - map: {ids: body.ids}
    to: [waited]
`, r.url("/counted"), r.url("/timed"), r.url("/waited"), size))
	e.start()
	s := &sender{door: e.door, name: "window", conns: windowConns, total: requests, retry: e.awaitUp}
	sent := s.started(t, t.Context())
	for k := 1; k <= kills; k++ {
		await(t, 2*time.Minute, "requests are accepted", func() bool { return s.count() >= k*requests/(kills+1) })
		e.kill()
		e.start()
	}
	sent()
	accepted := s.ids()
	if len(accepted) != requests {
		t.Fatalf("%d of %d requests were accepted: %v", len(accepted), requests, s.failed())
	}
	all := false
	await(t, 10*time.Minute, "deliveries come to an end", func() bool {
		w := windowsOf(t, r)
		all = len(w["/counted"]) >= requests && len(w["/timed"]) >= requests && len(w["/waited"]) >= requests
		return all || time.Since(r.last()) > still
	})
	windows := windowsOf(t, r)
	for _, path := range []string{"/counted", "/timed", "/waited"} {
		checkWindows(t, path, windows[path], accepted)
	}
	if n := e.metric("trotline_dead_total"); !all || n != 0 {
		t.Errorf("%v dead letters: %s", n, e.must("dead", "list", "--json"))
	}
	t.Logf("%d kills, %d events, %d deliveries of windows came twice", kills, requests, r.doubles())
}

// windowsOf are, for each path, the windows that every event is in, by their keys.
func windowsOf(t *testing.T, r *receiver) map[string]map[string][]string {
	t.Helper()
	found := make(map[string]map[string][]string)
	bodies := make(map[string]string)
	for _, a := range r.all() {
		if before, again := bodies[a.key]; again {
			if before != string(a.body) {
				t.Fatalf("%s: the window %s came with two contents: %s and %s", a.path, a.key, before, a.body)
			}
			continue
		}
		bodies[a.key] = string(a.body)
		var window struct{ IDs []string }
		if err := json.Unmarshal(a.body, &window); err != nil {
			t.Fatalf("%s: %v", a.body, err)
		}
		if found[a.path] == nil {
			found[a.path] = make(map[string][]string)
		}
		for _, id := range window.IDs {
			found[a.path][id] = append(found[a.path][id], a.key)
		}
	}
	return found
}

// checkWindows finds events that are in no window, or in several.
func checkWindows(t *testing.T, path string, windows map[string][]string, accepted map[string]bool) {
	t.Helper()
	var none, several []string
	for id := range accepted {
		switch len(windows[id]) {
		case 0:
			none = append(none, id)
		case 1:
		default:
			several = append(several, id)
		}
	}
	if len(none)+len(several) > 0 {
		t.Errorf("%s: %d events are in no window, such as %v; %d in several, such as %v", path, len(none), none[:min(3, len(none))], len(several), several[:min(3, len(several))])
	}
	if strangers := len(windows) - len(accepted); strangers > 0 {
		t.Errorf("%s: %d events were never accepted, of %v", path, strangers, slices.Sorted(maps.Keys(windows))[:1])
	}
}

// TestWindowEdits edits a window while it is open, and removes its pipeline: what
// is open is closed as it stands, and an edit elsewhere leaves it open.
func TestWindowEdits(t *testing.T) {
	slow(t)
	r := newReceiver(t)
	file := func(pipelines string) string {
		return sources + fmt.Sprintf("sinks:\n  out: {type: http, url: %q}\npipelines:\n", r.url("/")) + pipelines
	}
	window := func(count int) string {
		return file(fmt.Sprintf("  rows:\n    from: shop\n    steps:\n      - window: {count: %d, aggregate: {ids: collect(body.id)}}\n    to: [out]\n", count))
	}
	moved := file("  rows:\n    from: shop\n    steps:\n      - filter: body.n >= 0\n      - window: {count: 5, aggregate: {ids: collect(body.id)}}\n    to: [out]\n")
	e := newEngine(t, window(10))
	e.start()
	sent := 0
	send := func(n int) {
		s := &sender{door: e.door, name: fmt.Sprint("edit", sent), conns: 1, total: n}
		s.send(t.Context())
		if s.count() != n {
			t.Fatalf("%d of %d were accepted: %v", s.count(), n, s.failed())
		}
		sent += n
	}
	edit := func(pipelines string) {
		t.Helper()
		applied := e.metric("trotline_config_reloads_total", `result="applied"`)
		e.write(pipelines)
		await(t, 30*time.Second, "the edit is applied", func() bool {
			return e.metric("trotline_config_reloads_total", `result="applied"`) > applied
		})
	}
	sizes := func(want ...int) {
		t.Helper()
		var got []int
		await(t, 30*time.Second, fmt.Sprint("windows of ", want), func() bool {
			got = nil
			for _, a := range r.all() {
				var w struct{ IDs []string }
				if err := json.Unmarshal(a.body, &w); err != nil {
					t.Fatal(err)
				}
				got = append(got, len(w.IDs))
			}
			return len(got) >= len(want)
		})
		if !slices.Equal(got, want) {
			t.Fatalf("windows of %v, want %v", got, want)
		}
	}
	send(4)
	edit(window(5))
	sizes(4)
	send(3)
	edit(moved)
	send(2)
	sizes(4, 5)
	send(2)
	edit(file("  others:\n    from: shop\n    steps: [{filter: \"false\"}]\n    to: [out]\n"))
	sizes(4, 5, 2)
	await(t, 30*time.Second, "nothing of it is left", func() bool { return e.metric("trotline_remembered_keys") == 0 })
}

// TestReplayBehindAStepThatRemembers replays an event that died behind dedupe and
// a delay: it goes on at the step it failed at, and is not taken for a duplicate.
func TestReplayBehindAStepThatRemembers(t *testing.T) {
	slow(t)
	r := newReceiver(t)
	file := func(total string) string {
		return sources + fmt.Sprintf(`
sinks:
  out: {type: http, url: %q}
pipelines:
  orders:
    from: shop
    steps:
      - dedupe: {key: body.id, window: 1h}
      - delay: 100ms
      - map: {id: body.id, total: %s}
      - window: {count: 2, aggregate: {ids: collect(body.id), total: sum(body.total)}}
    to: [out]
`, r.url("/"), total)
	}
	e := newEngine(t, file("body.none + 1"))
	e.start()
	s := &sender{door: e.door, name: "replay", conns: 1, total: 2}
	s.send(t.Context())
	await(t, 30*time.Second, "both are dead letters", func() bool { return e.metric("trotline_dead_total") == 2 })
	applied := e.metric("trotline_config_reloads_total", `result="applied"`)
	e.write(file("body.amount"))
	await(t, 30*time.Second, "the edit is applied", func() bool {
		return e.metric("trotline_config_reloads_total", `result="applied"`) > applied
	})
	e.must("dead", "replay", "--all")
	await(t, 30*time.Second, "the window of both", func() bool { return r.count() == 1 })
	var w struct {
		IDs   []string
		Total json.Number
	}
	if err := json.Unmarshal(r.all()[0].body, &w); err != nil || len(w.IDs) != 2 || w.Total != "259.8" {
		t.Errorf("got %s, %v", r.all()[0].body, err)
	}
}

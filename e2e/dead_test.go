package e2e

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestDeadReceiver takes one receiver away under load. Its sibling must not
// feel it, and when it is back it must get everything.
func TestDeadReceiver(t *testing.T) {
	slow(t)
	healthy, dead := 5*time.Second, 10*time.Second
	if long {
		healthy, dead = 20*time.Second, time.Minute
	}
	crm, sibling := newReceiver(t), newReceiver(t)
	e := newEngine(t, sources+fmt.Sprintf(`
sinks:
  crm: {type: http, url: %q, retry: {initial: 200ms, max: 1s}}
  sibling: {type: http, url: %q}
pipelines:
  orders:
    from: shop
    to: [crm, sibling]
`, crm.url("/"), sibling.url("/")))
	e.start()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	s := &sender{door: e.door, name: "dead", conns: 4, rate: 200}
	sent := s.started(t, ctx)

	start := time.Now()
	await(t, 2*healthy, "load", func() bool { return time.Since(start) > healthy })
	crm.down()
	gone := time.Now()
	await(t, 2*dead, "load", func() bool { return time.Since(gone) > dead })
	back := time.Now()
	crm.up()
	stop()
	sent()

	ids := s.ids()
	if n := len(s.failed()); n > 0 {
		t.Errorf("%d requests failed, such as %s", n, s.failed()[0])
	}
	for name, r := range map[string]*receiver{"crm": crm, "sibling": sibling} {
		if !holdsWithin(t.Context(), time.Minute, func() bool { return r.count() >= len(ids) }) {
			t.Errorf("%s got %d of %d events", name, r.count(), len(ids))
		}
	}
	before, during := journey(t, sibling, start, gone), journey(t, sibling, gone, back)
	t.Logf("the sibling's p99 was %s before and %s while the receiver was dead", before, during)
	if during > 5*before && during > 250*time.Millisecond {
		t.Errorf("the sibling's p99 went from %s to %s", before, during)
	}
	if n := sibling.doubles(); n > 0 {
		t.Errorf("the sibling got %d deliveries twice", n)
	}
	if n := e.metric("trotline_dead_total"); n != 0 {
		t.Errorf("%v dead letters of a receiver that came back in time", n)
	}
	if e.metric("trotline_retried_total", `sink="crm"`) == 0 {
		t.Error("nothing was retried")
	}
}

// journey is the 99th percentile from sending to arrival, of what was sent between two times.
func journey(t *testing.T, r *receiver, from, to time.Time) time.Duration {
	t.Helper()
	var all []time.Duration
	for _, a := range r.all() {
		if at := sentAt(t, a); at.After(from) && at.Before(to) {
			all = append(all, a.at.Sub(at))
		}
	}
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[len(all)*99/100]
}

// TestDeadLetters has a receiver refuse some events: they become dead letters
// that tell why, and are delivered, with the same key, once the receiver is mended.
func TestDeadLetters(t *testing.T) {
	r := newReceiver(t)
	refusedKeys := make(chan string, 1000)
	r.answers(func(a arrival) int {
		if !strings.HasSuffix(a.event, "7") {
			return http.StatusNoContent
		}
		refusedKeys <- a.key
		return http.StatusBadRequest
	})
	e := newEngine(t, sources+fmt.Sprintf(`
sinks:
  crm: {type: http, url: %q}
pipelines:
  orders:
    from: shop
    to: [crm]
`, r.url("/")))
	e.start()
	s := &sender{door: e.door, name: "refused", conns: 1, total: 100}
	s.send(t.Context())
	const refused = 10 // 7, 17, … 97
	await(t, 20*time.Second, "ten dead letters", func() bool { return e.metric("trotline_dead_total", `reason="refused"`) == refused })
	await(t, 20*time.Second, "the others are delivered", func() bool { return r.count() == 100-refused })
	if len(refusedKeys) != refused {
		t.Errorf("%d attempts at what was refused; want %d, one each", len(refusedKeys), refused)
	}

	out := e.must("dead", "list", "--json")
	sequence := firstSequence(t, out)
	shown := e.must("dead", "show", sequence)
	for _, part := range []string{"refused", "400", "this receiver does not want it", "orders", "crm", "refused-0-97"} {
		if !strings.Contains(shown, part) {
			t.Errorf("dead show %s does not say %q:\n%s", sequence, part, shown)
		}
	}

	keys := make(map[string]bool)
	for range refused {
		keys[<-refusedKeys] = true
	}
	r.answers(nil)
	e.must("dead", "replay", "--all")
	await(t, 20*time.Second, "everything is delivered", func() bool { return r.count() == 100 })
	for _, a := range r.all()[100-refused:] {
		if !keys[a.key] {
			t.Errorf("%s was replayed with another key", a.event)
		}
	}
	if n := r.doubles(); n > 0 {
		t.Errorf("%d deliveries came twice", n)
	}
	if out := e.must("dead", "list", "--json"); strings.Contains(out, "refused-0-") {
		t.Errorf("dead letters are left:\n%s", out)
	}
}

var sequenceField = regexp.MustCompile(`"sequence":\s*([1-9]\d*)`)

// firstSequence is the number of the first dead letter of a list, the newest.
func firstSequence(t *testing.T, list string) string {
	t.Helper()
	found := sequenceField.FindStringSubmatch(list)
	if found == nil {
		t.Fatalf("no dead letter in %s", list)
	}
	return found[1]
}

package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"
)

// TestAnAnswerIsFrozen asks an endpoint that never says the same twice, and that
// is down now and then, while the engine is killed. Whatever is delivered of an
// event, to whichever sink and however often, holds one answer.
func TestAnAnswerIsFrozen(t *testing.T) {
	slow(t)
	const (
		requests = 1200
		kills    = 3
	)
	var asked atomic.Int64
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		n := asked.Add(1)
		if n%100 > 90 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, n)
	}))
	t.Cleanup(endpoint.Close)
	r := newReceiver(t)
	e := newEngine(t, sources+fmt.Sprintf(`
sinks:
  first: {type: http, url: %q, retry: {initial: 100ms, max: 1s}}
  second: {type: http, url: %q, retry: {initial: 100ms, max: 1s}}
pipelines:
  orders:
    from: shop
    steps:
      - enrich: {http: %q, into: answer}
      - map: {id: body.id, answer: body.answer}
    to: [first, second]
`, r.url("/first"), r.url("/second"), endpoint.URL+"/{{ body.id }}"))
	e.start()
	s := &sender{door: e.door, name: "frozen", conns: 8, total: requests, retry: e.awaitUp}
	sent := s.started(t, t.Context())
	for k := 1; k <= kills; k++ {
		await(t, time.Minute, "requests are accepted", func() bool { return s.count() >= k*requests/(kills+1) })
		e.kill()
		e.start()
	}
	sent()
	answers := func() map[string]map[int64]map[string]bool {
		all := make(map[string]map[int64]map[string]bool)
		for _, a := range r.all() {
			var body struct {
				ID     string
				Answer int64
			}
			if err := json.Unmarshal(a.body, &body); err != nil {
				t.Fatal(err)
			}
			if all[body.ID] == nil {
				all[body.ID] = make(map[int64]map[string]bool)
			}
			if all[body.ID][body.Answer] == nil {
				all[body.ID][body.Answer] = make(map[string]bool)
			}
			all[body.ID][body.Answer][a.path] = true
		}
		return all
	}
	await(t, 2*time.Minute, "every event is at both sinks", func() bool {
		both := 0
		for _, of := range answers() {
			for _, paths := range of {
				if len(paths) == 2 {
					both++
				}
			}
		}
		return both >= requests
	})
	for id, of := range answers() {
		if len(of) != 1 {
			t.Errorf("%s was delivered with %d answers: %v", id, len(of), of)
		}
	}
}

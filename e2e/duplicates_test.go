package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"
)

// TestDuplicates sends every delivery twice at once, from two connections: one
// event each. After a kill -9 all of them come again, and still none is new.
func TestDuplicates(t *testing.T) {
	deliveries := 2000
	if long {
		deliveries = 10_000
	}
	r := newReceiver(t)
	e := newEngine(t, sources+fmt.Sprintf(`
sinks:
  crm: {type: http, url: %q, concurrency: 32}
pipelines:
  orders: {from: shop, to: [crm]}
`, r.url("/")))
	e.start()
	twins := &twins{door: e.door, pairs: 16, total: deliveries}
	if first, again := twins.send(t); first != deliveries || again != deliveries {
		t.Errorf("%d new events and %d duplicates were answered, want %d of each", first, again, deliveries)
	}
	if n := e.metric("trotline_accepted_total"); n != float64(deliveries) {
		t.Errorf("%v events were stored, want %d", n, deliveries)
	}
	await(t, time.Minute, "everything is delivered", func() bool { return r.count() >= deliveries })
	// What was delivered in the last moment before a kill comes again, and is no duplicate.
	await(t, time.Minute, "the last delivery is written down", func() bool { return time.Since(r.last()) > lastMoment })

	e.kill()
	e.start()
	if first, again := twins.send(t); first != 0 || again != 2*deliveries {
		t.Errorf("after a kill -9: %d new events and %d duplicates were answered, want 0 and %d", first, again, 2*deliveries)
	}
	if n := e.metric("trotline_accepted_total"); n != 0 {
		t.Errorf("%v events were stored again after a kill -9", n)
	}
	await(t, time.Minute, "nothing waits", func() bool { return e.metric("trotline_backlog") == 0 })
	if r.count() != deliveries || r.doubles() != 0 {
		t.Errorf("%d events were delivered, %d of them twice; want each of %d once", r.count(), r.doubles(), deliveries)
	}
}

// TestRefusedIsNotRemembered sends an event that is refused, and then as it should be.
func TestRefusedIsNotRemembered(t *testing.T) {
	r := newReceiver(t)
	e := newEngine(t, sources+fmt.Sprintf(`
sinks:
  crm: {type: http, url: %q}
pipelines:
  orders: {from: shop, to: [crm]}
`, r.url("/")))
	e.start()
	body := []byte(`{"id":"one"}`)
	for name, refused := range map[string]struct{ body, signature string }{
		"unsigned":    {string(body), ""},
		"forged":      {string(body), sign([]byte("another body"))},
		"not decoded": {`{"id":"one"`, sign([]byte(`{"id":"one"`))},
	} {
		if a := deliver(t, http.DefaultClient, e.door, []byte(refused.body), refused.signature); a.status/100 != 4 {
			t.Errorf("%s: answered %d", name, a.status)
		}
	}
	if a := deliver(t, http.DefaultClient, e.door, body, sign(body)); a.status != http.StatusAccepted || a.Duplicate {
		t.Errorf("the event after its refusals is answered %+v, want it accepted as new", a)
	}
	if a := deliver(t, http.DefaultClient, e.door, body, sign(body)); a.status != http.StatusAccepted || !a.Duplicate || a.ID != "one" {
		t.Errorf("the same event again is answered %+v, want a duplicate of one", a)
	}
}

// twins sends every delivery from two connections at once.
type twins struct {
	door  string
	pairs int // of connections
	total int // deliveries
}

// send returns how many answers spoke of a new event, and how many of a duplicate.
func (w *twins) send(t *testing.T) (first, again int) {
	t.Helper()
	var mu sync.Mutex
	var pairs sync.WaitGroup
	for p := range w.pairs {
		pairs.Go(func() {
			clients := [2]*http.Client{newClient(), newClient()}
			for n := p; n < w.total; n += w.pairs {
				id := fmt.Sprintf("twin-%d", n)
				body := fmt.Appendf(nil, `{"id":%q}`, id)
				var answers [2]receipt
				var both sync.WaitGroup
				for i, c := range clients {
					both.Go(func() { answers[i] = deliver(t, c, w.door, body, sign(body)) })
				}
				both.Wait()
				mu.Lock()
				for _, a := range answers {
					switch {
					case a.status != http.StatusAccepted || a.ID != id:
						t.Errorf("%s is answered %+v", id, a)
					case a.Duplicate:
						again++
					default:
						first++
					}
				}
				mu.Unlock()
			}
			for _, c := range clients {
				c.CloseIdleConnections()
			}
		})
	}
	pairs.Wait()
	return first, again
}

// newClient has one connection.
func newClient() *http.Client {
	return &http.Client{Transport: &http.Transport{MaxConnsPerHost: 1}, Timeout: time.Minute}
}

// receipt is the door's answer to a delivery.
type receipt struct {
	status    int
	ID        string
	Duplicate bool
}

// deliver posts a body with a signature; "" leaves it out.
func deliver(t *testing.T, c *http.Client, door string, body []byte, signature string) (a receipt) {
	t.Helper()
	q, err := http.NewRequest(http.MethodPost, "http://"+door+"/hooks/shop", bytes.NewReader(body))
	if err != nil {
		t.Error(err)
		return a
	}
	q.Header.Set("Content-Type", "application/json")
	if signature != "" {
		q.Header.Set(header, signature)
	}
	answer, err := c.Do(q)
	if err != nil {
		t.Error(err)
		return a
	}
	defer answer.Body.Close()
	a.status = answer.StatusCode
	if err := json.NewDecoder(answer.Body).Decode(&a); err != nil {
		t.Errorf("answered %d without a receipt: %v", a.status, err)
	}
	return a
}

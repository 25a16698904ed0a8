package e2e

import (
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"
)

// arrival is one delivery as the receiver saw it.
type arrival struct {
	key   string // Idempotency-Key
	event string // the event's id
	path  string
	body  []byte
	at    time.Time
}

// receiver takes deliveries and counts them. It keeps no keys: what comes twice is counted twice.
type receiver struct {
	t    *testing.T
	addr string

	mu       sync.Mutex
	server   *http.Server
	answer   func(arrival) int // the status; nil: 204 for everything
	arrivals []arrival         // those answered with 2xx
	events   map[string]int
	keys     map[string]int
	active   time.Time // when it last took anything, or was told to answer otherwise
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{t: t, addr: freeAddr(t), events: make(map[string]int), keys: make(map[string]int)}
	r.up()
	t.Cleanup(r.down)
	return r
}

func (r *receiver) url(path string) string { return "http://" + r.addr + path }

// up makes the receiver listen.
func (r *receiver) up() {
	r.t.Helper()
	l, err := net.Listen("tcp", r.addr)
	if err != nil {
		r.t.Fatal(err)
	}
	server := &http.Server{Handler: r}
	r.mu.Lock()
	r.server = server
	r.mu.Unlock()
	go func() { _ = server.Serve(l) }()
}

// down closes the port and every connection.
func (r *receiver) down() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.server != nil {
		r.server.Close()
		r.server = nil
	}
}

// answers decides the status of every delivery from now on.
func (r *receiver) answers(status func(arrival) int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer, r.active = status, time.Now()
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	body, err := io.ReadAll(q.Body)
	if err != nil {
		return
	}
	a := arrival{
		key: q.Header.Get("Idempotency-Key"), event: q.Header.Get("Trotline-Event-Id"),
		path: q.URL.Path, body: body, at: time.Now(),
	}
	r.mu.Lock()
	answer := r.answer
	r.mu.Unlock()
	status := http.StatusNoContent
	if answer != nil {
		status = answer(a)
	}
	if status/100 == 2 {
		r.add(a)
	}
	w.WriteHeader(status)
	if status >= 400 {
		_, _ = io.WriteString(w, "this receiver does not want it")
	}
}

func (r *receiver) add(a arrival) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.arrivals = append(r.arrivals, a)
	r.events[a.event]++
	r.keys[a.key]++
	r.active = a.at
}

// last is when the receiver took the last delivery, or was told to answer otherwise.
func (r *receiver) last() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.active
}

// count is how many different events have arrived.
func (r *receiver) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.events)
}

// missing are those of the ids that have not arrived, sorted.
func (r *receiver) missing(ids map[string]bool) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	left := maps.Clone(ids)
	for id := range r.events {
		delete(left, id)
	}
	return slices.Sorted(maps.Keys(left))
}

// doubles is how many deliveries came again.
func (r *receiver) doubles() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, times := range r.keys {
		n += times - 1
	}
	return n
}

// all are the arrivals so far, in their order.
func (r *receiver) all() []arrival {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.arrivals)
}

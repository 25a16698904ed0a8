//go:build unix

package chaos

import (
	"encoding/json"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/trotline/trotline/internal/rig"
)

// arrival is one delivery as a receiver took it.
type arrival struct {
	key   string // Idempotency-Key
	event string // the event's id
	edit  int    // the generation of the configuration that made it
	at    time.Time
}

// receiver takes deliveries and counts them, and fails in every way. It keeps
// no keys: what comes twice is counted twice.
type receiver struct {
	t    *testing.T
	name string
	addr string
	seed uint64

	mode   atomic.Pointer[fault]
	over   sync.WaitGroup // what undoes a fault after its time
	ending chan struct{}

	serving sync.RWMutex // held for reading while a delivery is taken and answered
	server  *http.Server // nil while it is down; guarded by serving

	mu       sync.Mutex
	arrivals []arrival // those answered with 2xx
}

var healthy fault = ""

func newReceiver(t *testing.T, name, addr string, seed uint64) *receiver {
	t.Helper()
	r := &receiver{t: t, name: name, addr: addr, seed: seed, ending: make(chan struct{})}
	r.mode.Store(&healthy)
	if err := r.listen(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.shut)
	return r
}

func (r *receiver) listen() error {
	l, err := net.Listen("tcp", r.addr)
	if err != nil {
		return err
	}
	r.serving.Lock()
	defer r.serving.Unlock()
	r.server = &http.Server{Handler: r}
	go func(s *http.Server) { _ = s.Serve(l) }(r.server)
	return nil
}

// shut closes the port and every connection. What is being taken is answered first.
func (r *receiver) shut() {
	r.serving.Lock()
	defer r.serving.Unlock()
	if r.server != nil {
		r.server.Close()
		r.server = nil
	}
}

// suffer makes the receiver fail for a while, beside what else goes on.
func (r *receiver) suffer(f fault, lasts time.Duration) {
	if !r.mode.CompareAndSwap(&healthy, &f) {
		return // it has enough to suffer from
	}
	if f == down {
		r.shut()
	}
	r.over.Go(func() {
		select {
		case <-time.After(lasts):
		case <-r.ending:
		}
		// Somebody else's connection may have the port for a moment.
		if f == down && !rig.Within(r.t.Context(), time.Minute, func() bool { return r.listen() == nil }) {
			r.t.Errorf("somebody else has %s, the port of %s", r.addr, r.name)
		}
		r.mode.Store(&healthy)
	})
}

// recover ends what it suffers from.
func (r *receiver) recover() {
	close(r.ending)
	r.over.Wait()
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	body, err := io.ReadAll(q.Body)
	if err != nil {
		return
	}
	var b struct{ Edit int }
	_ = json.Unmarshal(body, &b) // without an edit it is 0, which no event has
	a := arrival{key: q.Header.Get("Idempotency-Key"), event: q.Header.Get("Trotline-Event-Id"), edit: b.Edit}
	switch *r.mode.Load() {
	case slow:
		time.Sleep(time.Duration(50+rand.IntN(400)) * time.Millisecond)
	case hang:
		select {
		case <-q.Context().Done():
		case <-r.ending:
		}
		panic(http.ErrAbortHandler)
	case cutOff:
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, "the rest is sil")
		panic(http.ErrAbortHandler)
	case reset:
		panic(http.ErrAbortHandler)
	case failing:
		w.WriteHeader([]int{500, 502, 503}[rand.IntN(3)])
		return
	case limited:
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusTooManyRequests)
		return
	}
	r.take(w, q, a)
}

// take answers a delivery, and counts it if the answer says that it was taken.
func (r *receiver) take(w http.ResponseWriter, q *http.Request, a arrival) {
	r.serving.RLock()
	defer r.serving.RUnlock()
	o, ours := orderOf(r.seed, a.event)
	switch {
	case q.Context().Err() != nil, r.server == nil:
		panic(http.ErrAbortHandler)
	case r.name == crm && ours && o.refused():
		w.WriteHeader(http.StatusBadRequest)
		return
	case rand.IntN(50) == 0: // now and then, also when all is well
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	a.at = time.Now()
	r.mu.Lock()
	r.arrivals = append(r.arrivals, a)
	r.mu.Unlock()
	w.WriteHeader(http.StatusNoContent)
	_ = http.NewResponseController(w).Flush() // it is on its way before anything is closed
}

// all are the arrivals so far, in their order.
func (r *receiver) all() []arrival {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.arrivals)
}

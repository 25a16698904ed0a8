package stage

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/trotline/trotline/engine/bus"
	"github.com/trotline/trotline/event"
	"github.com/trotline/trotline/event/eventtest"
)

// keyOf is the key of the events that acceptKeys stores.
var keyOf = eventtest.Field("key")

// ordered makes a pipeline keep the order of its events by their key.
func ordered(r *Rules) *Rules {
	r.OrderBy = keyOf
	return r
}

// acceptKeys stores n events of each key, in turns: {"key":"k3","n":7}.
func (l *line) acceptKeys(keys, n int) {
	l.t.Helper()
	l.acceptMore(keys, 0, n)
}

// acceptMore stores the events from the from-th to the one before the to-th of each key.
func (l *line) acceptMore(keys, from, to int) {
	l.t.Helper()
	var pending []*bus.Pending
	for i := from; i < to; i++ {
		for k := range keys {
			pending = append(pending, l.append(fmt.Sprintf("k%d", k), i))
			if len(pending) == 1024 {
				if err := bus.WaitAll(l.t.Context(), pending); err != nil {
					l.t.Fatal(err)
				}
				pending = pending[:0]
			}
		}
	}
	if err := bus.WaitAll(l.t.Context(), pending); err != nil {
		l.t.Fatal(err)
	}
}

func (l *line) append(key string, n int) *bus.Pending {
	e := eventtest.Event(map[string]any{"key": key, "n": n})
	e.ID = fmt.Sprintf("%s/%d", key, n)
	e.Stamp = "stamp-" + e.ID
	return l.shared.Bus.Append(e, l.rules.Generation)
}

// witness is a receiver that sees whether the order is kept. At each key it has
// to be shown an event until it takes it, and then the next one.
type witness struct {
	judge func(key string, n int) error // nil: it takes everything

	mu       sync.Mutex
	next     map[string]int
	taken    int
	attempts int
	wrong    []string
	again    bool // what was taken last may come again: a stage was killed
	progress chan struct{}
}

func newWitness(judge func(key string, n int) error) *witness {
	return &witness{judge: judge, next: make(map[string]int), progress: make(chan struct{}, 1)}
}

func (w *witness) Deliver(_ context.Context, batch []*event.Delivery) []event.Verdict {
	verdicts := make([]event.Verdict, len(batch))
	for i, d := range batch {
		verdicts[i].Err = w.see(d)
	}
	return verdicts
}

func (w *witness) see(d *event.Delivery) error {
	key, n := "", 0
	if _, err := fmt.Sscanf(d.Event.ID, "k%d", &n); err == nil {
		key = fmt.Sprintf("k%d", n)
	}
	if _, err := fmt.Sscanf(d.Event.ID[len(key):], "/%d", &n); err != nil {
		return event.Permanent(err)
	}
	var verdict error
	if w.judge != nil {
		verdict = w.judge(key, n)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.attempts++
	if want := w.next[key]; n != want && (!w.again || n > want) {
		w.wrong = append(w.wrong, fmt.Sprintf("%s: %d was attempted where %d was due", key, n, want))
	}
	if verdict == nil || event.IsPermanent(verdict) {
		w.next[key] = n + 1
		w.taken++
		poke(w.progress)
	}
	return verdict
}

// wait waits until n events were taken, each time one comes for as long again.
func (w *witness) wait(t *testing.T, n int) {
	t.Helper()
	for {
		w.mu.Lock()
		taken, wrong := w.taken, w.wrong
		w.mu.Unlock()
		if len(wrong) > 0 {
			t.Fatalf("%d events out of order; the first: %s", len(wrong), wrong[0])
		}
		if taken >= n {
			return
		}
		select {
		case <-w.progress:
		case <-time.After(30 * time.Second):
			t.Fatalf("%d of %d events came", taken, n)
		}
	}
}

// length is how many deliveries of a key wait, the head included.
func (l *lanes) length(pipeline, key string) int {
	if l == nil {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if of := l.all[laneID{pipeline: pipeline, key: key}]; of != nil {
		return len(of.queue)
	}
	return 0
}

func (w *witness) count(key string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.next[key]
}

// sometimes fails one in five.
func sometimes(string, int) error {
	if rand.IntN(5) == 0 {
		return errors.New("not now")
	}
	return nil
}

func sixteen(t *Target) {
	t.Concurrency, t.BatchSize = 16, 1
	t.Retry = Retry{Initial: 10 * time.Millisecond, Max: time.Second, Factor: 2, Jitter: 0.2, For: time.Hour}
}

// Every key in its order while one attempt in five fails, and not at the price
// of going one after the other. What else the machine does may come between the
// two that are compared, but not three times.
func TestOrderIsKeptAndCostsLittle(t *testing.T) {
	const tries = 3
	for range tries {
		if free, kept := inAnyOrder(t), inTheirOrder(t); kept <= 2*free {
			return
		}
	}
	t.Errorf("in their order it took more than twice as long, %d times", tries)
}

// What is compared: so many keys with so many events each.
const comparedKeys, comparedEach = 100, 200

func inAnyOrder(t *testing.T) time.Duration {
	var r eventtest.Recorder
	r.Judge = func(_ context.Context, d *event.Delivery) event.Verdict {
		return event.Verdict{Err: sometimes("", 0)}
	}
	took := drained(t, rules(to("all", nil, "a")), &r, func() { wait(t, &r, comparedKeys*comparedEach) })
	t.Logf("in any order: %.0f events a second", comparedKeys*comparedEach/took.Seconds())
	return took
}

func inTheirOrder(t *testing.T) time.Duration {
	w := newWitness(sometimes)
	took := drained(t, ordered(rules(to("all", nil, "a"))), w, func() { w.wait(t, comparedKeys*comparedEach) })
	t.Logf("in their order: %.0f events a second, %d attempts", comparedKeys*comparedEach/took.Seconds(), w.attempts)
	return took
}

// drained is how long a sink takes for what waits.
func drained(t *testing.T, r *Rules, s event.Sink, done func()) time.Duration {
	l := newLine(t, t.TempDir(), r).force()
	l.acceptKeys(comparedKeys, comparedEach)
	began := time.Now()
	l.sink("a", s, sixteen)
	done()
	took := time.Since(began)
	l.close()
	return took
}

// What waits behind a head that fails delays no other key, however much it is:
// one of another key is delivered as fast as where nothing waits.
func TestAKeyThatWaitsHoldsUpNobody(t *testing.T) {
	waiting, others := 5_000, 200
	if os.Getenv("TROTLINE_LONG") == "1" {
		waiting = 200_000
	}
	var free atomic.Bool
	sick, well := newKeyLine(t, func(key string, _ int) error {
		if key == "k0" && !free.Load() {
			return errors.New("not now")
		}
		return nil
	}), newKeyLine(t, nil)
	sick.acceptKeys(1, waiting)
	for have := 0; have < waiting; { // as long as more of them come, they have time
		before := have
		eventually(t, func() bool {
			have = sick.stage.lanes.Load().length("orders", "k0")
			return have > before
		})
	}
	var beside, alone []time.Duration
	for i := range others { // in turns, so that whatever else the machine does meets both
		if i%2 == 0 {
			beside = append(beside, sick.deliver(i))
		}
		alone = append(alone, well.deliver(i))
		if i%2 == 1 {
			beside = append(beside, sick.deliver(i))
		}
	}
	slices.Sort(beside)
	slices.Sort(alone)
	half, last := others/2, others-1
	t.Logf("while %d wait, one of another key takes %v, the slowest of %d %v; where nothing waits %v and %v",
		waiting, beside[half], others, beside[last], alone[half], alone[last])
	if sick.witness.count("k0") != 0 {
		t.Fatal("the key does not wait")
	}
	if beside[half] > alone[half]*3/2 {
		t.Errorf("it takes %v, where nothing waits %v", beside[half], alone[half])
	}
	free.Store(true)
	sick.witness.wait(t, waiting+others)
}

// keyLine is a line with one sink that keeps the order.
type keyLine struct {
	*line
	witness *witness
	stage   *Sink
}

func newKeyLine(t *testing.T, judge func(key string, n int) error) *keyLine {
	t.Helper()
	l := &keyLine{line: newLine(t, t.TempDir(), ordered(rules(to("all", nil, "a")))).force(), witness: newWitness(judge)}
	l.stage = l.sink("a", l.witness, sixteen)
	return l
}

// deliver stores the n-th event of the key k1 and returns how long it took to be delivered.
func (l *keyLine) deliver(n int) time.Duration {
	l.t.Helper()
	began := time.Now()
	if _, err := l.append("k1", n).Wait(l.t.Context()); err != nil {
		l.t.Fatal(err)
	}
	for l.witness.count("k1") <= n {
		select {
		case <-l.witness.progress:
		case <-time.After(30 * time.Second):
			l.t.Fatalf("event %d of another key is not delivered", n)
		}
	}
	return time.Since(began)
}

// The order holds across stops in the middle of everything, and so do the
// attempts a head has behind it.
func TestOrderSurvivesRestarts(t *testing.T) {
	const keys, each = 20, 60
	dir, r := t.TempDir(), ordered(rules(chain(to("all", nil, "a", "b")), to("more", nil, "c")))
	a, b, c := newWitness(sometimes), newWitness(sometimes), newWitness(sometimes)
	all := []*witness{a, b, c}
	for _, w := range all {
		w.again = true
	}
	for round := range 4 {
		l := newLine(t, dir, r)
		if round == 0 {
			l.force()
		}
		for i, name := range []string{"a", "b", "c"} {
			l.sink(name, all[i], sixteen)
		}
		l.acceptMore(keys, round*each, (round+1)*each)
		a.wait(t, (2*round+1)*keys*each/2)
		if round == 3 {
			for _, w := range all {
				eventually(t, func() bool {
					for k := range keys {
						if w.count(fmt.Sprintf("k%d", k)) < 4*each {
							return false
						}
					}
					return true
				})
				w.wait(t, 0)
			}
		}
		l.abandon() // in the middle of it
		l.close()
	}
}

// How often a head was attempted, and until when it waits, outlive a restart.
func TestAHeadRemembersItsAttempts(t *testing.T) {
	dir, r := t.TempDir(), ordered(rules(to("all", nil, "a")))
	fails := &eventtest.Recorder{Judge: func(context.Context, *event.Delivery) event.Verdict {
		return event.Verdict{Err: errors.New("not now")}
	}}
	long := func(t *Target) { t.Retry = Retry{Initial: time.Hour, Max: time.Hour, Factor: 1} }
	short := func(t *Target) { t.Retry = Retry{Initial: time.Millisecond, Max: time.Millisecond, Factor: 1} }

	first := newLine(t, dir, r).force()
	first.acceptKeys(1, 2)
	stage := first.sink("a", fails, short)
	eventually(t, func() bool { return len(fails.Attempts()) > 5 })
	stage.Aim(&Target{Sink: fails, Timeout: time.Second, Concurrency: 1, BatchSize: 1, Retry: Retry{Initial: time.Hour, Max: time.Hour, Factor: 1}})
	made := 0
	eventually(t, func() bool { // until it waits for an hour
		before := made
		made = len(fails.Attempts())
		time.Sleep(100 * time.Millisecond)
		return made == before
	})
	first.close()

	second := newLine(t, dir, r)
	second.sink("a", fails, long)
	if _, err := second.append("k9", 0).Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return len(fails.Attempts()) > made })
	last := fails.Attempts()[made]
	if last.Event.ID != "k9/0" || last.Attempt != 1 {
		t.Errorf("%s is attempted the %d. time, before its time", last.Event.ID, last.Attempt)
	}
	second.close()

	third := newLine(t, dir, r)
	removed := third.sink("a", fails, long)
	removed.Aim(&Target{Timeout: time.Second, Concurrency: 1, BatchSize: 10})
	for _, d := range third.dead(3) {
		if d.Reason != ReasonRemoved {
			t.Errorf("%+v", d)
		}
	}
}

// A dead letter releases its key, and what a hop does not want does not
// overtake what waits at it.
func TestAChainKeepsTheOrderPastHopsThatAreSkipped(t *testing.T) {
	const keys, each = 10, 40
	even := eventtest.ExprFunc("body.n % 2 == 0", func(e *event.Event, _ event.Results) (any, error) {
		n := 0
		_, err := fmt.Sscanf(e.ID[len(e.ID)-1:], "%d", &n)
		return n%2 == 0, err
	})
	r := ordered(rules(Route{Name: "all", Chain: true, Hops: []Hop{{Sink: "a", When: even}, {Sink: "b"}}}))
	l := newLine(t, t.TempDir(), r).force()
	a := eventtest.Recorder{Judge: func(_ context.Context, d *event.Delivery) event.Verdict {
		if rand.IntN(3) > 0 {
			return event.Verdict{Err: errors.New("not now")}
		}
		return event.Verdict{}
	}}
	b := newWitness(func(string, int) error {
		if rand.IntN(10) == 0 {
			return event.Permanentf("never")
		}
		return sometimes("", 0)
	})
	l.sink("a", &a, sixteen)
	l.sink("b", b, sixteen)
	l.acceptKeys(keys, each)
	b.wait(t, keys*each)
	if n := len(a.Delivered()); n != keys*each/2 {
		t.Errorf("%d events came to the first hop, %d want it", n, keys*each/2)
	}
}

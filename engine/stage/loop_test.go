package stage

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/trotline/trotline/engine/bus"
	"github.com/trotline/trotline/engine/metrics"
	"github.com/trotline/trotline/event"
	"github.com/trotline/trotline/event/eventtest"
)

// line is a pipeline and its sinks on a real store.
type line struct {
	t        *testing.T
	shared   Shared
	rules    *Rules
	consumer *bus.Consumer
	closed   bool
	lanes    map[string]bool // the sinks that take everything in lanes

	stop, abandon context.CancelFunc
	take, work    context.Context
	running       sync.WaitGroup
}

func (l *line) At(string, uint64) *Rules         { return l.rules }
func (l *line) Of(string, uint64) *Rules         { return l.rules }
func (l *line) All(string) []*Rules              { return []*Rules{l.rules} }
func (l *line) Takes(sink string) (Intake, bool) { return Open, l.lanes[sink] }

// newLine opens a store in a folder and runs the rules' pipeline on it.
func newLine(t *testing.T, dir string, r *Rules) *line {
	t.Helper()
	b, err := bus.Open(t.Context(), bus.Options{Dir: dir, MaxDisk: 1 << 30, Durable: true, Dedupe: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	l := &line{t: t, rules: r}
	l.shared = Shared{Bus: b, Book: l, Metrics: metrics.New(), Log: slog.New(slog.DiscardHandler), Door: quietDoor{}, Order: NewOrder()}
	l.work, l.abandon = context.WithCancel(context.Background())
	l.take, l.stop = context.WithCancel(l.work)
	t.Cleanup(l.close)
	consumer, err := b.EventsConsumer(t.Context(), r.Pipeline, bus.EventsConsumerOptions{Sources: []string{"shop"}, StartSequence: 1})
	if err != nil {
		t.Fatal(err)
	}
	l.consumer = consumer
	info, err := consumer.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	l.shared.Order.Begin(r.Pipeline, info.Floor)
	l.shared.Order.Complete()
	p := &Pipeline{Shared: l.shared, Name: r.Pipeline, Consumer: consumer}
	l.running.Go(func() { p.Run(l.take, l.work) })
	return l
}

func (l *line) close() {
	if l.closed {
		return
	}
	l.closed = true
	l.stop()
	l.running.Wait()
	l.abandon()
	if err := l.shared.Bus.Close(context.Background()); err != nil {
		l.t.Error(err)
	}
}

// sink runs a sink's stage.
func (l *line) sink(name string, s event.Sink, change func(*Target)) *Sink {
	l.t.Helper()
	consumer, err := l.shared.Bus.WorkConsumer(l.t.Context(), name, bus.WorkConsumerOptions{})
	if err != nil {
		l.t.Fatal(err)
	}
	t := &Target{
		Sink: s, Timeout: 5 * time.Second, Concurrency: 4, BatchSize: 8,
		Retry: Retry{Initial: 10 * time.Millisecond, Max: 50 * time.Millisecond, Factor: 2, For: time.Minute},
	}
	if change != nil {
		change(t)
	}
	lanes, err := l.shared.Bus.LaneQueue(l.t.Context(), name)
	if err != nil {
		l.t.Fatal(err)
	}
	stage := NewSink(l.shared, name, consumer, lanes, t)
	l.running.Go(func() { stage.Run(l.take, l.work) })
	return stage
}

// accept stores n events, named from 0 on.
func (l *line) accept(n int) { l.acceptAs("", n, eventtest.Time) }

// acceptNamed stores n events, named after a name and from 0 on.
func (l *line) acceptNamed(name string, n int) { l.acceptAs(name+"-", n, eventtest.Time) }

// acceptNow is acceptNamed of events received at a time.
func (l *line) acceptNow(name string, n int, at time.Time) { l.acceptAs(name+"-", n, at) }

// pipelineIdle waits until the pipeline has handled everything up to so many events.
func (l *line) pipelineIdle(left uint64) {
	l.t.Helper()
	eventually(l.t, func() bool {
		info, err := l.consumer.Info(l.t.Context())
		if err != nil {
			l.t.Fatal(err)
		}
		return info.Pending+info.AckPending <= left
	})
}

func (l *line) acceptAs(prefix string, n int, at time.Time) {
	l.t.Helper()
	var pending []*bus.Pending
	for i := range n {
		e := eventtest.EventJSON(fmt.Sprintf(`{"n":%d}`, i))
		e.ID, e.Stamp, e.Time = fmt.Sprint(prefix, i), fmt.Sprintf("stamp-%s%d", prefix, i), at
		pending = append(pending, l.shared.Bus.Append(e, l.rules.Generation))
	}
	if err := bus.WaitAll(l.t.Context(), pending); err != nil {
		l.t.Fatal(err)
	}
}

// force puts the rules' generation in force, as an engine's start does.
func (l *line) force() *line {
	l.t.Helper()
	if err := l.shared.Bus.PutGeneration(l.t.Context(), bus.Generation{Number: l.rules.Generation}); err != nil {
		l.t.Fatal(err)
	}
	if _, err := l.shared.Bus.Cut(l.t.Context(), l.rules.Generation, func(uint64) {}); err != nil {
		l.t.Fatal(err)
	}
	return l
}

// dead waits until there are n dead letters.
func (l *line) dead(n int) []*bus.Dead {
	l.t.Helper()
	var all []*bus.Dead
	eventually(l.t, func() bool {
		all = nil
		if err := l.shared.Bus.Dead(l.t.Context(), bus.DeadFilter{}, func(d *bus.Dead) bool {
			all = append(all, d)
			return true
		}); err != nil {
			l.t.Fatal(err)
		}
		return len(all) >= n
	})
	return all
}

// eventually looks again and again until something is so.
func eventually(t *testing.T, so func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for !so() {
		if !sleep(ctx, 5*time.Millisecond) {
			t.Fatal("it did not come to be in 20 s")
		}
	}
}

func wait(t *testing.T, r *eventtest.Recorder, n int) []*event.Delivery {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	got, err := r.Wait(ctx, n)
	if err != nil {
		t.Fatalf("%d of %d deliveries came: %v", len(got), n, err)
	}
	return got
}

// each fails unless every event from 0 to n arrived once.
func each(t *testing.T, got []*event.Delivery, n int) {
	t.Helper()
	count := make(map[string]int)
	for _, d := range got {
		count[d.Event.ID]++
	}
	for i := range n {
		if c := count[fmt.Sprint(i)]; c != 1 {
			t.Errorf("event %d arrived %d times", i, c)
		}
	}
}

func TestEveryEventReachesEverySink(t *testing.T) {
	l := newLine(t, t.TempDir(), rules(to("all", nil, "a", "b"))).force()
	var a, b eventtest.Recorder
	l.sink("a", &a, nil)
	l.sink("b", &b, func(t *Target) { t.Concurrency, t.BatchSize = 1, 1 })
	l.accept(500)
	each(t, wait(t, &a, 500), 500)
	each(t, wait(t, &b, 500), 500)
}

func TestADeadSinkDoesNotHoldItsSibling(t *testing.T) {
	l := newLine(t, t.TempDir(), rules(to("all", nil, "dead", "alive"))).force()
	var alive eventtest.Recorder
	dead := eventtest.Recorder{Judge: func(ctx context.Context, _ *event.Delivery) event.Verdict {
		<-ctx.Done()
		return event.Verdict{Err: ctx.Err()}
	}}
	l.sink("dead", &dead, func(t *Target) { t.Timeout = time.Second })
	l.sink("alive", &alive, nil)
	l.accept(200)
	each(t, wait(t, &alive, 200), 200)
}

func TestFailedAttemptsAreMadeAgainWithTheSameID(t *testing.T) {
	l := newLine(t, t.TempDir(), rules(to("all", nil, "a"))).force()
	a := eventtest.Recorder{Judge: func(_ context.Context, d *event.Delivery) event.Verdict {
		if d.Attempt < 3 {
			return event.Verdict{Err: errors.New("not yet")}
		}
		return event.Verdict{}
	}}
	l.sink("a", &a, nil)
	l.accept(20)
	each(t, wait(t, &a, 20), 20)
	ids := make(map[string]map[string]bool)
	for _, d := range a.Attempts() {
		if ids[d.Event.ID] == nil {
			ids[d.Event.ID] = make(map[string]bool)
		}
		ids[d.Event.ID][d.ID] = true
	}
	for id, all := range ids {
		if len(all) != 1 {
			t.Errorf("event %s was attempted under %d ids", id, len(all))
		}
	}
}

func TestWhatIsRefusedOrExhaustedIsADeadLetter(t *testing.T) {
	l := newLine(t, t.TempDir(), rules(to("all", nil, "refuses", "fails", "panics"))).force()
	refuses := eventtest.Recorder{Judge: func(context.Context, *event.Delivery) event.Verdict {
		return event.Verdict{Answer: event.Answer{Status: 400, Body: []byte("no such customer")}, Err: event.Permanentf("400 Bad Request")}
	}}
	fails := eventtest.Recorder{Judge: func(context.Context, *event.Delivery) event.Verdict {
		return event.Verdict{Err: errors.New("connection refused")}
	}}
	panics := eventtest.Recorder{Judge: func(context.Context, *event.Delivery) event.Verdict { panic("boom") }}
	twice := func(t *Target) { t.Retry.Attempts = 2 }
	l.sink("refuses", &refuses, twice)
	l.sink("fails", &fails, twice)
	l.sink("panics", &panics, twice)
	l.accept(1)
	got := make(map[string]*bus.Dead)
	for _, d := range l.dead(3) {
		got[d.Sink] = d
	}
	for sink, want := range map[string]struct {
		reason   string
		attempts int
	}{"refuses": {ReasonRefused, 1}, "fails": {ReasonExhausted, 2}, "panics": {ReasonPanic, 2}} {
		d := got[sink]
		if d == nil || d.Reason != want.reason || d.Attempts != want.attempts || d.Pipeline != "orders" || d.Route != "all" {
			t.Errorf("%s: got %+v, want %v", sink, d, want)
		}
	}
	if d := got["refuses"]; d != nil && (d.Status != 400 || string(d.Answer) != "no such customer" || d.Error != "400 Bad Request") {
		t.Errorf("the dead letter says %+v", d)
	}
	if d := got["panics"]; d != nil && (!strings.HasPrefix(d.Error, "panic: boom\n") || !strings.Contains(d.Error, "loop_test.go")) {
		t.Errorf("the dead letter does not say where it happened: %s", d.Error)
	}
}

func TestAChainGoesOnWhenAHopHasDelivered(t *testing.T) {
	l := newLine(t, t.TempDir(), rules(chain(to("all", nil, "a", "b")))).force()
	release := make(chan struct{})
	a := eventtest.Recorder{Judge: func(context.Context, *event.Delivery) event.Verdict {
		<-release
		return event.Verdict{Answer: event.Answer{Status: 201, Body: []byte(`{"id":9}`)}}
	}}
	var b eventtest.Recorder
	l.sink("a", &a, nil)
	l.sink("b", &b, nil)
	l.accept(3)
	if n := len(b.Attempts()); n != 0 {
		t.Errorf("the second hop was attempted %d times before the first had delivered", n)
	}
	close(release)
	for _, d := range wait(t, &b, 3) {
		if r := d.Results["a"]; r.Status != 201 || string(r.Body) != `{"id":9}` {
			t.Errorf("the second hop sees %+v", d.Results)
		}
	}
}

func TestWhatASinkRemovedHadWaitingIsDead(t *testing.T) {
	l := newLine(t, t.TempDir(), rules(to("all", nil, "a"))).force()
	stage := l.sink("a", &eventtest.Recorder{Judge: func(context.Context, *event.Delivery) event.Verdict {
		return event.Verdict{Err: errors.New("down")}
	}}, nil)
	l.accept(5)
	before := stage.Aim(&Target{Timeout: time.Second, Concurrency: 1, BatchSize: 10})
	if err := before.Close(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	for _, d := range l.dead(5) {
		if d.Reason != ReasonRemoved || d.Sink != "a" {
			t.Errorf("got %+v", d)
		}
	}
}

func TestAStopLosesNothingAndDoublesNothing(t *testing.T) {
	dir, r := t.TempDir(), rules(to("all", nil, "a"))
	first := newLine(t, dir, r).force()
	var a eventtest.Recorder
	first.sink("a", &a, nil)
	first.accept(300)
	wait(t, &a, 20)
	first.close()
	got := a.Delivered()

	second := newLine(t, dir, r)
	var b eventtest.Recorder
	second.sink("a", &b, nil)
	got = append(got, wait(t, &b, 300-len(got))...)
	each(t, got, 300)
}

func TestAnAttemptThatTakesTooLongIsOver(t *testing.T) {
	target := &Target{Timeout: time.Millisecond, Sink: &eventtest.Recorder{Judge: func(ctx context.Context, _ *event.Delivery) event.Verdict {
		<-ctx.Done()
		return event.Verdict{Err: ctx.Err()}
	}}}
	v := target.deliver(t.Context(), []*event.Delivery{eventtest.Numbered(1)})
	if len(v) != 1 || v[0].Err == nil || event.IsPermanent(v[0].Err) || v[0].Err.Error() != "no answer within 1ms (timeout)" {
		t.Errorf("got %v", v)
	}
}

// An attempt that takes longer than the server leaves a message in hand is not
// made a second time beside the first.
func TestASlowAttemptIsMadeOnce(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds; run without -short")
	}
	for name, r := range map[string]*Rules{"in any order": rules(to("all", nil, "a")), "in their order": ordered(rules(to("all", nil, "a")))} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLine(t, t.TempDir(), r).force()
			var begun atomic.Int32
			a := eventtest.Recorder{Judge: func(ctx context.Context, _ *event.Delivery) event.Verdict {
				begun.Add(1)
				select {
				case <-time.After(AckWait + AckWait/4):
				case <-ctx.Done():
				}
				return event.Verdict{Err: ctx.Err()}
			}}
			l.sink("a", &a, func(t *Target) { t.Timeout, t.Concurrency, t.BatchSize = 10*AckWait, 4, 1 })
			l.acceptKeys(1, 1)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			if _, err := a.Wait(ctx, 1); err != nil {
				t.Fatal(err)
			}
			if n := begun.Load(); n != 1 {
				t.Errorf("%d attempts were begun", n)
			}
		})
	}
}

func TestSlotsFollowTheirBound(t *testing.T) {
	var s slots
	s.resize(1)
	if !s.acquire(t.Context()) {
		t.Fatal("no first slot")
	}
	got := make(chan bool)
	go func() { got <- s.acquire(t.Context()) }()
	s.resize(2)
	if !<-got {
		t.Error("a wider bound does not let the next in")
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() { got <- s.acquire(ctx) }()
	cancel()
	if <-got {
		t.Error("a slot beyond the bound")
	}
}

// quietDoor is a door at which nobody waits.
type quietDoor struct{}

func (quietDoor) Busy() bool     { return false }
func (quietDoor) Stored() uint64 { return 0 }

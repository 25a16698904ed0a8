package eventtest

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/trotline/trotline/event"
)

// Sink describes a kind of sink to [SinkSuite].
type Sink struct {
	Kind event.SinkKind
	// Receiver makes a real, empty receiver, which it takes down by t.Cleanup.
	Receiver func(t *testing.T) Receiver
	// Delivery makes the nth good delivery; nil is [Numbered].
	Delivery func(n int) *event.Delivery
	// Name is what [Receiver.Arrived] calls a delivery; nil is its ID.
	Name func(d *event.Delivery) string
	// Bad makes a delivery that must be refused for good; nil: there is none.
	Bad func() *event.Delivery
	// Keyed: the receiver ends with one arrival however often a delivery is repeated.
	Keyed bool
	// Secret is a part of the settings that no error, log line or printed setting may show; "": there is none.
	Secret string
}

// Receiver is where a sink under test delivers to.
type Receiver struct {
	// Settings are the kind's settings that lead here.
	Settings any
	// Arrived names what has arrived, one name for each arrival.
	Arrived func(t *testing.T) []string
	// Stop makes the receiver dead, and Start alive again with what it had; nil: it cannot be.
	Stop, Start func(t *testing.T)
}

// suiteTimeout is far beyond what any check takes; it turns a hang into a failure.
const suiteTimeout = 30 * time.Second

// SinkSuite checks that a kind of sink keeps the promises of [event.Sink] and
// [event.SinkKind], against a real receiver.
func SinkSuite(t *testing.T, s Sink) {
	if s.Delivery == nil {
		s.Delivery = Numbered
	}
	if s.Name == nil {
		s.Name = func(d *event.Delivery) string { return d.ID }
	}
	t.Run("settings", func(t *testing.T) { Settings(t, s.Kind.Settings) })
	for _, check := range []struct {
		name string
		skip bool
		run  func(*bench)
	}{
		{"empty batch", false, (*bench).emptyBatch},
		{"a verdict for each", false, (*bench).verdictForEach},
		{"concurrent", false, (*bench).concurrent},
		{"cancelled before", false, (*bench).cancelledBefore},
		{"cancelled meanwhile", false, (*bench).cancelledMeanwhile},
		{"the event stays as it is", false, (*bench).eventUnchanged},
		{"repeated", !s.Keyed, (*bench).repeated},
		{"repeated in one batch", !s.Keyed, (*bench).repeatedInBatch},
		{"a bad one fails alone", s.Bad == nil, (*bench).badAlone},
		{"dead receiver", false, (*bench).deadReceiver},
		{"opened while dead", false, (*bench).openedWhileDead},
	} {
		t.Run(check.name, func(t *testing.T) {
			if check.skip {
				t.Skip("does not apply to this kind")
			}
			b := newBench(t, s)
			check.run(b)
			b.close()
		})
	}
}

// bench is one receiver with a sink opened on it.
type bench struct {
	*testing.T
	suite    Sink
	receiver Receiver
	log      *lockedBuffer
	ctx      context.Context
	sink     event.Sink
	before   goleak.Option
	revived  bool // the receiver runs on goroutines that are younger than before
}

func newBench(t *testing.T, s Sink) *bench {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), suiteTimeout)
	t.Cleanup(cancel)
	b := &bench{T: t, suite: s, receiver: s.Receiver(t), log: &lockedBuffer{}, ctx: ctx}
	b.checkSecret("the settings, printed", fmt.Sprintf("%v %+v %#v", b.receiver.Settings, b.receiver.Settings, b.receiver.Settings))
	b.before = goleak.IgnoreCurrent()
	b.sink = b.open()
	return b
}

func (b *bench) open() event.Sink {
	b.Helper()
	sink, err := b.suite.Kind.Open(b.ctx, b.receiver.Settings, event.SinkOptions{
		Name: "under_test", Concurrency: 4,
		Log: slog.New(slog.NewTextHandler(b.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		b.checkSecret("the error of Open", err.Error())
		b.Fatalf("Open: %v", err)
	}
	return sink
}

// close lets go of the sink and checks what must hold at the end of every check.
func (b *bench) close() {
	b.Helper()
	if c, ok := b.sink.(event.Closer); ok {
		if err := c.Close(b.ctx); err != nil {
			b.checkSecret("the error of Close", err.Error())
			b.Errorf("Close: %v", err)
		}
	}
	b.checkSecret("the log", b.log.String())
	if b.revived {
		b.receiver.Stop(b.T)
	}
	if err := goleak.Find(b.before); err != nil {
		b.Errorf("after Close: %v", err)
	}
}

// deliver is Deliver with the checks that hold for every call.
func (b *bench) deliver(ctx context.Context, batch ...*event.Delivery) []event.Verdict {
	b.Helper()
	verdicts := b.sink.Deliver(ctx, batch)
	if len(verdicts) != len(batch) {
		b.Errorf("%d verdicts for %d deliveries", len(verdicts), len(batch))
		return make([]event.Verdict, len(batch))
	}
	for _, v := range verdicts {
		if v.Err != nil {
			b.checkSecret("the error of a verdict", v.Err.Error())
		}
		if len(v.Answer.Body) > event.MaxAnswer {
			b.Errorf("an answer of %d bytes; at most %d are kept", len(v.Answer.Body), event.MaxAnswer)
		}
	}
	return verdicts
}

func (b *bench) mustDeliver(batch ...*event.Delivery) {
	b.Helper()
	for i, v := range b.deliver(b.ctx, batch...) {
		if v.Err != nil {
			b.Errorf("delivery %d: %v", i, v.Err)
		}
	}
}

func (b *bench) good(from, n int) []*event.Delivery {
	batch := make([]*event.Delivery, n)
	for i := range batch {
		batch[i] = b.suite.Delivery(from + i)
	}
	return batch
}

func (b *bench) emptyBatch() { b.deliver(b.ctx) }

func (b *bench) verdictForEach() {
	one, many := b.good(0, 1), b.good(1, 20)
	b.mustDeliver(one...)
	b.mustDeliver(many...)
	b.checkArrived(append(one, many...), true)
}

func (b *bench) concurrent() {
	const callers, calls, size = 4, 5, 3
	var wg sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			for i := range calls {
				b.mustDeliver(b.good((c*calls+i)*size, size)...)
			}
		})
	}
	wg.Wait()
	b.checkArrived(b.good(0, callers*calls*size), true)
}

func (b *bench) cancelledBefore() {
	ctx, cancel := context.WithCancel(b.ctx)
	cancel()
	batch := b.good(0, 3)
	b.checkCancelled(batch, b.deliver(ctx, batch...))
	b.mustDeliver(batch...) // it goes on afterwards
}

func (b *bench) cancelledMeanwhile() {
	for i := range 10 {
		ctx, cancel := context.WithCancel(b.ctx)
		go cancel()
		batch := b.good(i*3, 3)
		b.checkCancelled(batch, b.deliver(ctx, batch...))
	}
	b.mustDeliver(b.good(30, 3)...)
}

// checkCancelled: what the end of a context cut off is tried again, and what
// has no error has arrived all the same.
func (b *bench) checkCancelled(batch []*event.Delivery, verdicts []event.Verdict) {
	b.Helper()
	var delivered []*event.Delivery
	for i, v := range verdicts {
		switch {
		case v.Err == nil:
			delivered = append(delivered, batch[i])
		case event.IsPermanent(v.Err):
			b.Errorf("cancelled, but refused for good: %v", v.Err)
		}
	}
	b.checkArrived(delivered, false)
}

func (b *bench) eventUnchanged() {
	d := b.suite.Delivery(0)
	before := *d.Event
	raw, err := d.Event.Body.Raw()
	if err != nil {
		b.Fatal(err)
	}
	body := bytes.Clone(raw)
	b.mustDeliver(d)
	if after, _ := d.Event.Body.Raw(); !bytes.Equal(body, after) {
		b.Errorf("the body became %s", after)
	}
	if d.Event.ID != before.ID || d.Event.Body != before.Body || !d.Event.Time.Equal(before.Time) {
		b.Error("the sink changed the event it was given")
	}
}

func (b *bench) repeated() {
	for attempt := 1; attempt <= 3; attempt++ {
		batch := b.good(0, 3)
		for _, d := range batch {
			d.Attempt = attempt
		}
		b.mustDeliver(batch...)
	}
	b.checkArrived(b.good(0, 3), true)
}

func (b *bench) repeatedInBatch() {
	b.mustDeliver(b.suite.Delivery(0), b.suite.Delivery(1), b.suite.Delivery(0))
	b.checkArrived(b.good(0, 2), true)
}

func (b *bench) badAlone() {
	for _, size := range []int{1, 2, 7} {
		for at := range size {
			good := b.good(size*100+at*10, size)
			batch := slices.Clone(good)
			batch[at] = b.suite.Bad()
			good = slices.Delete(good, at, at+1)
			for i, v := range b.deliver(b.ctx, batch...) {
				switch {
				case i == at && !event.IsPermanent(v.Err):
					b.Errorf("the bad delivery ends with %v; it must be refused for good", v.Err)
				case i != at && v.Err != nil:
					b.Errorf("delivery %d of %d fails with the bad one at %d: %v", i, size, at, v.Err)
				}
			}
			b.checkArrived(good, false)
		}
	}
}

func (b *bench) deadReceiver() {
	if b.receiver.Stop == nil {
		b.Skip("the receiver cannot be dead")
	}
	b.mustDeliver(b.suite.Delivery(0))
	b.receiver.Stop(b.T)
	b.checkDead(b.good(1, 3))
	b.revive(b.good(1, 3))
}

func (b *bench) openedWhileDead() {
	if b.receiver.Stop == nil {
		b.Skip("the receiver cannot be dead")
	}
	b.receiver.Stop(b.T)
	if c, ok := b.sink.(event.Closer); ok {
		if err := c.Close(b.ctx); err != nil {
			b.Errorf("Close while the receiver is dead: %v", err)
		}
	}
	b.sink = b.open()
	b.checkDead(b.good(0, 3))
	b.revive(b.good(0, 3))
}

func (b *bench) checkDead(batch []*event.Delivery) {
	b.Helper()
	// Long enough for an answer, short enough for a sink that would wait for the receiver to come back.
	ctx, cancel := context.WithTimeout(b.ctx, 3*time.Second)
	defer cancel()
	for i, v := range b.deliver(ctx, batch...) {
		switch {
		case v.Err == nil:
			b.Errorf("delivery %d is delivered to a dead receiver", i)
		case event.IsPermanent(v.Err):
			b.Errorf("delivery %d is refused for good because the receiver is dead: %v", i, v.Err)
		}
	}
}

// revive tries as the engine does once the receiver is back, which may still
// cost an attempt, for instance on a connection that died with it.
func (b *bench) revive(batch []*event.Delivery) {
	b.Helper()
	if b.receiver.Start == nil {
		return
	}
	b.receiver.Start(b.T)
	b.revived = true
	for _, d := range batch {
		for {
			v := b.deliver(b.ctx, d)[0]
			if v.Err == nil {
				break
			}
			if event.IsPermanent(v.Err) || b.ctx.Err() != nil {
				b.Fatalf("after the receiver came back: %v", v.Err)
			}
		}
	}
	b.checkArrived(batch, false)
}

// checkArrived: all of these have arrived, each once where the kind is keyed;
// only: and nothing else has.
func (b *bench) checkArrived(want []*event.Delivery, only bool) {
	b.Helper()
	count := map[string]int{}
	for _, name := range b.receiver.Arrived(b.T) {
		count[name]++
	}
	for _, d := range want {
		name := b.suite.Name(d)
		if n := count[name]; n == 0 {
			b.Errorf("delivery %s has not arrived", name)
		} else if n > 1 && (b.suite.Keyed || only) {
			b.Errorf("delivery %s arrived %d times", name, n)
		}
		delete(count, name)
	}
	if only && len(count) > 0 {
		b.Errorf("arrived beside what was sent: %v", count)
	}
}

func (b *bench) checkSecret(where, text string) {
	b.Helper()
	if b.suite.Secret != "" && strings.Contains(text, b.suite.Secret) {
		b.Errorf("%s shows the secret", where)
	}
}

// lockedBuffer is a log that several goroutines write.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

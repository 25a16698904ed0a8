package bus

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/trotline/trotline/event"
)

// again is an order as it comes when its sender sends it again.
func again(n int) *event.Event {
	e := order(n)
	e.Stamp += "-again"
	return e
}

// duplicates is how many of some orders are known when they come again.
func duplicates(t testing.TB, b *Bus, from, to int) (known int) {
	t.Helper()
	var all []*event.Event
	for n := from; n <= to; n++ {
		all = append(all, again(n))
	}
	for _, a := range add(t, b, all...) {
		if a.Duplicate {
			known++
		}
	}
	return known
}

// left is a folder as a kill -9 leaves it now.
func left(t testing.TB, dir string) string {
	t.Helper()
	var to string
	eventually(t, "the folder can be copied", func() bool { // the server may be removing files in it
		to = filepath.Join(t.TempDir(), "data")
		return os.CopyFS(to, os.DirFS(dir)) == nil
	})
	return to
}

func TestIDsOutliveTheProcess(t *testing.T) {
	for name, c := range map[string]struct {
		do func(t *testing.T, b *Bus)
	}{
		"nothing written down": {do: func(t *testing.T, b *Bus) { add(t, b, orders(1, 100)...) }},
		"everything written down": {do: func(t *testing.T, b *Bus) {
			add(t, b, orders(1, 100)...)
			writeNow(t, b)
		}},
		"half of it": {do: func(t *testing.T, b *Bus) {
			add(t, b, orders(1, 50)...)
			writeNow(t, b)
			add(t, b, orders(51, 100)...)
		}},
		"in many segments": {do: func(t *testing.T, b *Bus) {
			b.ids.size = 7
			add(t, b, orders(1, 100)...)
			writeNow(t, b)
		}},
		"the events are gone": {do: func(t *testing.T, b *Bus) {
			add(t, b, orders(1, 60)...)
			trimNow(t, b)
			add(t, b, orders(61, 100)...)
			trimNow(t, b)
			if n := count(t, b); n != 0 {
				t.Fatalf("%d events are left", n)
			}
		}},
		"some of the events are gone": {do: func(t *testing.T, b *Bus) {
			add(t, b, orders(1, 60)...)
			trimNow(t, b)
			add(t, b, orders(61, 100)...)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			b := quiet(open(t, dir, func(o *Options) { o.EventsAge = 0 }))
			start(t, b)
			c.do(t, b)
			if n := duplicates(t, b, 1, 100); n != 100 {
				t.Errorf("%d of 100 are known before the crash", n)
			}
			after := open(t, left(t, dir))
			if n := duplicates(t, after, 1, 101); n != 100 {
				t.Errorf("%d of 100 are known after it, and one is new", n)
			}
			shut(t, after)
		})
	}
}

// writeNow writes down every id, as the keeper does, which is stopped.
func writeNow(t testing.TB, b *Bus) {
	t.Helper()
	info, err := b.state(soon(t), b.names.events())
	if err != nil {
		t.Fatal(err)
	}
	if err := b.writeIDs(soon(t), info.State.LastSeq); err != nil {
		t.Fatal(err)
	}
	if at := b.ids.complete(); at != info.State.LastSeq {
		t.Fatalf("the ids are written down up to %d of %d", at, info.State.LastSeq)
	}
}

func TestOneOfManyAtOnce(t *testing.T) {
	b := open(t, t.TempDir())
	start(t, b)
	const deliveries, times = 200, 4
	var fresh atomic.Int64
	var senders sync.WaitGroup
	for range times {
		senders.Go(func() {
			for n := range deliveries {
				ack, err := b.Append(again(n), 1).Wait(soon(t))
				if err != nil {
					t.Errorf("order %d: %v", n, err)
				}
				if !ack.Duplicate {
					fresh.Add(1)
				}
			}
		})
	}
	senders.Wait()
	if n := fresh.Load(); n != deliveries {
		t.Errorf("%d of %d deliveries were taken for new", n, deliveries)
	}
	if n := count(t, b); n != deliveries+1 { // the cut's marker stands there too
		t.Errorf("%d messages are stored, want %d", n, deliveries+1)
	}
}

// Who comes second waits until the first is on the disk, and fails with it.
func TestADuplicateWaitsForTheFirst(t *testing.T) {
	for name, lost := range map[string]error{"stored": nil, "lost": errors.New("input/output error")} {
		t.Run(name, func(t *testing.T) {
			b := open(t, t.TempDir())
			start(t, b)
			flushing, finish := make(chan struct{}), make(chan struct{})
			var once sync.Once
			entries := b.publisher.entries
			write := entries.flush
			entries.mu.Lock()
			entries.flush = func(batch []*Pending) (err error) {
				once.Do(func() {
					close(flushing)
					<-finish
					err = lost
				})
				return errors.Join(err, write(batch))
			}
			entries.mu.Unlock()
			first := b.Append(order(1), 1)
			<-flushing
			second := b.Append(again(1), 1)
			select {
			case <-second.done:
				t.Error("the second is answered before the first is on the disk")
			default:
			}
			close(finish)
			_, firstErr := first.Wait(soon(t))
			ack, err := second.Wait(soon(t))
			if (firstErr != nil) != (lost != nil) || (err != nil) != (lost != nil) || ack.Duplicate != (lost == nil) {
				t.Errorf("the first is answered %v, the second %+v %v", firstErr, ack, err)
			}
		})
	}
}

// unanswered appends an event whose answer is lost on the way.
func unanswered(t *testing.T, b *Bus, e *event.Event) {
	t.Helper()
	inbox, before := b.publisher.inbox, count(t, b)
	b.publisher.inbox = "nowhere."
	p := b.Append(e, 1)
	b.publisher.inbox = inbox
	eventually(t, "it is stored", func() bool { return count(t, b) > before })
	b.publisher.expire(time.Now().Add(time.Hour))
	if _, err := p.Wait(soon(t)); !errors.Is(err, ErrUnavailable) {
		t.Fatalf("an event without an answer: %v", err)
	}
}

// An event may be stored although its sender was told that it is not: then it
// is one event all the same.
func TestAnAnswerThatIsLost(t *testing.T) {
	b := quiet(open(t, t.TempDir()))
	start(t, b)
	unanswered(t, b, order(1))
	if _, err := b.Append(again(1), 1).Wait(soon(t)); !errors.Is(err, ErrUnavailable) {
		t.Errorf("while it is not known whether it is stored: %v", err)
	}
	if b.Healthy() == nil {
		t.Error("the bus says that it is well")
	}
	b.watch(soon(t))
	b.keepIDs(soon(t))
	if n := duplicates(t, b, 1, 2); n != 1 {
		t.Errorf("%d of the two are known; the first is stored, the second is not", n)
	}
	if n := count(t, b); n != 4 { // with two markers
		t.Errorf("%d messages are stored, want 4", n)
	}
}

// What could not be stored is not remembered.
func TestWhatIsRefusedIsNotRemembered(t *testing.T) {
	b := open(t, t.TempDir())
	start(t, b)
	b.server.stop()
	if _, err := b.Append(order(1), 1).Wait(soon(t)); !errors.Is(err, ErrUnavailable) {
		t.Fatalf("appended to a server that is gone: %v", err)
	}
	if err := b.server.start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the bus is well again", func() bool { return b.Healthy() == nil })
	b.publisher.mu.Lock()
	b.publisher.bytes += maxOpenBytes
	b.publisher.mu.Unlock()
	if _, err := b.Append(order(2), 1).Wait(soon(t)); !errors.Is(err, ErrUnavailable) {
		t.Fatalf("appended while too much was under way: %v", err)
	}
	b.publisher.mu.Lock()
	b.publisher.bytes -= maxOpenBytes
	b.publisher.mu.Unlock()
	huge := order(3)
	huge.Type = string(make([]byte, maxNames))
	if _, err := b.Append(huge, 1).Wait(soon(t)); !errors.Is(err, ErrUnstorable) {
		t.Fatalf("an event that cannot be stored: %v", err)
	}
	if n := duplicates(t, b, 1, 3); n != 0 {
		t.Errorf("%d of three events that were not stored are taken for known", n)
	}
}

func TestIDsAreForgotten(t *testing.T) {
	b := quiet(open(t, t.TempDir(), func(o *Options) { o.Dedupe = 10 * time.Second }))
	start(t, b)
	b.ids.size = 10
	add(t, b, orders(1, 40)...)
	writeNow(t, b)
	b.keepIDs(soon(t))
	if n := duplicates(t, b, 1, 40); n != 40 {
		t.Errorf("%d of 40 are known", n)
	}
	b.ids.window = -time.Hour // their time is over
	b.keepIDs(soon(t))
	if s := b.ids.stats(); s.Known != 10 || s.Early != 0 {
		t.Errorf("%+v; want the 10 of the last segment", s)
	}
	if n := duplicates(t, b, 1, 40); n != 0 {
		t.Errorf("%d of 40 are known when their time is over", n)
	}
}

// An id that was remembered, forgotten and remembered again is known after a restart.
func TestIDsThatComeBack(t *testing.T) {
	dir := t.TempDir()
	b := quiet(open(t, dir))
	start(t, b)
	key, _ := keyOf(order(1))
	b.ids.mu.Lock()
	b.ids.add(key, stampOf(time.Now().Add(-2*time.Hour)))
	b.ids.mu.Unlock()
	writeNow(t, b)
	if n := duplicates(t, b, 1, 1); n != 0 {
		t.Error("an event of two hours ago is known; ids are remembered for one")
	}
	after := open(t, left(t, dir))
	if n := duplicates(t, after, 1, 1); n != 1 {
		t.Error("the one that came now is not known after a restart")
	}
}

// Beyond the bound the oldest go, and nothing is refused.
func TestIDsAreBounded(t *testing.T) {
	dir := t.TempDir()
	b := quiet(open(t, dir, func(o *Options) { o.MaxIDs = 160 }))
	start(t, b)
	for n := 0; n < 1000; n += 50 {
		add(t, b, orders(n+1, n+50)...)
		b.keepIDs(soon(t))
	}
	for _, b := range []*Bus{b, quiet(open(t, left(t, dir), func(o *Options) { o.MaxIDs = 160 }))} {
		s := b.ids.stats()
		if s.Known > 160 || s.Known < 140 {
			t.Errorf("%d ids are remembered, want 160 at the most, and not many fewer", s.Known)
		}
		if n := duplicates(t, b, 901, 1000); n != 100 {
			t.Errorf("%d of the last 100 are known", n)
		}
	}
	if n := b.ids.stats().Early; n < 800 {
		t.Errorf("%d are counted as forgotten early", n)
	}
	if n := duplicates(t, b, 1, 10); n != 0 {
		t.Errorf("%d of the first 10 are known", n)
	}
}

// Where events are large, or short-lived, little is written down at a time.
func TestSmallSegmentsAreJoined(t *testing.T) {
	dir := t.TempDir()
	b := quiet(open(t, dir, func(o *Options) { o.EventsAge = 0 }))
	start(t, b)
	b.ids.size = 100
	for n := 0; n < 250; n += 10 {
		add(t, b, orders(n+1, n+10)...)
		trimNow(t, b)
	}
	after := open(t, left(t, dir))
	for _, b := range []*Bus{b, after} {
		if n := len(b.ids.written); n != 3 {
			t.Errorf("250 ids are in %d segments of 100", n)
		}
		subjects, err := b.subjects(soon(t), b.names.control(), b.names.idsSubjects())
		if err != nil || len(subjects) != 3 {
			t.Errorf("the stream has %v (%v)", subjects, err)
		}
	}
	if n := duplicates(t, after, 1, 250); n != 250 {
		t.Errorf("%d of 250 are known after a restart", n)
	}
}

// The log goes on where no sender names events, and does not grow.
func TestEventsWithoutIDsLeaveOneSegment(t *testing.T) {
	b := quiet(open(t, t.TempDir()))
	start(t, b)
	for n := range 3 {
		unnamed := order(n)
		unnamed.ID = unnamed.Stamp
		add(t, b, unnamed)
		writeNow(t, b)
	}
	if n := len(b.ids.written); n != 1 {
		t.Errorf("there are %d segments", n)
	}
	subjects, err := b.subjects(soon(t), b.names.control(), b.names.idsSubjects())
	if err != nil || len(subjects) != 1 {
		t.Errorf("the stream has %v (%v)", subjects, err)
	}
}

// Without the barrier a power cut may keep the ids and lose the events. Those
// must come again.
func TestIDsWithoutTheirEventsAreNotBelieved(t *testing.T) {
	dir := t.TempDir()
	loose := func(o *Options) { o.Durable = false }
	b := quiet(open(t, dir, loose))
	start(t, b)
	add(t, b, orders(1, 5)...)
	before := left(t, dir)
	add(t, b, orders(6, 10)...)
	writeNow(t, b)
	streams := "jetstream/$G/streams/trotline_control"
	if err := os.RemoveAll(filepath.Join(before, streams)); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(filepath.Join(before, streams), os.DirFS(filepath.Join(dir, streams))); err != nil {
		t.Fatal(err)
	}
	after := open(t, before, loose)
	if n := duplicates(t, after, 6, 10); n != 0 {
		t.Errorf("%d of 5 lost events are taken for known", n)
	}
	if n := duplicates(t, after, 1, 5); n != 5 {
		t.Errorf("%d of 5 stored events are known", n)
	}
}

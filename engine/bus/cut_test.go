package bus

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

// Every event before a cut was made by the generation before, every event
// behind it by the new one, whoever appends meanwhile.
func TestCutIsATotalOrder(t *testing.T) {
	b := open(t, t.TempDir())
	start(t, b)
	var current atomic.Uint64
	current.Store(1)
	var stop atomic.Bool
	var stale atomic.Int64
	var wait sync.WaitGroup
	for w := range 16 {
		wait.Go(func() {
			for n := 0; !stop.Load(); n++ {
				e := order(w*1_000_000 + n)
				_, err := b.Append(e, current.Load()).Wait(soon(t))
				if errors.Is(err, ErrStale) {
					stale.Add(1)
					continue
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	cuts := []uint64{0}
	for g := uint64(2); g <= 20; g++ {
		if err := b.PutGeneration(soon(t), Generation{Number: g}); err != nil {
			t.Fatal(err)
		}
		var seen uint64
		sequence, err := b.Cut(soon(t), g, func(s uint64) { seen = s; current.Store(g) })
		if err != nil {
			t.Fatal(err)
		}
		if seen != sequence {
			t.Fatalf("swap was told %d, Cut returned %d", seen, sequence)
		}
		cuts = append(cuts, sequence)
	}
	stop.Store(true)
	wait.Wait()
	count := 0
	err := b.Events(soon(t), EventFilter{}, func(s *Stored) bool {
		count++
		want := uint64(1)
		for i, cut := range cuts {
			if s.Sequence >= cut {
				want = uint64(i + 1)
			}
		}
		if s.Generation != want {
			t.Errorf("event %d was made by generation %d; %d was in force", s.Sequence, s.Generation, want)
		}
		return !t.Failed()
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d events, %d were stale", count, stale.Load())
}

func TestAppendOfAnOldGenerationIsStale(t *testing.T) {
	b := open(t, t.TempDir())
	for _, g := range []uint64{1, 2, 7} {
		cutTo(t, b, g)
		for _, wrong := range []uint64{0, g - 1, g + 1} {
			if _, err := b.Append(order(1), wrong).Wait(soon(t)); !errors.Is(err, ErrStale) {
				t.Errorf("generation %d under %d: %v", wrong, g, err)
			}
		}
	}
	if _, err := b.Cut(soon(t), 2, func(uint64) { t.Error("swapped") }); err == nil {
		t.Error("an old generation was put in force")
	}
	if _, err := b.Cut(soon(t), 99, func(uint64) { t.Error("swapped") }); err == nil {
		t.Error("a generation that is not stored was put in force")
	}
}

func TestGenerationsAreKept(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir)
	want := Generation{
		Number: 12, Time: time.Now().UTC(), Paths: []string{"a.yaml", "conf.d"}, Reads: map[string][]string{"orders": {"shop"}},
		Files: []StoredFile{
			{Path: "/etc/a.yaml", Data: bytes.Repeat([]byte("x"), chunkSize+1), Config: true},
			{Path: "/etc/schema.json", Data: []byte("{}")},
			{Path: "/etc/empty.yaml", Data: []byte{}, Config: true},
		},
	}
	if err := b.PutGeneration(soon(t), want); err != nil {
		t.Fatal(err)
	}
	if err := b.PutGeneration(soon(t), want); err == nil {
		t.Error("a number was used twice")
	}
	check := func() {
		t.Helper()
		all, err := b.Generations(soon(t))
		if err != nil {
			t.Fatal(err)
		}
		if len(all) != 1 || !reflect.DeepEqual(all[0], want) {
			t.Fatalf("kept: %v", describe(all))
		}
	}
	check()
	var err error
	if want.Cut, err = b.Cut(soon(t), 12, func(uint64) {}); err != nil {
		t.Fatal(err)
	}
	check()
	shut(t, b)
	b = open(t, dir)
	check()
	if err := b.DropGeneration(soon(t), 12); err == nil {
		t.Error("the generation in force was dropped")
	}
	cutTo(t, b, 13)
	if err := b.DropGeneration(soon(t), 12); err != nil {
		t.Fatal(err)
	}
	if err := b.DropGeneration(soon(t), 12); err != nil {
		t.Errorf("dropped twice: %v", err)
	}
	s, err := b.Stats(soon(t))
	if err != nil {
		t.Fatal(err)
	}
	control := slices.IndexFunc(s.Streams, func(s StreamStats) bool { return s.Name == "control" })
	if n := s.Streams[control].Messages; n != 1 {
		t.Errorf("%d messages are left in the control stream, want the record of generation 13", n)
	}
}

func describe(all []Generation) (s string) {
	for _, g := range all {
		s += fmt.Sprintf("%d at %d %v %v %d files; ", g.Number, g.Cut, g.Time, g.Paths, len(g.Files))
	}
	return s
}

// When the store does not take the marker, nothing has changed.
func TestCutWithoutMarker(t *testing.T) {
	b := open(t, t.TempDir())
	start(t, b)
	if err := b.PutGeneration(soon(t), Generation{Number: 2}); err != nil {
		t.Fatal(err)
	}
	prefix := b.names.prefix
	b.names.prefix = "nobody" // no stream takes the marker
	r := &record{Number: 2}
	_, err := b.cutNow(soon(t), r, func(uint64) { t.Error("swapped") })
	b.names.prefix = prefix
	if !errors.Is(err, ErrUnavailable) {
		t.Fatalf("the error is %v", err)
	}
	add(t, b, order(1))
	cutTo(t, b, 3)
	assertCuts(t, b, map[uint64]bool{1: true, 2: false, 3: true})
}

// When the answer to the record is lost, no event is taken until the record
// has been taken back, whether it had been stored or not.
func TestCutWithoutAnswer(t *testing.T) {
	for _, stored := range []bool{true, false} {
		t.Run(fmt.Sprint("stored=", stored), func(t *testing.T) {
			b := open(t, t.TempDir())
			start(t, b)
			if err := b.PutGeneration(soon(t), Generation{Number: 2}); err != nil {
				t.Fatal(err)
			}
			r, err := b.loadRecord(soon(t), 2)
			if err != nil {
				t.Fatal(err)
			}
			r.Cut = 5
			late, err := r.message(b.names)
			if err != nil {
				t.Fatal(err)
			}
			if stored {
				if _, err := b.publisher.send(late).Wait(soon(t)); err != nil {
					t.Fatal(err)
				}
			}
			b.cut.Lock()
			b.revoke(2)
			b.cut.Unlock()
			eventually(t, "events are taken again", func() bool { return b.Healthy() == nil })
			if !stored {
				// The record comes after all, and counts no more.
				late := &nats.Msg{Subject: late.Subject, Header: late.Header, Data: late.Data}
				if _, err := b.publisher.send(late).Wait(soon(t)); !errors.Is(err, errWrongLast) {
					t.Errorf("a late record: %v", err)
				}
			}
			add(t, b, order(1))
			cutTo(t, b, 3)
			assertCuts(t, b, map[uint64]bool{1: true, 2: false, 3: true})
		})
	}
}

func TestAppendIsRefusedWhileACutIsTakenBack(t *testing.T) {
	b := open(t, t.TempDir())
	start(t, b)
	b.report(causeCut, errors.New("it is not known"))
	if _, err := b.Append(order(1), 1).Wait(soon(t)); !errors.Is(err, ErrUnavailable) {
		t.Errorf("the answer is %v", err)
	}
	b.report(causeCut, nil)
	add(t, b, order(1))
}

func assertCuts(t *testing.T, b *Bus, want map[uint64]bool) {
	t.Helper()
	all, err := b.Generations(soon(t))
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[uint64]bool)
	for _, g := range all {
		got[g.Number] = g.Cut > 0
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("in force since a cut: %v, want %v", got, want)
	}
}

func TestUsesGeneration(t *testing.T) {
	b := open(t, t.TempDir())
	c, err := b.WorkConsumer(soon(t), "crm", WorkConsumerOptions{})
	if err != nil {
		t.Fatal(err)
	}
	uses := func(n uint64) bool {
		t.Helper()
		used, err := b.UsesGeneration(soon(t), n)
		if err != nil {
			t.Fatal(err)
		}
		return used
	}
	if uses(1) {
		t.Error("used before anything was handed over")
	}
	if _, err := b.Hand(&Work{Event: order(1), Generation: 1, Sink: "crm", Pipeline: "orders", Route: "all"}).Wait(soon(t)); err != nil {
		t.Fatal(err)
	}
	if !uses(1) || uses(11) || uses(2) {
		t.Errorf("used: 1 %v, 11 %v, 2 %v", uses(1), uses(11), uses(2))
	}
	take(t, c, 1)[0].Ack()
	eventually(t, "it is not used any more", func() bool { return !uses(1) })
}

// The record of a cut may have come to the disk before what was accepted before
// it. Events that are put back keep the generation they were accepted under.
func TestCutAheadOfTheStream(t *testing.T) {
	for _, c := range []struct {
		name  string
		taken func(t *testing.T, b *Bus, before, after string) (left string) // by the power cut
	}{
		{"the stream ends before the cut", func(t *testing.T, _ *Bus, before, after string) string {
			replace(t, before, after, "journal")
			replace(t, before, after, controlFolder)
			return before
		}},
		{"only the cut is left", func(t *testing.T, b *Bus, _, after string) string {
			for sequence := uint64(2); sequence <= 21; sequence++ {
				if err := b.streams[b.names.events()].DeleteMsg(soon(t), sequence); err != nil {
					t.Fatal(err)
				}
			}
			left := copyFolder(t, b.folder.dir)
			replace(t, left, after, "journal")
			return left
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			b := open(t, dir)
			start(t, b)
			before := copyFolder(t, dir)
			add(t, b, orders(1, 20)...)
			cutTo(t, b, 2)
			left := c.taken(t, b, before, copyFolder(t, dir))
			shut(t, b)

			b = open(t, left)
			if b.generation != 2 {
				t.Fatalf("generation %d is in force, want 2", b.generation)
			}
			add(t, b, orders(21, 30)...)
			checkCuts(t, b, 30)
		})
	}
}

// A power cut after everything was trimmed can leave a stream that begins anew.
// What is put back, and what comes then, stands behind the cut still.
func TestCutInAStreamThatBeginsAnew(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir)
	start(t, b)
	cutTo(t, b, 2)
	add(t, b, orders(1, 20)...)
	left := copyFolder(t, dir)
	shut(t, b)
	blocks := filepath.Join(left, "jetstream", "$G", "streams", "trotline_events", "msgs")
	if err := errors.Join(os.RemoveAll(blocks), os.Mkdir(blocks, 0o700)); err != nil {
		t.Fatal(err)
	}

	b = open(t, left)
	add(t, b, orders(21, 30)...)
	checkCuts(t, b, 30)
}

// checkCuts fails if an event does not stand where its generation is in force.
func checkCuts(t *testing.T, b *Bus, events int) {
	t.Helper()
	g, err := b.loadGeneration(soon(t), 2)
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	err = b.Events(soon(t), EventFilter{}, func(s *Stored) bool {
		if count++; (s.Generation == 2) != (s.Sequence > g.Cut) {
			t.Errorf("%s, at %d, was accepted under generation %d, and the cut to 2 is at %d", s.Event.ID, s.Sequence, s.Generation, g.Cut)
		}
		return true
	})
	if err != nil || count != events {
		t.Errorf("the stream has %d events, want %d; %v", count, events, err)
	}
}

// A cut that nobody waits for any more becomes durable all the same, and events
// behind it do not wait for the barrier for ever.
func TestCutThatIsNotWaitedForSettles(t *testing.T) {
	b := open(t, t.TempDir())
	start(t, b)
	for g := uint64(2); g <= 3; g++ {
		if err := b.PutGeneration(soon(t), Generation{Number: g}); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(soon(t))
		if _, err := b.Cut(ctx, g, func(uint64) { cancel() }); !errors.Is(err, context.Canceled) {
			t.Fatalf("the cut of generation %d ended with %v", g, err)
		}
	}
	eventually(t, "nothing waits for the cut", func() bool { return b.cutting.Load() == 0 })
	if _, err := b.Append(order(1), 3).Wait(soon(t)); err != nil {
		t.Error(err)
	}
}

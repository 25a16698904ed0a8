package bus

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/trotline/trotline/event"
)

func TestAppendKnowsDuplicates(t *testing.T) {
	b := open(t, t.TempDir())
	start(t, b)
	add(t, b, order(1), order(2))
	again := order(1)
	again.Stamp = "another"
	other := order(1)
	other.Source = "github"
	acks := add(t, b, again, other, order(3))
	if !acks[0].Duplicate {
		t.Error("a second delivery is taken for an event")
	}
	if acks[1].Duplicate || acks[2].Duplicate {
		t.Error("another source's event, or another event, is taken for a duplicate")
	}
	unnamed := order(4)
	unnamed.ID = unnamed.Stamp
	for _, a := range add(t, b, unnamed, unnamed) {
		if a.Duplicate {
			t.Error("an event without an id of its own is taken for a duplicate")
		}
	}
}

func TestReopenKeepsEverything(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir)
	start(t, b)
	c, err := b.EventsConsumer(soon(t), "orders", EventsConsumerOptions{Sources: []string{"shop"}})
	if err != nil {
		t.Fatal(err)
	}
	add(t, b, orders(1, 100)...)
	for _, m := range take(t, c, 40) {
		m.Ack()
	}
	shut(t, b)

	b = open(t, dir)
	if b.generation != 1 {
		t.Errorf("generation %d is in force after the restart, want 1", b.generation)
	}
	c, err = b.EventsConsumer(soon(t), "orders", EventsConsumerOptions{Sources: []string{"shop"}})
	if err != nil {
		t.Fatal(err)
	}
	got := take(t, c, 60)
	for i, m := range got {
		e, err := m.Event()
		if err != nil {
			t.Fatal(err)
		}
		if want := order(41 + i); e.ID != want.ID {
			t.Fatalf("message %d is %s, want %s", i, e.ID, want.ID)
		}
	}
	none(t, c)
}

func TestFolderIsTakenOnce(t *testing.T) {
	dir := t.TempDir()
	open(t, dir)
	_, err := tryOpen(t, dir)
	if err == nil {
		t.Fatal("a second bus was opened on the same folder")
	}
	for _, want := range []string{dir, "in use", "process"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error %q does not say %q", err, want)
		}
	}
}

func TestNewerFolderIsRefused(t *testing.T) {
	dir := t.TempDir()
	shut(t, open(t, dir))
	if err := os.WriteFile(filepath.Join(dir, "format"), []byte("2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := tryOpen(t, dir)
	if err == nil || !strings.Contains(err.Error(), "later release") {
		t.Fatalf("a folder of a later release: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "jetstream")); err != nil {
		t.Errorf("the folder was touched: %v", err)
	}
}

func TestBadOptions(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Options)
		want   string
	}{
		"too little disk":   {func(o *Options) { o.MaxDisk = 1 << 20 }, "max_disk"},
		"a prefix with dot": {func(o *Options) { o.Prefix = "a.b" }, "nats.prefix"},
		"too large a body":  {func(o *Options) { o.MaxPayload = 64 << 20 }, "max_body"},
		"no port":           {func(o *Options) { o.Listen = "127.0.0.1" }, "host:port"},
		"nowhere":           {func(o *Options) { o.Dir = "" }, "nats.url"},
		"a bad URL":         {func(o *Options) { o.Dir, o.URL = "", "nats://me:hunter2%@host" }, "nats.url"},
		"nobody there":      {func(o *Options) { o.Dir, o.URL = "", "nats://me:hunter2@127.0.0.1:1" }, "nats.url"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := tryOpen(t, t.TempDir(), c.change)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("the error is %v, want one about %s", err, c.want)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error shows the password: %v", err)
			}
		})
	}
}

// A round that fails is the last one: the kernel reports a lost write once.
func TestBarrierFailureIsForGood(t *testing.T) {
	b := open(t, t.TempDir())
	start(t, b)
	add(t, b, order(1))
	var lost atomic.Bool
	flush := b.barrier.flush
	b.barrier.mu.Lock()
	b.barrier.flush = func(batch []*Pending) error {
		if lost.CompareAndSwap(true, false) { // once, as the kernel does
			return errors.New("input/output error")
		}
		return flush(batch)
	}
	b.barrier.mu.Unlock()
	lost.Store(true)
	_, err := b.Hand(&Work{Event: order(1)}).Wait(soon(t))
	if !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "input/output error") {
		t.Fatalf("a delivery the disk lost was answered with %v", err)
	}
	for range 3 {
		if _, err := b.Append(order(3), 1).Wait(soon(t)); !errors.Is(err, ErrUnavailable) {
			t.Fatalf("an event after that was answered with %v", err)
		}
	}
	if _, err := b.Hand(&Work{Event: order(1)}).Wait(soon(t)); !errors.Is(err, ErrUnavailable) {
		t.Fatalf("a delivery after that was answered with %v", err)
	}
	if err := b.Healthy(); !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "restart") {
		t.Errorf("Healthy says %v", err)
	}
}

// Who waits is released by a round that began after the confirmation, never by
// one under way.
func TestBarrierRounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var rounds atomic.Int64
		hold := make(chan struct{})
		b := newBarrier(func([]*Pending) error { rounds.Add(1); <-hold; return nil }, func() int { return 0 }, func(error) {})
		defer b.close()
		first, second := newPending(), newPending()
		b.join(first)
		synctest.Wait() // the first round is under way
		b.join(second)
		third := newPending()
		b.join(third)
		hold <- struct{}{}
		synctest.Wait()
		select {
		case <-second.done:
			t.Fatal("released by a round that had begun before")
		default:
		}
		if _, err := first.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		hold <- struct{}{}
		if err := WaitAll(t.Context(), []*Pending{second, third}); err != nil {
			t.Fatal(err)
		}
		if n := rounds.Load(); n != 2 {
			t.Errorf("%d rounds, want 2", n)
		}
		close(hold)
	})
}

// A round waits a moment for what is on its way, but not for long.
func TestBarrierGathers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var rounds, busy atomic.Int64
		busy.Store(2)
		b := newBarrier(func([]*Pending) error { rounds.Add(1); return nil }, func() int { return int(busy.Load()) }, func(error) {})
		defer b.close()
		began := time.Now()
		all := []*Pending{newPending(), newPending(), newPending()}
		b.join(all[0])
		synctest.Wait()
		b.join(all[1])
		b.join(all[2])
		if err := WaitAll(t.Context(), all); err != nil {
			t.Fatal(err)
		}
		if rounds.Load() != 1 || time.Since(began) != 0 {
			t.Errorf("%d rounds in %v, want one at once", rounds.Load(), time.Since(began))
		}
		late := newPending()
		b.join(late)
		if _, err := late.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		if time.Since(began) != gatherTime {
			t.Errorf("a round waited %v for messages that did not come, want %v", time.Since(began), gatherTime)
		}
	})
}

func TestPublishEndsWhenTheServerIsGone(t *testing.T) {
	b := open(t, t.TempDir())
	start(t, b)
	add(t, b, order(1))
	b.server.stop()
	_, err := b.Append(order(2), 1).Wait(soon(t))
	if !errors.Is(err, ErrUnavailable) {
		t.Fatalf("appended to a server that is gone: %v", err)
	}
	eventually(t, "the bus says so", func() bool { return b.Healthy() != nil })
	if err := b.server.start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the bus is well again", func() bool { return b.Healthy() == nil })
	add(t, b, order(2))
}

// What the server never answers, as with a full disk, ends by itself.
func TestPublishTimesOut(t *testing.T) {
	b := open(t, t.TempDir())
	start(t, b)
	b.publisher.timeout = 50 * time.Millisecond
	// A subscriber that answers nothing stands where a stream would.
	sub, err := b.asking.SubscribeSync("silence")
	if err != nil {
		t.Fatal(err)
	}
	defer sub.Unsubscribe()
	if err := b.asking.Flush(); err != nil {
		t.Fatal(err)
	}
	_, err = b.publisher.send(&nats.Msg{Subject: "silence"}).Wait(soon(t))
	if !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "did not answer") {
		t.Fatalf("a message that is not answered: %v", err)
	}
	eventually(t, "it is looked after", func() bool { return !b.suspected.Load() })
	add(t, b, order(1))
	_, err = b.publisher.send(&nats.Msg{Subject: "nobody"}).Wait(soon(t))
	if !errors.Is(err, ErrUnavailable) {
		t.Fatalf("a message no stream takes: %v", err)
	}
}

func TestAppendFailsFastWhenTooMuchIsUnderWay(t *testing.T) {
	b := open(t, t.TempDir())
	start(t, b)
	b.publisher.mu.Lock()
	b.publisher.bytes += maxOpenBytes
	b.publisher.mu.Unlock()
	p := b.Append(order(1), 1)
	select {
	case <-p.done:
	default:
		t.Fatal("it waits")
	}
	if _, err := p.Wait(soon(t)); !errors.Is(err, ErrUnavailable) {
		t.Fatalf("the answer is %v", err)
	}
	handed := make(chan error, 1)
	go func() {
		_, err := b.Hand(&Work{Event: order(1), Sink: "crm"}).Wait(soon(t))
		handed <- err
	}()
	b.publisher.mu.Lock()
	b.publisher.bytes -= maxOpenBytes
	b.publisher.mu.Unlock()
	add(t, b, order(2)) // its answer makes room
	if err := <-handed; err != nil {
		t.Fatalf("a stage that waited for room: %v", err)
	}
}

func TestWaitEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := newPending().Wait(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
}

func TestUnstorable(t *testing.T) {
	b := open(t, t.TempDir(), func(o *Options) { o.MaxPayload = 64 << 10 })
	start(t, b)
	wrong := order(1).WithBody(event.BodyOf(func() {}))
	if _, err := b.Append(wrong, 1).Wait(soon(t)); !errors.Is(err, ErrUnstorable) {
		t.Errorf("a body that cannot be written: %v", err)
	}
	huge := order(2).WithBody(event.NewBody(event.Text, make([]byte, b.options.largest())))
	if _, err := b.Append(huge, 1).Wait(soon(t)); !errors.Is(err, ErrUnstorable) {
		t.Errorf("a body that is too large: %v", err)
	}
	for _, e := range []*event.Event{wrong, huge} {
		if _, err := b.Hand(&Work{Event: e}).Wait(soon(t)); !errors.Is(err, ErrUnstorable) {
			t.Errorf("a delivery of it: %v", err)
		}
		// A dead letter always has room, with the body as it was received.
		ack, err := b.Bury(&Dead{Event: e, Pipeline: "orders", Reason: "step", Error: "too much"}).Wait(soon(t))
		if err != nil {
			t.Fatal(err)
		}
		d, err := b.DeadLetter(soon(t), ack.Sequence)
		if err != nil {
			t.Fatal(err)
		}
		want := *e
		want.Body = e.Original
		sameEvent(t, d.Event, &want)
		if !strings.HasPrefix(d.Error, "too much; the body as it stood is not kept") {
			t.Errorf("the dead letter says %q", d.Error)
		}
	}
}

func TestDiskReserve(t *testing.T) {
	b := open(t, t.TempDir())
	start(t, b)
	const total = 10 << 30
	var free atomic.Uint64
	b.stop() // the keepers would look at the disk themselves
	b.keepers.Wait()
	b.space = func(string) (uint64, uint64, error) { return free.Load(), total, nil }
	for _, c := range []struct {
		free           uint64
		append, handed bool
	}{
		{1 << 30, true, true}, {reserve(total) - 1, false, true}, {reserve(total), false, true},
		{reserve(total)/4 - 1, false, false}, {reserve(total) * 5 / 4, true, true},
	} {
		free.Store(c.free)
		b.checkDisk()
		_, err := b.Append(order(1), 1).Wait(soon(t))
		if (err == nil) != c.append {
			t.Errorf("with %d MiB free, Append says %v", c.free>>20, err)
		}
		_, err = b.Hand(&Work{Event: order(1)}).Wait(soon(t))
		if (err == nil) != c.handed {
			t.Errorf("with %d MiB free, Hand says %v", c.free>>20, err)
		}
	}
}

func TestCloseWhileAppending(t *testing.T) {
	b := open(t, t.TempDir())
	start(t, b)
	var stored, refused atomic.Int64
	var wait sync.WaitGroup
	begun := make(chan struct{}, 64)
	for w := range 8 {
		wait.Go(func() {
			for n := 0; ; n++ {
				e := order(w*1_000_000 + n)
				_, err := b.Append(e, 1).Wait(soon(t))
				if errors.Is(err, ErrUnavailable) {
					refused.Add(1)
					return
				}
				if err != nil {
					t.Error(err)
					return
				}
				stored.Add(1)
				if n == 10 {
					begun <- struct{}{}
				}
			}
		})
	}
	for range 8 {
		<-begun
	}
	shut(t, b)
	wait.Wait()
	if refused.Load() != 8 {
		t.Errorf("%d of 8 were told that the store is closed", refused.Load())
	}
	again := open(t, b.folder.dir)
	s, err := again.Stats(soon(t))
	if err != nil {
		t.Fatal(err)
	}
	if got := int64(s.Streams[0].Messages) - 1; got < stored.Load() { // the cut's marker stands there too
		t.Errorf("%d events were confirmed, %d are there", stored.Load(), got)
	}
	shut(t, b) // again, which does nothing
}

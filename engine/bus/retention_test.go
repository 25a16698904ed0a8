package bus

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

func count(t testing.TB, b *Bus) uint64 {
	t.Helper()
	info, err := b.state(soon(t), b.names.events())
	if err != nil {
		t.Fatal(err)
	}
	return info.State.Msgs
}

// trimNow trims as the keeper does, which is stopped.
func trimNow(t testing.TB, b *Bus) {
	t.Helper()
	b.agedAt = time.Time{}
	if err := b.trimEvents(soon(t)); err != nil {
		t.Fatal(err)
	}
}

func quiet(b *Bus) *Bus {
	b.stop()
	b.keepers.Wait()
	return b
}

func TestTrimByAge(t *testing.T) {
	b := quiet(open(t, t.TempDir(), func(o *Options) { o.EventsAge = 0 }))
	start(t, b)
	slow := consume(t, b, "slow", EventsConsumerOptions{})
	fast := consume(t, b, "fast", EventsConsumerOptions{})
	consume(t, b, "elsewhere", EventsConsumerOptions{Sources: []string{"github"}}) // quiet: it holds nothing back
	add(t, b, orders(1, 20)...)

	for _, m := range take(t, fast, 20) {
		m.Ack()
	}
	settled(t, fast)
	got := take(t, slow, 20)
	trimNow(t, b)
	if n := count(t, b); n != 20 {
		t.Fatalf("%d events are left; 20 are not handled by the slow pipeline", n)
	}
	for _, m := range got[:5] {
		m.Ack()
	}
	got[7].Ack() // behind one that is not: the server is not told
	eventually(t, "five are handled", func() bool {
		info, err := slow.Info(soon(t))
		return err == nil && info.Floor == 6 && info.AckPending == 15
	})
	trimNow(t, b)
	if n := count(t, b); n != 15 {
		t.Fatalf("%d events are left, want the 15 from the first that is not handled on", n)
	}
	for _, m := range got {
		m.Ack()
	}
	settled(t, slow)
	trimNow(t, b)
	if n := count(t, b); n != 0 {
		t.Fatalf("%d events are left, all are handled", n)
	}
}

func TestTrimKeepsWhatIsYoung(t *testing.T) {
	b := quiet(open(t, t.TempDir()))
	start(t, b)
	add(t, b, orders(1, 20)...)
	trimNow(t, b)
	if n := count(t, b); n != 21 {
		t.Fatalf("%d events are left; none of 21 is an hour old", n)
	}
}

// An event of a source nobody reads is handled as soon as it is stored.
func TestTrimWithoutPipelines(t *testing.T) {
	b := quiet(open(t, t.TempDir(), func(o *Options) { o.EventsAge = 0 }))
	start(t, b)
	add(t, b, orders(1, 20)...)
	trimNow(t, b)
	if n := count(t, b); n != 0 {
		t.Fatalf("%d events are left", n)
	}
}

// A pipeline that has a checkpoint and whose consumer is lost, or not opened
// yet, holds on to what it has not handled.
func TestTrimHeedsTheCheckpoint(t *testing.T) {
	b := quiet(open(t, t.TempDir(), func(o *Options) { o.EventsAge = 0 }))
	start(t, b)
	add(t, b, orders(1, 20)...)
	b.ledger.set("lost", 11)
	trimNow(t, b)
	if n := count(t, b); n != 10 {
		t.Fatalf("%d events are left, want the 10 behind the checkpoint", n)
	}
}

// A full stream refuses, keeps what is not handled, and has room again when it is.
func TestFullStream(t *testing.T) {
	b := open(t, t.TempDir(), func(o *Options) { o.MaxDisk = minDisk })
	start(t, b)
	c := consume(t, b, "orders", EventsConsumerOptions{})
	n, stored := 0, 0
	var err error
	for err == nil {
		n++
		e := order(n)
		e = e.WithBody(bodyOf(1 << 20))
		e.Original = e.Body
		if _, err = b.Append(e, 1).Wait(soon(t)); err == nil {
			stored++
		}
	}
	if !errors.Is(err, ErrFull) {
		t.Fatalf("a full stream answers %v", err)
	}
	if want := minDisk * eventsShare / 100 >> 20; stored < want-2 {
		t.Errorf("%d MiB were stored, about %d have room", stored, want)
	}
	if err := b.trimEvents(soon(t)); err != nil {
		t.Fatal(err)
	}
	for _, m := range take(t, c, stored) { // all of them are there
		m.Ack()
	}
	eventually(t, "there is room again", func() bool {
		_, err := b.Append(order(1000), 1).Wait(soon(t))
		return err == nil
	})
	eventually(t, "it is far from full", func() bool {
		info, err := b.state(soon(t), b.names.events())
		return err == nil && !full(info)
	})
}

// A full log can still drain: the other streams have shares of their own.
func TestFullStreamLeavesRoomElsewhere(t *testing.T) {
	b := open(t, t.TempDir(), func(o *Options) { o.MaxDisk = minDisk })
	start(t, b)
	var err error
	for n := 0; err == nil; n++ {
		e := order(n).WithBody(bodyOf(1 << 20))
		e.Original = e.Body
		_, err = b.Append(e, 1).Wait(soon(t))
	}
	if _, err := b.Hand(&Work{Event: order(1), Sink: "crm"}).Wait(soon(t)); err != nil {
		t.Errorf("Hand: %v", err)
	}
	if _, err := b.Bury(&Dead{Event: order(1)}).Wait(soon(t)); err != nil {
		t.Errorf("Bury: %v", err)
	}
	cutless := Generation{Number: 2}
	if err := b.PutGeneration(soon(t), cutless); err != nil {
		t.Errorf("PutGeneration: %v", err)
	}
}

func TestReached(t *testing.T) {
	info := func(floor, delivered, pending uint64, ackPending int) *jetstream.ConsumerInfo {
		return &jetstream.ConsumerInfo{
			AckFloor: jetstream.SequenceInfo{Stream: floor}, Delivered: jetstream.SequenceInfo{Stream: delivered},
			NumPending: pending, NumAckPending: ackPending,
		}
	}
	for name, c := range map[string]struct {
		info *jetstream.ConsumerInfo
		want uint64
	}{
		"nothing waits":             {info(3, 5, 0, 0), 100},
		"some is in hand":           {info(3, 5, 0, 1), 3},
		"in hand, and more to come": {info(3, 5, 7, 1), 3},
		"more to come":              {info(3, 5, 7, 0), 5},
		"nothing was handed out":    {info(0, 0, 7, 0), 0},
	} {
		if got := reached(c.info, 100); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

// The server counts what waits for a consumer, and may count too little. What it
// does not count is not handled for that.
func TestTrimKeepsWhatTheServerDoesNotCount(t *testing.T) {
	b := quiet(open(t, t.TempDir(), func(o *Options) { o.EventsAge = 0 }))
	c := widened(t, b)
	if _, err := b.js.ResetConsumer(soon(t), c.stream, c.name); err != nil {
		t.Fatal(err)
	}
	c.handled.begin(0, 1)
	Done(take(t, c, 3))
	eventually(t, "three are handled, and the server counts no more", func() bool {
		info, err := c.Info(soon(t))
		return err == nil && info.AckPending == 0 && info.Pending == 0
	})
	trimNow(t, b)
	if n := count(t, b); n != 3 {
		t.Fatalf("%d events are left, three are not handled", n)
	}
	take(t, c, 3)
}

// widened is a consumer that was given three events, and then another source, of
// which there are events between those three.
func widened(t *testing.T, b *Bus) *Consumer {
	start(t, b)
	c := consume(t, b, "orders", EventsConsumerOptions{})
	for n := range 6 {
		e := order(n)
		if n%2 == 0 {
			e.Source = "github"
		}
		add(t, b, e)
	}
	take(t, c, 3)
	return consume(t, b, "orders", EventsConsumerOptions{Sources: []string{"shop", "github"}})
}

// After a set-back everything is counted that waits.
func TestASetBackIsCounted(t *testing.T) {
	b := open(t, t.TempDir())
	c := widened(t, b)
	if err := c.rewind(soon(t)); err != nil { // as when the connection was lost
		t.Fatal(err)
	}
	if info, err := c.Info(soon(t)); err != nil || info.Pending != 6 || info.Floor != 1 {
		t.Errorf("%+v, %v; want 6 that wait behind the floor 1", info, err)
	}
	if got := sequences(take(t, c, 6)); !slices.Equal(got, []uint64{2, 3, 4, 5, 6, 7}) {
		t.Errorf("got %v", got)
	}
}

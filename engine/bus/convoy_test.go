package bus

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

// behind makes messages gather in the convoy of a subject, as if one were on
// its way, and returns what sends them.
func behind(b *Bus, subject string) (release func()) {
	c := b.publisher.convoyOf(subject)
	c.mu.Lock()
	c.sent = &group{convoy: c, messages: []*Pending{newPending()}, posted: true}
	c.mu.Unlock()
	return func() {
		c.mu.Lock()
		c.sent = nil
		g := c.next()
		c.mu.Unlock()
		c.send(g)
	}
}

func works(from, to int) (all []*Work) {
	for n := from; n <= to; n++ {
		all = append(all, &Work{Event: order(n), Sequence: uint64(n), Generation: 1, Sink: "crm", Pipeline: "orders", Route: "all"})
	}
	return all
}

// Each message of a group has its own place in the stream, in the order of the calls.
func TestAGroupIsStoredInItsOrder(t *testing.T) {
	b := open(t, t.TempDir())
	start(t, b)
	for _, size := range []int{1, 2, 3, 100} {
		release := behind(b, b.names.eventSubject("shop"))
		last, err := b.LastEvent(soon(t))
		if err != nil {
			t.Fatal(err)
		}
		var pending []*Pending
		for n := range size {
			pending = append(pending, b.Append(order(1000*size+n), 1))
		}
		release()
		for n, p := range pending {
			ack, err := p.Wait(soon(t))
			if err != nil || ack.Sequence != last+1+uint64(n) {
				t.Fatalf("message %d of %d is %+v, %v; want sequence %d", n, size, ack, err, last+1+uint64(n))
			}
			if e, err := b.Event(soon(t), ack.Sequence); err != nil || e.Event.ID != fmt.Sprintf("order-%d", 1000*size+n) {
				t.Errorf("at %d stands %v, %v", ack.Sequence, e, err)
			}
		}
	}
}

// A group in which the store knows some messages already: the others are stored,
// and none twice.
func TestAGroupWithMessagesThatAreKnown(t *testing.T) {
	for _, known := range [][]int{{1}, {5}, {10}, {1, 10}, {4, 5, 6}, {2, 3, 4, 5, 6, 7, 8, 9}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10}} {
		t.Run(fmt.Sprint(known), func(t *testing.T) {
			b := open(t, t.TempDir())
			start(t, b)
			all := works(1, 10)
			for _, n := range known {
				if _, err := b.Hand(all[n-1]).Wait(soon(t)); err != nil {
					t.Fatal(err)
				}
			}
			release := behind(b, b.names.workSubject(all[0]))
			var pending []*Pending
			for _, w := range all {
				pending = append(pending, send(b, w))
			}
			release()
			if err := WaitAll(soon(t), pending); err != nil {
				t.Fatal(err)
			}
			info, err := b.state(soon(t), b.names.work())
			if err != nil || info.State.Msgs != 10 {
				t.Errorf("%d deliveries are stored, %v; want 10", info.State.Msgs, err)
			}
			if _, err := b.Hand(works(11, 11)[0]).Wait(soon(t)); err != nil {
				t.Errorf("the next one: %v", err)
			}
		})
	}
}

// An event of a group in which the store has refused something is not known to
// be stored; its sender is told to come again, and then it is one all the same.
func TestAGroupThatIsRefused(t *testing.T) {
	b := open(t, t.TempDir())
	start(t, b)
	config := b.streams[b.names.events()].CachedInfo().Config
	info, err := b.state(soon(t), b.names.events())
	if err != nil {
		t.Fatal(err)
	}
	config.MaxMsgs = int64(info.State.Msgs) + 3
	if _, err := b.js.UpdateStream(soon(t), config); err != nil {
		t.Fatal(err)
	}
	release := behind(b, b.names.eventSubject("shop"))
	var pending []*Pending
	for n := range 6 {
		pending = append(pending, b.Append(order(n), 1))
	}
	release()
	stored := 0
	for n, p := range pending {
		_, err := p.Wait(soon(t))
		switch {
		case err == nil:
			stored++
		case !errors.Is(err, ErrUnavailable) && !errors.Is(err, ErrFull):
			t.Errorf("event %d: %v", n, err)
		}
	}
	if stored > 3 {
		t.Errorf("%d events are said to be stored, 3 have room", stored)
	}
	config.MaxMsgs = -1
	if _, err := b.js.UpdateStream(soon(t), config); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the bus is well again", func() bool { return b.Healthy() == nil })
	for n := range 6 {
		add(t, b, order(n))
	}
	if n, err := b.state(soon(t), b.names.events()); err != nil || n.State.Msgs < info.State.Msgs+6 || n.State.Msgs > info.State.Msgs+7 {
		t.Errorf("%d messages are stored, %v; want 6 more than the %d before, and perhaps a marker", n.State.Msgs, err, info.State.Msgs)
	}
}

// What is not answered is given up, with all that would have followed; what
// comes after it goes its way.
func TestAGroupThatIsGivenUp(t *testing.T) {
	b := quiet(open(t, t.TempDir()))
	start(t, b)
	all := works(1, 5)
	behind(b, b.names.workSubject(all[0])) // for good
	c := b.publisher.convoyOf(b.names.workSubject(all[0]))
	lost := c.sent.messages[0]
	if err := b.publisher.enter(withMessage(lost, b, all[0]), behindBarrier); err != nil {
		t.Fatal(err)
	}
	waiting := b.Hand(all[1])
	b.publisher.expire(time.Now().Add(time.Hour))
	for _, p := range []*Pending{lost, waiting} {
		if _, err := p.Wait(soon(t)); !errors.Is(err, ErrUnavailable) {
			t.Errorf("what was given up: %v", err)
		}
	}
	b.suspected.Store(false)
	if err := WaitAll(soon(t), []*Pending{send(b, all[2]), send(b, all[3]), send(b, all[4])}); err != nil {
		t.Errorf("what follows: %v", err)
	}
}

// send sends a delivery past what is remembered of those before.
func send(b *Bus, w *Work) *Pending {
	m, _ := b.names.encodeWork(w, b.ledger.madeAt(w.Pipeline))
	return b.publisher.sendWhenRoom(m)
}

func withMessage(p *Pending, b *Bus, w *Work) *Pending {
	p.message, _ = b.names.encodeWork(w, b.ledger.madeAt(w.Pipeline))
	return p
}

// However much is given up, each message is answered for, and what comes later goes its way.
func TestGroupsAreGivenUpWhileTheyAreSent(t *testing.T) {
	b := quiet(open(t, t.TempDir()))
	start(t, b)
	var senders sync.WaitGroup
	for s := range 4 {
		senders.Go(func() {
			var pending []*Pending
			for n := range 500 {
				pending = append(pending, b.publisher.send(withMessage(newPending(), b, works(1000*s+n, 1000*s+n)[0]).message))
			}
			for _, p := range pending {
				if _, err := p.Wait(soon(t)); err != nil && !errors.Is(err, ErrUnavailable) {
					t.Error(err)
				}
			}
		})
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		senders.Wait()
	}()
	for going := true; going; {
		select {
		case <-ended:
			going = false
		default:
			b.publisher.disconnected()
		}
	}
	if _, err := b.publisher.send(withMessage(newPending(), b, works(1, 1)[0]).message).Wait(soon(t)); err != nil {
		t.Error(err)
	}
}

// A group that a full stream refuses leaves it open which of its events are
// stored. That is found out although the stream takes no marker, or it could not
// be trimmed, and would stay full.
func TestAGroupThatAFullStreamRefuses(t *testing.T) {
	b := open(t, t.TempDir(), small)
	start(t, b)
	c := consume(t, b, "orders", EventsConsumerOptions{})
	sent, stored := 0, 0
	for size := 1 << 20; size > 0; size /= 4 {
		for err := error(nil); err == nil; sent++ {
			e := order(sent).WithBody(bodyOf(size))
			e.Original = e.Body
			if _, err = b.Append(e, 1).Wait(soon(t)); err == nil {
				stored++
			}
		}
	}
	for err := error(nil); err == nil; {
		_, err = b.publisher.sendPlain(&nats.Msg{Subject: b.names.cutSubject(), Header: nats.Header{}, Data: []byte("{}")}).Wait(soon(t))
	}
	release := behind(b, b.names.eventSubject("shop"))
	var pending []*Pending
	for n := range 5 {
		pending = append(pending, b.Append(order(sent+n), 1))
	}
	release()
	if err := WaitAll(soon(t), pending); !errors.Is(err, ErrFull) {
		t.Errorf("a full stream answers %v", err)
	}
	eventually(t, "it is known what is stored", func() bool { return !b.ids.doubts() && b.Healthy() == nil })
	Done(take(t, c, stored))
	eventually(t, "there is room again", func() bool {
		_, err := b.Append(order(sent), 1).Wait(soon(t))
		return err == nil
	})
}

// The answer to the last message of a group says nothing of the first one.
func TestNoAnswerIsNoConfirmation(t *testing.T) {
	b := quiet(open(t, t.TempDir()))
	g, pending := unsent(t, b, works(1, 3))
	g.messages[2].group = g
	g.convoy.answered(g.messages[2], answer{ack: Ack{Sequence: 2}})
	if ack, err := pending[0].Wait(soon(t)); !errors.Is(err, ErrUnavailable) {
		t.Errorf("what was not answered is %+v, %v", ack, err)
	}
}

// unsent is a group that is about to be sent.
func unsent(t *testing.T, b *Bus, all []*Work) (*group, []*Pending) {
	start(t, b)
	subject := b.names.workSubject(all[0])
	behind(b, subject)
	var pending []*Pending
	for _, w := range all {
		pending = append(pending, b.Hand(w))
	}
	c := b.publisher.convoyOf(subject)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sent = nil
	return c.next(), pending
}

// A message that is given up before it has joined the others does not hold them up.
func TestAMessageThatIsGivenUpBeforeItIsSent(t *testing.T) {
	b := quiet(open(t, t.TempDir()))
	start(t, b)
	all := works(1, 2)
	lost := withMessage(newPending(), b, all[0])
	if err := b.publisher.enter(lost, behindBarrier); err != nil {
		t.Fatal(err)
	}
	b.publisher.disconnected()
	b.publisher.convoyOf(b.names.workSubject(all[0])).join(lost)
	if _, err := b.Hand(all[1]).Wait(soon(t)); err != nil {
		t.Error(err)
	}
}

// What follows a group that is given up while it is being sent comes behind it.
func TestWhatFollowsAGroupComesBehindIt(t *testing.T) {
	b := quiet(open(t, t.TempDir()))
	all := works(1, 4)
	g, _ := unsent(t, b, all[:3])
	b.publisher.disconnected()
	last := send(b, all[3])
	g.convoy.send(g)
	if _, err := last.Wait(soon(t)); err != nil {
		t.Fatal(err)
	}
	c, err := b.WorkConsumer(soon(t), "crm", WorkConsumerOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var got []uint64
	for _, m := range take(t, c, 4) {
		w, err := m.Work()
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, w.Sequence)
	}
	if !slices.IsSorted(got) {
		t.Errorf("they are stored in the order %v", got)
	}
}

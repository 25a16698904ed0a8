package bus

import (
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

// handOut is a message of a pipeline's consumer, as the server numbers it.
func handOut(sequence, handed uint64) *Message {
	return &Message{sequence: sequence, handed: handed, msg: &nats.Msg{Reply: "$JS.ACK.s.p_x.1.0.0.1700000000000000000.0"}}
}

// toldAt is where the server is told when messages are done with; "" if it is not.
func toldAt(h *handled, messages ...*Message) (at string) {
	h.done(messages, func(reply string) { at = reply })
	return at
}

func TestOneWordForAllThatIsHandled(t *testing.T) {
	var h handled
	h.begin(0, 2)
	for i, sequence := range []uint64{3, 5, 6, 9} { // others are not for this pipeline
		if !h.out(handOut(sequence, uint64(i+1))) {
			t.Fatalf("%d is said to come too late", sequence)
		}
	}
	for _, step := range []struct {
		done []uint64
		want string // where the server is told, "" if it is not
	}{
		{[]uint64{6}, ""},
		{[]uint64{5}, ""},
		{[]uint64{3}, "$JS.ACK.s.p_x.1.6.3.1700000000000000000.0"},
		{[]uint64{3, 5}, ""}, // once more
		{[]uint64{7}, ""},    // unknown
		{[]uint64{9}, "$JS.ACK.s.p_x.1.9.4.1700000000000000000.0"},
	} {
		var messages []*Message
		for _, sequence := range step.done {
			messages = append(messages, handOut(sequence, 0))
		}
		if got := toldAt(&h, messages...); got != step.want {
			t.Errorf("%v are done with: told at %q, want %q", step.done, got, step.want)
		}
	}
}

func TestAnEventThatComesAgainIsOpenAgain(t *testing.T) {
	var h handled
	h.begin(9, 2)
	h.out(handOut(3, 10))
	h.out(handOut(5, 11))
	toldAt(&h, handOut(5, 0))
	h.out(handOut(5, 12)) // the server has waited for too long
	if got := toldAt(&h, handOut(3, 0)); got != "$JS.ACK.s.p_x.1.3.10.1700000000000000000.0" {
		t.Errorf("told at %q, want the word for 3 alone", got)
	}
	h.out(handOut(3, 13)) // it has not heard of it
	if got := toldAt(&h, handOut(5, 0), handOut(3, 0)); got != "$JS.ACK.s.p_x.1.5.13.1700000000000000000.0" {
		t.Errorf("told at %q, want one word for both", got)
	}
}

// A set-back may be made without our knowing, and then fail: what has the right
// number by chance does not follow what was seen before.
func TestNothingIsTakenUntilTheSetBack(t *testing.T) {
	var h handled
	h.begin(0, 2)
	h.out(handOut(3, 1))
	for _, m := range []*Message{handOut(6, 3), handOut(3, 1), handOut(5, 2)} {
		if h.out(m) {
			t.Errorf("%d is taken, and 5 has not come", m.sequence)
		}
	}
	h.begin(0, 2)
	if !h.out(handOut(3, 1)) {
		t.Error("after the set-back nothing is taken")
	}
}

// The server takes a word for an old one if it does not count what it has handed
// out twice.
func TestWhatFollowsARedeliveryIsHeardOf(t *testing.T) {
	b := open(t, t.TempDir())
	start(t, b)
	c := consume(t, b, "orders", EventsConsumerOptions{AckWait: time.Second})
	add(t, b, orders(1, 5)...)
	Done(append(take(t, c, 5), take(t, c, 5)...))
	settled(t, c)
	// At some moment the server looks after what it waits for.
	for n, until := 6, time.Now().Add(3*time.Second); time.Now().Before(until); n++ {
		add(t, b, order(n))
		Done(take(t, c, 1))
		settled(t, c)
	}
}

// handOutFive opens a bus in a folder and takes five events, of the sequences 2 to 6, in hand.
func handOutFive(t *testing.T, dir string) (*Bus, *Consumer, []*Message) {
	t.Helper()
	b := open(t, dir)
	start(t, b)
	c := consume(t, b, "orders", EventsConsumerOptions{})
	add(t, b, orders(1, 5)...)
	return b, c, take(t, c, 5)
}

// A message that is lost between the server and us is not passed over: one word
// for what follows it would be one for it too.
func TestNoEventIsPassedOver(t *testing.T) {
	b, c, first := handOutFive(t, t.TempDir())
	Done(first)
	settled(t, c)

	if err := c.ask(soon(t), 10); err != nil {
		t.Fatal(err)
	}
	add(t, b, order(6))
	<-c.arrived // lost
	c.request.open = false
	add(t, b, orders(7, 10)...)
	var got []uint64
	for !slices.Equal(got, []uint64{7, 8, 9, 10, 11}) {
		messages, err := c.Fetch(soon(t), 10)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, sequences(messages)...)
		Done(messages)
		if len(got) > 5 {
			t.Fatalf("got %v", got)
		}
	}
	settled(t, c)
}

// What an earlier run has left open comes before anything that follows it, and
// a word on what follows does not pass over it.
func TestWhatIsLeftOpenComesFirst(t *testing.T) {
	dir := t.TempDir()
	b, _, got := handOutFive(t, dir)
	Done(got[2:])
	Done(got[:1])
	shut(t, b)

	b = open(t, dir)
	c := consume(t, b, "orders", EventsConsumerOptions{})
	add(t, b, order(6))
	again := take(t, c, 5)
	if s := sequences(again); !slices.Equal(s, []uint64{3, 4, 5, 6, 7}) {
		t.Errorf("got %v, want all from the first that was left open", s)
	}
	Done(again)
	settled(t, c)
}

// A consumer of which each event was acknowledged for itself goes on where it was.
func TestAConsumerOfAnEarlierKind(t *testing.T) {
	dir := t.TempDir()
	b, c, got := handOutFive(t, dir)
	Done(got[:3])
	eventually(t, "three are handled", func() bool {
		info, err := c.Info(soon(t))
		return err == nil && info.Floor == 4
	})
	shut(t, b)

	b = open(t, dir)
	s, err := b.stream(b.names.events())
	if err != nil {
		t.Fatal(err)
	}
	config := consumerConfig(pipelineConsumer+"orders", 0, 0)
	config.FilterSubjects = []string{b.names.eventSubject("shop")}
	if err := s.DeleteConsumer(soon(t), config.Durable); err != nil {
		t.Fatal(err)
	}
	if _, err := s.CreateConsumer(soon(t), config); err != nil {
		t.Fatal(err)
	}
	b.ledger.forget("orders") // its checkpoint is damaged; and no edit names its sources any more
	c = consume(t, b, "orders", EventsConsumerOptions{Sources: []string{}})
	got = take(t, c, 5)
	if s := sequences(got); !slices.Equal(s, []uint64{2, 3, 4, 5, 6}) {
		t.Errorf("got %v, want what was not handled", s)
	}
	Done(got)
	settled(t, c)
}

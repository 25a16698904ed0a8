package bus

import (
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

// silent is a publisher whose messages to the subject silent are never answered.
func silent(t *testing.T) *publisher {
	t.Helper()
	b := open(t, t.TempDir())
	if _, err := b.asking.SubscribeSync("silent"); err != nil {
		t.Fatal(err)
	}
	if err := b.asking.Flush(); err != nil {
		t.Fatal(err)
	}
	p, err := newPublisher(b.publishing, func() {}, func() {})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// An answer to a message that was given up must not confirm the next one, which
// has its place.
func TestALateAnswerConfirmsNothing(t *testing.T) {
	p := silent(t)
	lost := &nats.Msg{Subject: "silent"}
	first := p.send(lost)
	p.failOpen(time.Now().Add(time.Hour), ErrUnavailable)
	if _, err := first.Wait(soon(t)); !errors.Is(err, ErrUnavailable) {
		t.Fatalf("the first is %v, want given up", err)
	}
	late := lost.Reply
	next := &nats.Msg{Subject: "silent"}
	second := p.send(next)
	if next.Reply == late {
		t.Fatalf("both are answered at %s", late)
	}
	p.answered(&nats.Msg{Subject: late, Data: []byte(`{"stream":"s","seq":7}`)})
	select {
	case <-second.done:
		t.Fatalf("the answer to the first has ended the second: %+v, %v", second.ack, second.err)
	default:
	}
	p.answered(&nats.Msg{Subject: next.Reply, Data: []byte(`{"stream":"s","seq":8}`)})
	if ack, err := second.Wait(soon(t)); err != nil || ack.Sequence != 8 {
		t.Errorf("the second is %+v, %v; want its own answer", ack, err)
	}
}

// A subject that was answered is used again, unless a cluster may answer twice.
func TestSubjectsOfAnswers(t *testing.T) {
	for _, once := range []bool{false, true} {
		p := silent(t)
		p.once = once
		var replies []string
		for range 2 {
			m := &nats.Msg{Subject: "silent"}
			w := p.send(m)
			p.answered(&nats.Msg{Subject: m.Reply, Data: []byte(`{"stream":"s","seq":1}`)})
			if _, err := w.Wait(soon(t)); err != nil {
				t.Fatal(err)
			}
			replies = append(replies, m.Reply)
		}
		if same := replies[0] == replies[1]; same == once {
			t.Errorf("once %v: the answers come to %v", once, replies)
		}
	}
}

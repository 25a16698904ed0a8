package bus

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/trotline/trotline/event"
)

// bury puts dead letters of orders 1 to n into the store; their numbers are 1 to n.
func bury(t *testing.T, b *Bus, n int) {
	t.Helper()
	for i := range n {
		d := &Dead{Event: order(i + 1), Pipeline: "orders", Route: "all", Sink: "crm", Reason: "refused"}
		if _, err := b.Bury(d).Wait(soon(t)); err != nil {
			t.Fatal(err)
		}
	}
}

// numbers are those of all dead letters, in their order.
func numbers(t *testing.T, b *Bus) (all []uint64) {
	t.Helper()
	if err := b.Dead(soon(t), DeadFilter{Pipeline: "orders", Sink: "crm"}, func(d *Dead) bool { all = append(all, d.Number); return true }); err != nil {
		t.Fatal(err)
	}
	return all
}

// edit gives a letter another body.
func edit(t *testing.T, b *Bus, number uint64, body string) {
	t.Helper()
	d, err := b.DeadLetter(soon(t), number)
	if err != nil {
		t.Fatal(err)
	}
	if d.Unedited == nil {
		d.Unedited = d.Event.Body
	}
	d.Edited = time.Now().UTC()
	d.Event = d.Event.WithBody(event.NewBody(event.JSON, []byte(body)))
	if err := b.Amend(soon(t), d); err != nil {
		t.Fatal(err)
	}
}

func TestAnEditedDeadLetterKeepsItsNumber(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir)
	bury(t, b, 3)
	before, err := b.DeadLetter(soon(t), 2)
	if err != nil {
		t.Fatal(err)
	}
	edit(t, b, 2, `{"edit":1}`)
	edit(t, b, 2, `{"edit":2}`)
	if got := numbers(t, b); !slices.Equal(got, []uint64{1, 3, 2}) {
		t.Errorf("the letters are %v", got)
	}
	shut(t, b)

	b = open(t, dir)
	d, err := b.DeadLetter(soon(t), 2)
	if err != nil {
		t.Fatal(err)
	}
	if !d.Time.Equal(before.Time) {
		t.Errorf("it died at %s, and edited at %s", before.Time, d.Time)
	}
	var earlier []uint64
	if err := b.Dead(soon(t), DeadFilter{Until: d.Time.Add(1)}, func(d *Dead) bool { earlier = append(earlier, d.Number); return true }); err != nil || !slices.Equal(earlier, []uint64{1, 2}) {
		t.Errorf("until it died there are %v, %v", earlier, err)
	}
	if raw := string(mustRaw(t, d.Event.Body)); raw != `{"edit":2}` || d.Number != 2 || d.Edited.IsZero() {
		t.Errorf("the letter is %+v with the body %s", d, raw)
	}
	if first, want := string(mustRaw(t, d.Unedited)), string(mustRaw(t, order(2).Body)); first != want {
		t.Errorf("its first body is %s", first)
	}
	if _, err := b.DeadLetter(soon(t), d.Sequence); !errors.Is(err, ErrNotFound) {
		t.Errorf("by its place in the stream: %v", err)
	}

	d.Event, d.Unedited, d.Edited = d.Event.WithBody(d.Unedited), nil, time.Time{}
	if err := b.Amend(soon(t), d); err != nil {
		t.Fatal(err)
	}
	if d, err = b.DeadLetter(soon(t), 2); err != nil || d.Unedited != nil || d.Number != 2 {
		t.Errorf("restored it is %+v, %v", d, err)
	}
	if err := b.DropDead(soon(t), 2); err != nil {
		t.Fatal(err)
	}
	if err := b.DropDead(soon(t), 2); !errors.Is(err, ErrNotFound) {
		t.Errorf("dropped twice: %v", err)
	}
	if got := numbers(t, b); !slices.Equal(got, []uint64{1, 3}) {
		t.Errorf("the letters are %v", got)
	}
}

// A crash after the new letter is stored and before the former one is gone.
func TestAnEditCutShortIsSettledAtTheStart(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir)
	bury(t, b, 2)
	for _, body := range []string{`{"edit":1}`, `{"edit":2}`} {
		d, err := b.DeadLetter(soon(t), 1)
		if err != nil {
			t.Fatal(err)
		}
		d.Unedited, d.Edited = d.Event.Body, time.Now().UTC()
		d.Event = d.Event.WithBody(event.NewBody(event.JSON, []byte(body)))
		m, err := b.names.encodeDead(d, b.ledger.madeAt(d.Pipeline))
		if err != nil {
			t.Fatal(err)
		}
		m.Subject += ".1"
		m.Header.Del("Nats-Msg-Id")
		if _, err := b.hand(b.names.dead(), m).Wait(soon(t)); err != nil {
			t.Fatal(err)
		}
	}
	shut(t, b)

	b = open(t, dir)
	if got := numbers(t, b); !slices.Equal(got, []uint64{2, 1}) {
		t.Errorf("the letters are %v", got)
	}
	if d, err := b.DeadLetter(soon(t), 1); err != nil || string(mustRaw(t, d.Event.Body)) != `{"edit":2}` {
		t.Errorf("the edited one is %+v, %v", d, err)
	}
}

func TestRefusedRequestsAreKeptApart(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir)
	start(t, b)
	bury(t, b, 1)
	r := &Dead{Event: order(7), Reason: "signature", Error: "The signature does not match.", Status: 401}
	b.KeepRefused(r)
	list := func(b *Bus) (all []*Dead) {
		t.Helper()
		if err := b.Dead(soon(t), DeadFilter{Refused: true, Source: "shop"}, func(d *Dead) bool { all = append(all, d); return true }); err != nil {
			t.Fatal(err)
		}
		return all
	}
	eventually(t, "it is kept", func() bool { return len(list(b)) == 1 })
	shut(t, b)

	b = open(t, dir)
	if d := list(b)[0]; d.Reason != "signature" || d.Status != 401 || d.Event.ID != "order-7" {
		t.Errorf("it is kept as %+v", d)
	}
	if got := numbers(t, b); !slices.Equal(got, []uint64{1}) {
		t.Errorf("the dead letters are %v", got)
	}
	if err := b.DropRefused(soon(t), 1); err != nil {
		t.Fatal(err)
	}
	if len(list(b)) != 0 || len(numbers(t, b)) != 1 {
		t.Error("the wrong one was dropped")
	}
}

// A list from the newest on reads a window at once; large bodies make it a small one.
func TestLargeBodiesAreNotReadAllAtOnce(t *testing.T) {
	b := open(t, t.TempDir())
	start(t, b)
	for n := range 12 {
		e := order(n + 1)
		e.Body = bodyOf(3 << 20)
		e.Original = e.Body
		add(t, b, e)
	}
	_, bytes, err := b.between(soon(t), b.names.events(), "", 2, 14)
	if err != nil || bytes > scanBytes+3<<20 {
		t.Errorf("%d bytes are read at once, %v", bytes, err)
	}
	var got []uint64
	if err := b.Events(soon(t), EventFilter{Newest: true}, func(s *Stored) bool { got = append(got, s.Sequence); return true }); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, []uint64{13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2}) {
		t.Errorf("the events are %v", got)
	}
}

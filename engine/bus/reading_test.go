package bus

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"
)

func TestEventsAreListed(t *testing.T) {
	b := open(t, t.TempDir())
	start(t, b) // sequence 1
	base := time.Now().UTC()
	for n := 1; n <= 600; n++ {
		e := order(n)
		e.Time = base.Add(time.Duration(n) * time.Millisecond)
		if n%100 == 0 {
			e.Source = "github"
		}
		add(t, b, e)
	}
	at := func(n int) time.Time { return base.Add(time.Duration(n) * time.Millisecond) }
	for name, c := range map[string]struct {
		filter EventFilter
		want   []uint64
	}{
		"first":            {EventFilter{Limit: 3}, []uint64{2, 3, 4}},
		"newest":           {EventFilter{Limit: 3, Newest: true}, []uint64{601, 600, 599}},
		"behind":           {EventFilter{After: 600}, []uint64{601}},
		"before":           {EventFilter{After: 4, Newest: true}, []uint64{3, 2}},
		"a source":         {EventFilter{Source: "github"}, []uint64{101, 201, 301, 401, 501, 601}},
		"a source, newest": {EventFilter{Source: "github", Newest: true, Limit: 2}, []uint64{601, 501}},
		"an id":            {EventFilter{ID: "order-77"}, []uint64{78}},
		"a type":           {EventFilter{Type: "new_order", Limit: 1}, []uint64{2}},
		"no such type":     {EventFilter{Type: "order"}, nil},
		"through":          {EventFilter{After: 598, Through: 600}, []uint64{599, 600}},
		"where":            {EventFilter{Where: func(s *Stored) bool { return s.Event.ID == "order-9" }}, []uint64{10}},
		"a time":           {EventFilter{Since: at(10), Until: at(13)}, []uint64{11, 12, 13}},
		"a time, newest":   {EventFilter{Since: at(10), Until: at(13), Newest: true}, []uint64{13, 12, 11}},
		"nothing":          {EventFilter{Source: "stripe"}, nil},
		"nothing, newest":  {EventFilter{Source: "stripe", Newest: true}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var got []uint64
			err := b.Events(soon(t), c.filter, func(s *Stored) bool {
				got = append(got, s.Sequence)
				return true
			})
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
	t.Run("until no more is wanted", func(t *testing.T) {
		calls := 0
		if err := b.Events(soon(t), EventFilter{}, func(*Stored) bool { calls++; return calls < 5 }); err != nil || calls != 5 {
			t.Errorf("%d calls, %v", calls, err)
		}
	})
	t.Run("one", func(t *testing.T) {
		s, err := b.Event(soon(t), 78)
		if err != nil || s.Event.ID != "order-77" || s.Generation != 1 {
			t.Errorf("%+v, %v", s, err)
		}
		for _, sequence := range []uint64{0, 602} {
			if _, err := b.Event(soon(t), sequence); !errors.Is(err, ErrNotFound) {
				t.Errorf("event %d: %v", sequence, err)
			}
		}
		if _, err := b.Event(soon(t), 1); err == nil {
			t.Error("the marker of a cut was read as an event")
		}
	})
	t.Run("by its id", func(t *testing.T) {
		s, err := b.FindEvent(soon(t), "", "order-1")
		if err != nil || s.Sequence != 2 {
			t.Errorf("%+v, %v", s, err)
		}
		if _, err := b.FindEvent(soon(t), "github", "order-1"); !errors.Is(err, ErrNotFound) {
			t.Errorf("another source's: %v", err)
		}
	})
}

func TestTail(t *testing.T) {
	b := open(t, t.TempDir())
	start(t, b)
	add(t, b, orders(1, 10)...)
	ctx, cancel := context.WithCancel(soon(t))
	defer cancel()
	seen := make(chan uint64, 100)
	done := make(chan error, 1)
	go func() {
		done <- b.Tail(ctx, "shop", func(s *Stored) bool { seen <- s.Sequence; return true })
	}()
	// It begins at some moment from now on: append until it sees something.
	var first uint64
	for n := 11; first == 0; n++ {
		other := order(n)
		other.Source = "github"
		add(t, b, other, order(n))
		select {
		case first = <-seen:
		case <-time.After(20 * time.Millisecond):
		}
	}
	if first < 12 {
		t.Errorf("the first is %d, which was there before", first)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestDeadLetters(t *testing.T) {
	b := open(t, t.TempDir())
	for n := 1; n <= 6; n++ {
		d := &Dead{Event: order(n), Pipeline: fmt.Sprint("p", n%2), Route: "all", Sink: "crm", Reason: "refused"}
		if n%3 == 0 {
			d.Sink, d.Step, d.Route, d.Reason = "", "a step", "", "expression"
		}
		if _, err := b.Bury(d).Wait(soon(t)); err != nil {
			t.Fatal(err)
		}
	}
	list := func(f DeadFilter) (all []uint64) {
		t.Helper()
		if err := b.Dead(soon(t), f, func(d *Dead) bool { all = append(all, d.Sequence); return true }); err != nil {
			t.Fatal(err)
		}
		return all
	}
	for name, c := range map[string]struct {
		filter DeadFilter
		want   []uint64
	}{
		"all":        {DeadFilter{}, []uint64{1, 2, 3, 4, 5, 6}},
		"newest":     {DeadFilter{Newest: true, Limit: 2}, []uint64{6, 5}},
		"a sink":     {DeadFilter{Sink: "crm"}, []uint64{1, 2, 4, 5}},
		"a step":     {DeadFilter{Step: "a step"}, []uint64{3, 6}},
		"a pipeline": {DeadFilter{Pipeline: "p1"}, []uint64{1, 3, 5}},
		"both":       {DeadFilter{Pipeline: "p1", Reason: "refused"}, []uint64{1, 5}},
		"an event":   {DeadFilter{Source: "shop", ID: "order-4"}, []uint64{4}},
		"since":      {DeadFilter{Since: time.Now().Add(time.Hour)}, nil},
		"behind":     {DeadFilter{After: 4}, []uint64{5, 6}},
		"through":    {DeadFilter{After: 1, Through: 3}, []uint64{2, 3}},
		"back":       {DeadFilter{Newest: true, Through: 3}, []uint64{3, 2, 1}},
		"until":      {DeadFilter{Until: time.Now().Add(-time.Hour)}, nil},
		"where":      {DeadFilter{Where: func(d *Dead) bool { return d.Event.ID >= "order-4" }, Limit: 2}, []uint64{4, 5}},
	} {
		if got := list(c.filter); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
	d, err := b.DeadLetter(soon(t), 3)
	if err != nil || d.Step != "a step" || d.Event.ID != "order-3" || d.Time.IsZero() {
		t.Errorf("%+v, %v", d, err)
	}
	if err := b.DropDead(soon(t), 3); err != nil {
		t.Fatal(err)
	}
	if err := b.DropDead(soon(t), 3); !errors.Is(err, ErrNotFound) {
		t.Errorf("dropped twice: %v", err)
	}
	if _, err := b.DeadLetter(soon(t), 3); !errors.Is(err, ErrNotFound) {
		t.Errorf("read after it was dropped: %v", err)
	}
	if got := list(DeadFilter{}); !slices.Equal(got, []uint64{1, 2, 4, 5, 6}) {
		t.Errorf("left: %v", got)
	}
}

func TestStats(t *testing.T) {
	b := open(t, t.TempDir())
	start(t, b)
	add(t, b, order(1))
	for _, sink := range []string{"crm", "crm", "warehouse"} {
		e := order(1)
		e.Stamp = fmt.Sprint(time.Now().UnixNano())
		if _, err := b.Hand(&Work{Event: e, Sink: sink, Pipeline: "orders", Route: "all", Generation: 1}).Wait(soon(t)); err != nil {
			t.Fatal(err)
		}
	}
	s, err := b.Stats(soon(t))
	if err != nil {
		t.Fatal(err)
	}
	if want := (map[string]uint64{"crm": 2, "warehouse": 1}); !reflect.DeepEqual(s.Waiting, want) {
		t.Errorf("waiting: %v, want %v", s.Waiting, want)
	}
	var names []string
	for _, stream := range s.Streams {
		names = append(names, stream.Name)
		if stream.MaxBytes == 0 || (stream.Messages > 0) == stream.First.IsZero() {
			t.Errorf("%+v", stream)
		}
	}
	if !slices.Equal(names, []string{"events", "work", "dead", "held", "state", "control"}) {
		t.Errorf("streams: %v", names)
	}
}

package bus

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

func consume(t testing.TB, b *Bus, pipeline string, o EventsConsumerOptions) *Consumer {
	t.Helper()
	if o.Sources == nil {
		o.Sources = []string{"shop"}
	}
	c, err := b.EventsConsumer(soon(t), pipeline, o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func sequences(messages []*Message) []uint64 {
	var all []uint64
	for _, m := range messages {
		all = append(all, m.Sequence())
	}
	return all
}

func TestConsumerBeginsWhereItIsTold(t *testing.T) {
	b := open(t, t.TempDir())
	start(t, b) // sequence 1
	add(t, b, orders(1, 5)...)
	e, err := b.Event(soon(t), 4)
	if err != nil {
		t.Fatal(err)
	}
	var stored time.Time
	if err := b.scan(soon(t), b.names.events(), query{Sequence: e.Sequence, Batch: 1}, func(m *found) bool {
		stored = m.time
		return false
	}); err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		name string
		o    EventsConsumerOptions
		want []uint64
	}{
		{"new", EventsConsumerOptions{}, []uint64{7}},
		{"all", EventsConsumerOptions{StartSequence: 1}, []uint64{2, 3, 4, 5, 6, 7}},
		{"from_four", EventsConsumerOptions{StartSequence: 4}, []uint64{4, 5, 6, 7}},
		{"from_a_time", EventsConsumerOptions{StartTime: stored}, []uint64{4, 5, 6, 7}},
		{"beyond", EventsConsumerOptions{StartSequence: 99}, []uint64{7}},
		{"later", EventsConsumerOptions{StartTime: time.Now().Add(time.Hour)}, []uint64{7}},
		{"long_ago", EventsConsumerOptions{StartTime: time.Unix(1, 0)}, []uint64{2, 3, 4, 5, 6, 7}},
		{"other_sources", EventsConsumerOptions{StartSequence: 1, Sources: []string{"github", "stripe"}}, nil},
	}
	opened := make([]*Consumer, len(cases))
	for i, c := range cases {
		opened[i] = consume(t, b, c.name, c.o)
	}
	add(t, b, order(6)) // sequence 7
	for i, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := sequences(take(t, opened[i], len(c.want))); !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
			none(t, opened[i])
		})
	}
}

func TestFetch(t *testing.T) {
	b := open(t, t.TempDir())
	start(t, b)
	c := consume(t, b, "orders", EventsConsumerOptions{})

	t.Run("waits for the first one", func(t *testing.T) {
		got := make(chan []*Message, 1)
		go func() {
			m, _ := c.Fetch(soon(t), 100)
			got <- m
		}()
		add(t, b, order(1))
		if m := <-got; len(m) != 1 {
			t.Errorf("%d messages, want 1", len(m))
		}
	})
	t.Run("takes what is there", func(t *testing.T) {
		add(t, b, orders(2, 51)...)
		began := time.Now()
		if m := take(t, c, 50); m[49].Sequence() != 52 {
			t.Errorf("the last one is %d", m[49].Sequence())
		}
		if d := time.Since(began); d > 5*time.Second {
			t.Errorf("it took %v", d)
		}
	})
	t.Run("not more than asked for", func(t *testing.T) {
		add(t, b, orders(52, 61)...)
		m, err := c.Fetch(soon(t), 3)
		if err != nil || len(m) > 3 {
			t.Fatalf("%d messages, %v", len(m), err)
		}
		take(t, c, 10-len(m))
	})
	t.Run("ends with its context and loses nothing", func(t *testing.T) {
		for range 3 {
			ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
			if _, err := c.Fetch(ctx, 10); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("the error is %v", err)
			}
			cancel()
		}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { defer close(done); _, _ = c.Fetch(ctx, 10) }()
		cancel()
		<-done
		add(t, b, orders(62, 66)...)
		take(t, c, 5)
	})
	t.Run("is told when the consumer is gone", func(t *testing.T) {
		failed := make(chan error, 1)
		go func() {
			_, err := c.Fetch(soon(t), 10)
			failed <- err
		}()
		if err := b.DeleteEventsConsumer(soon(t), "orders"); err != nil {
			t.Fatal(err)
		}
		if err := <-failed; !errors.Is(err, ErrUnavailable) {
			t.Errorf("the error is %v", err)
		}
	})
}

// The largest messages, many at once, pass.
func TestFetchLargeMessages(t *testing.T) {
	b := open(t, t.TempDir())
	start(t, b)
	c := consume(t, b, "orders", EventsConsumerOptions{})
	const n = 12
	for i := range n {
		e := order(i)
		e = e.WithBody(bodyOf(4 << 20))
		e.Original = e.Body
		add(t, b, e)
	}
	for _, m := range take(t, c, n) {
		if e, err := m.Event(); err != nil || len(mustRaw(t, e.Body)) != 4<<20 {
			t.Fatalf("a message of 4 MiB: %v", err)
		}
	}
}

func TestNakAndRedelivery(t *testing.T) {
	b := open(t, t.TempDir())
	start(t, b)
	c := consume(t, b, "orders", EventsConsumerOptions{AckWait: 300 * time.Millisecond})
	add(t, b, orders(1, 3)...)
	got := take(t, c, 3)
	got[0].Nak(0)
	got[1].Ack()
	got[2].Nak(50 * time.Millisecond)
	again := take(t, c, 2)
	for i, m := range again {
		if m.Delivered() != 2 {
			t.Errorf("message %d was handed out %d times, want 2", i, m.Delivered())
		}
	}
	again[0].Ack()
	// One that is not spoken for comes again after AckWait.
	if m := take(t, c, 1)[0]; m.Sequence() != again[1].Sequence() || m.Delivered() != 3 {
		t.Errorf("sequence %d the %d. time", m.Sequence(), m.Delivered())
	}
	none(t, c)
}

func TestConsumerIsUpdatedNotMadeAnew(t *testing.T) {
	b := open(t, t.TempDir())
	start(t, b)
	c := consume(t, b, "orders", EventsConsumerOptions{})
	add(t, b, orders(1, 10)...)
	for _, m := range take(t, c, 4) {
		m.Ack()
	}
	eventually(t, "four are acknowledged", func() bool {
		info, err := c.Info(soon(t))
		return err == nil && info.Floor == 5
	})
	wider := consume(t, b, "orders", EventsConsumerOptions{Sources: []string{"shop", "github"}, StartSequence: 1})
	if wider != c {
		t.Error("the same consumer is another one")
	}
	other := order(11)
	other.Source = "github"
	add(t, b, other)
	if got, want := sequences(take(t, c, 7)), []uint64{6, 7, 8, 9, 10, 11, 12}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	// Without sources it keeps what it reads.
	consume(t, b, "orders", EventsConsumerOptions{Sources: []string{}})
	add(t, b, order(13))
	take(t, c, 1)
}

func TestConsumerInfo(t *testing.T) {
	b := open(t, t.TempDir())
	start(t, b)
	c := consume(t, b, "orders", EventsConsumerOptions{})
	before := time.Now().Add(-time.Second)
	add(t, b, orders(1, 10)...)
	got := take(t, c, 4)
	got[0].Ack()
	var info ConsumerInfo
	eventually(t, "one is acknowledged", func() (ok bool) {
		var err error
		info, err = c.Info(soon(t))
		return err == nil && info.Floor == 2
	})
	if info.Pending != 6 || info.AckPending != 3 || info.OldestPending.Before(before) {
		t.Errorf("%+v", info)
	}
}

func TestConsumersAreListed(t *testing.T) {
	b := open(t, t.TempDir())
	for _, name := range []string{"b", "a"} {
		consume(t, b, name, EventsConsumerOptions{})
		if _, err := b.WorkConsumer(soon(t), name, WorkConsumerOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"a", "b"}
	for what, list := range map[string]func(context.Context) ([]string, error){"pipelines": b.PipelineConsumers, "sinks": b.SinkConsumers} {
		if got, err := list(soon(t)); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v %v, want %v", what, got, err, want)
		}
	}
	if err := b.DeleteEventsConsumer(soon(t), "a"); err != nil {
		t.Fatal(err)
	}
	if err := b.DeleteWorkConsumer(soon(t), "a"); err != nil {
		t.Fatal(err)
	}
	if err := b.DeleteWorkConsumer(soon(t), "a"); err != nil {
		t.Errorf("deleted twice: %v", err)
	}
	for what, list := range map[string]func(context.Context) ([]string, error){"pipelines": b.PipelineConsumers, "sinks": b.SinkConsumers} {
		if got, err := list(soon(t)); err != nil || !slices.Equal(got, want[1:]) {
			t.Errorf("%s: %v %v, want %v", what, got, err, want[1:])
		}
	}
}

// A sink's queue is one queue, whichever pipelines fill it, and gives each
// delivery to one of those who pull.
func TestWorkConsumer(t *testing.T) {
	b := open(t, t.TempDir())
	for n := range 10 {
		w := &Work{Event: order(n), Sequence: uint64(n), Generation: 1, Sink: "crm", Pipeline: fmt.Sprint("p", n%2), Route: "all"}
		other := *w
		other.Sink = "crm_2"
		if err := WaitAll(soon(t), []*Pending{b.Hand(w), b.Hand(&other)}); err != nil {
			t.Fatal(err)
		}
	}
	c, err := b.WorkConsumer(soon(t), "crm", WorkConsumerOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for n, m := range take(t, c, 10) {
		w, err := m.Work()
		if err != nil {
			t.Fatal(err)
		}
		if w.Sink != "crm" || w.Sequence != uint64(n) {
			t.Errorf("delivery %d is %+v", n, w)
		}
		m.Ack()
	}
	eventually(t, "they are gone", func() bool {
		s, err := b.Stats(soon(t))
		return err == nil && s.Waiting["crm"] == 0 && s.Waiting["crm_2"] == 10
	})
}

// lose closes a bus, damages what the server remembers of a consumer, and opens the bus again.
func lose(t *testing.T, b *Bus, damage func(t *testing.T, consumer string)) *Bus {
	t.Helper()
	shut(t, b)
	damage(t, filepath.Join(b.folder.dir, "jetstream", "$G", "streams", b.names.events(), "obs", "p_orders"))
	return open(t, b.folder.dir)
}

func TestCheckpointRestoresLostConsumers(t *testing.T) {
	for name, damage := range map[string]func(t *testing.T, consumer string){
		"state lost": func(t *testing.T, consumer string) {
			if err := os.Remove(filepath.Join(consumer, "o.dat")); err != nil {
				t.Fatal(err)
			}
		},
		"state empty": func(t *testing.T, consumer string) {
			if err := os.Truncate(filepath.Join(consumer, "o.dat"), 0); err != nil {
				t.Fatal(err)
			}
		},
		"consumer lost": func(t *testing.T, consumer string) {
			if err := os.RemoveAll(consumer); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := open(t, t.TempDir())
			start(t, b)
			c := consume(t, b, "orders", EventsConsumerOptions{})
			add(t, b, orders(1, 100)...)
			for _, m := range take(t, c, 60) {
				m.Ack()
			}
			b = lose(t, b, damage)
			if names, err := b.PipelineConsumers(soon(t)); err != nil || !slices.Equal(names, []string{"orders"}) {
				t.Errorf("pipelines: %v, %v", names, err)
			}
			c = consume(t, b, "orders", EventsConsumerOptions{})
			got := take(t, c, 40)
			if got[0].Sequence() != 62 || got[39].Sequence() != 101 {
				t.Errorf("it goes on with %d to %d, want 62 to 101", got[0].Sequence(), got[39].Sequence())
			}
			none(t, c)
		})
	}
}

// A pipeline that was made and never handled anything is not made anew at the
// end of the stream when the server loses it.
func TestCheckpointRemembersNewConsumers(t *testing.T) {
	b := open(t, t.TempDir())
	start(t, b)
	consume(t, b, "orders", EventsConsumerOptions{})
	add(t, b, orders(1, 10)...)
	b = lose(t, b, func(t *testing.T, consumer string) {
		if err := os.RemoveAll(consumer); err != nil {
			t.Fatal(err)
		}
	})
	take(t, consume(t, b, "orders", EventsConsumerOptions{}), 10)
}

// Sequences of a stream that is another one mean nothing.
func TestCheckpointOfAnotherStream(t *testing.T) {
	b := open(t, t.TempDir())
	start(t, b)
	c := consume(t, b, "orders", EventsConsumerOptions{})
	add(t, b, orders(1, 100)...)
	for _, m := range take(t, c, 100) {
		m.Ack()
	}
	settled(t, c)
	b = lose(t, b, func(t *testing.T, consumer string) {
		if err := os.RemoveAll(filepath.Dir(filepath.Dir(consumer))); err != nil {
			t.Fatal(err)
		}
	})
	c = consume(t, b, "orders", EventsConsumerOptions{})
	b.cut.Lock()
	b.generation = 1
	b.cut.Unlock()
	add(t, b, orders(1, 5)...)
	take(t, c, 5)
}

// A stream that ends before what its consumer remembers, because a power cut
// took its end, is handled from its end on.
func TestConsumerBeyondTheStream(t *testing.T) {
	b := open(t, t.TempDir())
	start(t, b)
	c := consume(t, b, "orders", EventsConsumerOptions{})
	add(t, b, orders(1, 100)...)
	for _, m := range take(t, c, 100) {
		m.Ack()
	}
	settled(t, c)
	shut(t, b)
	messages := filepath.Join(b.folder.dir, "jetstream", "$G", "streams", b.names.events(), "msgs")
	if err := os.Remove(filepath.Join(messages, "index.db")); err != nil {
		t.Fatal(err)
	}
	block := filepath.Join(messages, "1.blk")
	info, err := os.Stat(block)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(block, info.Size()/2); err != nil {
		t.Fatal(err)
	}
	b = open(t, b.folder.dir)
	c = consume(t, b, "orders", EventsConsumerOptions{})
	none(t, c)
	add(t, b, orders(201, 205)...)
	take(t, c, 5)
}

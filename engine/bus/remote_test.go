package bus

import (
	"errors"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/trotline/trotline/event"
)

// elsewhere is a NATS server of its own, reached over the network.
func elsewhere(t *testing.T, change ...func(*Options)) event.Secret {
	t.Helper()
	host := open(t, t.TempDir(), append(change, func(o *Options) { o.Prefix, o.Listen = "host", "127.0.0.1:0" })...)
	return event.Secret("nats://" + host.server.server().Addr().String())
}

func remote(url event.Secret) func(*Options) {
	return func(o *Options) { o.Dir, o.URL, o.MaxDisk = "", url, 0 }
}

func TestRemoteServer(t *testing.T) {
	url := elsewhere(t)
	b := open(t, "", remote(url))
	start(t, b)
	events := consume(t, b, "orders", EventsConsumerOptions{})
	work, err := b.WorkConsumer(soon(t), "crm", WorkConsumerOptions{})
	if err != nil {
		t.Fatal(err)
	}
	add(t, b, orders(1, 100)...)
	for _, m := range take(t, events, 100) {
		e, err := m.Event()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.Hand(&Work{Event: e, Sequence: m.Sequence(), Generation: 1, Sink: "crm", Pipeline: "orders", Route: "all"}).Wait(soon(t)); err != nil {
			t.Fatal(err)
		}
		m.Ack()
	}
	for _, m := range take(t, work, 100) {
		m.Ack()
	}
	settled(t, events)
	settled(t, work)
	shut(t, b)

	b = open(t, "", remote(url))
	if b.generation != 1 {
		t.Errorf("generation %d is in force after the restart", b.generation)
	}
	none(t, consume(t, b, "orders", EventsConsumerOptions{}))
}

func TestOnePrefixTakesOneEngine(t *testing.T) {
	url := elsewhere(t)
	first := open(t, "", remote(url))
	start(t, first)
	if _, err := tryOpen(t, "", remote(url)); err == nil || !strings.Contains(err.Error(), "another engine") {
		t.Errorf("a second engine on the prefix: %v", err)
	}
	open(t, "", remote(url), func(o *Options) { o.Prefix = "another" })
	shut(t, first)
	open(t, "", remote(url)) // at once: the first one has said that it ended
}

func TestAnEngineWhosePlaceIsTakenStops(t *testing.T) {
	b := open(t, "", remote(elsewhere(t)))
	start(t, b)
	events := consume(t, b, "orders", EventsConsumerOptions{})
	if _, err := b.js.Publish(soon(t), b.names.leaseSubject(), []byte("somebody else")); err != nil {
		t.Fatal(err)
	}
	b.renewLease(soon(t))
	if err := b.Healthy(); !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "somebody else") {
		t.Errorf("healthy: %v", err)
	}
	if _, err := b.Append(orders(1, 1)[0], 1).Wait(soon(t)); !errors.Is(err, ErrUnavailable) {
		t.Errorf("it still appends: %v", err)
	}
	if _, err := events.Fetch(soon(t), 1); !errors.Is(err, ErrUnavailable) {
		t.Errorf("it still fetches: %v", err)
	}
}

func TestRemoteServerWithSmallPayload(t *testing.T) {
	url := elsewhere(t, func(o *Options) { o.MaxPayload = 64 << 10 })
	_, err := tryOpen(t, "", remote(url), func(o *Options) { o.MaxPayload = 5 << 20 })
	if err == nil || !strings.Contains(err.Error(), "max_payload") {
		t.Fatalf("the error is %v", err)
	}
}

func TestForeignStreamIsRefused(t *testing.T) {
	url := elsewhere(t)
	nc, err := nats.Connect(url.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := nc.JetStream()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.AddStream(&nats.StreamConfig{Name: "trotline_events", Subjects: []string{"mine"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := tryOpen(t, "", remote(url)); err == nil || !strings.Contains(err.Error(), "trotline_events") {
		t.Fatalf("the error is %v", err)
	}
}

// The connection is lost while messages are under way: who waits is told, and
// everything goes on by itself when it is back.
func TestRemoteServerGoesAndComesBack(t *testing.T) {
	host := open(t, t.TempDir(), func(o *Options) { o.Prefix, o.Listen = "host", "127.0.0.1:0" })
	address := host.server.server().Addr().String()
	b := open(t, "", remote(event.Secret("nats://"+address)))
	start(t, b)
	c := consume(t, b, "orders", EventsConsumerOptions{})
	add(t, b, orders(1, 10)...)
	for _, m := range take(t, c, 10) {
		m.Ack()
	}
	settled(t, c)

	host.server.options.Host, host.server.options.Port = "127.0.0.1", portOf(t, address)
	host.server.stop()
	eventually(t, "events are refused", func() bool {
		_, err := b.Append(order(11), 1).Wait(soon(t))
		return errors.Is(err, ErrUnavailable)
	})
	if b.Healthy() == nil {
		eventually(t, "the bus says so", func() bool { return b.Healthy() != nil })
	}
	fetched := make(chan int, 1)
	go func() {
		got, err := c.Fetch(soon(t), 10)
		for err != nil && soon(t).Err() == nil && len(got) == 0 {
			got, err = c.Fetch(soon(t), 10)
		}
		fetched <- len(got)
	}()
	if err := host.server.start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "events are taken again", func() bool {
		_, err := b.Append(order(12), 1).Wait(soon(t))
		return err == nil
	})
	if n := <-fetched; n == 0 {
		t.Error("nothing was fetched")
	}
}

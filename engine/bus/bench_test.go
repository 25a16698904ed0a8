package bus

import (
	"fmt"
	"strconv"
	"sync"
	"testing"
)

// BenchmarkAppend: waiters that append one event each and wait until it is on
// the disk, again and again.
func BenchmarkAppend(b *testing.B) {
	for _, waiters := range []int{1, 64, 256, 1000} {
		for _, durable := range []bool{true, false} {
			b.Run(fmt.Sprintf("waiters=%d/durable=%v", waiters, durable), func(b *testing.B) {
				bus := open(b, b.TempDir(), func(o *Options) { o.MaxDisk, o.Durable = 8<<30, durable })
				start(b, bus)
				e := order(1)
				e.Stamp = e.ID
				var wait sync.WaitGroup
				b.ReportAllocs()
				b.ResetTimer()
				for w := range waiters {
					wait.Go(func() {
						for i := w; i < b.N; i += waiters {
							if _, err := bus.Append(e, 1).Wait(b.Context()); err != nil {
								b.Error(err)
								return
							}
						}
					})
				}
				wait.Wait()
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
			})
		}
	}
}

// BenchmarkTwoHops: events to a pipeline, handed over to a sink, acknowledged by it.
func BenchmarkTwoHops(b *testing.B) {
	const batch = 512
	bus := open(b, b.TempDir(), func(o *Options) { o.MaxDisk = 8 << 30 })
	start(b, bus)
	events, err := bus.EventsConsumer(b.Context(), "orders", EventsConsumerOptions{Sources: []string{"shop"}})
	if err != nil {
		b.Fatal(err)
	}
	work, err := bus.WorkConsumer(b.Context(), "warehouse", WorkConsumerOptions{})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.ResetTimer()
	var wait sync.WaitGroup
	wait.Go(func() {
		first := order(1)
		for n := 0; n < b.N; n += batch {
			pending := make([]*Pending, 0, batch)
			for i := n; i < min(n+batch, b.N); i++ {
				e := *first
				e.Stamp = strconv.Itoa(i)
				e.ID = e.Stamp
				pending = append(pending, bus.Append(&e, 1))
			}
			if err := WaitAll(b.Context(), pending); err != nil {
				b.Error(err)
				return
			}
		}
	})
	wait.Go(func() {
		for n := 0; n < b.N; {
			got, err := events.Fetch(b.Context(), batch)
			if err != nil {
				b.Error(err)
				return
			}
			pending := make([]*Pending, 0, len(got))
			for _, m := range got {
				e, err := m.Event()
				if err != nil {
					b.Error(err)
					return
				}
				pending = append(pending, bus.Hand(&Work{
					Event: e, Sequence: m.Sequence(), Generation: 1, Sink: "warehouse", Pipeline: "orders", Route: "all",
				}))
			}
			wait.Go(func() {
				if err := WaitAll(b.Context(), pending); err != nil {
					b.Error(err)
				}
				for _, m := range got {
					m.Ack()
				}
			})
			n += len(got)
		}
	})
	wait.Go(func() {
		for n := 0; n < b.N; {
			got, err := work.Fetch(b.Context(), batch)
			if err != nil {
				b.Error(err)
				return
			}
			for _, m := range got {
				if _, err := m.Work(); err != nil {
					b.Error(err)
					return
				}
				m.Ack()
			}
			n += len(got)
		}
	})
	wait.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

package postgres

import (
	"context"
	"fmt"
	"testing"

	"github.com/trotline/trotline/event"
	"github.com/trotline/trotline/event/eventtest"
	"github.com/trotline/trotline/internal/pgtest"
)

// One batch of the default size, upserted, on a server without fsync.
func BenchmarkDeliver(b *testing.B) {
	s, err := open(b.Context(), &Settings{
		DSN: event.Secret(pgtest.Start(b)), Table: "orders", Key: []string{"id"}, Version: "v", Create: true,
	}, event.SinkOptions{Concurrency: 1})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = s.Close(context.Background()) }()
	batch := make([]*event.Delivery, Kind().Batch)
	for i := range batch {
		id := fmt.Sprint(i)
		batch[i] = eventtest.DeliveryJSON(id, `{"id": `+id+`, "customer": "ann", "total": 10.10, "paid": true, "v": "2026-01-01T00:00:00Z"}`)
	}
	b.ReportAllocs()
	for b.Loop() {
		for _, v := range s.Deliver(b.Context(), batch) {
			if v.Err != nil {
				b.Fatal(v.Err)
			}
		}
	}
	b.ReportMetric(float64(b.N*len(batch))/b.Elapsed().Seconds(), "rows/s")
}

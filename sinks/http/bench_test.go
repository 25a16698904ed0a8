package httpsink

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/trotline/trotline/event"
	"github.com/trotline/trotline/event/eventtest"
)

// BenchmarkDeliver is deliveries to a receiver in the same process that reads
// each request and does nothing else, by either client.
func BenchmarkDeliver(b *testing.B) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
	}))
	defer server.Close()
	for _, client := range []string{"plain", "transport"} {
		for _, concurrency := range []int{1, 8, 64} {
			b.Run(fmt.Sprintf("%s/concurrency=%d", client, concurrency), func(b *testing.B) {
				s, err := Kind().Open(b.Context(), &Settings{URL: eventtest.Template(server.URL + "/orders"), Method: "POST"},
					event.SinkOptions{Name: "bench", Concurrency: concurrency})
				must(b, err)
				defer s.(event.Closer).Close(b.Context())
				if client == "transport" {
					s.(*sink).client.maxBody = -1
				}
				deliver(b, s, concurrency)
			})
		}
	}
}

func deliver(b *testing.B, s event.Sink, concurrency int) {
	batch := []*event.Delivery{eventtest.DeliveryJSON("bench", `{"order_id": 1, "total": 10.10}`)}
	b.ReportAllocs()
	work := make(chan struct{})
	done := make(chan error)
	for range concurrency {
		go func() {
			var failed error
			for range work {
				if v := s.Deliver(b.Context(), batch); v[0].Err != nil {
					failed = v[0].Err
				}
			}
			done <- failed
		}()
	}
	for b.Loop() {
		work <- struct{}{}
	}
	close(work)
	for range concurrency {
		if err := <-done; err != nil {
			b.Error(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "deliveries/s")
}

package stage

import (
	"fmt"
	"log/slog"
	"runtime"
	"testing"
	"time"

	"github.com/trotline/trotline/event/eventtest"
)

// BenchmarkRemember says what a key takes in memory and in the changelog.
func BenchmarkRemember(b *testing.B) {
	m := &memory{pipeline: "orders", log: slog.New(slog.DiscardHandler), states: map[string]*state{}}
	step := &Step{Name: "step_1", State: "counting", Transform: counting{"id"}}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for n := range b.N {
		e := eventtest.EventJSON(fmt.Sprintf(`{"id":"order-%d"}`, n))
		e.Time = e.Time.Add(time.Duration(n))
		m.decide(1, step, counting{"id"}, e)
		m.records, m.changelog.fresh = nil, nil
	}
	b.StopTimer()
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(b.N), "B/key")
	runtime.KeepAlive(m)
}

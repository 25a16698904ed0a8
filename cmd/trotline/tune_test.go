package main

import "testing"

func TestCollectorPercent(t *testing.T) {
	for live, want := range map[uint64]int{0: 300, 10 << 20: 300, 48 << 20: 200, 96 << 20: 100, 1 << 30: 100} {
		if got := collectorPercent(live); got != want {
			t.Errorf("with %d MiB in use the collector's percentage is %d, want %d", live>>20, got, want)
		}
	}
}

func TestMemoryLimit(t *testing.T) {
	for live, want := range map[uint64]int64{0: 240 << 20, 160 << 20: 240 << 20, 200 << 20: 300 << 20, 1 << 30: 1536 << 20} {
		if got := memoryLimit(live); got != want {
			t.Errorf("with %d MiB in use the limit is %d MiB, want %d MiB", live>>20, got>>20, want>>20)
		}
	}
}

package main

import "testing"

func TestCollectorPercent(t *testing.T) {
	for live, want := range map[uint64]int{0: 300, 10 << 20: 300, 48 << 20: 200, 96 << 20: 100, 1 << 30: 100} {
		if got := collectorPercent(live); got != want {
			t.Errorf("with %d MiB in use the collector's percentage is %d, want %d", live>>20, got, want)
		}
	}
}

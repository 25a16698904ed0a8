package main

import "testing"

func TestCollectorPercent(t *testing.T) {
	for _, c := range []struct{ live, scan, want uint64 }{
		{0, 0, 300},
		{10, 10, 300},
		{48, 20, 200},
		{96, 30, 100},
		{192, 30, 50},  // large bodies, or many ids
		{192, 180, 93}, // what steps remember
		{512, 30, 18},
		{2048, 30, 10},
		{1024, 1024, 100},
	} {
		if got := collectorPercent(c.live<<20, c.scan<<20); got != int(c.want) {
			t.Errorf("with %d MiB in use, %d of them to look at, the collector's percentage is %d, want %d", c.live, c.scan, got, c.want)
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

func TestCollectorHasRoomInABurst(t *testing.T) {
	c := collector{percent: usualPercent}
	little, much := heap{live: 40 << 20}, heap{live: 400 << 20}
	for _, step := range []struct {
		cycles uint64
		now    heap
		want   int
	}{
		{0, little, 100}, {3, little, 100}, {4, little, 240}, {4, much, 24}, {0, much, 24}, {0, little, 100},
	} {
		step.now.cycles = step.cycles
		if got := c.next(heap{}, step.now); got != step.want {
			t.Errorf("after %d collections in a second with %d MiB in use the percentage is %d, want %d", step.cycles, step.now.live>>20, got, step.want)
		}
	}
}

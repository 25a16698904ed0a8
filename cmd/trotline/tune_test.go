package main

import "testing"

func TestCollectorPercent(t *testing.T) {
	for _, c := range []struct{ live, scan, want uint64 }{
		{0, 0, 300},
		{10, 10, 300},
		{48, 10, 200},
		{96, 19, 100},
		{192, 19, 50}, // large bodies
		{512, 19, 18},
		{2048, 19, 10},
		{192, 40, 104},  // many ids
		{192, 180, 133}, // what steps remember
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
	little, much := heap{live: 40 << 20}, heap{live: 160 << 20, scan: 60 << 20}
	for _, step := range []struct {
		cycles  uint64
		now     heap
		percent int
		limit   int64 // in MiB
	}{
		{0, little, 100, 240}, {2, little, 100, 240}, {3, little, 240, 256}, {3, much, 160, 256}, {2, much, 160, 256}, {0, much, 100, 240}, {0, little, 100, 240},
	} {
		step.now.cycles = step.cycles
		if c = c.next(heap{}, step.now); c.percent != step.percent || c.limit>>20 != step.limit {
			t.Errorf("after %d collections in a second with %d MiB in use the percentage is %d, want %d, and the limit %d MiB, want %d",
				step.cycles, step.now.live>>20, c.percent, step.percent, c.limit>>20, step.limit)
		}
	}
}

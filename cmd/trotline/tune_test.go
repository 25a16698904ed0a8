package main

import (
	"runtime"
	"runtime/metrics"
	"slices"
	"testing"
)

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

func TestLull(t *testing.T) {
	const much, little = burst, calm
	still := func(seconds int) []uint64 { return slices.Repeat([]uint64{little / 100}, seconds) }
	for name, c := range map[string]struct {
		made []uint64
		want []int // the seconds at whose end memory is given back
	}{
		"nothing happened":      {still(30), nil},
		"a burst":               {slices.Concat([]uint64{much}, still(30)), []int{3, 15}},
		"one that does not end": {slices.Repeat([]uint64{much}, 30), nil},
		"a breath in it":        {slices.Concat([]uint64{much, 0, 0, much}, still(3)), []int{6}},
		"another one":           {slices.Concat([]uint64{much}, still(20), []uint64{much}, still(4)), []int{3, 15, 24}},
		"too little for one":    {slices.Concat([]uint64{much / 2}, still(20)), nil},
		"a trickle":             {slices.Concat([]uint64{much}, slices.Repeat([]uint64{little}, 200)), []int{3, 15}},
	} {
		var l lull
		var now heap
		var got []int
		for second, made := range c.made {
			before := now
			now.made += made
			if l.over(before, now) {
				got = append(got, second)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: memory is given back after the seconds %v, want %v", name, got, c.want)
		}
	}
}

func TestGiveBack(t *testing.T) {
	const size = 64 << 20
	filled := make([]byte, size)
	for i := range filled {
		filled[i] = 1
	}
	before := released()
	runtime.KeepAlive(filled)
	giveBack()
	if got := released() - before; got < size/2 {
		t.Errorf("%d bytes were given back of %d", got, size)
	}
}

// released is how much memory the system has back.
func released() int64 {
	s := []metrics.Sample{{Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(s)
	return int64(s[0].Value.Uint64())
}

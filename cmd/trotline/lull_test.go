package main

import (
	"runtime"
	"runtime/metrics"
	"slices"
	"testing"
)

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

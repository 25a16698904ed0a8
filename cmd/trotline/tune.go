package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// tuneRuntime fits the runtime to what an engine does, unless the environment
// says otherwise.
func tuneRuntime() {
	// A flush of the disk holds a processor of the scheduler that does nothing
	// meanwhile; with one more there is one for each core.
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + 1)
	}
	if os.Getenv("GOGC") == "" && os.Getenv("GOMEMLIMIT") == "" {
		go tuneMemory()
	}
}

// tuneMemory looks at the heap each second.
func tuneMemory() {
	c, l := collector{percent: usualPercent}, lull{}
	var before heap
	for range time.Tick(time.Second) {
		now := readHeap()
		next := c.next(before, now)
		if next.percent != c.percent {
			debug.SetGCPercent(next.percent)
		}
		debug.SetMemoryLimit(next.limit)
		c = next
		if l.over(before, now) {
			giveBack()
		}
		before = now
	}
}

// heap is what the runtime says of it.
type heap struct {
	cycles uint64 // collections since the start
	made   uint64 // bytes since the start
	live   uint64 // bytes that the last collection has found in use
	scan   uint64 // bytes that a collection has to look at: what has no pointers costs it nothing
}

func readHeap() heap {
	s := []metrics.Sample{
		{Name: "/gc/cycles/total:gc-cycles"}, {Name: "/gc/heap/allocs:bytes"},
		{Name: "/gc/heap/live:bytes"}, {Name: "/gc/scan/heap:bytes"},
	}
	metrics.Read(s)
	return heap{s[0].Value.Uint64(), s[1].Value.Uint64(), s[2].Value.Uint64(), s[3].Value.Uint64()}
}

const (
	// roomy is the garbage that may gather in a burst, where Go would let gather
	// as much as is in use, which is little, or with large bodies much.
	roomy = 96 << 20
	// roomForScan is how many times what a collection has to look at may gather as
	// well, up to mostRoom. Many small pieces make collections dear.
	roomForScan = 5
	mostRoom    = 256 << 20
	// The collector's percentage (GOGC) as Go has it, the lowest that is set, and
	// the highest: more saves nothing, because fresh memory costs too.
	usualPercent, leastPercent, mostPercent = 100, 10, 300
	// frugal is the memory an engine gets along with, as long as no more than two
	// thirds of it is in use: outside a burst it collects garbage before it takes more.
	frugal = 240 << 20
	// generous is the memory it may take in a burst, when collecting costs most.
	generous = 256 << 20
	// oftenCollected is how many collections in a second are many.
	oftenCollected = 2
)

// collector lets more garbage gather while much is made, which halves what the
// collector takes of the processor, and takes it back after that.
type collector struct {
	percent int   // of what is in use may gather as garbage
	limit   int64 // of the process's memory, in bytes
}

// next is the collector for the next second.
func (c collector) next(before, now heap) collector {
	percent, limit := collectorPercent(now.live, now.scan), memoryLimit(now.live)
	// With room the same garbage makes fewer collections.
	if (now.cycles-before.cycles)*uint64(c.percent) > oftenCollected*usualPercent {
		return collector{percent, max(limit, generous)}
	}
	return collector{min(percent, usualPercent), limit}
}

// room is the garbage that may gather in a burst: no less than a collection has to look at.
func room(scan uint64) uint64 { return max(roomy, scan, min(roomForScan*scan, mostRoom)) }

// collectorPercent is the percentage that lets as much as room says gather on top of what is in use.
func collectorPercent(live, scan uint64) int {
	return int(min(max(100*room(scan)/max(live, 1), leastPercent), mostPercent))
}

// memoryLimit is the memory that is enough for what is in use. It grows with
// that, or the collector would run without an end.
func memoryLimit(live uint64) int64 { return int64(max(frugal, live*3/2)) }

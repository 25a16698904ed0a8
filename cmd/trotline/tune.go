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
		go tuneCollector()
	}
}

const (
	// roomy is the garbage that may gather in a burst, where Go would let gather
	// as much as is in use, which is little.
	roomy = 96 << 20
	// The collector's percentage (GOGC) as Go has it, and the highest that is set:
	// more saves nothing, because fresh memory costs too.
	usualPercent, mostPercent = 100, 300
	// frugal is the memory an engine gets along with, as long as no more than two
	// thirds of it is in use: before it takes more, it collects garbage.
	frugal = 240 << 20
	// oftenCollected is how many collections in a second are many.
	oftenCollected = 3
)

// tuneCollector lets more garbage gather while much is made, which halves what
// the collector takes of the processor, and takes it back after that. Where much
// is in use it lets gather less than Go would, which is as much again.
func tuneCollector() {
	sample := []metrics.Sample{{Name: "/gc/cycles/total:gc-cycles"}, {Name: "/gc/heap/live:bytes"}}
	percent := usualPercent
	var before uint64
	debug.SetMemoryLimit(frugal)
	for range time.Tick(time.Second) {
		metrics.Read(sample)
		cycles, live := sample[0].Value.Uint64(), sample[1].Value.Uint64()
		debug.SetMemoryLimit(memoryLimit(live))
		want := usualPercent
		// With room the same garbage makes fewer collections.
		if (cycles-before)*uint64(percent) > oftenCollected*usualPercent {
			want = collectorPercent(live)
		}
		before = cycles
		if want != percent {
			debug.SetGCPercent(want)
			percent = want
		}
	}
}

// collectorPercent is the percentage that lets roomy gather on top of what is in use.
func collectorPercent(live uint64) int {
	return int(min(max(100*roomy/max(live, 1), usualPercent), mostPercent))
}

// memoryLimit is the memory that is enough for what is in use. It grows with
// that, or the collector would run without an end.
func memoryLimit(live uint64) int64 { return int64(max(frugal, live*3/2)) }

package main

import (
	"os"
	"runtime"
	"runtime/debug"
)

// tuneRuntime fits the runtime to what an engine does, unless the environment
// says otherwise.
func tuneRuntime() {
	if os.Getenv("GOMAXPROCS") == "" {
		// A flush of the disk holds a processor of the scheduler that does nothing
		// meanwhile: with one more there is one for each core.
		runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + 1)
	}
	if os.Getenv("GOGC") == "" {
		// What is in use is small, and under load the collector would take a tenth
		// of the processor: the heap may grow to three times what is in use.
		debug.SetGCPercent(200)
	}
}

package main

import (
	"os"
	"runtime"
)

// tuneRuntime fits the runtime to what an engine does, unless the environment
// says otherwise: a flush of the disk holds a processor of the scheduler that does
// nothing meanwhile, and with one more there is one for each core.
func tuneRuntime() {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + 1)
	}
}

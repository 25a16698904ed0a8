package main

import (
	"runtime"
	"runtime/debug"
)

const (
	// burst is how much is made before it is worth giving memory back.
	burst = 64 << 20
	// calm is how little is made in a second in which next to nothing happens.
	calm = 4 << 20
	// shortLull is how many such seconds end a burst. After longLull the store has
	// let go of its caches too (nats-server, filestore.go, CacheExpire).
	shortLull, longLull = 3, 15
)

// lull tells when a burst is over.
type lull struct {
	made    uint64 // since memory was given back
	seconds int    // for which it has been calm
}

// over tells whether memory is to be given back now.
func (l *lull) over(before, now heap) bool {
	made := now.made - before.made
	l.made += made
	if made > calm {
		l.seconds = 0
		return false
	}
	l.seconds++
	switch {
	case l.seconds == shortLull:
		return l.made >= burst
	case l.seconds == longLull && l.made >= burst:
		l.made = 0
		return true
	}
	return false
}

// giveBack gives the system what a burst has left. What lies in pools goes with
// the second collection.
func giveBack() {
	runtime.GC()
	debug.FreeOSMemory()
}

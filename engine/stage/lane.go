package stage

import (
	"slices"
	"time"

	"github.com/trotline/trotline/engine/bus"
)

// lane is the deliveries of one key that wait for a sink. Its first is
// attempted until it has ended; the others wait behind it.
type lane struct {
	id    laneID
	queue []entry // the head first
	state laneState

	// How far the head is.
	attempts  int
	first     time.Time // when it was attempted first; zero: it was not
	stored    time.Time // when the store got it
	notBefore time.Time // when it may be attempted next
	booked    bool      // it has its place in the rate of its key
}

// laneID tells lanes apart. A delivery without a key is alone in its lane.
type laneID struct {
	pipeline, key string
	alone         uint64
}

// laneState is where a lane is listed.
type laneState int

const (
	laneNew     laneState = iota
	laneReady             // its head may be attempted
	laneBusy              // its head is being attempted
	laneWaiting           // its head waits for its time
	laneHeld              // its head waits until its pipeline has handed over all that comes before
)

// entry is a delivery in a lane. Most are no more than this: there may be many.
type entry struct {
	sequence uint64       // in the work stream
	event    uint64       // in the events stream
	place    int          // among what the event brought forth
	whole    *bus.Message // nil: it is loaded when its turn comes
}

// before tells whether an entry goes before another one.
func (e entry) before(other entry) bool {
	if e.event != other.event {
		return e.event < other.event
	}
	if e.place != other.place {
		return e.place < other.place
	}
	return e.sequence < other.sequence
}

// has tells whether a delivery is in the lane.
func (l *lane) has(sequence uint64) bool {
	return slices.ContainsFunc(l.queue, func(e entry) bool { return e.sequence == sequence })
}

// insert puts an entry where it belongs: almost always at the end. One that had
// to be handed over a second time comes later than what follows it.
func (l *lane) insert(e entry) {
	at := len(l.queue)
	first := 0
	if l.state == laneBusy || l.attempts > 0 {
		first = 1
	}
	for at > first && e.before(l.queue[at-1]) {
		at--
	}
	l.queue = append(l.queue, entry{})
	copy(l.queue[at+1:], l.queue[at:])
	l.queue[at] = e
}

// before tells whether the head of a lane may be attempted before that of another one.
func (l *lane) before(other *lane) bool { return l.notBefore.Before(other.notBefore) }

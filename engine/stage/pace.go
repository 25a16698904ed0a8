package stage

import (
	"context"
	"time"

	"github.com/trotline/trotline/engine/bus"
)

// A stage works in rounds: it pulls what is there, handles it, hands it over.
// Each round costs as much as several messages do, so a stage that is given many
// at once lets some more gather before the next one. A single event never waits.
const (
	gatherFrom = 8
	gatherTime = 3 * time.Millisecond
)

// In a burst the door goes first: a sender waits for its answer, and what is
// stored waits for nobody. So while many senders wait, a stage lets several
// events in for each one it handles. But no longer than for the first seconds: a
// burst that goes on is the load there is, and is to be handled as it comes in.
const (
	burstShare = 40 // as many events come in for one that is handled
	burstPause = time.Second
	burstTime  = 10 * time.Second // as far a stage may fall behind
)

// Door is how busy the door is.
type Door interface {
	// Busy tells whether many senders wait for their event to be stored.
	Busy() bool
	// Stored counts the events that were stored.
	Stored() uint64
}

// round is one turn of a stage's loop.
type round struct {
	handled int       // how many messages it was given
	limit   int       // how many it takes at the most
	oldest  time.Time // when the first of them was stored
	stored  uint64    // how many events the door had stored when it began
}

func (s *Shared) round(messages []*bus.Message, limit int) round {
	r := round{handled: len(messages), limit: limit, stored: s.Door.Stored()}
	if len(messages) > 0 {
		r.oldest = messages[0].Time()
	}
	return r
}

// pause waits between a round and the next.
func (s *Shared) pause(ctx context.Context, r round) {
	if r.handled < gatherFrom {
		return
	}
	if r.handled < r.limit && !sleep(ctx, gatherTime) {
		return
	}
	if time.Since(r.oldest) > burstTime {
		return
	}
	enough := r.stored + burstShare*uint64(r.handled)
	for began := time.Now(); s.Door.Busy() && s.Door.Stored() < enough && time.Since(began) < burstPause; {
		if !sleep(ctx, gatherTime) {
			return
		}
	}
}

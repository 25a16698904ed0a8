package stage

import (
	"math"
	"math/rand/v2"
	"time"
)

// Retry is how often, and how long, a delivery is attempted.
type Retry struct {
	Attempts int           // at most so many; 0 is no limit
	Initial  time.Duration // the wait after the first attempt
	Max      time.Duration // the longest wait
	Factor   float64       // by which each wait is longer than the one before
	Jitter   float64       // the part of a wait that chance may add or take away, 0 to 1
	MaxAfter time.Duration // the longest wish of a receiver that is granted
	For      time.Duration // no attempt later than this after the first; 0 is no limit
}

// Next is the wait before the next attempt after attempt (from 1) has failed,
// age after the delivery was handed over. The receiver's own wish (after) is a
// minimum, up to a bound. It is false when there is to be none.
func (r Retry) Next(attempt int, age, after time.Duration) (time.Duration, bool) {
	if r.Attempts > 0 && attempt >= r.Attempts {
		return 0, false
	}
	wait := float64(r.Initial) * math.Pow(r.Factor, float64(attempt-1))
	wait = min(wait, float64(r.Max))
	wait *= 1 + r.Jitter*(2*rand.Float64()-1)
	d := max(time.Duration(wait), min(after, r.MaxAfter), time.Millisecond)
	if r.For > 0 && age+d > r.For {
		return 0, false
	}
	return d, true
}

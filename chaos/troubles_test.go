//go:build unix

package chaos

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// trouble is a while in which something was done that may be done again later.
type trouble struct {
	fault    fault
	from, to time.Time // to is zero while it lasts
}

// standstill: nobody, we neither, could do anything for a while.
const standstill fault = "standstill"

type troubles struct {
	start time.Time
	mu    sync.Mutex
	all   []*trouble
}

// begin notes a trouble; the function returned ends it.
func (ts *troubles) begin(f fault) (ended func()) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	one := &trouble{fault: f, from: time.Now()}
	ts.all = append(ts.all, one)
	return func() {
		ts.mu.Lock()
		defer ts.mu.Unlock()
		one.to = time.Now()
	}
}

// watch notes when the whole machine stood still, as one does that is suspended.
func (ts *troubles) watch(ctx context.Context) {
	const period = 100 * time.Millisecond
	tick := time.NewTicker(period)
	defer tick.Stop()
	for last := time.Now(); ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := time.Now()
		if now.Sub(last) > 20*period {
			ts.mu.Lock()
			ts.all = append(ts.all, &trouble{standstill, last, now})
			ts.mu.Unlock()
		}
		last = now
	}
}

// The last moment before a crash is how long before it something may have been
// done that is done again after it: NATS writes what was acknowledged at most
// ten times a second, and a busy machine is late. What a power cut undoes is
// what no flush has followed.
const (
	lastMoment         = time.Second
	lastMomentUnsynced = 11 * time.Second
)

// handedOutAgain is how long after a crash what it left in hand is handed out
// again, at the latest: an engine asks for that ten seconds after it was handed
// out, or after the clock was set back; by less than ten seconds it may be too.
const handedOutAgain = 23 * time.Second

// reason is the trouble that explains why what was sent, and delivered first,
// was delivered again; nil when nothing does. It was in flight when the trouble
// began: just delivered, or in hand since an earlier one.
func (ts *troubles) reason(sent, first, again time.Time) *trouble {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	for _, t := range ts.all {
		if t.harmless() || again.Before(t.from) {
			continue
		}
		before := lastMoment
		if t.fault == cut {
			before = lastMomentUnsynced
		}
		// What a crash interrupts may reach its receiver a little later.
		if ts.awake(first, t.from) < before && first.Before(t.to.Add(lastMoment)) {
			return t
		}
		if first.Before(t.from) && ts.inHand(sent, first, again) {
			return t
		}
	}
	return nil
}

// between tells whether a fault lies between two times; to is zero for ever after.
func (ts *troubles) between(f fault, from, to time.Time) bool {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	return slices.ContainsFunc(ts.all, func(t *trouble) bool {
		return t.fault == f && from.Before(t.to) && (to.IsZero() || t.from.Before(to))
	})
}

// inHand tells whether an earlier trouble had left it in hand when it was delivered first.
func (ts *troubles) inHand(sent, first, again time.Time) bool {
	return slices.ContainsFunc(ts.all, func(t *trouble) bool {
		return !t.harmless() && sent.Before(t.to) && t.from.Before(first) && ts.awake(ts.clockSet(t.to, again), again) < handedOutAgain
	})
}

// clockSet is when the clock was set last between two times; the first if it was not.
func (ts *troubles) clockSet(from, to time.Time) time.Time {
	for _, t := range ts.all {
		if t.fault.setsClock() && t.from.After(from) && t.from.Before(to) {
			from = t.from
		}
	}
	return from
}

// harmless troubles are no reason to deliver anything again: a standstill is far
// shorter than anybody waits for an acknowledgement, and an engine whose clock is
// set knows what it has in hand.
func (t *trouble) harmless() bool {
	return t.fault == freeze || t.fault == freezeNATS || t.fault.setsClock()
}

func (f fault) setsClock() bool { return f == jump || f == setRight }

// awake is how much of a while something could be done in.
func (ts *troubles) awake(from, to time.Time) time.Duration {
	return to.Sub(from) - ts.frozen(from, to)
}

// frozen is for how long of a while nobody could do anything.
func (ts *troubles) frozen(from, to time.Time) (sum time.Duration) {
	for _, t := range ts.all {
		if t.fault == freeze || t.fault == freezeNATS || t.fault == standstill {
			sum += max(0, min(t.to.Sub(from), to.Sub(from))-max(0, t.from.Sub(from)))
		}
	}
	return sum
}

// since is a time as the plan counts it.
func (ts *troubles) since(t time.Time) string { return fmt.Sprintf("%.2fs", t.Sub(ts.start).Seconds()) }

func (ts *troubles) String() string {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	var b strings.Builder
	for _, t := range ts.all {
		fmt.Fprintf(&b, "  %s to %s: %s\n", ts.since(t.from), ts.since(t.to), t.fault)
	}
	return b.String()
}

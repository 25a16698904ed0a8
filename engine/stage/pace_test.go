package stage

import (
	"testing"
	"testing/synctest"
	"time"
)

// testDoor is a door that stores an event each millisecond.
type testDoor struct {
	busy  bool
	since time.Time
}

func (d testDoor) Busy() bool     { return d.busy }
func (d testDoor) Stored() uint64 { return uint64(time.Since(d.since) / time.Millisecond) }

func TestPause(t *testing.T) {
	for name, c := range map[string]struct {
		busy        bool
		round       round
		behind      time.Duration
		least, most time.Duration
	}{
		"a few never wait":                     {busy: true, round: round{handled: gatherFrom - 1, limit: 100}},
		"many let more gather":                 {round: round{handled: 10, limit: 100}, least: gatherTime, most: gatherTime},
		"a full round goes on":                 {round: round{handled: 100, limit: 100}},
		"a busy door goes first":               {busy: true, round: round{handled: 10, limit: 10}, least: burstShare * 10 * time.Millisecond, most: burstShare*10*time.Millisecond + gatherTime},
		"it does not hold a stage for long":    {busy: true, round: round{handled: 1000, limit: 1000}, least: burstPause, most: burstPause + gatherTime},
		"a stage that is behind does not wait": {busy: true, round: round{handled: 100, limit: 100}, behind: burstTime + time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &Shared{Door: testDoor{c.busy, time.Now()}}
				c.round.oldest = time.Now().Add(-c.behind)
				began := time.Now()
				s.pause(t.Context(), c.round)
				if took := time.Since(began); took < c.least || took > c.most {
					t.Errorf("it waited %v, want %v to %v", took, c.least, c.most)
				}
			})
		})
	}
}

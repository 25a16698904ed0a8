package stage

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/trotline/trotline/event"
	"github.com/trotline/trotline/event/eventtest"
)

func TestBreakerOpens(t *testing.T) {
	const good, bad = true, false
	rule := Breaker{Failures: 3, Pause: time.Minute, Window: time.Minute}
	rated := rule
	rated.Ratio = 0.5
	cases := []struct {
		name     string
		rule     Breaker
		attempts []bool
		want     BreakerState
	}{
		{"none", Breaker{}, []bool{bad, bad, bad, bad}, BreakerClosed},
		{"too few", rule, []bool{bad, bad}, BreakerClosed},
		{"in a row", rule, []bool{good, bad, bad, bad}, BreakerOpen},
		{"not in a row", rule, []bool{bad, bad, good, bad, bad}, BreakerClosed},
		{"half of them", rated, []bool{bad, good, bad, good, bad}, BreakerOpen},
		{"less than half", rated, []bool{good, bad, good, good, bad, good, good, bad, good}, BreakerClosed},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b := newBreaker(func(BreakerState) {})
			b.set(c.rule, false)
			for _, good := range c.attempts {
				if good {
					b.ended(1, 0, false)
				} else {
					b.ended(0, 1, false)
				}
			}
			if b.state != c.want {
				t.Errorf("it is %v, want %v", b.state, c.want)
			}
		})
	}
}

// What failed long ago does not count.
func TestBreakerForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(func(BreakerState) {})
		b.set(Breaker{Failures: 3, Ratio: 0.1, Pause: time.Minute, Window: 10 * time.Second}, false)
		for range 20 {
			b.ended(0, 1, false)
			b.ended(1, 0, false)
			time.Sleep(9 * time.Second)
		}
		if b.state != BreakerClosed {
			t.Error("it opened for failures that are long over")
		}
	})
}

// One goes ahead after the pause; the others follow when it has arrived.
func TestBreakerLetsOneTry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var states []BreakerState
		b := newBreaker(func(s BreakerState) { states = append(states, s) })
		b.set(Breaker{Failures: 1, Pause: time.Minute, Window: time.Minute}, false)
		b.ended(0, 1, false)
		began := time.Now()
		ahead, ok := b.pass(t.Context())
		if took := time.Since(began); !ahead || !ok || took != time.Minute {
			t.Fatalf("after %v one goes ahead: %v", took, ahead)
		}
		var others sync.WaitGroup
		var passed atomic.Int32
		for range 5 {
			others.Go(func() {
				if ahead, ok := b.pass(t.Context()); ok && !ahead {
					passed.Add(1)
				}
			})
		}
		synctest.Wait()
		if n := passed.Load(); n != 0 {
			t.Errorf("%d followed before it is known how it went", n)
		}
		b.ended(1, 0, true)
		others.Wait()
		if n := passed.Load(); n != 5 {
			t.Errorf("%d of 5 followed", n)
		}
		if want := []BreakerState{BreakerOpen, BreakerProbing, BreakerClosed}; !slices.Equal(states, want) {
			t.Errorf("it went through %v, want %v", states, want)
		}
	})
}

// A sink that is down is left alone, and drained when it is back.
func TestASinkThatFailsIsLeftAlone(t *testing.T) {
	for name, r := range map[string]*Rules{"in any order": rules(to("all", nil, "a")), "in their order": ordered(rules(to("all", nil, "a")))} {
		t.Run(name, func(t *testing.T) {
			l := newLine(t, t.TempDir(), r).force()
			var down atomic.Bool
			down.Store(true)
			a := eventtest.Recorder{Judge: func(context.Context, *event.Delivery) event.Verdict {
				if down.Load() {
					return event.Verdict{Err: errors.New("down")}
				}
				return event.Verdict{}
			}}
			stage := l.sink("a", &a, func(t *Target) {
				t.Concurrency, t.BatchSize = 4, 1
				t.Breaker = Breaker{Failures: 5, Pause: time.Hour, Window: time.Minute}
			})
			l.acceptKeys(50, 10)
			eventually(t, func() bool { return !stage.breaker.closed() })
			info, err := stage.Consumer.Info(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			made := len(a.Attempts())
			if most := 5 + 4; made > most || info.AckPending > 2*fetchLeast {
				t.Errorf("%d attempts before it was left alone, %d deliveries in hand", made, info.AckPending)
			}
			down.Store(false)
			// An edit that mends the sink is tried at once.
			mended := *stage.Target()
			again := &Target{
				Sink: &eventtest.Recorder{Judge: a.Judge}, Timeout: mended.Timeout, Retry: mended.Retry,
				Concurrency: 4, BatchSize: 1, Breaker: mended.Breaker,
			}
			stage.Aim(again)
			wait(t, again.Sink.(*eventtest.Recorder), 500)
		})
	}
}

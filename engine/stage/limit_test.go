package stage

import (
	"context"
	"testing"
	"time"

	"github.com/trotline/trotline/event"
	"github.com/trotline/trotline/event/eventtest"
)

// What two pipelines give one sink keeps within its rate together.
func TestTheRateOfASink(t *testing.T) {
	for name, r := range map[string]*Rules{"in any order": rules(to("all", nil, "a")), "in their order": ordered(rules(to("all", nil, "a")))} {
		t.Run(name, func(t *testing.T) {
			l := newLine(t, t.TempDir(), r).force()
			var a eventtest.Recorder
			l.acceptKeys(20, 10)
			began := time.Now()
			l.sink("a", &a, func(t *Target) {
				t.Concurrency, t.BatchSize = 16, 1
				t.Rate = Rate{Limit: event.Rate{Count: 100, Per: time.Second}}
			})
			wait(t, &a, 200)
			if took, least := time.Since(began), 1800*time.Millisecond; took < least {
				t.Errorf("200 deliveries at 100 a second took %v", took)
			}
		})
	}
}

// A tenant beyond its rate delays no other, and all of its deliveries arrive.
func TestARatePerKey(t *testing.T) {
	l := newLine(t, t.TempDir(), rules(to("all", nil, "a"))).force()
	l.lanes = map[string]bool{"a": true}
	var greedy, modest int
	a := eventtest.Recorder{}
	key := eventtest.ExprFunc("body.key", func(e *event.Event, r event.Results) (any, error) { return keyOf.Eval(e, r) })
	stage := l.sink("a", &a, func(t *Target) {
		t.Concurrency, t.BatchSize = 4, 1
		t.Rate = Rate{Limit: event.Rate{Count: 50, Per: time.Second}, Per: key}
	})
	l.acceptKeys(1, 150) // three seconds' worth of k0
	began := time.Now()
	if _, err := l.append("k1", 0).Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool {
		greedy, modest = 0, 0
		for _, d := range a.Delivered() {
			if d.Event.ID == "k1/0" {
				modest++
			} else {
				greedy++
			}
		}
		return modest == 1
	})
	if greedy > 140 {
		t.Errorf("%d deliveries of the greedy tenant came before the one of another, after %v", greedy, time.Since(began))
	}
	wait(t, &a, 151)
	if took := time.Since(began); took < 2*time.Second {
		t.Errorf("150 deliveries at 50 a second took %v", took)
	}
	for _, d := range a.Attempts() {
		if d.Attempt != 1 {
			t.Fatalf("waiting for its rate counts as an attempt: %d", d.Attempt)
		}
	}
	// An edit of the rate holds for what waits for the old one.
	slow, fast := *stage.Target(), Rate{}
	slow.Rate.Limit = event.Rate{Count: 1, Per: time.Hour}
	stage.Aim(&Target{Sink: slow.Sink, Timeout: slow.Timeout, Retry: slow.Retry, Concurrency: 4, BatchSize: 1, Rate: slow.Rate})
	l.acceptMore(1, 150, 160)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, err := a.Wait(ctx, 152); err != nil {
		t.Fatal(err)
	}
	stage.Aim(&Target{Sink: slow.Sink, Timeout: slow.Timeout, Retry: slow.Retry, Concurrency: 4, BatchSize: 1, Rate: fast})
	wait(t, &a, 161)
}

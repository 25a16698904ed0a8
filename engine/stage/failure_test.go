package stage

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/trotline/trotline/engine/bus"
	"github.com/trotline/trotline/event"
	"github.com/trotline/trotline/event/eventtest"
)

// failing is a chain a, b, c, of which b has an on_failure.
func failing(on OnFailure) *Rules {
	route := chain(to("all", nil, "a", "b", "c"))
	route.Hops[1].OnFailure = on
	return rules(route)
}

func TestFailed(t *testing.T) {
	refused := eventtest.ExprFunc(`results.b.reason == "refused"`, func(_ *event.Event, r event.Results) (any, error) {
		return r["b"].Reason == "refused" && r["b"].Error == "422 no", nil
	})
	never := eventtest.Expr(false)
	broken := eventtest.FailingExpr("body.x > 1", errors.New("body.x is nil"))
	for _, c := range []struct {
		name string
		on   OnFailure
		work bus.Work
		want string
	}{
		{"stop", OnFailure{}, bus.Work{}, "!refused@all>b"},
		{"continue", OnFailure{Continue: true}, bus.Work{}, "all>c: !refused@all>b"},
		{"continue once", OnFailure{Continue: true}, bus.Work{Final: true}, "!refused@all>b"},
		{"to", OnFailure{To: []Hop{{Sink: "x"}, {Sink: "y"}}}, bus.Work{}, "all>x: all>y:"},
		{"to whom it wants", OnFailure{To: []Hop{{Sink: "x", When: never}, {Sink: "y", When: refused}}}, bus.Work{}, "all>y:"},
		{"to nobody", OnFailure{To: []Hop{{Sink: "x", When: never}}}, bus.Work{}, "!refused@all>b"},
		{"to a when that fails", OnFailure{To: []Hop{{Sink: "x", When: broken}}}, bus.Work{}, "!expression@all>x !refused@all>b"},
		{"to a when that fails, and another", OnFailure{To: []Hop{{Sink: "x", When: broken}, {Sink: "y"}}}, bus.Work{}, "all>y: !expression@all>x"},
		{"of what was handed over", OnFailure{To: []Hop{{Sink: "x"}}}, bus.Work{Sink: "x", After: "b"}, "!refused@all>x"},
		{"of what was replayed elsewhere", OnFailure{To: []Hop{{Sink: "x"}}}, bus.Work{Hop: -1}, "!refused@all>b"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := c.work
			w.Event, w.Pipeline, w.Route = eventtest.Event(nil), "orders", "all"
			if w.Sink == "" {
				w.Sink = "b"
			}
			if w.Hop == 0 {
				w.Hop = 1
			}
			o := failing(c.on).Failed(&w, event.Answer{Status: 422}, buryWork(&w, ReasonRefused, "422 no\nand a stack"))
			if got := shown(o); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
			for _, next := range o.Work {
				if r := next.Results["b"]; r.Status != 422 || r.Error != "422 no" || r.Reason != ReasonRefused {
					t.Errorf("%s is told %+v", next.Sink, r)
				}
				if handed := c.on.To != nil; handed != (next.After == "b") || next.Final {
					t.Errorf("handed over as %+v", next)
				}
			}
			for _, d := range o.Dead {
				if d.Sink == "b" && d.Final != c.on.Continue {
					t.Errorf("the dead letter says final: %v", d.Final)
				}
			}
		})
	}
}

func TestWhatFailsInAChainIsHandedOn(t *testing.T) {
	for _, c := range []struct {
		name string
		on   OnFailure
		next string
		dead int
	}{
		{"continue", OnFailure{Continue: true}, "c", 20},
		{"to", OnFailure{To: []Hop{{Sink: "x", Map: &event.Mapping{Expr: eventtest.ExprFunc("results.b.error", func(_ *event.Event, r event.Results) (any, error) {
			return map[string]any{"why": r["b"].Error}, nil
		})}}}}, "x", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLine(t, t.TempDir(), failing(c.on)).force()
			var a, next eventtest.Recorder
			b := eventtest.Recorder{Judge: func(_ context.Context, d *event.Delivery) event.Verdict {
				if n, _ := d.Event.Body.Value(); fmt.Sprint(n) == "map[n:0]" {
					panic("boom")
				}
				return event.Verdict{Answer: event.Answer{Status: 503}, Err: errors.New("down")}
			}}
			l.sink("a", &a, nil)
			l.sink("b", &b, func(t *Target) { t.Retry.Attempts, t.BatchSize = 2, 1 })
			l.sink(c.next, &next, nil)
			l.accept(20)
			each(t, wait(t, &next, 20), 20)
			for _, d := range next.Delivered() {
				r, want := d.Results["b"], event.Answer{Status: 503, Error: "down", Reason: ReasonExhausted}
				if d.Event.ID == "0" {
					want = event.Answer{Error: "panic: boom", Reason: ReasonPanic}
				}
				if r.Status != want.Status || r.Error != want.Error || r.Reason != want.Reason {
					t.Errorf("event %s: %s is told %+v", d.Event.ID, c.next, r)
				}
				if raw, _ := d.Event.Body.Raw(); c.next == "x" && string(raw) != fmt.Sprintf(`{"why":%q}`, want.Error) {
					t.Errorf("event %s is handed over as %s", d.Event.ID, raw)
				}
			}
			if c.dead == 0 {
				l.stop()
				l.running.Wait()
			}
			if letters := l.dead(c.dead); len(letters) != c.dead {
				t.Errorf("%d dead letters", len(letters))
			} else if c.dead > 0 && !letters[0].Final {
				t.Error("the dead letter does not say that its chain has gone on")
			}
		})
	}
}

// What fails at a hop is handed over in the order it came, as everything of its key.
func TestWhatFailsIsHandedOverInOrder(t *testing.T) {
	r := failing(OnFailure{To: []Hop{{Sink: "x"}}})
	r.OrderBy = eventtest.Expr("one")
	l := newLine(t, t.TempDir(), r).force()
	var a, x eventtest.Recorder
	b := eventtest.Recorder{Judge: func(_ context.Context, d *event.Delivery) event.Verdict {
		if d.Attempt < 2 {
			return event.Verdict{Err: errors.New("not yet")}
		}
		return event.Verdict{Err: event.Permanentf("no")}
	}}
	l.sink("a", &a, nil)
	l.sink("b", &b, nil)
	l.sink("x", &x, nil)
	l.accept(50)
	for i, d := range wait(t, &x, 50) {
		if d.Event.ID != fmt.Sprint(i) {
			t.Fatalf("event %s came in the place of %d", d.Event.ID, i)
		}
	}
}

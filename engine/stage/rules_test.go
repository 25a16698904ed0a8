package stage

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/trotline/trotline/engine/bus"
	"github.com/trotline/trotline/event"
	"github.com/trotline/trotline/event/eventtest"
)

// transform makes a step of a function.
type transform func(e *event.Event) ([]*event.Event, error)

func (t transform) Apply(_ context.Context, e *event.Event) ([]*event.Event, error) { return t(e) }

func keep(e *event.Event) ([]*event.Event, error)  { return []*event.Event{e}, nil }
func takeOut(*event.Event) ([]*event.Event, error) { return nil, nil }
func fail(*event.Event) ([]*event.Event, error)    { return nil, failure }
func panics(*event.Event) ([]*event.Event, error)  { panic("boom") }
func splitTwo(e *event.Event) ([]*event.Event, error) {
	a, b := *e, *e
	a.ID, a.Element = e.ID+"/0", "0"
	b.ID, b.Element = e.ID+"/1", "1"
	return []*event.Event{&a, &b}, nil
}

var failure = &event.StepError{Expression: "body.amount >= 100", Value: "null", Err: errors.New("body.amount is nil")}

func rules(routes ...Route) *Rules {
	return &Rules{Pipeline: "orders", Generation: 7, From: map[string]*Step{"shop": nil}, OnError: OnErrorDead, Routes: routes}
}

func steps(r *Rules, t ...transform) *Rules {
	for _, t := range t {
		r.Steps = append(r.Steps, Step{Name: "step_" + string(rune('1'+len(r.Steps))), Transform: t})
	}
	return r
}

func to(name string, when event.Expr, sinks ...string) Route {
	r := Route{Name: name, When: when}
	for _, s := range sinks {
		r.Hops = append(r.Hops, Hop{Sink: s})
	}
	return r
}

func chain(r Route) Route {
	r.Chain = true
	return r
}

// shown is an outcome in short: route>sink:element for work, !reason@place for dead letters.
func shown(o *Outcome) string {
	var all []string
	for _, w := range o.Work {
		all = append(all, w.Route+">"+w.Sink+":"+w.Event.Element)
	}
	for _, d := range o.Dead {
		all = append(all, "!"+d.Reason+"@"+d.Step+d.Route+">"+d.Sink)
	}
	for _, s := range o.Filtered {
		all = append(all, "-"+s)
	}
	for _, s := range o.Dropped {
		all = append(all, "x"+s)
	}
	if o.Unrouted > 0 {
		all = append(all, strings.Repeat("?", o.Unrouted))
	}
	return strings.Join(all, " ")
}

func TestEvaluate(t *testing.T) {
	yes, no := eventtest.Expr(true), eventtest.Expr(false)
	broken := eventtest.FailingExpr("body.total > 1", errors.New("body.total is nil"))
	first := func(r *Rules) *Rules { r.MatchFirst = true; return r }
	onError := func(what OnError, r *Rules) *Rules { r.OnError = what; return r }
	splitting := func(r *Rules) *Rules {
		r.From["shop"] = &Step{Name: "shop_split", Transform: transform(splitTwo)}
		return r
	}
	cases := []struct {
		name  string
		rules *Rules
		want  string
	}{
		{"side by side", rules(to("all", nil, "a", "b")), "all>a: all>b:"},
		{"a chain begins at its first hop", rules(chain(to("all", nil, "a", "b"))), "all>a:"},
		{"every route that holds", rules(to("x", yes, "a"), to("y", no, "b"), to("z", yes, "c")), "x>a: z>c:"},
		{"match first", first(rules(to("x", no, "a"), to("y", yes, "b"), to("z", nil, "c"))), "y>b:"},
		{"no route takes it", rules(to("x", no, "a")), "?"},
		{"kept when unrouted", func() *Rules { r := rules(to("x", no, "a")); r.KeepUnrouted = true; return r }(), "!unrouted@> ?"},
		{"a failing when ends its route alone", rules(to("x", broken, "a"), to("y", nil, "b")), "y>b: !expression@x>"},
		{"a when that is no boolean", rules(to("x", eventtest.Expr("yes"), "a")), "!expression@x>"},
		{"filtered", steps(rules(to("x", nil, "a")), keep, takeOut, fail), "-step_2"},
		{"a failing step", steps(rules(to("x", nil, "a")), fail), "!expression@step_1>"},
		{"a failing step, dropped", onError(OnErrorDrop, steps(rules(to("x", nil, "a")), fail)), "xstep_1"},
		{"a failing step, passed over", onError(OnErrorPass, steps(rules(to("x", nil, "a")), fail)), "x>a:"},
		{"a panic is a dead letter", steps(rules(to("x", nil, "a")), panics), "!panic@step_1>"},
		{"elements go their own ways", steps(rules(to("x", nil, "a")), splitTwo), "x>a:0 x>a:1"},
		{"a source's own split comes first", steps(splitting(rules(to("x", nil, "a"))), keep), "x>a:0 x>a:1"},
		{"a generation that is gone", &Rules{Pipeline: "orders", Err: errors.New("no such step")}, "!generation@>"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			e := eventtest.Event(map[string]any{"amount": 5})
			if got := shown(c.rules.Evaluate(t.Context(), e, 42)); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if again := shown(c.rules.Evaluate(t.Context(), e, 42)); again != c.want {
				t.Errorf("the second time: %s", again)
			}
		})
	}
}

func TestDeadLetterOfAStepTellsWhatBroke(t *testing.T) {
	o := steps(rules(to("x", nil, "a")), fail).Evaluate(t.Context(), eventtest.Event(nil), 42)
	d := o.Dead[0]
	if d.Step != "step_1" || d.Expression != "body.amount >= 100" || d.Value != "null" || d.Error != "body.amount is nil" || d.Generation != 7 || d.Pipeline != "orders" {
		t.Errorf("got %+v", d)
	}
}

func TestChainSkipsHopsAndCarriesAnswers(t *testing.T) {
	var seen event.Results
	asks := eventtest.ExprFunc("results.a.status == 201", func(_ *event.Event, r event.Results) (any, error) {
		seen = r
		return r["a"].Status == 201, nil
	})
	route := chain(to("all", nil, "a", "b", "c", "d"))
	route.Hops[1].When = eventtest.Expr(false)
	route.Hops[2].When = asks
	r := rules(route)
	w := r.Evaluate(t.Context(), eventtest.Event(nil), 42).Work[0]

	o := r.Next(w, &event.Answer{Status: 201})
	if got := shown(o); got != "all>c:" {
		t.Fatalf("after a: %s", got)
	}
	if seen["a"].Status != 201 {
		t.Errorf("the condition saw %v", seen)
	}
	if got := shown(r.Next(w, &event.Answer{Status: 500})); got != "all>d:" {
		t.Errorf("after another answer: %s", got)
	}
	last := *o.Work[0]
	last.Sink, last.Hop = "d", 3
	if got := shown(r.Next(&last, &event.Answer{})); got != "" {
		t.Errorf("after the last hop: %s", got)
	}
	if len(w.Results) != 0 {
		t.Errorf("the earlier hop's results were changed: %v", w.Results)
	}
}

func TestHopShapesTheEventForItselfAlone(t *testing.T) {
	route := chain(to("all", nil, "a", "b"))
	route.Hops[0].Map = &event.Mapping{Fields: []event.MappedField{{Name: "n", Value: &event.Mapping{Expr: eventtest.Field("amount")}}}}
	r := rules(route)
	w := r.Evaluate(t.Context(), eventtest.Event(map[string]any{"amount": 5}), 42).Work[0]

	shaped, err := r.Shaped(w)
	if err != nil {
		t.Fatal(err)
	}
	if raw, _ := shaped.Body.Raw(); string(raw) != `{"n":5}` {
		t.Errorf("the hop gets %s", raw)
	}
	next := r.Next(w, &event.Answer{}).Work[0]
	if raw, _ := next.Event.Body.Raw(); string(raw) != `{"amount":5}` {
		t.Errorf("the next hop gets %s", raw)
	}
}

func TestAt(t *testing.T) {
	r := rules(to("x", nil, "a", "b"))
	if hop, ok := r.At("x", "b", ""); hop != 1 || !ok {
		t.Errorf("At(x, b) = %d, %v", hop, ok)
	}
	for _, place := range [][2]string{{"x", "c"}, {"y", "a"}} {
		if _, ok := r.At(place[0], place[1], ""); ok {
			t.Errorf("At(%s, %s) is there", place[0], place[1])
		}
	}
}

func TestGate(t *testing.T) {
	s := &Shared{Book: intakes{"full": Full, "open": Open}}
	var work []*bus.Work
	for _, sink := range []string{"open", "full", "gone"} {
		work = append(work, &bus.Work{Sink: sink, Event: eventtest.Event(nil)})
	}
	o := &outbox{}
	s.gate(work, o)
	var dead []string
	for _, d := range o.dead {
		dead = append(dead, d.Sink+":"+d.Reason)
	}
	if len(o.work) != 1 || o.work[0].Sink != "open" || !slices.Equal(dead, []string{"full:backlog_full", "gone:removed"}) {
		t.Errorf("work %v, dead %v", o.work, dead)
	}
}

// intakes is a book that knows sinks alone.
type intakes map[string]Intake

func (i intakes) At(string, uint64) *Rules { return nil }
func (i intakes) Of(string, uint64) *Rules { return nil }
func (intakes) All(string) []*Rules        { return nil }
func (i intakes) Takes(sink string) (Intake, bool) {
	if in, ok := i[sink]; ok {
		return in, false
	}
	return Removed, false
}

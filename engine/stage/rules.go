package stage

import (
	"context"
	"errors"
	"fmt"

	"github.com/trotline/trotline/engine/bus"
	"github.com/trotline/trotline/event"
)

// Rules are what one generation of the configuration says of one pipeline.
// They are immutable and safe for concurrent use.
type Rules struct {
	Pipeline   string
	Generation uint64
	// From are the sources whose events the pipeline takes. A source that
	// splits its requests has the step that does it; others have nil.
	From       map[string]*Step
	Steps      []Step
	OnError    OnError
	MatchFirst bool
	// Backfill: when the pipeline was new, it also took events from before.
	Backfill bool
	// KeepUnrouted makes a dead letter of what no route takes.
	KeepUnrouted bool
	Routes       []Route
	// Err is set when the generation cannot be compiled any more, because it
	// leans on something that is gone; its events become dead letters.
	Err error
}

// Step is a transform with the label that metrics and dead letters call it by.
type Step struct {
	Name      string
	Transform event.Transform
}

// OnError says what becomes of an event on which a step fails.
type OnError string

// What on_error may say.
const (
	OnErrorDead OnError = "dead"
	OnErrorDrop OnError = "drop"
	OnErrorPass OnError = "pass"
)

// Route is a way out of a pipeline.
type Route struct {
	Name  string
	When  event.Expr // nil: always
	Chain bool       // one hop after the other; otherwise side by side
	Hops  []Hop
}

// Hop is a sink on a route.
type Hop struct {
	Sink string
	When event.Expr     // nil: always
	Map  *event.Mapping // nil: the body as the steps left it
}

// Outcome is what becomes of one event.
type Outcome struct {
	Work     []*bus.Work
	Dead     []*bus.Dead
	Filtered []string // the step that took out each element that is gone
	Dropped  []string // the step each element failed at that on_error drops
	Unrouted int
}

// Evaluate runs the steps, then all routes, and says what is to be handed over.
// It is pure: the same event gives the same outcome.
func (r *Rules) Evaluate(ctx context.Context, e *event.Event, sequence uint64) *Outcome {
	o := &Outcome{}
	if r.Err != nil {
		o.Dead = append(o.Dead, r.bury(e, ReasonGeneration, "", r.Err))
		return o
	}
	elements := []*event.Event{e}
	if split := r.From[e.Source]; split != nil {
		elements = r.step(ctx, *split, elements, o)
	}
	for _, step := range r.Steps {
		elements = r.step(ctx, step, elements, o)
	}
	for _, element := range elements {
		r.route(element, sequence, o)
	}
	return o
}

func (r *Rules) step(ctx context.Context, step Step, in []*event.Event, o *Outcome) []*event.Event {
	// The common case, one event in and the same slice out, costs nothing.
	if len(in) == 1 {
		return r.stepOne(ctx, step, in[0], o)
	}
	var out []*event.Event
	for _, e := range in {
		out = append(out, r.stepOne(ctx, step, e, o)...)
	}
	return out
}

func (r *Rules) stepOne(ctx context.Context, step Step, e *event.Event, o *Outcome) []*event.Event {
	out, err := apply(ctx, step.Transform, e)
	switch {
	case err == nil && len(out) == 0:
		o.Filtered = append(o.Filtered, step.Name)
	case err == nil:
		return out
	case r.OnError == OnErrorPass:
		return []*event.Event{e}
	case r.OnError == OnErrorDrop:
		o.Dropped = append(o.Dropped, step.Name)
	default:
		d := r.bury(e, reasonOf(err), "", err)
		d.Step = step.Name
		o.Dead = append(o.Dead, d)
	}
	return nil
}

// route evaluates every route on an event as it leaves the steps.
func (r *Rules) route(e *event.Event, sequence uint64, o *Outcome) {
	taken := false
	for i := range r.Routes {
		route := &r.Routes[i]
		ok, err := holds(route.When, e, nil)
		if err != nil {
			// A failing when ends this route alone; it is not "taken", but it is accounted for.
			o.Dead = append(o.Dead, r.bury(e, reasonOf(err), route.Name, err))
			taken = true
			continue
		}
		if !ok {
			continue
		}
		taken = true
		r.enter(route, e, sequence, o)
		if r.MatchFirst {
			break
		}
	}
	if !taken {
		o.Unrouted++
		if r.KeepUnrouted {
			o.Dead = append(o.Dead, r.bury(e, ReasonUnrouted, "", errors.New("no route takes it")))
		}
	}
}

// enter hands an event to the first hop of a chain, or to every hop.
func (r *Rules) enter(route *Route, e *event.Event, sequence uint64, o *Outcome) {
	w := bus.Work{Event: e, Sequence: sequence, Generation: r.Generation, Pipeline: r.Pipeline, Route: route.Name}
	if route.Chain {
		r.advance(route, &w, 0, o)
		return
	}
	for i := range route.Hops {
		r.offer(route, &w, i, o)
	}
}

// advance hands over to the first hop of a chain, from the given one on, that wants the event.
func (r *Rules) advance(route *Route, w *bus.Work, from int, o *Outcome) {
	for i := from; i < len(route.Hops); i++ {
		if r.offer(route, w, i, o) {
			return
		}
	}
}

// offer hands over to one hop if its when holds; false when it does not.
func (r *Rules) offer(route *Route, w *bus.Work, i int, o *Outcome) bool {
	hop := &route.Hops[i]
	ok, err := holds(hop.When, w.Event, w.Results)
	if err != nil {
		d := r.bury(w.Event, reasonOf(err), route.Name, err)
		d.Sink, d.Hop, d.Results = hop.Sink, i, w.Results
		o.Dead = append(o.Dead, d)
		return true
	}
	if !ok {
		return false
	}
	next := *w
	next.Sink, next.Hop = hop.Sink, i
	o.Work = append(o.Work, &next)
	return true
}

// Next is what follows in the chain once a hop has delivered.
func (r *Rules) Next(w *bus.Work, answer event.Answer) *Outcome {
	o := &Outcome{}
	route := r.routeNamed(w.Route)
	if route == nil || !route.Chain || w.Hop < 0 || w.Hop+1 >= len(route.Hops) {
		return o
	}
	next := *w
	next.Results = make(event.Results, len(w.Results)+1)
	for sink, a := range w.Results {
		next.Results[sink] = a
	}
	next.Results[w.Sink] = answer
	r.advance(route, &next, w.Hop+1, o)
	return o
}

// Shaped is the event as a hop wants it.
func (r *Rules) Shaped(w *bus.Work) (*event.Event, error) {
	route := r.routeNamed(w.Route)
	if route == nil || w.Hop < 0 || w.Hop >= len(route.Hops) || route.Hops[w.Hop].Map == nil {
		return w.Event, nil
	}
	body, err := evaluated(func() (any, error) { return route.Hops[w.Hop].Map.Eval(w.Event, w.Results) })
	if err != nil {
		return nil, err
	}
	return w.Event.WithBody(event.BodyOf(body)), nil
}

// At is the place of a sink on a route; false when the route, or the sink on it, is not there.
func (r *Rules) At(route, sink string) (hop int, ok bool) {
	found := r.routeNamed(route)
	if found == nil {
		return 0, false
	}
	for i := range found.Hops {
		if found.Hops[i].Sink == sink {
			return i, true
		}
	}
	return 0, false
}

func (r *Rules) routeNamed(name string) *Route {
	for i := range r.Routes {
		if r.Routes[i].Name == name {
			return &r.Routes[i]
		}
	}
	return nil
}

// holds evaluates a condition; none holds always.
func holds(when event.Expr, e *event.Event, results event.Results) (bool, error) {
	if when == nil {
		return true, nil
	}
	v, err := evaluated(func() (any, error) { return when.Eval(e, results) })
	if err != nil {
		return false, err
	}
	ok, isBool := v.(bool)
	if !isBool {
		return false, &event.StepError{Expression: when.Text(), Value: fmt.Sprintf("%.100v", v), Err: errors.New("gives neither true nor false")}
	}
	return ok, nil
}

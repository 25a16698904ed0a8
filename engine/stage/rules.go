package stage

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

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
	// OrderBy gives the key whose events keep their order; nil: none do.
	OrderBy event.Expr
	Routes  []Route
	impure  bool // some step waits, asks or remembers; set by [Rules.Prepare]
	// Err is set when the generation cannot be compiled any more, because it
	// leans on something that is gone; its events become dead letters.
	Err error
}

// Step is a transform with the label that metrics and dead letters call it by.
type Step struct {
	Name      string
	Transform event.Transform
	// State is what a stateful step calls what it remembers, another name for
	// each of them in a pipeline.
	State string
}

// Prepare is called once the rules are complete.
func (r *Rules) Prepare() *Rules {
	r.impure = slices.ContainsFunc(r.Steps, func(s Step) bool { return !pure(s.Transform) })
	return r
}

// Pure tells whether no step waits, asks or remembers.
func (r *Rules) Pure() bool { return !r.impure }

// PureFrom tells whether no step from a place on does.
func (r *Rules) PureFrom(place int) bool {
	return !slices.ContainsFunc(r.Steps[place:], func(s Step) bool { return !pure(s.Transform) })
}

// Place is where an event goes on that died at a step: there, behind the last
// step for "", and behind a window for the event that the window has made.
func (r *Rules) Place(step string, e *event.Event) (place int, ok bool) {
	if step == "" {
		return len(r.Steps), true
	}
	place = slices.IndexFunc(r.Steps, func(s Step) bool { return s.Name == step })
	if place < 0 {
		return 0, false
	}
	if _, windowing := r.Steps[place].Transform.(event.Windowing); windowing && strings.HasPrefix(e.ID, windowPrefix) {
		place++
	}
	return place, true
}

// pure tells whether a step depends on the event alone.
func pure(t event.Transform) bool {
	switch t.(type) {
	case event.Waiter, event.Asker, event.Stateful:
		return false
	}
	return true
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
	// OnFailure says what becomes of what fails for good there, on a chain.
	OnFailure OnFailure
}

// Outcome is what becomes of one event.
type Outcome struct {
	Work     []*bus.Work
	Dead     []*bus.Dead
	Held     []*bus.Held // what goes on later
	Filtered []string    // the step that took out each element that is gone
	Dropped  []string    // the step each element failed at that on_error drops
	Unrouted int
}

// Evaluate runs the steps, then all routes, and says what is to be handed over.
// It is pure: the same event gives the same outcome. Steps that wait, ask or
// remember do what they do for an event that is alone in the world.
func (r *Rules) Evaluate(ctx context.Context, e *event.Event, sequence uint64) *Outcome {
	g := r.enter(ctx, e, sequence)
	g.run(ctx)
	return &g.out
}

// EvaluateFrom is Evaluate of an event that stands before a step, or behind the last one.
func (r *Rules) EvaluateFrom(ctx context.Context, e *event.Event, step int) *Outcome {
	g := &passage{rules: r, elements: []*event.Event{e}, next: step}
	g.run(ctx)
	return &g.out
}

// Enter is what becomes of an event that the pipeline's own stage is to go on
// with, from the first step on.
func (r *Rules) Enter(ctx context.Context, e *event.Event, sequence uint64) *Outcome {
	g := r.enter(ctx, e, sequence)
	for _, element := range g.elements {
		g.out.Held = append(g.out.Held, r.Hold(element, 0))
	}
	return &g.out
}

// Hold is an event that goes on at a step.
func (r *Rules) Hold(e *event.Event, step int) *bus.Held {
	return &bus.Held{Event: e, Pipeline: r.Pipeline, Generation: r.Generation, Step: step, Since: time.Now().UTC()}
}

// enter is an event before the first step.
func (r *Rules) enter(ctx context.Context, e *event.Event, sequence uint64) *passage {
	g := &passage{rules: r, sequence: sequence}
	if r.Err != nil {
		g.out.Dead = append(g.out.Dead, r.bury(e, ReasonGeneration, "", r.Err))
		return g
	}
	g.elements = []*event.Event{e}
	if split := r.From[e.Source]; split != nil {
		g.elements = r.step(ctx, split, g.elements, g)
	}
	return g
}

func (r *Rules) step(ctx context.Context, step *Step, in []*event.Event, g *passage) []*event.Event {
	// The common case, one event in and the same slice out, costs nothing.
	if len(in) == 1 {
		return r.stepOne(ctx, step, in[0], g)
	}
	var out []*event.Event
	for _, e := range in {
		out = append(out, r.stepOne(ctx, step, e, g)...)
	}
	return out
}

func (r *Rules) stepOne(ctx context.Context, step *Step, e *event.Event, g *passage) []*event.Event {
	held := len(g.out.Held)
	out, err := g.apply(ctx, step, e)
	if len(g.out.Held) > held {
		return nil
	}
	return r.made(step, e, out, err, &g.out)
}

// made is what goes on of what a step has made of an event.
func (r *Rules) made(step *Step, e *event.Event, out []*event.Event, err error, o *Outcome) []*event.Event {
	switch {
	case err == nil && len(out) == 0:
		o.Filtered = append(o.Filtered, step.Name)
	case err == nil:
		return out
	case !r.failed(e, step.Name, err, o):
		return []*event.Event{e}
	}
	return nil
}

// remembering is the place of the step that remembers under a name.
func (r *Rules) remembering(state string) (place int, step event.Stateful) {
	for i := range r.Steps {
		if r.Steps[i].State == state {
			if t, ok := r.Steps[i].Transform.(event.Stateful); ok {
				return i, t
			}
		}
	}
	return 0, nil
}

// failed does with an event on which a step fails as on_error says; false: it goes on.
func (r *Rules) failed(e *event.Event, step string, err error, o *Outcome) (ended bool) {
	switch r.OnError {
	case OnErrorPass:
		return false
	case OnErrorDrop:
		o.Dropped = append(o.Dropped, step)
	default:
		d := r.bury(e, reasonOf(err), "", err)
		d.Step = step
		o.Dead = append(o.Dead, d)
	}
	return true
}

// stepOrder is what order_by is called where it fails.
const stepOrder = "order_by"

// key is what an event's order is kept by, "" if it has none.
func (r *Rules) key(e *event.Event) (string, error) {
	if r.OrderBy == nil {
		return "", nil
	}
	v, err := evaluated(func() (any, error) { return r.OrderBy.Eval(e, nil) })
	if err != nil {
		return "", err
	}
	return keyText(v)
}

// keyText is a key as a text. Large ones are cut down to their hash: they
// travel with every delivery.
func keyText(v any) (string, error) {
	text := ""
	switch v := v.(type) {
	case nil:
		return "", nil
	case string:
		text = v
	default:
		b, err := json.Marshal(v)
		if err != nil {
			return "", fmt.Errorf("it cannot be a key: %w", err)
		}
		text = string(b)
	}
	if len(text) <= maxKey {
		return text, nil
	}
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:]), nil
}

// maxKey is how many bytes of a key travel as they are.
const maxKey = 128

// route evaluates every route on an event as it leaves the steps.
func (r *Rules) route(e *event.Event, sequence uint64, o *Outcome) {
	w := &bus.Work{Event: e, Sequence: sequence, Generation: r.Generation, Pipeline: r.Pipeline}
	var err error
	if w.Key, err = r.key(e); err != nil && r.failed(e, stepOrder, err, o) {
		return
	}
	// What is replayed has lost its place.
	if w.Lane = w.Key != "" && sequence > 0; !w.Lane {
		w.Key = ""
	}
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
		r.take(route, w, o)
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

// take hands an event to the first hop of a chain, or to every hop.
func (r *Rules) take(route *Route, by *bus.Work, o *Outcome) {
	w := *by
	w.Route = route.Name
	if route.Chain {
		r.advance(route, &w, 0, o)
		return
	}
	for i := range route.Hops {
		r.offer(&route.Hops[i], &w, i, o)
	}
}

// advance hands over to the first hop of a chain, from the given one on, that
// wants the event. Where the order is kept it takes no short cut past the hops
// in between: it would overtake what waits at them.
func (r *Rules) advance(route *Route, w *bus.Work, from int, o *Outcome) {
	work := len(o.Work)
	for i := from; i < len(route.Hops); i++ {
		if !r.offer(&route.Hops[i], w, i, o) {
			continue
		}
		if i > from && w.Key != "" && len(o.Work) > work {
			skipped := o.Work[work]
			skipped.Sink, skipped.Hop, skipped.Skip = route.Hops[from].Sink, from, true
		}
		return
	}
}

// offer hands over to one hop if its when holds; false when it does not.
func (r *Rules) offer(hop *Hop, w *bus.Work, i int, o *Outcome) bool {
	ok, err := holds(hop.When, w.Event, w.Results)
	if err != nil {
		d := r.bury(w.Event, reasonOf(err), w.Route, err)
		d.Sink, d.Hop, d.After, d.Results = hop.Sink, i, w.After, w.Results
		o.Dead = append(o.Dead, d)
		return true
	}
	if !ok {
		return false
	}
	next := *w
	next.Sink, next.Hop, next.Skip = hop.Sink, i, false
	next.Place = w.Place + len(o.Work)
	o.Work = append(o.Work, &next)
	return true
}

// Next is what follows in the chain once a hop has delivered, or has been
// skipped: then there is no answer. Nothing follows what the chain has gone on without.
func (r *Rules) Next(w *bus.Work, answer *event.Answer) *Outcome {
	o := &Outcome{}
	r.follow(w, answer, o)
	return o
}

// follow adds what [Rules.Next] gives. That is so short that it is inlined: where
// nothing follows, its outcome takes no memory.
func (r *Rules) follow(w *bus.Work, answer *event.Answer, o *Outcome) {
	route := r.routeNamed(w.Route)
	if route == nil || !route.Chain || w.Final || w.After != "" || w.Hop < 0 || w.Hop+1 >= len(route.Hops) {
		return
	}
	next := *w
	if answer != nil {
		next.Results = with(w, *answer)
	}
	r.advance(route, &next, w.Hop+1, o)
}

// with is what the sinks of a chain have answered, the one of a delivery included.
func with(w *bus.Work, answer event.Answer) event.Results {
	results := make(event.Results, len(w.Results)+1)
	maps.Copy(results, w.Results)
	results[w.Sink] = answer
	return results
}

// Shaped is the event as a hop wants it.
func (r *Rules) Shaped(w *bus.Work) (*event.Event, error) {
	hop := r.hop(w)
	if hop == nil || hop.Map == nil {
		return w.Event, nil
	}
	body, err := evaluated(func() (any, error) { return hop.Map.Eval(w.Event, w.Results) })
	if err != nil {
		return nil, err
	}
	return w.Event.WithBody(event.BodyOf(body)), nil
}

// hop is the hop that a delivery takes; nil where it is on no route.
func (r *Rules) hop(w *bus.Work) *Hop {
	route := r.routeNamed(w.Route)
	if route == nil || w.Hop < 0 || w.Hop >= len(route.Hops) {
		return nil
	}
	hop := &route.Hops[w.Hop]
	if w.After == "" {
		return hop
	}
	return hop.OnFailure.to(w.Sink)
}

// At is the place of a sink on a route, or of the sink whose failures are
// handed over to it; false when the route, or the sink on it, is not there.
func (r *Rules) At(route, sink, after string) (hop int, ok bool) {
	found := r.routeNamed(route)
	if found == nil {
		return 0, false
	}
	for i := range found.Hops {
		switch at := &found.Hops[i]; {
		case after == "" && at.Sink == sink:
			return i, true
		case after != "" && at.Sink == after && at.OnFailure.to(sink) != nil:
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

package engine

import (
	"context"
	"fmt"
	"strings"

	"github.com/trotline/trotline/engine/bus"
	"github.com/trotline/trotline/engine/stage"
	"github.com/trotline/trotline/event"
)

// revival is what a dead letter becomes: deliveries, or an event that stands
// before a step of its pipeline.
type revival struct {
	work []*bus.Work
	held []*bus.Held // one at the most
}

// revive is what a dead letter becomes.
func (e *Engine) revive(ctx context.Context, d *bus.Dead, to string) (revival, error) {
	// Names after the dead letter: replaying it twice, across a crash, hands over once.
	ev := *d.Event
	ev.Stamp = fmt.Sprintf("dead-%d-%s", d.Sequence, d.Event.Stamp)
	current := e.book.current()
	rules := current.of(d.Pipeline)
	w := &bus.Work{
		Event: &ev, Generation: current.number, Pipeline: d.Pipeline, Route: d.Route,
		Sink: d.Sink, Results: d.Results, After: d.After, Final: d.Final,
	}
	switch {
	case to != "":
		w.Sink, w.Hop, w.After = to, alone, ""
	case d.Sink != "" && d.Hop == alone:
		w.Hop = alone
	case rules == nil:
		return revival{}, fmt.Errorf("the pipeline %s is no longer in the configuration; name a sink with --to", d.Pipeline)
	case d.Sink == "" && !rules.Pure():
		return e.goOn(ctx, rules, d, &ev)
	case d.Sink == "":
		work, err := e.again(ctx, rules, d, &ev)
		return revival{work: work}, err
	default:
		hop, ok := rules.At(d.Route, d.Sink, d.After)
		if !ok && d.After != "" {
			return revival{}, fmt.Errorf("the route %s of pipeline %s no longer hands over to the sink %s what fails at %s; name a sink with --to", d.Route, d.Pipeline, d.Sink, d.After)
		}
		if !ok {
			return revival{}, fmt.Errorf("the route %s of pipeline %s no longer leads to the sink %s; name a sink with --to", d.Route, d.Pipeline, d.Sink)
		}
		w.Hop = hop
	}
	if e.book.takes(w.Sink) == stage.Removed {
		return revival{}, fmt.Errorf("there is no sink %s in the configuration", w.Sink)
	}
	return revival{work: []*bus.Work{w}}, nil
}

// alone is the hop of a delivery to a sink that is not on the event's route:
// the event as it stands, and nothing after it.
const alone = -1

// again runs an event that did not get through the steps, or that no route
// took. Of what comes of it, only the part that died is handed over: the same
// element of a split event, and the same route if one is named.
func (e *Engine) again(ctx context.Context, rules *stage.Rules, d *bus.Dead, ev *event.Event) ([]*bus.Work, error) {
	element := ev.Element
	whole := ev.WithBody(ev.Original)
	if element != "" {
		whole.ID, whole.Element = strings.TrimSuffix(ev.ID, "/"+element), ""
	}
	died := func(e *event.Event, route string) bool {
		return (d.Route == "" || route == d.Route) &&
			(element == "" || e.Element == element || strings.HasPrefix(e.Element, element+"/"))
	}
	return survivors(rules.Evaluate(ctx, whole, 0), died)
}

// goOn is an event that died in a pipeline whose steps wait, ask or remember. It
// goes on, as it stands, at the step it failed at: what the steps before have
// said of it holds. What follows is for the pipeline's own stage to say, unless
// only routes follow.
func (e *Engine) goOn(ctx context.Context, rules *stage.Rules, d *bus.Dead, ev *event.Event) (revival, error) {
	step, ok := rules.Place(d.Step, ev)
	if d.Reason == stage.ReasonGeneration {
		if step = 0; rules.From[ev.Source] != nil {
			return revival{}, fmt.Errorf("the source %s splits its requests now; have it sent again, or name a sink with --to", ev.Source)
		}
	}
	if !ok {
		return revival{}, fmt.Errorf("the pipeline %s no longer has the step %s; name a sink with --to", d.Pipeline, d.Step)
	}
	if rules.PureFrom(step) {
		work, err := survivors(rules.EvaluateFrom(ctx, ev, step), func(_ *event.Event, route string) bool {
			return d.Route == "" || route == d.Route
		})
		return revival{work: work}, err
	}
	return revival{held: []*bus.Held{rules.Hold(ev, step)}}, nil
}

// tell has the stages of pipelines look for what is held for them.
func (e *Engine) tell(held []*bus.Held) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, h := range held {
		if r := e.pipelines[h.Pipeline]; r != nil {
			r.stage.Look()
		}
	}
}

// survivors are the deliveries of the part of an event that died, if it does not die again.
func survivors(outcome *stage.Outcome, died func(*event.Event, string) bool) ([]*bus.Work, error) {
	for _, dead := range outcome.Dead {
		if died(dead.Event, dead.Route) {
			return nil, fmt.Errorf("it fails again%s: %s", where(dead), dead.Error)
		}
	}
	var work []*bus.Work
	for _, w := range outcome.Work {
		if died(w.Event, w.Route) {
			work = append(work, w)
		}
	}
	return work, nil
}

// where a dead letter died, in words; nothing where no route took the event.
func where(d *bus.Dead) string {
	switch {
	case d.Step != "":
		return ", at the step " + d.Step
	case d.Route != "":
		return ", at the route " + d.Route
	}
	return ""
}

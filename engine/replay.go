package engine

import (
	"context"
	"fmt"
	"strings"

	"github.com/trotline/trotline/engine/bus"
	"github.com/trotline/trotline/engine/stage"
	"github.com/trotline/trotline/event"
)

// ReplayDead sends a dead letter on its way again and removes it once what
// comes of it is durable. A delivery goes on at the sink where it stopped, or
// at the sink named by to; an event that failed at a step runs through the
// pipeline again. Both follow the rules in force now, since a rule may be what
// was mended. The delivery keeps its id.
func (e *Engine) ReplayDead(ctx context.Context, sequence uint64, to string) error {
	d, err := e.bus.DeadLetter(ctx, sequence)
	if err != nil {
		return err
	}
	work, err := e.revive(ctx, d, to)
	if err != nil {
		return fmt.Errorf("dead letter %d: %w", sequence, err)
	}
	pending := make([]*bus.Pending, len(work))
	for i, w := range work {
		_, w.Lane = e.book.Takes(w.Sink)
		pending[i] = e.bus.Hand(w)
	}
	if err := bus.WaitAll(ctx, pending); err != nil {
		return fmt.Errorf("dead letter %d: %w", sequence, err)
	}
	return e.bus.DropDead(ctx, sequence)
}

// revive is what a dead letter becomes.
func (e *Engine) revive(ctx context.Context, d *bus.Dead, to string) ([]*bus.Work, error) {
	// Names after the dead letter: replaying it twice, across a crash, hands over once.
	ev := *d.Event
	ev.Stamp = fmt.Sprintf("dead-%d-%s", d.Sequence, d.Event.Stamp)
	current := e.book.current()
	rules := current.of(d.Pipeline)
	w := &bus.Work{
		Event: &ev, Generation: current.number, Pipeline: d.Pipeline, Route: d.Route,
		Sink: d.Sink, Results: d.Results,
	}
	switch {
	case to != "":
		w.Sink, w.Hop = to, alone
	case rules == nil:
		return nil, fmt.Errorf("the pipeline %s is no longer in the configuration; name a sink with --to", d.Pipeline)
	case d.Sink == "":
		return e.again(ctx, rules, d, &ev)
	default:
		hop, ok := rules.At(d.Route, d.Sink)
		if !ok {
			return nil, fmt.Errorf("the route %s of pipeline %s no longer leads to the sink %s; name a sink with --to", d.Route, d.Pipeline, d.Sink)
		}
		w.Hop = hop
	}
	if e.book.takes(w.Sink) == stage.Removed {
		return nil, fmt.Errorf("there is no sink %s in the configuration", w.Sink)
	}
	return []*bus.Work{w}, nil
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
	outcome := rules.Evaluate(ctx, whole, 0)
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

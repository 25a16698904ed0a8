package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/google/uuid"

	"github.com/trotline/trotline/engine/bus"
	"github.com/trotline/trotline/engine/stage"
	"github.com/trotline/trotline/event"
)

// EventsReplay is where stored events go again.
type EventsReplay struct {
	Pipeline string // through the steps and routes of this pipeline
	Sink     string // or to this sink, as they were received
	// Name makes the deliveries' ids: the same name gives the same ones, so that a
	// replay that was cut short goes on under it. "" makes a new one.
	Name string
}

// ReplayEvents sends stored events on their way again, of those there are at
// its start. Each is the event it was, with a new delivery; the rules are those
// in force when its turn comes.
func (e *Engine) ReplayEvents(ctx context.Context, f bus.EventFilter, r EventsReplay, o RunOptions) (Tally, error) {
	t := Tally{DryRun: o.DryRun, Replay: r.Name}
	if t.Replay == "" {
		name, err := uuid.NewV7()
		if err != nil {
			return t, err
		}
		t.Replay = name.String()
	}
	if err := e.checkReplay(r, &f); err != nil {
		return t, err
	}
	var err error
	if t.Through, err = e.bus.LastEvent(ctx); err != nil {
		return t, err
	}
	f.Through = t.Through
	run := newBulk(o.Rate, func(ctx context.Context, events []*bus.Stored) error {
		err := e.replayEventsTogether(ctx, events, r, o.DryRun, &t)
		o.tell(t)
		return err
	})
	err = e.bus.Events(ctx, f, func(s *bus.Stored) bool { return run.add(ctx, s, sizeOf(s.Event)) })
	err = run.finish(ctx, err)
	return t, err
}

// checkReplay says what is wrong with a replay's target, and narrows the filter
// to what the target takes.
func (e *Engine) checkReplay(r EventsReplay, f *bus.EventFilter) error {
	current := e.book.current()
	switch {
	case (r.Pipeline == "") == (r.Sink == ""):
		return errors.New("name a pipeline or a sink: where the events are to go")
	case r.Sink != "" && e.book.takes(r.Sink) == stage.Removed:
		return fmt.Errorf("there is no sink %s in the configuration%s", r.Sink, meant(r.Sink, e.book.sinks()))
	case r.Sink != "":
		return nil
	}
	rules := current.of(r.Pipeline)
	if rules == nil {
		return fmt.Errorf("there is no pipeline %s in the configuration%s", r.Pipeline, meant(r.Pipeline, slices.Collect(maps.Keys(current.rules))))
	}
	if _, takes := rules.From[f.Source]; f.Source != "" && !takes {
		return fmt.Errorf("the pipeline %s does not take the events of %s; it takes those of %v", r.Pipeline, f.Source, slices.Sorted(maps.Keys(rules.From)))
	}
	where := f.Where
	f.Where = func(s *bus.Stored) bool {
		_, takes := rules.From[s.Event.Source]
		return takes && (where == nil || where(s))
	}
	return nil
}

func meant(word string, known []string) string {
	if near := event.Nearest(word, known); near != "" {
		return "; did you mean " + near + "?"
	}
	return ""
}

// replayEventsTogether replays events in their order. The error ends the run.
func (e *Engine) replayEventsTogether(ctx context.Context, events []*bus.Stored, r EventsReplay, dryRun bool, t *Tally) error {
	var (
		pending []*bus.Pending
		dead    []*bus.Dead
		sent    []*bus.Work
		held    []*bus.Held
		at      uint64
		count   int
	)
	for _, s := range events {
		out, err := e.outcomeOf(ctx, s, r, t.Replay)
		if err == nil && !dryRun {
			err = e.awaitRoom(ctx, out.Work)
		}
		if ctx.Err() != nil {
			break
		}
		if err != nil {
			return fmt.Errorf("event %d: %w", s.Sequence, err)
		}
		if !dryRun {
			pending = append(pending, e.handAll(out.Work, out.Held)...)
			for _, d := range out.Dead {
				pending = append(pending, e.bus.Bury(d))
			}
		}
		dead, sent, held = append(dead, out.Dead...), append(sent, out.Work...), append(held, out.Held...)
		at, count = s.Sequence, count+1
	}
	if err := bus.WaitAll(context.WithoutCancel(ctx), pending); err != nil {
		return err
	}
	if count == 0 {
		return nil
	}
	t.Done, t.Dead, t.At = t.Done+count, t.Dead+len(dead), at
	t.sent(sent, held)
	if shared := e.shared(); !dryRun {
		e.tell(held)
		for _, d := range dead {
			shared.Mourn(d)
		}
	}
	return nil
}

// outcomeOf is what becomes of a stored event that is replayed. It is named
// after the replay: replaying it twice under one name, across a crash, hands
// over once.
func (e *Engine) outcomeOf(ctx context.Context, s *bus.Stored, r EventsReplay, name string) (*stage.Outcome, error) {
	ev := *s.Event
	ev.Replay, ev.Stamp = name, fmt.Sprintf("replay-%s-%d", name, s.Sequence)
	current := e.book.current()
	if r.Sink != "" {
		return &stage.Outcome{Work: []*bus.Work{{
			Event: &ev, Sequence: s.Sequence, Generation: current.number, Sink: r.Sink, Hop: alone,
		}}}, nil
	}
	rules := current.of(r.Pipeline)
	if rules == nil {
		return nil, fmt.Errorf("the pipeline %s left the configuration meanwhile", r.Pipeline)
	}
	if !rules.Pure() {
		return rules.Enter(ctx, &ev, s.Sequence), nil
	}
	return rules.Evaluate(ctx, &ev, s.Sequence), nil
}

package stage

import (
	"errors"
	"fmt"
	"time"

	"github.com/trotline/trotline/engine/bus"
	"github.com/trotline/trotline/event"
)

// The reasons of dead letters.
const (
	ReasonExpression = "expression"   // an expression, or the check of a step, failed on the event
	ReasonPanic      = "panic"        // a fault of ours
	ReasonUnrouted   = "unrouted"     // no route took it, and unrouted says dead
	ReasonUnstorable = "unstorable"   // what its steps made cannot be written, or is too large to be stored
	ReasonUnreadable = "unreadable"   // a message in our streams that we did not write
	ReasonGeneration = "generation"   // the rules it was accepted under cannot be compiled any more
	ReasonRefused    = "refused"      // the sink's receiver said no
	ReasonExhausted  = "exhausted"    // every attempt failed
	ReasonRemoved    = "removed"      // its sink left the configuration
	ReasonBacklog    = "backlog_full" // its sink had too much waiting
)

// Reasons are all of them.
func Reasons() []string {
	return []string{
		ReasonRefused, ReasonExhausted, ReasonExpression, ReasonPanic, ReasonUnrouted, ReasonUnstorable,
		ReasonUnreadable, ReasonGeneration, ReasonRemoved, ReasonBacklog,
	}
}

// The classes of reasons: at whose side the cause lies.
const (
	ClassReceiver = "receiver" // it said no, or never took it
	ClassOwn      = "own"      // the rules, the configuration, the store, or a fault of ours
)

// Class is at whose side the cause of a reason lies.
func Class(reason string) string {
	switch reason {
	case ReasonRefused, ReasonExhausted:
		return ClassReceiver
	}
	return ClassOwn
}

const removedText = "the sink is no longer in the configuration; replay it elsewhere with --to"

// bury is a dead letter of an event that did not get as far as a sink.
func (r *Rules) bury(e *event.Event, reason, route string, err error) *bus.Dead {
	d := &bus.Dead{
		Event: e, Generation: r.Generation, Pipeline: r.Pipeline, Route: route,
		Reason: reason, Attempts: 1, FirstAttempt: e.Time, LastAttempt: e.Time,
	}
	explain(d, err)
	return d
}

// buryWork is a dead letter of a delivery that was not attempted.
func buryWork(w *bus.Work, reason, text string) *bus.Dead {
	return &bus.Dead{
		Event: w.Event, Generation: w.Generation, Pipeline: w.Pipeline, Route: w.Route,
		Sink: w.Sink, Hop: w.Hop, After: w.After, Final: w.Final, Results: w.Results,
		Reason: reason, Error: text, FirstAttempt: w.Event.Time, LastAttempt: w.Event.Time,
	}
}

// buryUnstorable is a dead letter of what cannot be stored on its way.
func buryUnstorable(h handOver, err error) *bus.Dead {
	if h.work != nil {
		return buryWork(h.work, ReasonUnstorable, err.Error())
	}
	e := h.held.Event
	return &bus.Dead{
		Event: e, Generation: h.held.Generation, Pipeline: h.held.Pipeline, Step: "held",
		Reason: ReasonUnstorable, Error: err.Error(), FirstAttempt: e.Time, LastAttempt: e.Time,
	}
}

// buryAttempted is the dead letter of a delivery whose last attempt failed.
// history are the attempts before that one, as far as they are known.
func buryAttempted(j job, v event.Verdict, history []bus.Attempt) *bus.Dead {
	d := buryWork(j.work, ReasonExhausted, "")
	var step *event.StepError
	switch {
	case errors.As(v.Err, &step):
		d.Reason = ReasonExpression // what was to be sent could not be made
	case event.IsPermanent(v.Err):
		d.Reason = ReasonRefused
	case reasonOf(v.Err) == ReasonPanic:
		d.Reason = ReasonPanic
	}
	explain(d, v.Err)
	d.Attempts = j.delivery.Attempt
	d.FirstAttempt, d.LastAttempt = j.message.Time(), time.Now().UTC()
	d.Status, d.Answer = v.Answer.Status, v.Answer.Body
	d.History = append(history, attemptOf(j, v))
	return d
}

// attemptOf is what is remembered of an attempt that has just failed.
func attemptOf(j job, v event.Verdict) bus.Attempt {
	return bus.Attempt{
		Number: j.delivery.Attempt, Time: time.Now().UTC(),
		Status: v.Answer.Status, Error: v.Err.Error(), Answer: v.Answer.Body,
	}
}

// unreadable is a dead letter of a message that somebody else wrote into our
// streams. Its bytes are kept.
func unreadable(pipeline string, m message, err error) *bus.Dead {
	body := event.NewBody(event.Binary, m.Data())
	id := fmt.Sprintf("message-%d", m.Sequence())
	return &bus.Dead{
		Event:    &event.Event{ID: id, Stamp: id, Source: "unknown", Time: m.Time(), Body: body, Original: body},
		Pipeline: pipeline, Step: "read", Reason: ReasonUnreadable, Error: err.Error(),
		FirstAttempt: m.Time(), LastAttempt: m.Time(),
	}
}

// explain writes what an error says into a dead letter; of a panic also where it
// happened, which is found nowhere else.
func explain(d *bus.Dead, err error) {
	d.Error = err.Error()
	var step *event.StepError
	var panicked *panicError
	switch {
	case errors.As(err, &step):
		d.Error, d.Expression, d.Value = step.Err.Error(), step.Expression, step.Value
	case errors.As(err, &panicked):
		d.Error += "\n" + string(panicked.stack)
	}
}

// reasonOf is the reason of a failed expression or step.
func reasonOf(err error) string {
	var p *panicError
	if errors.As(err, &p) {
		return ReasonPanic
	}
	return ReasonExpression
}

// diedAt is the sink or the step a dead letter died at.
func diedAt(d *bus.Dead) string {
	if d.Sink != "" {
		return d.Sink
	}
	return d.Step
}

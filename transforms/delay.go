package transforms

import (
	"context"
	"fmt"
	"time"

	"github.com/trotline/trotline/event"
)

type delaySettings struct {
	For   event.Duration `yaml:"for" short:"true" min:"1ms" max:"3660d" else:"for an expression write {until: …}" doc:"how long an event waits, from when it was received: 5m"`
	Until event.Expr     `yaml:"until" doc:"when an event goes on: an expression that gives a time, such as parse_time(body.publish_at)"`
}

// Validate implements [event.Validator].
func (s *delaySettings) Validate() []*event.FieldError {
	switch {
	case s.For == 0 && s.Until == nil:
		return []*event.FieldError{{Msg: "delay does not say how long", Hint: "write delay: 5m, or delay: {until: parse_time(body.publish_at)}"}}
	case s.For != 0 && s.Until != nil:
		return []*event.FieldError{{Path: "until", Msg: "for and until cannot stand side by side", Hint: "remove one"}}
	}
	return nil
}

var delayKind = event.TransformKind{
	Name:     "delay",
	Doc:      "holds each event, in the store, for a time or until a time; others pass it meanwhile",
	Settings: func() any { return &delaySettings{} },
	Open: func(settings any, _ event.TransformOptions) (event.Transform, error) {
		s := event.SettingsOf[delaySettings](settings)
		return delayer{time: s.For.Std(), until: s.Until}, nil
	},
}

type delayer struct {
	time  time.Duration
	until event.Expr // nil: after the time
}

// Apply is the delay of an event whose time has come.
func (d delayer) Apply(_ context.Context, e *event.Event) ([]*event.Event, error) {
	if _, err := d.Until(e); err != nil {
		return nil, err
	}
	return []*event.Event{e}, nil
}

// Until implements [event.Waiter].
func (d delayer) Until(e *event.Event) (time.Time, error) {
	if d.until == nil {
		return e.Time.Add(d.time), nil
	}
	return timeOf(d.until, e)
}

// timeOf is the time an expression gives: a time, or the text of one.
func timeOf(x event.Expr, e *event.Event) (time.Time, error) {
	v, err := x.Eval(e, nil)
	if err != nil {
		return time.Time{}, err
	}
	wrong := func(what string) error {
		return &event.StepError{Expression: x.Text(), Value: shown(v), Err: fmt.Errorf("it gives %s, not a time; parse_time() makes one of a text or of seconds since 1970", what)}
	}
	switch v := v.(type) {
	case time.Time:
		return v.UTC(), nil
	case string:
		t, err := time.Parse(time.RFC3339Nano, v)
		if err != nil {
			return time.Time{}, wrong("a text that is none as RFC 3339 writes it")
		}
		return t.UTC(), nil
	case nil:
		return time.Time{}, wrong("nil")
	}
	return time.Time{}, wrong("something else")
}

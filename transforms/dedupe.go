package transforms

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/trotline/trotline/event"
)

type dedupeSettings struct {
	Key    event.Expr     `yaml:"key" required:"true" short:"true" want:"string" doc:"what events have in common that are the same, such as body.order_id"`
	Window event.Duration `yaml:"window" min:"1s" max:"366d" doc:"how long after the first one the others are dropped (72h)"`
}

var dedupeKind = event.TransformKind{
	Name:     "dedupe",
	Doc:      "lets pass the first event of each key and drops the others, for a time",
	Settings: func() any { return &dedupeSettings{Window: event.Duration(72 * time.Hour)} },
	Open: func(settings any, _ event.TransformOptions) (event.Transform, error) {
		s := event.SettingsOf[dedupeSettings](settings)
		return deduper{key: s.Key, window: s.Window.Std()}, nil
	},
}

// deduper remembers when the first event of a key was received.
type deduper struct {
	key    event.Expr
	window time.Duration
}

// Apply is the step for the first event.
func (d deduper) Apply(_ context.Context, e *event.Event) ([]*event.Event, error) {
	if _, err := d.Key(e, time.Time{}); err != nil {
		return nil, err
	}
	return []*event.Event{e}, nil
}

// State implements [event.Stateful]. Another window goes on with what is remembered.
func (d deduper) State() string { return stateName(d.key.Text()) }

// Key implements [event.Stateful].
func (d deduper) Key(e *event.Event, _ time.Time) (string, error) { return textOf(d.key, e) }

// The words of the steps that let an event pass or not.
const (
	pass = "pass"
	drop = "drop"
	mark = "mark"
)

// Decide implements [event.Stateful].
func (d deduper) Decide(_ string, value any, e *event.Event) (event.Decision, error) {
	// Whoever has a stored event replayed wants it again.
	if first, ok := value.(time.Time); ok && e.Replay == "" && e.Time.Before(first.Add(d.window)) {
		return event.Decision{Word: drop}, nil
	}
	note, err := json.Marshal(e.Time)
	return event.Decision{Word: pass, Note: note}, err
}

// Follow implements [event.Stateful].
func (d deduper) Follow(e *event.Event, word string) ([]*event.Event, error) {
	if word == drop {
		return nil, nil
	}
	return []*event.Event{e}, nil
}

// Noted implements [event.Stateful].
func (d deduper) Noted(_ any, note []byte) (any, error) {
	var first time.Time
	err := json.Unmarshal(note, &first)
	return first, err
}

// Note implements [event.Stateful].
func (d deduper) Note(value any) ([]byte, error) { return json.Marshal(value) }

// Ends implements [event.Stateful].
func (d deduper) Ends(value any) time.Time { return value.(time.Time).Add(d.window) }

// textOf is the text an expression gives.
func textOf(x event.Expr, e *event.Event) (string, error) {
	v, err := x.Eval(e, nil)
	if err != nil {
		return "", err
	}
	text, ok := v.(string)
	if !ok {
		return "", &event.StepError{Expression: x.Text(), Value: shown(v), Err: fmt.Errorf("it gives no text")}
	}
	return text, nil
}

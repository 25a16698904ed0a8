package event

import (
	"context"
	"time"
)

// Some steps are not pure: what they say depends on the time, on somebody else
// or on earlier events. The stage that runs them puts what they say on the disk
// before anything follows from it, and an event that comes again after a crash
// is told the same again. Their Apply does what the step does for an event that
// is alone in the world: it is asked where nothing may be waited for or remembered.

// Waiter is a step at which an event waits.
type Waiter interface {
	Transform
	// Until is when the event may go on. It is pure; a time that is not after
	// the event's own means at once.
	Until(e *Event) (time.Time, error)
}

// Asker is a step that asks somebody else about an event.
type Asker interface {
	Transform
	// Ask returns the answer. A [Permanent] error is one as well: no answer will
	// ever come. After any other the event waits and is asked about again.
	Ask(ctx context.Context, e *Event) ([]byte, error)
	// Answered is what becomes of the event with the answer. It is pure.
	Answered(e *Event, answer []byte) ([]*Event, error)
	// Unanswered is what becomes of the event when no answer will ever come. It is pure.
	Unanswered(e *Event, reason error) ([]*Event, error)
}

// Stateful is a step whose word on an event depends on earlier events. What it
// remembers is kept by key: for each key a value, which is made by notes. The
// notes are stored, so that the same values are there after a crash.
//
// [Stateful.Noted] alone changes a value.
type Stateful interface {
	Transform
	// State names what is remembered. A step of an edited configuration that
	// says the same name goes on with it.
	State() string
	// Key is what the event is remembered under. closed is up to when the
	// windows of the step are closed.
	Key(e *Event, closed time.Time) (string, error)
	// Decide says what becomes of the event. value is what is remembered of its
	// key, nil if nothing is. It is pure.
	Decide(key string, value any, e *Event) (Decision, error)
	// Follow carries out the decision. It is pure.
	Follow(e *Event, decision string) ([]*Event, error)
	// Noted is the value with one more note, which may be the same value,
	// changed; value is nil with the first note of a key. A note is JSON. Where the
	// step is no [Windowing] each note stands for itself, and value is always nil.
	Noted(value any, note []byte) (any, error)
	// Note is the one note that makes the value out of nothing.
	Note(value any) ([]byte, error)
	// Ends is when the value is forgotten, or its window closed; zero is never.
	Ends(value any) time.Time
}

// Decision is what a [Stateful] step decides on an event.
type Decision struct {
	Word string // what Follow is told
	Note []byte // what is to be remembered; nil: nothing new
}

// Windowing is a stateful step that gathers events and makes one of them in the end.
type Windowing interface {
	Stateful
	// Time is when the event happened, for the windows. own tells that it is
	// not when the event was received.
	Time(e *Event) (t time.Time, own bool, err error)
	// Late is how long a window waits for late events.
	Late() time.Duration
	// Full tells whether the window closes with the event that came last.
	Full(value any) bool
	// Close makes the event of a closed window, also where it fails; nil when the
	// window is of no interest. name is unique to the window. It is pure.
	Close(value any, name string) (*Event, error)
}

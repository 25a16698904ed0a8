package door

import (
	"context"
	"errors"
	"time"

	"github.com/trotline/trotline/event"
)

// ErrStale is a [Store]'s answer to an event made by rules that are not in force any more.
var ErrStale = errors.New("the event was made by rules that are not in force any more")

// Store makes events durable. It is safe for concurrent use.
type Store interface {
	// Append returns once the event is durable, and ends by itself when that
	// cannot be. generation is the table's that made the event: when it is not
	// the one in force the error is [ErrStale], and the request is received
	// again by the next table. A *[event.Refusal] is for the sender: the event can
	// never be stored. After any other error the sender is asked to come again, as
	// late as [event.RetryDelay] says.
	Append(ctx context.Context, e *event.Event, generation uint64) (Stored, error)
	// AppendAll is Append for the events of one request, in their order. After an
	// error some of them may be durable: when the request comes again, those are
	// duplicates.
	AppendAll(ctx context.Context, events []*event.Event, generation uint64) ([]Stored, error)
}

// Stored is what a store says of an event it has.
type Stored struct {
	Duplicate bool // it had the event already
}

// Observer is told what becomes of each request, once. It is safe for concurrent use.
type Observer interface {
	// Accepted: the event is stored, d after its request's header was read.
	Accepted(source string, d time.Duration)
	// Duplicate: the event was stored before.
	Duplicate(source string)
	// Refused: the request was turned away. source is "" where the path leads nowhere.
	Refused(source, reason string, status int)
	// Failed: the event could not be stored.
	Failed(source string)
}

// unobserved is the observer of those who have none.
type unobserved struct{}

func (unobserved) Accepted(string, time.Duration) {}
func (unobserved) Duplicate(string)               {}
func (unobserved) Refused(string, string, int)    {}
func (unobserved) Failed(string)                  {}

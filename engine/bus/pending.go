package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
)

// Ack is what the store says of a message it has.
type Ack struct {
	Sequence  uint64 // its place in its stream; 0 where that is not known of a duplicate
	Duplicate bool   // the store had it already
}

// Pending is a message on its way into the store. It is safe for concurrent use.
type Pending struct {
	done chan struct{}
	ack  Ack
	err  error

	message *nats.Msg
	number  uint64    // its slot, and the slot's age
	size    int       // in bytes
	sent    time.Time // when it was given to the publisher
	to      place     // where it has to be
	group   *group    // whose first or last it is; nil: it is answered for itself

	told  settler  // first of all what became of it; nil for what has no id
	key   idKey    // its id
	after uint64   // a sequence before its own
	first *Pending // the same event, sent before: what becomes of it is the answer here
}

// settler is who remembers what is stored.
type settler interface{ settle(p *Pending) }

func newPending() *Pending { return &Pending{done: make(chan struct{})} }

// failed is a message that was not even sent.
func failed(err error) *Pending {
	p := newPending()
	p.resolve(err)
	return p
}

// duplicate is a message of which the store has the first one, at a sequence if that is known.
func duplicate(sequence uint64) *Pending {
	p := newPending()
	p.ack = Ack{Sequence: sequence, Duplicate: true}
	p.resolve(nil)
	return p
}

// again is the same event as p, sent while p is on its way.
func (p *Pending) again() *Pending { return &Pending{done: p.done, first: p} }

// resolve ends the waiting. It is called once, by whoever took the message off the list.
func (p *Pending) resolve(err error) {
	p.err = err
	if p.told != nil {
		p.told.settle(p)
	}
	close(p.done)
}

// unknown tells whether the message may be stored although it failed.
func (p *Pending) unknown() bool {
	return p.err != nil && !p.sent.IsZero() && errors.Is(p.err, ErrUnavailable)
}

// resolved tells whether the waiting has ended.
func (p *Pending) resolved() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// result is what became of the message; done is closed.
func (p *Pending) result() (Ack, error) {
	if p.first == nil {
		return p.ack, p.err
	}
	ack, err := p.first.result()
	ack.Duplicate = err == nil
	return ack, err
}

// Wait returns once the message is durable. It ends by itself when the store
// does not answer; the error is then [ErrUnavailable], as it is whenever the
// message may be in the store without being known to be. When ctx ends first,
// that is the error.
func (p *Pending) Wait(ctx context.Context) (Ack, error) {
	if ctx.Done() == nil { // the usual case at the door, and a cheaper wait
		<-p.done
		return p.result()
	}
	select {
	case <-p.done:
		return p.result()
	default:
	}
	select {
	case <-p.done:
		return p.result()
	case <-ctx.Done():
		return Ack{}, ctx.Err()
	}
}

// WaitAll waits for every message, and returns the first error.
func WaitAll(ctx context.Context, pending []*Pending) error {
	for _, p := range pending {
		if _, err := p.Wait(ctx); err != nil {
			return err
		}
	}
	return nil
}

// The reasons why a message is not in the store.
var (
	// ErrStale: the generation an event was made by is not in force any more.
	ErrStale = errors.New("the configuration changed while the event was received")
	// ErrUnavailable: the store does not take anything at the moment.
	ErrUnavailable = errors.New("the store is unavailable")
	// ErrFull: the stream has no room. Room is made as events are handled.
	ErrFull = errors.New("the store is full")
	// ErrUnstorable: it cannot be stored however often it is tried; its body is
	// too large, or cannot be written as bytes.
	ErrUnstorable = errors.New("cannot be stored")
)

func unavailable(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrUnavailable, fmt.Errorf(format, args...))
}

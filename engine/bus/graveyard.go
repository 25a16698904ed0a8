package bus

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// DeadFilter says which dead letters are wanted. The zero value wants all.
type DeadFilter struct {
	// Refused looks among the requests that sources have refused and kept,
	// instead of among the dead letters.
	Refused  bool
	Pipeline string
	Sink     string
	Step     string
	Reason   string
	Source   string
	ID       string           // the event's
	Since    time.Time        // died at this time or later
	Until    time.Time        // died before this time; an edited letter stands behind younger ones
	Where    func(*Dead) bool // nil: whatever else it is
	After    uint64           // behind this sequence; with Newest before it, unless it is 0
	Through  uint64           // not behind this sequence; 0 is no limit
	Limit    int              // at most so many; 0 is no limit
	Newest   bool             // the newest first
}

func (f *DeadFilter) wants(d *Dead) bool {
	same := func(want, is string) bool { return want == "" || want == is }
	return same(f.Pipeline, d.Pipeline) && same(f.Sink, d.Sink) && same(f.Step, d.Step) && same(f.Reason, d.Reason) &&
		same(f.Source, d.Event.Source) && same(f.ID, d.Event.ID) &&
		(f.Since.IsZero() || !d.Time.Before(f.Since)) && (f.Until.IsZero() || d.Time.Before(f.Until)) &&
		(f.Where == nil || f.Where(d))
}

// subject is the narrowest subject that has everything the filter wants; "" is
// any, with which the server reads faster than with one that matches all.
func (f *DeadFilter) subject(prefix string) string {
	if f.Sink == "" && f.Step == "" && f.Pipeline == "" && (!f.Refused || f.Source == "") {
		return ""
	}
	any := func(s string) string {
		if s == "" {
			return "*"
		}
		return token(s)
	}
	if f.Refused {
		return prefix + ".refused." + any(f.Source)
	}
	place := f.Sink
	if place == "" {
		place = f.Step
	}
	return prefix + ".dead." + any(place) + "." + any(f.Pipeline) + ".>"
}

// graveyard is the stream of dead letters, or of refused requests.
func (n names) graveyard(refused bool) string {
	if refused {
		return n.refused()
	}
	return n.dead()
}

// Dead yields the dead letters a filter wants, in the order they were buried
// in, until yield says no. What others wrote into the stream is left out.
func (b *Bus) Dead(ctx context.Context, f DeadFilter, yield func(*Dead) bool) error {
	left := f.Limit
	pick := func(m *found) (more bool) {
		if f.Through > 0 && m.sequence > f.Through {
			return f.Newest
		}
		d, err := decodeDead(m.header, m.data, m.sequence, m.time)
		if err != nil || !f.wants(d) {
			return true
		}
		left--
		return yield(d) && left != 0
	}
	subject := f.subject(b.names.prefix)
	if f.Newest {
		return b.scanBack(ctx, b.names.graveyard(f.Refused), subject, f.After, f.Since, pick)
	}
	return b.scan(ctx, b.names.graveyard(f.Refused), startOf(subject, f.After, f.Since), pick)
}

// LastDead is the sequence of the newest dead letter, or refused request; 0 if there never was one.
func (b *Bus) LastDead(ctx context.Context, refused bool) (uint64, error) {
	info, err := b.state(ctx, b.names.graveyard(refused))
	if err != nil {
		return 0, err
	}
	return info.State.LastSeq, nil
}

// DeadLetter is the dead letter of a number; [ErrNotFound] if it is not there any more.
func (b *Bus) DeadLetter(ctx context.Context, number uint64) (*Dead, error) {
	d, err := b.buried(ctx, b.names.dead(), number)
	if !errors.Is(err, ErrNotFound) {
		return d, err
	}
	m, ok, err := b.first(ctx, b.names.dead(), 1, b.names.editedSubject(number))
	if err == nil && !ok {
		err = ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("dead letter %d: %w", number, err)
	}
	return decodeDead(m.header, m.data, m.sequence, m.time)
}

// RefusedRequest is the refused request of a number; [ErrNotFound] if it is not there any more.
func (b *Bus) RefusedRequest(ctx context.Context, number uint64) (*Dead, error) {
	return b.buried(ctx, b.names.refused(), number)
}

// buried is the letter that stands where its number says. An edited one stands elsewhere.
func (b *Bus) buried(ctx context.Context, stream string, number uint64) (*Dead, error) {
	m, err := b.message(ctx, stream, number)
	if err != nil {
		return nil, fmt.Errorf("dead letter %d: %w", number, err)
	}
	d, err := decodeDead(m.header, m.data, m.sequence, m.time)
	if err == nil && d.Number != number {
		err = fmt.Errorf("dead letter %d: %w", number, ErrNotFound)
	}
	return d, err
}

// DropDead removes a dead letter for good; [ErrNotFound] if it is not there any more.
func (b *Bus) DropDead(ctx context.Context, number uint64) error {
	d, err := b.DeadLetter(ctx, number)
	if err != nil {
		return err
	}
	return b.Drop(ctx, false, d.Sequence)
}

// DropRefused removes a refused request for good; [ErrNotFound] if it is not there any more.
func (b *Bus) DropRefused(ctx context.Context, number uint64) error {
	if _, err := b.RefusedRequest(ctx, number); err != nil {
		return err
	}
	return b.Drop(ctx, true, number)
}

// dropTogether is how many letters are removed at once.
const dropTogether = 32

// Drop removes what stands at sequences of the dead letters, or of the refused
// requests, and returns once that is durable. What is gone already is no error.
func (b *Bus) Drop(ctx context.Context, refused bool, sequences ...uint64) error {
	if len(sequences) == 0 {
		return nil
	}
	stream := b.names.graveyard(refused)
	s, err := b.stream(stream)
	if err != nil {
		return err
	}
	var (
		running sync.WaitGroup
		slots   = make(chan struct{}, dropTogether)
		errs    = make([]error, len(sequences))
	)
	for i, sequence := range sequences {
		slots <- struct{}{}
		running.Go(func() {
			defer func() { <-slots }()
			err := s.DeleteMsg(ctx, sequence)
			if err == nil {
				return
			}
			// The server has no code of its own for a message that is not there.
			if _, gone := b.message(ctx, stream, sequence); !errors.Is(gone, ErrNotFound) {
				errs[i] = fmt.Errorf("cannot drop dead letter %d: %w", sequence, err)
			}
		})
	}
	running.Wait()
	return errors.Join(append(errs, b.Barrier(ctx))...)
}

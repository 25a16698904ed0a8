package bus

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// DeadFilter says which dead letters are wanted. The zero value wants all.
type DeadFilter struct {
	Pipeline string
	Sink     string
	Step     string
	Reason   string
	Source   string
	ID       string    // the event's
	Since    time.Time // buried at this time or later
	Until    time.Time // buried before this time
	After    uint64    // behind this sequence; with Newest before it, unless it is 0
	Limit    int       // at most so many; 0 is no limit
	Newest   bool      // the newest first
}

func (f *DeadFilter) wants(d *Dead) bool {
	same := func(want, is string) bool { return want == "" || want == is }
	return same(f.Pipeline, d.Pipeline) && same(f.Sink, d.Sink) && same(f.Step, d.Step) && same(f.Reason, d.Reason) &&
		same(f.Source, d.Event.Source) && same(f.ID, d.Event.ID) &&
		(f.Since.IsZero() || !d.Time.Before(f.Since)) && (f.Until.IsZero() || d.Time.Before(f.Until))
}

// subject is the narrowest subject that has everything the filter wants.
func (f *DeadFilter) subject(prefix string) string {
	any := func(s string) string {
		if s == "" {
			return "*"
		}
		return token(s)
	}
	place := f.Sink
	if place == "" {
		place = f.Step
	}
	return prefix + ".dead." + any(place) + "." + any(f.Pipeline) + ".*"
}

// Dead yields the dead letters a filter wants, in the order they were buried
// in, until yield says no. What others wrote into the stream is left out.
func (b *Bus) Dead(ctx context.Context, f DeadFilter, yield func(*Dead) bool) error {
	left := f.Limit
	pick := func(m *found) (more bool) {
		d, err := decodeDead(m.header, m.data, m.sequence, m.time)
		if err != nil || !f.wants(d) {
			return true
		}
		left--
		return yield(d) && left != 0
	}
	subject := f.subject(b.names.prefix)
	if f.Newest {
		return b.scanBack(ctx, b.names.dead(), subject, f.After, f.Since, pick)
	}
	return b.scan(ctx, b.names.dead(), startOf(subject, f.After, f.Since), pick)
}

// DeadLetter is the dead letter at a sequence of the dead stream; [ErrNotFound]
// if it is not there any more.
func (b *Bus) DeadLetter(ctx context.Context, sequence uint64) (*Dead, error) {
	m, err := b.message(ctx, b.names.dead(), sequence)
	if err != nil {
		return nil, fmt.Errorf("dead letter %d: %w", sequence, err)
	}
	return decodeDead(m.header, m.data, m.sequence, m.time)
}

// DropDead removes a dead letter for good; [ErrNotFound] if it is not there any more.
func (b *Bus) DropDead(ctx context.Context, sequence uint64) error {
	s, err := b.stream(b.names.dead())
	if err != nil {
		return err
	}
	err = s.DeleteMsg(ctx, sequence)
	if err != nil {
		// The server has no code of its own for a message that is not there.
		if _, gone := b.message(ctx, b.names.dead(), sequence); errors.Is(gone, ErrNotFound) {
			err = ErrNotFound
		}
		return fmt.Errorf("cannot drop dead letter %d: %w", sequence, err)
	}
	return b.Barrier(ctx)
}

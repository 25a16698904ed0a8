package bus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// ErrNotFound says that there is no such event, or dead letter, any more.
var ErrNotFound = errors.New("not found")

// EventFilter says which events are wanted. The zero value wants all.
type EventFilter struct {
	Source  string             // "" is any
	Type    string             // "" is any
	ID      string             // the sender's; "" is any
	Where   func(*Stored) bool // nil: whatever else it is
	Since   time.Time          // accepted at this time or later; zero is any
	Until   time.Time          // accepted before this time; zero is any
	Through uint64             // not behind this sequence; 0 is no limit
	After   uint64             // behind this sequence; with Newest before it, unless it is 0
	Limit   int                // at most so many; 0 is no limit
	Newest  bool               // the newest first
}

func (f *EventFilter) wants(s *Stored) bool {
	e := s.Event
	return (f.Source == "" || e.Source == f.Source) && (f.Type == "" || e.Type == f.Type) && (f.ID == "" || e.ID == f.ID) &&
		(f.Since.IsZero() || !e.Time.Before(f.Since)) && (f.Until.IsZero() || e.Time.Before(f.Until)) &&
		(f.Where == nil || f.Where(s))
}

// clockSlack is how much the time an event was accepted may differ from the
// time it was stored, by which the server finds it.
const clockSlack = time.Minute

// Events yields the stored events a filter wants, in the order they were stored
// in, until yield says no. What others wrote into the stream is left out.
func (b *Bus) Events(ctx context.Context, f EventFilter, yield func(*Stored) bool) error {
	subject := "" // what is no event is left out below, which costs less than telling the server
	if f.Source != "" {
		subject = b.names.eventSubject(f.Source)
	}
	left := f.Limit
	pick := func(m *found) (more bool) {
		if f.Through > 0 && m.sequence > f.Through {
			return f.Newest
		}
		e, generation, err := decodeEvent(m.header, m.data)
		if err != nil {
			return true
		}
		s := &Stored{Sequence: m.sequence, Generation: generation, Event: e}
		if !f.wants(s) {
			return f.Until.IsZero() || f.Newest || m.time.Before(f.Until.Add(clockSlack))
		}
		left--
		return yield(s) && left != 0
	}
	if f.Newest {
		return b.scanBack(ctx, b.names.events(), subject, f.After, f.Since, pick)
	}
	return b.scan(ctx, b.names.events(), startOf(subject, f.After, f.Since), pick)
}

// LastEvent is the sequence of the newest message of the events stream.
func (b *Bus) LastEvent(ctx context.Context) (uint64, error) {
	info, err := b.state(ctx, b.names.events())
	if err != nil {
		return 0, err
	}
	return info.State.LastSeq, nil
}

// startOf is a query from behind a sequence, or from a time on.
func startOf(subject string, after uint64, since time.Time) query {
	q := query{Subject: subject, Sequence: after + 1}
	if after == 0 && !since.IsZero() {
		since = since.Add(-clockSlack)
		q.Sequence, q.StartTime = 0, &since
	}
	return q
}

// A scan backwards reads firstWindow sequences at first, since often the newest
// few are wanted, then more and more, until it has backWindow messages at once.
const (
	firstWindow = 64
	backWindow  = scanBatch / 2
)

// scanBack yields messages from the newest on, or from before a sequence on,
// back to a time. The server reads forwards alone, so it is done in windows.
func (b *Bus) scanBack(ctx context.Context, stream, subject string, before uint64, since time.Time, yield func(*found) bool) error {
	info, err := b.state(ctx, stream)
	if err != nil {
		return err
	}
	end := info.State.LastSeq + 1
	if before > 0 {
		end = min(end, before)
	}
	window := uint64(firstWindow)
	for end > max(info.State.FirstSeq, 1) {
		start := max(info.State.FirstSeq, 1)
		if end-start > window {
			start = end - window
		}
		page, bytes, err := b.between(ctx, stream, subject, start, end)
		if err != nil {
			return err
		}
		if bytes > scanBytes && end-start > 1 {
			window = (end - start) / 2
			continue
		}
		for _, m := range slices.Backward(page) {
			if !since.IsZero() && m.time.Before(since.Add(-clockSlack)) || !yield(m) {
				return nil
			}
		}
		if len(page) < backWindow && bytes < scanBytes/4 {
			window *= 2
		}
		end = start
	}
	return nil
}

// between is what a subject has from start to before end, and its size. It
// breaks off where that is more than should be in memory at once.
func (b *Bus) between(ctx context.Context, stream, subject string, start, end uint64) (page []*found, bytes int, err error) {
	q := query{Subject: subject, Sequence: start, Batch: int(min(end-start, scanBatch)), MaxBytes: scanBytes}
	err = b.scan(ctx, stream, q, func(m *found) bool {
		if m.sequence < end {
			page = append(page, m)
			bytes += len(m.data)
		}
		return bytes <= scanBytes && m.sequence+1 < end
	})
	return page, bytes, err
}

// Event is the event at a sequence of the events stream; [ErrNotFound] if it is
// not there any more.
func (b *Bus) Event(ctx context.Context, sequence uint64) (*Stored, error) {
	m, err := b.message(ctx, b.names.events(), sequence)
	if err != nil {
		return nil, fmt.Errorf("event %d: %w", sequence, err)
	}
	e, generation, err := decodeEvent(m.header, m.data)
	if err != nil {
		return nil, fmt.Errorf("event %d: %w", sequence, err)
	}
	return &Stored{Sequence: sequence, Generation: generation, Event: e}, nil
}

// FindEvent is the newest stored event with an id, of one source or, with "",
// of any; [ErrNotFound] if there is none. It reads backwards until it is found.
func (b *Bus) FindEvent(ctx context.Context, source, id string) (*Stored, error) {
	var found *Stored
	err := b.Events(ctx, EventFilter{Source: source, ID: id, Limit: 1, Newest: true}, func(s *Stored) bool {
		found = s
		return false
	})
	if err == nil && found == nil {
		err = fmt.Errorf("event %q: %w", id, ErrNotFound)
	}
	return found, err
}

// Tail yields the events of a source, or with "" of all, as they are stored
// from now on, until ctx ends or yield says no.
func (b *Bus) Tail(ctx context.Context, source string, yield func(*Stored) bool) error {
	subject := b.names.prefix + ".events.*"
	if source != "" {
		subject = b.names.eventSubject(source)
	}
	consumer, err := b.streams[b.names.events()].OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{subject}, DeliverPolicy: jetstream.DeliverNewPolicy,
	})
	if err != nil {
		return fmt.Errorf("cannot read the events stream: %w", err)
	}
	messages, err := consumer.Messages(jetstream.PullMaxMessages(8)) // they stay in memory until yield has taken them
	if err != nil {
		return fmt.Errorf("cannot read the events stream: %w", err)
	}
	defer messages.Stop()
	for {
		m, err := messages.Next(jetstream.NextContext(ctx))
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("cannot read the events stream: %w", err)
		}
		meta, err := m.Metadata()
		if err != nil {
			continue
		}
		e, generation, err := decodeEvent(m.Headers(), m.Data())
		if err == nil && !yield(&Stored{Sequence: meta.Sequence.Stream, Generation: generation, Event: e}) {
			return nil
		}
	}
}

// message is the message at a sequence.
func (b *Bus) message(ctx context.Context, stream string, sequence uint64) (*found, error) {
	if sequence == 0 {
		return nil, ErrNotFound
	}
	var at *found
	err := b.scan(ctx, stream, query{Sequence: sequence, Batch: 1}, func(m *found) bool {
		at = m
		return false
	})
	if err == nil && (at == nil || at.sequence != sequence) {
		err = ErrNotFound
	}
	return at, err
}

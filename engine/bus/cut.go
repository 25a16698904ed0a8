package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
)

// cutTimeout bounds how long a cut may keep the door waiting.
const cutTimeout = 3 * time.Second

// Cut puts a generation in force: every event in the events stream before the
// cut's sequence was appended under the generation before, every event after it
// under this one. The generation must have been stored ([Bus.PutGeneration]).
//
// While Append is locked out, a marker is put into the events stream, its
// sequence is recorded with the generation, and swap is called with it; after
// that, Append takes the new generation alone. Then Cut waits until all of it is
// durable. If swap was called the generation is in force, whatever the error.
//
// The record with the generation is what counts after a restart; a marker
// without it means nothing. A record whose own answer is lost may be in the
// store or not. It cannot be left so, or events appended from then on could be
// judged by one generation now and by another after the restart. So events are
// refused until the record has been taken back, which is tried until it
// succeeds; if the process ends before, no event stands behind the cut, and
// either answer is true. A generation that failed is never used again.
func (b *Bus) Cut(ctx context.Context, generation uint64, swap func(sequence uint64)) (sequence uint64, err error) {
	record, err := b.loadRecord(ctx, generation)
	if err != nil {
		return 0, err
	}
	if sequence, err = b.cutNow(ctx, record, swap); err != nil {
		return 0, fmt.Errorf("the edit could not be put in force: %w", err)
	}
	if err := b.settled(ctx, generation); err != nil {
		// Whoever asked for it has stopped waiting; events behind it wait for it all the same.
		b.keep(func(ctx context.Context) { _ = b.settled(ctx, generation) }) // what it fails with, it fails with for good
		return sequence, fmt.Errorf("generation %d is in force, but not known to be on the disk: %w", generation, err)
	}
	return sequence, nil
}

// settled returns once a cut is durable, and events behind it need not wait for
// the barrier any more, unless there is a later one.
func (b *Bus) settled(ctx context.Context, generation uint64) error {
	if err := b.Barrier(ctx); err != nil {
		return err
	}
	b.cutting.CompareAndSwap(generation, 0)
	return nil
}

// cutNow does what must be done while no event is appended.
func (b *Bus) cutNow(ctx context.Context, r *record, swap func(uint64)) (uint64, error) {
	b.cut.Lock()
	defer b.cut.Unlock()
	if err := b.health.err(); err != nil {
		return 0, err
	}
	if r.Number <= b.generation {
		return 0, fmt.Errorf("generation %d is not newer than generation %d", r.Number, b.generation)
	}
	ctx, cancel := context.WithTimeout(ctx, cutTimeout)
	defer cancel()
	m, err := b.mark(ctx, r)
	if err != nil {
		return 0, err // at worst there is a marker that nobody reads
	}
	if _, err := b.publisher.sendPlain(m).Wait(ctx); err != nil {
		b.revoke(r.Number)
		return 0, err
	}
	b.generation = r.Number
	b.cutting.Store(r.Number)
	swap(r.Cut)
	return r.Cut, nil
}

// mark puts a marker into the events stream. What it returns records it with the generation.
func (b *Bus) mark(ctx context.Context, r *record) (*nats.Msg, error) {
	marker := &nats.Msg{Subject: b.names.cutSubject(), Header: nats.Header{}, Data: fmt.Appendf(nil, `{"generation":%d}`, r.Number)}
	ack, err := b.publisher.sendPlain(marker).Wait(ctx)
	if err != nil {
		return nil, err
	}
	r.Cut = ack.Sequence
	return r.message(b.names)
}

// settleCut cuts again if the cut in force stands behind the end of the stream:
// a power cut can leave its record and take its marker.
func (b *Bus) settleCut(ctx context.Context) error {
	r, err := b.recordInForce(ctx)
	if err != nil || r == nil {
		return err
	}
	info, err := b.state(ctx, b.names.events())
	if err != nil || r.Cut <= info.State.LastSeq {
		return err
	}
	return b.cutAgain(ctx, r)
}

// cutLate cuts again if events accepted under an earlier generation stand behind
// the cut in force, because a power cut took them and they were put back. The
// cut was not durable then, so nobody was told of an event behind it. from is
// where they may begin.
func (b *Bus) cutLate(ctx context.Context, from uint64) error {
	r, err := b.recordInForce(ctx)
	if err != nil || r == nil {
		return err
	}
	late := false
	behind := query{Sequence: max(from, r.Cut+1), Subject: b.names.eventSubjects()}
	err = b.scan(ctx, b.names.events(), behind, func(m *found) bool {
		late = read(m.header, nil).number(fldGeneration) < r.Number
		return !late
	})
	if err != nil || !late {
		return err
	}
	return b.cutAgain(ctx, r)
}

// cutAgain puts the generation in force again, from here on.
func (b *Bus) cutAgain(ctx context.Context, r *record) error {
	m, err := b.mark(ctx, r)
	if err == nil {
		_, err = b.publisher.send(m).Wait(ctx)
	}
	if err != nil {
		return fmt.Errorf("generation %d cannot be put in force again: %w", r.Number, err)
	}
	return nil
}

// recordInForce is the record of the generation in force; nil before the first.
func (b *Bus) recordInForce(ctx context.Context) (*record, error) {
	if b.generation == 0 {
		return nil, nil
	}
	return b.loadRecord(ctx, b.generation)
}

// revoke takes a record back of which nobody knows whether it is stored. Events
// are refused until that has succeeded. It is called with the cut locked.
func (b *Bus) revoke(generation uint64) {
	b.report(causeCut, errors.New("it is not known whether the last edit is in force; it is being taken back"))
	b.keep(func(ctx context.Context) {
		for ctx.Err() == nil {
			err := b.takeBack(ctx, generation)
			if err == nil {
				b.report(causeCut, nil)
				return
			}
			b.log.Warn("an edit that failed cannot be taken back; trying again", "generation", generation, "error", err)
			sleep(ctx, time.Second)
		}
	})
}

// takeBack writes the record again as one that never took effect. The write
// counts only on top of the record that was read, so a record still on its way
// cannot come after it.
func (b *Bus) takeBack(ctx context.Context, generation uint64) error {
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	r, err := b.loadRecord(ctx, generation)
	if err != nil {
		return err
	}
	r.Cut = 0
	m, err := r.message(b.names)
	if err != nil {
		return err
	}
	_, err = b.publisher.send(m).Wait(ctx)
	return err
}

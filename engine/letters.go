package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/trotline/trotline/engine/bus"
	"github.com/trotline/trotline/event"
)

// ReplayDead sends a dead letter on its way again and removes it once what
// comes of it is durable. A delivery goes on at the sink where it stopped, or
// at the sink named by to; an event that failed at a step runs through the
// pipeline again. Both follow the rules in force now, since a rule may be what
// was mended. The delivery keeps its id.
func (e *Engine) ReplayDead(ctx context.Context, number uint64, to string, dryRun bool) (Tally, error) {
	t := Tally{DryRun: dryRun}
	d, err := e.bus.DeadLetter(ctx, number)
	if err != nil {
		return t, err
	}
	r, err := e.revive(ctx, d, to)
	if err == nil && !dryRun {
		err = bus.WaitAll(ctx, e.handAll(r.work, r.held))
		e.tell(r.held)
	}
	if err != nil {
		return t, fmt.Errorf("dead letter %d: %w", number, err)
	}
	t.Done = 1
	t.sent(r.work, r.held)
	if dryRun {
		return t, nil
	}
	return t, e.bus.Drop(ctx, false, d.Sequence)
}

// ReplayLetters replays the dead letters a filter chooses, of those there are at
// its start. What is not done when ctx ends, or the process, stays as it was.
func (e *Engine) ReplayLetters(ctx context.Context, f bus.DeadFilter, to string, o RunOptions) (Tally, error) {
	t := Tally{DryRun: o.DryRun}
	return e.overLetters(ctx, f, o, &t, func(ctx context.Context, letters []*bus.Dead) error {
		return e.replayTogether(ctx, letters, to, o.DryRun, &t)
	})
}

// replayTogether replays letters. The error ends the run: the store is away.
// A letter of which it is not known then whether its delivery is stored stays, and
// is replayed again by the next run, with the same delivery id.
func (e *Engine) replayTogether(ctx context.Context, letters []*bus.Dead, to string, dryRun bool, t *Tally) error {
	type handed struct {
		revival
		letter  *bus.Dead
		pending []*bus.Pending
	}
	var all []handed
	for _, d := range letters {
		r, err := e.revive(ctx, d, to)
		if err == nil && !dryRun {
			err = e.awaitRoom(ctx, r.work)
		}
		if ctx.Err() != nil {
			break
		}
		if err != nil {
			t.fail(d.Number, err)
			continue
		}
		h := handed{letter: d, revival: r}
		if !dryRun {
			h.pending = e.handAll(r.work, r.held)
		}
		all = append(all, h)
	}
	// What was handed over is seen through, or letters would stay that are on their way.
	ctx = context.WithoutCancel(ctx)
	var (
		done []uint64
		away error
	)
	for _, h := range all {
		switch err := bus.WaitAll(ctx, h.pending); {
		case errors.Is(err, bus.ErrUnavailable):
			away = err
		case err != nil:
			t.fail(h.letter.Number, err)
		default:
			t.Done++
			t.sent(h.work, h.held)
			e.tell(h.held)
			done = append(done, h.letter.Sequence)
		}
	}
	if dryRun {
		return nil
	}
	return errors.Join(away, e.bus.Drop(ctx, false, done...))
}

// DropLetters removes the dead letters, or refused requests, that a filter
// chooses, of those there are at its start.
func (e *Engine) DropLetters(ctx context.Context, f bus.DeadFilter, o RunOptions) (Tally, error) {
	t := Tally{DryRun: o.DryRun}
	return e.overLetters(ctx, f, o, &t, func(ctx context.Context, letters []*bus.Dead) error {
		sequences := make([]uint64, len(letters))
		for i, d := range letters {
			sequences[i] = d.Sequence
		}
		if !o.DryRun {
			if err := e.bus.Drop(context.WithoutCancel(ctx), f.Refused, sequences...); err != nil {
				return err
			}
		}
		t.Done += len(letters)
		return nil
	})
}

// overLetters carries something out for the letters a filter chooses.
func (e *Engine) overLetters(ctx context.Context, f bus.DeadFilter, o RunOptions, t *Tally, carry func(context.Context, []*bus.Dead) error) (Tally, error) {
	through, err := e.bus.LastDead(ctx, f.Refused)
	if err != nil || through == 0 {
		return *t, err
	}
	f.Through, t.Through = through, through
	run := newBulk(o.Rate, func(ctx context.Context, letters []*bus.Dead) error {
		err := carry(ctx, letters)
		t.At = letters[len(letters)-1].Sequence
		o.tell(*t)
		return err
	})
	err = e.bus.Dead(ctx, f, func(d *bus.Dead) bool { return run.add(ctx, d, sizeOf(d.Event)) })
	err = run.finish(ctx, err)
	return *t, err
}

// sizeOf is about what an event takes in memory.
func sizeOf(e *event.Event) int {
	n := 0
	for _, b := range []*event.Body{e.Body, e.Original} {
		if raw, err := b.Raw(); err == nil {
			n += len(raw)
		}
	}
	return n
}

// EditDead gives a dead letter another body. What stopped at a sink gets it as
// it stands there; what failed before gets it as it was received, since it runs
// through its pipeline from the start. The body it had at first is kept.
func (e *Engine) EditDead(ctx context.Context, number uint64, body []byte) error {
	d, err := e.bus.DeadLetter(ctx, number)
	if err != nil {
		return err
	}
	before := Editable(d)
	if _, err := event.Decode(before.Format(), body); err != nil {
		return fmt.Errorf("dead letter %d: the new body is no %s: %w", number, before.Format(), err)
	}
	if old, err := before.Raw(); err == nil && bytes.Equal(old, body) {
		return nil
	}
	if d.Unedited == nil {
		d.Unedited = before
	}
	d.Edited = time.Now().UTC()
	return e.amend(ctx, d, event.NewBody(before.Format(), body))
}

// RestoreDead gives a dead letter the body it had before it was edited.
func (e *Engine) RestoreDead(ctx context.Context, number uint64) error {
	d, err := e.bus.DeadLetter(ctx, number)
	if err != nil {
		return err
	}
	if d.Unedited == nil {
		return fmt.Errorf("dead letter %d was not edited", number)
	}
	body := d.Unedited
	d.Unedited, d.Edited = nil, time.Time{}
	return e.amend(ctx, d, body)
}

// Editable is the body of a dead letter that a replay goes on from.
func Editable(d *bus.Dead) *event.Body {
	if d.Sink == "" {
		return d.Event.Original
	}
	return d.Event.Body
}

func (e *Engine) amend(ctx context.Context, d *bus.Dead, body *event.Body) error {
	changed := *d.Event
	if changed.Body = body; d.Sink == "" {
		changed.Original = body
	}
	d.Event = &changed
	if err := e.bus.Amend(ctx, d); err != nil {
		return fmt.Errorf("dead letter %d: %w", d.Number, err)
	}
	return nil
}

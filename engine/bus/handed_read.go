package bus

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// handedLook is how often what is remembered of the hand-overs is looked after.
const handedLook = time.Second

// makeHanded begins to remember what is handed over. A cluster remembers by
// itself: there a message may arrive after it was given up.
func (b *Bus) makeHanded() {
	n := b.names
	b.handed = map[string]*handed{
		n.work():  newHanded(n.prefix + ".work.fence"),
		n.dead():  newHanded(n.prefix + ".dead.fence"),
		n.held():  newHanded(n.prefix + ".held.fence"),
		n.state(): newHanded(n.prefix + ".state.fence"),
	}
}

// recallHanded remembers what was handed over lately. From where on that is was
// written down (see firsts.go): it is not a time, because the engine may have been
// down for long, or the clock set.
func (b *Bus) recallHanded(ctx context.Context) error {
	if b.handed == nil {
		return nil
	}
	firsts, err := b.savedFirsts(ctx)
	if err != nil {
		return err
	}
	for name, h := range b.handed {
		info, err := b.state(ctx, name)
		if err != nil {
			return err
		}
		from, last := uint64(0), info.State.LastSeq
		switch f, ok := firsts[name]; {
		case name == b.names.state(): // of what steps remember, nothing is written again after a restart
			from = last
		case ok && f.Stream == info.Created.UnixNano():
			from = min(f.Handed, last)
		}
		h.begin(from, last)
	}
	return nil
}

// readHanded reads the hand-overs of a stream from behind a sequence on.
func (b *Bus) readHanded(ctx context.Context, stream string, h *handed, from uint64) error {
	return b.scan(ctx, stream, query{Sequence: from + 1}, func(m *found) bool {
		if id := m.header.Get(nats.MsgIdHdr); id != "" {
			h.met(id, m.sequence)
		}
		return true
	})
}

// keepHanded looks after what is remembered of the hand-overs.
func (b *Bus) keepHanded(ctx context.Context) {
	if b.barrier.broken() {
		return
	}
	for name, h := range b.handed {
		if err := b.findHanded(ctx, name, h); err != nil && ctx.Err() == nil {
			b.log.Warn("it could not be looked up what was handed over; trying again", "stream", name, "error", err)
		}
		h.turn(time.Now())
	}
}

// findHanded reads a stream after answers were lost. What was sent before the
// fence is stored before it, or not at all.
func (b *Bus) findHanded(ctx context.Context, stream string, h *handed) error {
	behind, doubt, ok := h.open()
	if !ok || b.suspected.Load() {
		return nil
	}
	if err := b.passFence(ctx, h.fence); err != nil {
		if errors.Is(err, ErrUnavailable) {
			return nil // that is reported where it belongs
		}
		return err
	}
	err := b.readHanded(ctx, stream, h, behind)
	if err == nil {
		err = b.Barrier(ctx) // whoever hands it over again takes it for durable
	}
	if err == nil {
		h.certain(doubt)
	}
	return err
}

// passFence sends a message that its stream refuses, and returns once it has.
func (b *Bus) passFence(ctx context.Context, subject string) error {
	m := &nats.Msg{Subject: subject, Header: nats.Header{}}
	m.Header.Set(jetstream.ExpectedLastSeqHeader, strconv.Itoa(math.MaxInt64))
	_, err := b.publisher.sendPlain(m).Wait(ctx)
	switch {
	case errors.Is(err, errWrongLast), errors.Is(err, ErrFull):
		return nil
	case err == nil:
		return fmt.Errorf("the stream took a message at %s that it should refuse", subject)
	}
	return err
}

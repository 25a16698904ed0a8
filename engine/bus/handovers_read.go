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

// handOverLook is how often what is remembered of the hand-overs is looked after.
const handOverLook = time.Second

// makeHandOvers begins to remember what is handed over to the embedded server.
// With a cluster that is left to its servers: a message that was given up may
// still arrive there, and no fence tells.
func (b *Bus) makeHandOvers() {
	b.handOvers = make(map[string]*handOvers)
	for _, stream := range []string{b.names.work(), b.names.dead(), b.names.held(), b.names.state()} {
		b.handOvers[stream] = newHandOvers(b.names.fenceSubject(stream))
	}
}

// recallHandOvers keeps, of what was found in the files, what was handed over
// lately. A sequence says what that is (see firsts.go) and not a time: the engine
// may have been down for long, or the clock set.
func (b *Bus) recallHandOvers(ctx context.Context, firsts map[string]first) error {
	for name, h := range b.handOvers {
		info, err := b.state(ctx, name)
		if err != nil {
			return err
		}
		from, last := uint64(0), info.State.LastSeq
		switch f, ok := firsts[name]; {
		case name == b.names.state(): // of what steps remember, nothing is written again after a restart
			from = last
		case ok && f.Stream == info.Created.UnixNano():
			from = min(f.HandOvers, last) // without a barrier a power cut may have taken the end
		}
		h.begin(from, last)
	}
	return nil
}

// keepHandOvers looks after what is remembered of the hand-overs.
func (b *Bus) keepHandOvers(ctx context.Context) {
	if b.barrier.broken() {
		return
	}
	for name, h := range b.handOvers {
		if err := b.findHandOvers(ctx, name, h); err != nil && ctx.Err() == nil {
			b.log.Warn("it could not be looked up what was handed over; trying again", "stream", name, "error", err)
		}
		h.turn(time.Now())
	}
}

// findHandOvers reads a stream after answers were lost. What was sent before the
// fence is stored before it, or not at all.
func (b *Bus) findHandOvers(ctx context.Context, stream string, h *handOvers) error {
	behind, loss, ok := h.unanswered()
	if !ok || b.suspected.Load() {
		return nil
	}
	if err := b.passFence(ctx, h.fence); err != nil {
		if errors.Is(err, ErrUnavailable) {
			return nil // that is reported where it belongs
		}
		return err
	}
	err := b.scan(ctx, stream, query{Sequence: behind + 1}, func(m *found) bool {
		h.met(m.header.Get(nats.MsgIdHdr), m.sequence)
		return true
	})
	if err == nil {
		err = b.Barrier(ctx) // whoever hands it over again takes it for durable
	}
	if err == nil {
		h.certain(loss)
	}
	return err
}

// passFence sends a message that its stream refuses, and returns once it has.
func (b *Bus) passFence(ctx context.Context, subject string) error {
	m := &nats.Msg{Subject: subject, Header: nats.Header{}}
	m.Header.Set(jetstream.ExpectedLastSeqHeader, strconv.Itoa(math.MaxInt64))
	_, err := b.publisher.sendPlain(m).Wait(ctx)
	switch {
	case err == nil:
		return fmt.Errorf("the stream took a message at %s that it should refuse", subject)
	case errors.Is(err, ErrUnavailable), ctx.Err() != nil:
		return err
	}
	return nil // whatever it was refused for
}

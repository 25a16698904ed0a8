package bus

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"sync"
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

// rememberHandOvers begins to look after what is remembered. Events that were put
// back from the journal may have been handled before.
func (b *Bus) rememberHandOvers(ctx context.Context) (err error) {
	b.batches.looked = time.Now()
	b.recalledEvents, err = b.LastEvent(ctx)
	return err
}

// keepHandOvers looks after what is remembered of the hand-overs.
func (b *Bus) keepHandOvers(ctx context.Context) {
	if b.barrier.broken() {
		return
	}
	now := time.Now()
	ran := min(now.Sub(b.batches.looked), 2*handOverLook) // a standstill is no time in which anything is done
	b.batches.looked = now
	held := now.Sub(b.batches.oldest(now)) > handOverPeriod
	for name, h := range b.handOvers {
		if err := b.findHandOvers(ctx, name, h); err != nil && ctx.Err() == nil {
			b.log.Warn("it could not be looked up what was handed over; trying again", "stream", name, "error", err)
		}
		_, _, unsure := h.unanswered()
		held = held || unsure
	}
	done := b.passedRecalled(ctx)
	for _, h := range b.handOvers {
		h.spend(ran, held, done)
	}
}

// passedRecalled tells whether every pipeline is past what an earlier run may have
// handed over.
func (b *Bus) passedRecalled(ctx context.Context) bool {
	if b.recalledEvents == 0 {
		return true
	}
	handled, err := b.handled(ctx, b.recalledEvents)
	if err == nil && handled >= b.recalledEvents {
		b.recalledEvents = 0
	}
	return b.recalledEvents == 0
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

// batches are what the stages are handing over, and do not acknowledge before all
// of it is durable.
type batches struct {
	looked time.Time // when it was looked after the hand-overs

	mu    sync.Mutex
	next  uint64
	begun map[uint64]time.Time
}

// HandingOver says that a stage begins to hand over something that it acknowledges
// when all of it is durable. Until it calls done, and for a while after that,
// nothing of it is forgotten, however long that takes: some of it may be stored
// long before the store has room for the rest.
func (b *Bus) HandingOver() (done func()) {
	s := &b.batches
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.begun == nil {
		s.begun = make(map[uint64]time.Time)
	}
	number := s.next
	s.next++
	s.begun[number] = time.Now()
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.begun, number)
	}
}

// oldest is when the first of them began; now, if there is none.
func (s *batches) oldest(now time.Time) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, begun := range s.begun {
		if begun.Before(now) {
			now = begun
		}
	}
	return now
}

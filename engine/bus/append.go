package bus

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go"

	"github.com/trotline/trotline/event"
)

// Append sends an event to the events stream. generation is the one whose
// rules made it; if that is not the one in force any more, the answer is
// [ErrStale] and nothing is stored. An event whose sender gave it an id (ID and
// Stamp differ) is stored once while the id is remembered; the second is answered
// no sooner than the first. Events are stored in the order of the calls.
func (b *Bus) Append(e *event.Event, generation uint64) *Pending {
	if err := b.health.err(); err != nil {
		return failed(err)
	}
	if b.suspected.Load() {
		return failed(errSuspected)
	}
	m, err := b.names.encodeEvent(e, generation)
	if err != nil {
		return failed(fmt.Errorf("%w: %w", ErrUnstorable, err))
	}
	key, named := keyOf(e)
	if named && b.server == nil {
		m.Header.Set(nats.MsgIdHdr, key.String())
	}
	b.cut.RLock()
	defer b.cut.RUnlock()
	if generation != b.generation {
		return failed(ErrStale)
	}
	if err := b.health.err(); err != nil {
		return failed(err) // a cut that failed meanwhile
	}
	p := newPending()
	if named {
		if answer := b.ids.claim(key, p); answer != nil {
			return answer
		}
	}
	b.sent(len(m.Data))
	to := inJournal
	if b.cutting.Load() != 0 {
		to = behindBarrier
	}
	return b.publisher.post(m, p, to)
}

// Hand sends a delivery to its sink's queue. Handing over the same delivery
// again, as a stage does after a crash, does nothing; see handOvers.
func (b *Bus) Hand(w *Work) *Pending {
	m, err := b.names.encodeWork(w, b.ledger.madeAt(w.Pipeline))
	if err != nil {
		return failed(fmt.Errorf("%w: %w", ErrUnstorable, err))
	}
	if len(m.Data) > b.options.largest()-maxHeaders {
		return failed(fmt.Errorf("%w: it takes %d bytes, %d are possible", ErrUnstorable, len(m.Data), b.options.largest()-maxHeaders))
	}
	return b.hand(b.names.work(), m)
}

// Bury sends a dead letter to the dead stream. Burying the same again does
// nothing. A dead letter that cannot be stored as it stands, because its body
// cannot be written or has grown too large, is stored with the body as it was
// received.
func (b *Bus) Bury(d *Dead) *Pending {
	made := b.ledger.madeAt(d.Pipeline)
	m, err := b.names.encodeDead(d, made)
	if err == nil && len(m.Data) > b.options.largest()-maxHeaders {
		err = fmt.Errorf("it takes %d bytes", len(m.Data))
	}
	if err != nil {
		m, err = b.names.encodeDead(d.lighter(err), made)
	}
	if err != nil {
		return failed(fmt.Errorf("%w: %w", ErrUnstorable, err))
	}
	return b.hand(b.names.dead(), m)
}

// errSuspected: waiting for the answer again would only hold up whoever asks.
var errSuspected = unavailable("it did not answer in time; it is being looked after")

// maxHeaders is what the headers of a message may take (nats-server, stream.go).
const maxHeaders = 64 << 10

// hand sends what a stage hands over to a stream. That goes on while events are
// refused: it is how the store gets room again.
func (b *Bus) hand(stream string, m *nats.Msg) *Pending {
	switch {
	case b.health.closing():
		return failed(unavailable("it is closing"))
	case b.lost.Load():
		return failed(unavailable("another engine has taken its place"))
	case b.diskGone.Load():
		return failed(unavailable("the disk is full"))
	case b.suspected.Load():
		return failed(errSuspected)
	}
	p := newPending()
	if h := b.handOvers[stream]; h != nil {
		if key, named := handOverKey(m.Header.Get(nats.MsgIdHdr)); named {
			if answer := h.claim(key, p); answer != nil {
				return answer
			}
		}
	}
	b.sent(len(m.Data))
	return b.publisher.postWhenRoom(m, p)
}

// Barrier returns once everything that was confirmed before the call is durable.
func (b *Bus) Barrier(ctx context.Context) error {
	if b.barrier == nil {
		return nil
	}
	return b.barrier.round(ctx)
}

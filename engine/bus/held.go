package bus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/trotline/trotline/event"
)

// Held is an event that waits in the middle of a pipeline: a message of the held stream.
type Held struct {
	Sequence uint64 // its place in the held stream, set when it is read

	Event      *event.Event // as it stands
	Pipeline   string
	Generation uint64 // whose rules it follows
	Step       int    // the step it goes on at
	Until      time.Time
	Since      time.Time // when it began to wait
	Attempts   int       // how often what it waits for was tried
	// Cause is what it was made of: it goes on once that can make it no more.
	Cause string
}

// Name tells a held event from all others. Holding it again changes nothing.
func (h *Held) Name() string {
	return strings.Join([]string{h.Event.Stamp, h.Pipeline, strconv.Itoa(h.Step), strconv.Itoa(h.Attempts), h.Event.Element}, "/")
}

// HeldMark is what is remembered of a held event while it waits.
type HeldMark struct {
	Sequence uint64
	Name     string
	Cause    string
	Until    time.Time
}

// heldID is the id of a held event of a pipeline that was made at a time: its name,
// and before it what tells the pipeline from an earlier one. No name begins like that.
func heldID(h *Held, made int64) string {
	if made == 0 {
		return h.Name()
	}
	return "@" + strconv.FormatInt(made, 36) + "/" + h.Name()
}

// heldName is the name in such an id.
func heldName(id string) string {
	if rest, ok := strings.CutPrefix(id, "@"); ok {
		_, id, _ = strings.Cut(rest, "/")
	}
	return id
}

func (n names) encodeHeld(h *Held, made int64) (*nats.Msg, error) {
	d := newDraft()
	if err := d.event(h.Event); err != nil {
		return nil, err
	}
	d.fields.number(fldGeneration, h.Generation)
	d.fields.text(fldPipeline, h.Pipeline)
	d.fields.integer(fldHop, h.Step)
	d.fields.time(fldUntil, h.Until)
	d.fields.time(fldSince, h.Since)
	d.fields.integer(fldAttempts, h.Attempts)
	d.fields.text(fldCause, h.Cause)
	return d.message(n.heldSubject(h), heldID(h, made)), nil
}

func decodeHeld(m *found) (*Held, error) {
	r := read(m.header, m.data)
	h := &Held{
		Sequence: m.sequence, Generation: r.number(fldGeneration), Pipeline: r.text(fldPipeline), Step: r.integer(fldHop),
		Until: r.time(fldUntil, r.text(fldUntil)), Since: r.time(fldSince, r.text(fldSince)),
		Attempts: r.integer(fldAttempts), Cause: r.text(fldCause),
	}
	var err error
	if h.Event, err = r.event(); err != nil {
		return nil, fmt.Errorf("held event %d: %w", m.sequence, err)
	}
	return h, nil
}

// Hold sends an event to the held stream. Holding the same event at the same
// step again does nothing.
func (b *Bus) Hold(h *Held) *Pending {
	m, err := b.names.encodeHeld(h, b.ledger.madeAt(h.Pipeline))
	if err == nil && len(m.Data) > b.options.largest()-maxHeaders {
		err = fmt.Errorf("it takes %d bytes, %d are possible", len(m.Data), b.options.largest()-maxHeaders)
	}
	if err != nil {
		return failed(fmt.Errorf("%w: %w", ErrUnstorable, err))
	}
	return b.hand(b.names.held(), m)
}

// HeldMarks yields what is held for a pipeline, until yield says no.
func (b *Bus) HeldMarks(ctx context.Context, pipeline string, yield func(HeldMark) bool) error {
	subject := b.names.prefix + ".held." + token(pipeline) + ".>"
	return b.scan(ctx, b.names.held(), query{Subject: subject}, func(m *found) bool {
		f := read(m.header, m.data)
		return yield(HeldMark{
			Sequence: m.sequence, Name: heldName(unescape(m.header.Get(nats.MsgIdHdr))), Cause: f.text(fldCause),
			Until: f.time(fldUntil, f.text(fldUntil)),
		})
	})
}

// heldGap is how many sequences apart held events may be that are read at once.
const heldGap = 32

// HeldEvents reads held events. The sequences ascend; what is not there any more
// is left out.
func (b *Bus) HeldEvents(ctx context.Context, sequences []uint64) ([]*Held, error) {
	events := make([]*Held, 0, len(sequences))
	for len(sequences) > 0 {
		n := 1
		for n < len(sequences) && sequences[n] <= sequences[n-1]+heldGap {
			n++
		}
		wanted, last := sequences[:n], sequences[n-1]
		sequences = sequences[n:]
		var fault error
		q := query{Sequence: wanted[0], Batch: min(int(last-wanted[0])+1, scanBatch), MaxBytes: scanBytes}
		err := b.scan(ctx, b.names.held(), q, func(m *found) bool {
			if _, asked := slices.BinarySearch(wanted, m.sequence); asked {
				var h *Held
				if h, fault = decodeHeld(m); fault != nil {
					return false
				}
				events = append(events, h)
			}
			return m.sequence < last
		})
		if err = errors.Join(err, fault); err != nil {
			return nil, err
		}
	}
	return events, nil
}

// LetGo removes a held event. It is durable after the next [Bus.Barrier].
func (b *Bus) LetGo(ctx context.Context, sequence uint64) error {
	s, err := b.stream(b.names.held())
	if err != nil {
		return err
	}
	if err = s.DeleteMsg(ctx, sequence); err == nil {
		return nil
	}
	if _, lookErr := b.message(ctx, b.names.held(), sequence); errors.Is(lookErr, ErrNotFound) {
		return nil // an earlier try, whose answer was lost, has removed it
	}
	return fmt.Errorf("cannot remove held event %d: %w", sequence, err)
}

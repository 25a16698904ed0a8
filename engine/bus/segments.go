package bus

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/trotline/trotline/event"
)

// The ids of events stand in the events stream, which is long, and trimmed. So
// they are written down in the control stream too, some thousand in a message:
// a segment. A segment says up to which sequence all ids are written down, and
// no event behind that is trimmed. A start reads the segments, and of the events
// only what came after them.

// segment is one in the control stream.
type segment struct {
	number uint64
	newest stamp // of its ids
	open   bool  // there is room for more ids
}

const (
	// maxSegment is how many ids a segment holds at the most. It bounds what a start reads of the events.
	maxSegment = 16 << 10
	// entrySize is how many bytes an id takes in a segment.
	entrySize = len(idKey{}) + 4
	// defaultWindow is how long an id is remembered where nothing else is said.
	defaultWindow = 2 * time.Minute
	// defaultIDs is how many ids are remembered at the most; some 40 bytes of memory each.
	defaultIDs = 4_000_000
	// idsShare is the part of the control stream that may hold ids.
	idsShare = 2
	// idsPeriod is how often they are looked after.
	idsPeriod = time.Second
)

// The fields of a segment.
const (
	fldStream  = "stream"  // which incarnation of the events stream it speaks of
	fldThrough = "through" // every id of an event up to this sequence is in this segment or an earlier one
)

// mostIDs is how many ids are remembered: what was asked for, if the disk has room for it.
func (b *Bus) mostIDs() int {
	asked := b.options.MaxIDs
	room := defaultIDs
	if b.maxDisk > 0 {
		room = int(b.maxDisk / 100 * controlShare / idsShare / int64(entrySize))
	}
	if asked == 0 {
		return min(defaultIDs, room)
	}
	if b.maxDisk > 0 && asked > room {
		b.log.Warn("max_disk has no room for as many ids as dedupe.max_ids says", "max_ids", asked, "room", room)
		return room
	}
	return asked
}

// recallSegments reads what an earlier run has written down. It comes before
// events are put back into the stream: those get other sequences, of which the
// segments know nothing.
func (b *Bus) recallSegments(ctx context.Context) error {
	events, err := b.state(ctx, b.names.events())
	if err == nil {
		err = b.readSegments(ctx, events)
	}
	if err != nil {
		return fmt.Errorf("cannot read the ids of events: %w", err)
	}
	return nil
}

// recallIDs reads the ids that stand in the events stream alone.
func (b *Bus) recallIDs(ctx context.Context) error {
	events, err := b.state(ctx, b.names.events())
	if err == nil {
		err = b.readIDs(ctx, events.State.LastSeq)
	}
	if err != nil {
		return fmt.Errorf("cannot read the ids of events: %w", err)
	}
	return nil
}

// readSegments reads the segments, as far as they speak of this events stream.
// Without a barrier one may be on the disk when its events are not; then it is
// not believed, and its events come again.
func (b *Bus) readSegments(ctx context.Context, events *jetstream.StreamInfo) error {
	d, last := b.ids, events.State.LastSeq
	var stray []uint64
	err := b.scan(ctx, b.names.control(), query{Sequence: 1, Subject: b.names.idsSubjects()}, func(m *found) bool {
		r := read(m.header, nil)
		number, through := r.number(fldNumber), r.number(fldThrough)
		if r.number(fldStream) != uint64(events.Created.UnixNano()) || b.barrier == nil && through > last {
			stray = append(stray, number)
			return true
		}
		d.recall(number, through, readSegment(m.data))
		return true
	})
	// After a loss the stream may end before what the segments know; its sequences are used again.
	d.last, d.through = last, min(d.through, last)
	for _, number := range stray {
		err = errors.Join(err, b.dropSegment(ctx, number))
	}
	return err
}

// readIDs reads the ids of the events that are not written down, up to a sequence.
func (b *Bus) readIDs(ctx context.Context, last uint64) error {
	from, err := b.sequenceAt(ctx, time.Now().Add(-b.ids.window), last+1)
	if err != nil {
		return err
	}
	if from = max(from, b.ids.complete()+1); from > last {
		return nil
	}
	return b.scan(ctx, b.names.events(), query{Sequence: from, Subject: b.names.eventSubjects()}, func(m *found) bool {
		if m.sequence > last {
			return false
		}
		e := event.Event{ID: unescape(m.header.Get(ceID)), Source: unescape(m.header.Get(ceSource)), Stamp: read(m.header, nil).text(fldStamp)}
		if key, named := keyOf(&e); named && e.Stamp != "" {
			b.ids.found(key, m.time)
		}
		return true
	})
}

// keepIDs looks after the ids.
func (b *Bus) keepIDs(ctx context.Context) {
	if b.barrier.broken() || b.lost.Load() {
		return
	}
	err := b.findOut(ctx)
	if err == nil {
		err = b.writeDueIDs(ctx)
	}
	if err == nil {
		err = b.forgetIDs(ctx)
	}
	if err != nil && ctx.Err() == nil {
		b.log.Warn("the ids of events could not be looked after; trying again", "error", err)
	}
}

// lookAfterIDs has the ids looked after now.
func (b *Bus) lookAfterIDs() {
	select {
	case b.idsDue <- struct{}{}:
	default:
	}
}

// unsure refuses events until it is known which are stored.
func (b *Bus) unsure() { b.report(causeDoubt, errDoubt) }

// findOut reads the stream after events were not answered. What was sent before
// its marker is stored before it, or not at all. The same is true of a marker that
// a full stream refuses; and no event of which it is not known whether its id is
// written down is trimmed, so without that the stream would stay full.
func (b *Bus) findOut(ctx context.Context) error {
	if !b.ids.doubts() || b.suspected.Load() {
		return nil
	}
	marker := &nats.Msg{Subject: b.names.cutSubject(), Header: nats.Header{}, Data: []byte("{}")}
	ack, err := b.publisher.send(marker).Wait(ctx)
	last := ack.Sequence
	switch {
	case errors.Is(err, ErrUnavailable):
		return nil // that is reported where it belongs
	case errors.Is(err, ErrFull):
		last, err = b.LastEvent(ctx)
	}
	if err == nil {
		err = b.readIDs(ctx, last)
	}
	if err != nil {
		return err
	}
	b.ids.certain(last)
	b.report(causeDoubt, nil)
	return nil
}

// writeDueIDs writes down the ids when there is enough for a segment, or when a
// start would have to read many events.
func (b *Bus) writeDueIDs(ctx context.Context) error {
	events, err := b.state(ctx, b.names.events())
	if err != nil {
		return err
	}
	last := events.State.LastSeq
	if b.ids.unwritten() < b.ids.size && last < b.ids.complete()+maxSegment {
		return nil
	}
	return b.writeIDs(ctx, last)
}

// writtenBelow is how far the events stream may be trimmed: not before the ids
// of what goes are written down. stored is the last sequence of the stream.
func (b *Bus) writtenBelow(ctx context.Context, below, stored uint64) (uint64, error) {
	if b.ids.complete()+1 < below {
		if err := b.writeIDs(ctx, stored); err != nil {
			return 0, err
		}
	}
	return min(below, b.ids.complete()+1), nil
}

// writeIDs writes down every id that is remembered and returns when they are
// durable. stored is a sequence that the stream has reached.
func (b *Bus) writeIDs(ctx context.Context, stored uint64) error {
	b.ids.writing.Lock()
	defer b.ids.writing.Unlock()
	list, last, through := b.ids.take(stored)
	for more := true; more; more = len(list) > 0 {
		part := list[:min(len(list), b.ids.size)]
		reached := through
		if len(part) < len(list) {
			reached = b.ids.complete()
		}
		if err := b.writeSegment(ctx, part, reached); err != nil {
			b.ids.putBack(list)
			return fmt.Errorf("cannot write down the ids of events: %w", err)
		}
		list = list[len(part):]
	}
	if !last.open {
		return nil
	}
	// Not before: whatever happens in between, each id is in one of the two.
	b.ids.dropped(last.number)
	return b.dropSegment(ctx, last.number)
}

func (b *Bus) writeSegment(ctx context.Context, list []remembered, through uint64) error {
	number := b.ids.next()
	var f queryString
	f.number(fldStream, uint64(b.ledger.stream))
	f.number(fldNumber, number)
	f.number(fldThrough, through)
	header := nats.Header{}
	header.Set(hdrTrotline, f.String())
	data := make([]byte, 0, len(list)*entrySize)
	for _, id := range list {
		data = append(data, id.key[:]...)
		data = binary.BigEndian.AppendUint32(data, uint32(id.at))
	}
	m := &nats.Msg{Subject: b.names.idsSubject(number), Header: header, Data: data}
	if _, err := b.publisher.sendWhenRoom(m).Wait(ctx); err != nil {
		return err
	}
	b.ids.wrote(number, through, list)
	return nil
}

func readSegment(data []byte) []remembered {
	list := make([]remembered, 0, len(data)/entrySize)
	for ; len(data) >= entrySize; data = data[entrySize:] {
		key, at := idKey(data[:len(idKey{})]), binary.BigEndian.Uint32(data[len(idKey{}):])
		list = append(list, remembered{key, stamp(at)})
	}
	return list
}

func (b *Bus) dropSegment(ctx context.Context, number uint64) error {
	return b.purge(ctx, b.names.control(), jetstream.WithPurgeSubject(b.names.idsSubject(number)))
}

// forgetIDs forgets what is remembered long enough, and the oldest when there is
// no room for more. An event must not be refused for that: what a sender sends
// again it mostly sends soon.
func (b *Bus) forgetIDs(ctx context.Context) error {
	for {
		s, early, ok := b.ids.oldest(time.Now())
		if !ok {
			return nil
		}
		m, err := b.last(ctx, b.names.idsSubject(s.number))
		if err != nil && !errors.Is(err, jetstream.ErrMsgNotFound) {
			return err
		}
		if err := b.dropSegment(ctx, s.number); err != nil {
			return err
		}
		if m != nil {
			b.ids.forget(readSegment(m.Data), early)
		}
		if early && time.Since(b.warnedAt) > warnPeriod {
			b.warnedAt = time.Now()
			b.log.Warn("more ids of events come than there is room for; the oldest are forgotten early, and a second delivery of one becomes a second event",
				"max_ids", b.ids.most, "remembered", time.Since(s.newest.time()).Round(time.Second).String())
		}
	}
}

// warnPeriod is how often it is said that ids are forgotten early.
const warnPeriod = time.Hour

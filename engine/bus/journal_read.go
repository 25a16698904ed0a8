package bus

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"

	"github.com/nats-io/nats.go"
)

// entry is a record of the journal.
type entry struct {
	turn     uint64
	sequence uint64 // what its message had in the events stream
	durable  uint64 // the stream was durable up to here when it was written
	message  *nats.Msg
}

// read is what the journal holds, in the order it was written. It ends, in each
// half, at what was written in an earlier turn or not written to its end: that
// was never confirmed.
func (j *journal) read() (records []entry, err error) {
	for _, start := range []int64{0, j.half} {
		found, err := j.readHalf(start)
		if err != nil {
			return nil, fmt.Errorf("cannot read the journal: %w", err)
		}
		records = append(records, found...)
	}
	slices.SortStableFunc(records, func(a, b entry) int { return cmp.Compare(a.turn, b.turn) })
	return records, nil
}

// readHalf reads a half; most often it is empty, which its first page shows.
func (j *journal) readHalf(start int64) ([]entry, error) {
	first := aligned(pageSize)
	if _, err := j.file.ReadAt(first, start); err != nil || binary.LittleEndian.Uint32(first) == 0 {
		return nil, err
	}
	half := aligned(int(j.half))
	if _, err := j.file.ReadAt(half, start); err != nil {
		return nil, err
	}
	return readEntries(half)
}

func readEntries(half []byte) (records []entry, err error) {
	for at := 0; at+recordHead <= len(half); {
		length := int(binary.LittleEndian.Uint32(half[at:]))
		if length == 0 && at%pageSize != 0 { // the rest of a round's last page
			at += pageSize - at%pageSize
			continue
		}
		end := at + recordHead + length
		if length == 0 || end > len(half) {
			break
		}
		head, text := half[at:at+recordHead], half[at+recordHead:end]
		r := entry{
			turn:     binary.LittleEndian.Uint64(head[8:]),
			sequence: binary.LittleEndian.Uint64(head[16:]),
			durable:  binary.LittleEndian.Uint64(head[24:]),
		}
		sum := crc32.Update(crc32.Update(0, castagnoli, head[8:]), castagnoli, text)
		if sum != binary.LittleEndian.Uint32(head[4:]) || len(records) > 0 && r.turn != records[0].turn {
			break
		}
		if r.message, err = readMessage(bytes.Clone(text)); err != nil {
			return nil, err
		}
		records = append(records, r)
		at = end + len(padding(length, 8))
	}
	return records, nil
}

var errJournal = errors.New("a record is whole and cannot be understood")

func readMessage(text []byte) (*nats.Msg, error) {
	subject, text, ok := cutText(text)
	count, n := binary.Uvarint(text)
	if !ok || n <= 0 {
		return nil, errJournal
	}
	m := &nats.Msg{Subject: subject, Header: nats.Header{}}
	text = text[n:]
	for range count {
		var name, value string
		if name, text, ok = cutText(text); !ok {
			return nil, errJournal
		}
		if value, text, ok = cutText(text); !ok {
			return nil, errJournal
		}
		m.Header[name] = []string{value}
	}
	m.Data = text
	return m, nil
}

func cutText(b []byte) (text string, rest []byte, ok bool) {
	length, n := binary.Uvarint(b)
	if n <= 0 || length > uint64(len(b)-n) {
		return "", nil, false
	}
	b = b[n:]
	return string(b[:length]), b[length:], true
}

// restore puts back into the events stream what a power cut has taken from it,
// and leaves the journal empty. It is called before anything is published or
// consumed.
func (b *Bus) restore(ctx context.Context) error {
	records, err := b.journal.read()
	if err != nil {
		return err
	}
	if len(records) > 0 {
		err = b.makeGood(ctx, records)
	}
	if err != nil {
		return fmt.Errorf("what a power cut took from the events stream cannot be put back: %w", err)
	}
	info, err := b.state(ctx, b.names.events())
	if err != nil {
		return err
	}
	if err := b.flush(); err != nil {
		return err
	}
	b.journal.stored.Store(info.State.LastSeq)
	b.journal.durable.Store(info.State.LastSeq)
	b.restored = true
	return b.journal.clear()
}

// makeGood compares the events stream with what the journal holds, from where
// the stream was durable when the last record was written. What the stream
// begins behind of was handled and removed.
func (b *Bus) makeGood(ctx context.Context, records []entry) error {
	info, err := b.state(ctx, b.names.events())
	if err != nil {
		return err
	}
	from := max(records[len(records)-1].durable+1, info.State.FirstSeq)
	missing, err := b.missing(ctx, records, from)
	if err != nil {
		return err
	}
	if len(missing) > 0 {
		if err := b.putBackAround(ctx, missing); err != nil {
			return err
		}
		b.log.Info("events that a power cut took from the stream were put back from the journal", "events", len(missing))
	}
	return b.cutLate(ctx, from)
}

// missing is what stands in the journal and not in the stream, from a sequence on.
func (b *Bus) missing(ctx context.Context, records []entry, from uint64) (missing []entry, err error) {
	there := make(map[string]bool)
	err = b.scan(ctx, b.names.events(), query{Sequence: from, Subject: b.names.eventSubjects()}, func(m *found) bool {
		there[identity(m.header)] = true
		return true
	})
	for _, r := range records {
		if r.sequence >= from && !there[identity(r.message.Header)] {
			missing = append(missing, r)
		}
	}
	return missing, err
}

// identity is what tells an event from all others.
func identity(header nats.Header) string {
	r := read(header, nil)
	return r.text(fldStamp) + "/" + r.text(fldElement)
}

// putBackAround puts events back on either side of the cut in force, if that is
// to be made again.
func (b *Bus) putBackAround(ctx context.Context, missing []entry) error {
	n := slices.IndexFunc(missing, func(e entry) bool {
		return read(e.message.Header, nil).number(fldGeneration) == b.generation
	})
	if n < 0 {
		n = len(missing)
	}
	if err := b.putBack(ctx, missing[:n]); err != nil {
		return err
	}
	if err := b.settleCut(ctx); err != nil {
		return err
	}
	return b.putBack(ctx, missing[n:])
}

// putBack publishes events again. Their sequences will be others, or the same
// ones once more; a consumer that remembers one behind the stream's end was set
// back to the end when the server started (nats-server, consumer.go,
// reconcileStateWithStream), which is durable before sequences are used again.
func (b *Bus) putBack(ctx context.Context, missing []entry) error {
	if err := b.flush(); err != nil {
		return err
	}
	pending := make([]*Pending, len(missing))
	for i, r := range missing {
		pending[i] = b.publisher.sendWhenRoom(r.message)
	}
	return WaitAll(ctx, pending)
}

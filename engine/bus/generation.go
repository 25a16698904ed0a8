package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Generation is one state of the configuration: its text, and from where in
// the events stream it holds.
type Generation struct {
	Number uint64
	Cut    uint64 // from this sequence of the events stream on; 0: it never took effect
	Time   time.Time
	Paths  []string // what the engine was started with
	Files  []StoredFile
	Reads  map[string][]string // the sources of each pipeline, for when the files cannot be compiled any more
}

// StoredFile is a file as it was when the generation was made.
type StoredFile struct {
	Path   string
	Data   []byte
	Config bool // it is a part of the configuration; otherwise a file that names
}

// record is a generation in the control stream. The files' text stands beside
// it, in chunks of messages.
type record struct {
	Number uint64       `json:"number"`
	Cut    uint64       `json:"cut"`
	Time   time.Time    `json:"time"`
	Paths  []string     `json:"paths"`
	Files  []recordFile `json:"files"`
	Chunks int          `json:"chunks"`

	Reads map[string][]string `json:"reads,omitempty"`

	last uint64 // where in the control stream it was read
}

type recordFile struct {
	Path   string `json:"path"`
	Size   int    `json:"size"`
	Config bool   `json:"config,omitempty"`
}

// chunkSize is how many bytes of text a message holds: every NATS server takes
// a megabyte.
const chunkSize = 512 << 10

// message is the record, to be written over the one it was read from and over
// no other.
func (r *record) message(n names) (*nats.Msg, error) {
	data, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("generation %d: %w", r.Number, err)
	}
	header := nats.Header{}
	header.Set(jetstream.ExpectedLastSubjSeqHeader, strconv.FormatUint(r.last, 10))
	return &nats.Msg{Subject: n.generationSubject(r.Number), Header: header, Data: data}, nil
}

// PutGeneration stores a generation that is to be put in force by [Bus.Cut]. It
// returns when it is durable. A number is used once.
func (b *Bus) PutGeneration(ctx context.Context, g Generation) error {
	r := &record{Number: g.Number, Time: g.Time, Paths: g.Paths, Reads: g.Reads}
	var text []byte
	for _, f := range g.Files {
		r.Files = append(r.Files, recordFile{f.Path, len(f.Data), f.Config})
		text = append(text, f.Data...)
	}
	var pending []*Pending
	for chunk := range slices.Chunk(text, chunkSize) {
		m := &nats.Msg{Subject: b.names.chunkSubject(g.Number, r.Chunks), Header: nats.Header{}, Data: chunk}
		pending = append(pending, b.publisher.sendWhenRoom(m))
		r.Chunks++
	}
	// The record comes last: where it is, the text is.
	m, err := r.message(b.names)
	if err != nil {
		return err
	}
	pending = append(pending, b.publisher.sendWhenRoom(m))
	err = WaitAll(ctx, pending)
	if errors.Is(err, errWrongLast) {
		return fmt.Errorf("generation %d is stored already", g.Number)
	}
	if err != nil {
		return fmt.Errorf("cannot store generation %d: %w", g.Number, err)
	}
	return nil
}

// Generations are the generations that are kept, in the order of their numbers.
func (b *Bus) Generations(ctx context.Context) ([]Generation, error) {
	numbers, err := b.generationNumbers(ctx)
	if err != nil {
		return nil, err
	}
	all := make([]Generation, 0, len(numbers))
	for _, number := range numbers {
		g, err := b.loadGeneration(ctx, number)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue // dropped meanwhile
		}
		if err != nil {
			return nil, err
		}
		all = append(all, *g)
	}
	return all, nil
}

// DropGeneration forgets a generation. The one in force cannot be dropped.
func (b *Bus) DropGeneration(ctx context.Context, number uint64) error {
	b.cut.RLock()
	inForce := b.generation
	b.cut.RUnlock()
	if number == inForce {
		return fmt.Errorf("generation %d is in force", number)
	}
	r, err := b.loadRecord(ctx, number)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, subject := range append([]string{b.names.generationSubject(number)}, b.chunkSubjects(r)...) {
		if err := b.purge(ctx, b.names.control(), jetstream.WithPurgeSubject(subject)); err != nil {
			return fmt.Errorf("cannot drop generation %d: %w", number, err)
		}
	}
	return nil
}

func (b *Bus) chunkSubjects(r *record) []string {
	subjects := make([]string, r.Chunks)
	for i := range subjects {
		subjects[i] = b.names.chunkSubject(r.Number, i)
	}
	return subjects
}

// generationNumbers are the numbers that are kept, in order.
func (b *Bus) generationNumbers(ctx context.Context) ([]uint64, error) {
	subjects, err := b.subjects(ctx, b.names.control(), b.names.prefix+".control.generation.*")
	if err != nil {
		return nil, fmt.Errorf("cannot list the generations: %w", err)
	}
	var numbers []uint64
	for subject := range subjects {
		if number, err := strconv.ParseUint(lastToken(subject), 10, 64); err == nil {
			numbers = append(numbers, number)
		}
	}
	slices.Sort(numbers)
	return numbers, nil
}

// loadRecord reads a generation without its text.
func (b *Bus) loadRecord(ctx context.Context, number uint64) (*record, error) {
	m, err := b.last(ctx, b.names.generationSubject(number))
	if err != nil {
		return nil, fmt.Errorf("generation %d: %w", number, err)
	}
	r := &record{last: m.Sequence}
	if err := json.Unmarshal(m.Data, r); err != nil {
		return nil, fmt.Errorf("generation %d cannot be read: %w", number, err)
	}
	return r, nil
}

func (b *Bus) loadGeneration(ctx context.Context, number uint64) (*Generation, error) {
	r, err := b.loadRecord(ctx, number)
	if err != nil {
		return nil, err
	}
	var text []byte
	for _, subject := range b.chunkSubjects(r) {
		m, err := b.last(ctx, subject)
		if err != nil {
			return nil, fmt.Errorf("the text of generation %d: %w", number, err)
		}
		text = append(text, m.Data...)
	}
	g := &Generation{Number: r.Number, Cut: r.Cut, Time: r.Time, Paths: r.Paths, Reads: r.Reads}
	for _, f := range r.Files {
		if f.Size < 0 || f.Size > len(text) {
			return nil, fmt.Errorf("the text of generation %d ends too early", number)
		}
		g.Files = append(g.Files, StoredFile{f.Path, text[:f.Size:f.Size], f.Config})
		text = text[f.Size:]
	}
	return g, nil
}

// last is the last message of a subject of the control stream; the error is
// jetstream.ErrMsgNotFound if there is none.
func (b *Bus) last(ctx context.Context, subject string) (*jetstream.RawStreamMsg, error) {
	s, err := b.stream(b.names.control())
	if err != nil {
		return nil, err
	}
	return s.GetLastMsgForSubject(ctx, subject)
}

// UsesGeneration tells whether a delivery that waits for a sink, or an event
// that waits in a pipeline, follows the rules of a generation.
func (b *Bus) UsesGeneration(ctx context.Context, number uint64) (bool, error) {
	_, found, err := b.first(ctx, b.names.work(), 0, fmt.Sprintf("%s.*.*.*.*.%d", b.names.prefix, number))
	if found || err != nil {
		return found, err
	}
	_, found, err = b.first(ctx, b.names.held(), 0, fmt.Sprintf("%s.held.*.%d", b.names.prefix, number))
	return found, err
}

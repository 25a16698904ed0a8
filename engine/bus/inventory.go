package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// inventory is what the streams held when it was last taken. It is a file
// beside them: what was lost with them could not tell of the loss. The server
// recovers a stream whose files are damaged without saying what was in them,
// and one whose files are gone is simply made anew.
type inventory struct {
	mu      sync.Mutex
	Streams map[string]stock `json:"streams"`
	// Closed: the store was closed after it was taken, so that nothing can have changed since.
	Closed bool `json:"closed"`
}

// stock is what a stream held.
type stock struct {
	Made     int64     `json:"made"`     // when the stream was made, in nanoseconds since 1970
	First    uint64    `json:"first"`    // what lies before may be gone
	Last     uint64    `json:"last"`     // the last sequence that was used
	Time     time.Time `json:"time"`     // when that was
	Messages uint64    `json:"messages"` // how many there were
	Gaps     int       `json:"gaps"`     // how many between the first and the last were not there
}

const (
	inventoryName = "inventory"
	// inventoryPeriod is how old the inventory may be when a crash comes. What
	// is lost and younger is not missed.
	inventoryPeriod = 250 * time.Millisecond
)

// takeInventory writes down what the streams hold, if that has changed.
func (b *Bus) takeInventory(ctx context.Context) {
	streams := make(map[string]stock)
	for name := range b.streams {
		info, err := b.state(ctx, name)
		if err != nil {
			return // whoever needs the stream says what is wrong with it
		}
		s := &info.State
		streams[name] = stock{info.Created.UnixNano(), s.FirstSeq, s.LastSeq, s.LastTime, s.Msgs, s.NumDeleted}
	}
	i, closed := &b.inventory, b.health.closing()
	if i.holds(streams, closed) || b.Barrier(ctx) != nil { // it must not claim what a power cut undoes
		return
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	events := streams[b.names.events()]
	events.First = max(events.First, i.Streams[b.names.events()].First) // what is about to be trimmed
	streams[b.names.events()] = events
	i.Streams, i.Closed = streams, closed
	b.writeInventory()
}

// holds tells whether it says just that already.
func (i *inventory) holds(streams map[string]stock, closed bool) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return maps.Equal(i.Streams, streams) && i.Closed == closed
}

// willTrim writes down, before it happens, that events below a sequence are removed.
func (b *Bus) willTrim(below uint64) {
	if b.folder == nil {
		return
	}
	i := &b.inventory
	i.mu.Lock()
	defer i.mu.Unlock()
	events := i.Streams[b.names.events()]
	events.First = max(events.First, below)
	i.Streams[b.names.events()] = events
	b.writeInventory()
}

// writeInventory replaces the file. The disk has it with the next flush, as it
// has the streams. On a full disk the old one stays, which at worst misses
// events that were removed on purpose.
func (b *Bus) writeInventory() {
	data, err := json.Marshal(&b.inventory)
	if err == nil {
		err = writeWhole(b.inventoryPath(), data)
	}
	if err != nil && !b.diskLow.Load() {
		b.log.Warn("cannot write down what the store holds; should its files be damaged, that may go unnoticed", "error", err)
	}
}

func (b *Bus) inventoryPath() string { return filepath.Join(b.folder.dir, inventoryName) }

// lastInventory writes down what the streams hold when nothing changes them any
// more. A store that was not opened whole says nothing of what it should hold.
func (b *Bus) lastInventory(ctx context.Context) {
	if b.folder != nil && b.ledger.floors != nil {
		b.takeInventory(ctx)
	}
}

// readInventory reads what the last run wrote down. Without it nothing is missed.
func (b *Bus) readInventory() {
	i := &b.inventory
	data, err := os.ReadFile(b.inventoryPath())
	if err == nil {
		err = json.Unmarshal(data, i)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		b.log.Warn("cannot read what the store held when it was last used; should its files be damaged, that may go unnoticed", "error", err)
	}
	if i.Streams == nil {
		i.Streams = make(map[string]stock)
	}
}

// sameEvents tells whether the events stream holds what the inventory says. It
// may have been made anew around its messages, when its settings were damaged.
func (b *Bus) sameEvents(is *jetstream.StreamInfo) bool {
	was, known := b.inventory.Streams[is.Config.Name]
	return known && was.Messages > 0 && is.State.LastSeq >= was.Last
}

// loss is a part of a stream that was there when the last run ended, and is not now.
type loss struct {
	stream   string
	messages uint64
	from, to uint64    // sequences between which they were
	time     time.Time // when the last one was stored; zero: not known
}

// compareInventory says what was there when the last run ended, and is not now.
func (b *Bus) compareInventory(ctx context.Context) error {
	for _, name := range slices.Sorted(maps.Keys(b.streams)) {
		was, known := b.inventory.Streams[name]
		if !known {
			continue
		}
		info, err := b.state(ctx, name)
		if err != nil {
			return err
		}
		for _, l := range b.compare(name, was, b.inventory.Closed, info) {
			b.tell(l)
		}
	}
	b.inventory.Streams = make(map[string]stock)
	b.takeInventory(ctx)
	return nil
}

// compare finds what a stream has lost.
func (b *Bus) compare(name string, was stock, closed bool, is *jetstream.StreamInfo) (losses []loss) {
	s := &is.State
	lose := func(messages, from, to uint64, at time.Time) {
		losses = append(losses, loss{name, messages, from, to, at})
	}
	if s.Lost != nil && len(s.Lost.Msgs) > 0 { // the server says so
		lose(uint64(len(s.Lost.Msgs)), slices.Min(s.Lost.Msgs), slices.Max(s.Lost.Msgs), time.Time{})
		return losses
	}
	if s.LastSeq < was.Last {
		from := max(was.First, s.LastSeq+1)
		lose(was.Last+1-from, from, was.Last, was.Time)
	}
	switch {
	case name == b.names.events():
		// Nothing is ever taken out of its middle, nor from its start without a word in the inventory.
		if s.FirstSeq > was.First && was.Messages > 0 && s.LastSeq >= was.First {
			lose(min(s.FirstSeq, was.Last+1)-was.First, was.First, s.FirstSeq-1, time.Time{})
		}
		if s.NumDeleted > was.Gaps {
			lose(uint64(s.NumDeleted-was.Gaps), s.FirstSeq, s.LastSeq, time.Time{})
		}
	case name == b.names.work() && closed && s.Msgs < was.Messages && len(losses) == 0:
		lose(was.Messages-s.Msgs, was.First, was.Last, time.Time{})
	}
	return losses
}

// tell says what damaged files have cost, and how to go on.
func (b *Bus) tell(l loss) {
	args := []any{"stream", l.stream, "lost", l.messages, "between", fmt.Sprintf("%d and %d", l.from, l.to), "folder", b.folder.dir}
	if !l.time.IsZero() {
		args = append(args, "last", l.time.UTC().Format(time.RFC3339))
	}
	const next = "what is left goes on. To have the rest back, stop, put the data folder's backup in its place and start"
	switch l.stream {
	case b.names.events():
		args = append(args, "handled", b.handledBy(l), "next", next+"; or have the senders send those events again")
		b.log.Error("files of the store are damaged: events are lost", args...)
	case b.names.work():
		args = append(args, "next", next+"; or have the senders send again what did not arrive")
		b.log.Error("files of the store are damaged: deliveries that waited for their sinks are lost", args...)
	case b.names.dead():
		b.log.Error("files of the store are damaged: dead letters are lost", append(args, "next", next)...)
	default:
		b.log.Error("files of the store are damaged: notes of how far the pipelines are, and under which rules, are lost", append(args, "next", next)...)
	}
}

// handledBy tells which part of lost events the pipelines had handled.
func (b *Bus) handledBy(l loss) string {
	floors := b.ledger.all()
	if len(floors) == 0 {
		return "not known"
	}
	switch lowest := slices.Min(slices.Collect(maps.Values(floors))); {
	case lowest >= l.to:
		return "all of them, by every pipeline"
	case lowest < l.from:
		return "not all of them, by every pipeline"
	default:
		return fmt.Sprintf("by every pipeline those up to %d", lowest)
	}
}

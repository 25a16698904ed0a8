package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// ledger is our own checkpoint of how far each pipeline is. The server keeps
// its own, but not behind the barrier, and when that is lost it begins again
// from the first event without saying so.
type ledger struct {
	mu     sync.Mutex
	floors map[string]uint64 // by pipeline: everything up to here is handled
	acted  map[string]uint64 // what each consumer had been told when it was looked at
	made   map[string]int64  // when each pipeline was made, of those that are gone too: their deliveries may be on their way
	stream int64             // which incarnation of the events stream it speaks of
	dirty  bool              // it is not stored as it stands
	// settled are the floors as they are stored, for good.
	settled map[string]uint64

	saving sync.Mutex // one at a time
}

// checkpoint is the ledger as it is stored.
type checkpoint struct {
	Stream int64             `json:"stream"` // when the events stream was made, in nanoseconds since 1970
	Floors map[string]uint64 `json:"floors"`
	// Made is when each pipeline was made, in nanoseconds since 1970. It is part of
	// the ids of what a pipeline hands over: one that is taken out of the
	// configuration and put back from the first event on hands over anew.
	Made map[string]int64 `json:"made,omitempty"`
}

func (l *ledger) floor(pipeline string) (uint64, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	floor, ok := l.floors[pipeline]
	return floor, ok
}

// settledAt is a pipeline's floor as it is stored.
func (l *ledger) settledAt(pipeline string) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.settled[pipeline]
}

// unsettle notes that the sequences behind a floor are used again.
func (l *ledger) unsettle(pipeline string, floor uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.settled[pipeline] > floor {
		l.settled[pipeline] = floor
	}
}

func (l *ledger) all() map[string]uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.floors)
}

func (l *ledger) set(pipeline string, floor uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if before, ok := l.floors[pipeline]; !ok || before != floor {
		l.floors[pipeline], l.dirty = floor, true
	}
}

// add notes a pipeline that is made now and begins behind a sequence.
func (l *ledger) add(pipeline string, floor uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.floors[pipeline], l.made[pipeline], l.dirty = floor, time.Now().UnixNano(), true
}

// madeAt is when a pipeline was made; 0 if an earlier release has made it.
func (l *ledger) madeAt(pipeline string) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.made[pipeline]
}

func (l *ledger) forget(pipeline string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.floors[pipeline]; ok {
		delete(l.floors, pipeline)
		delete(l.acted, pipeline)
		l.dirty = true
	}
}

// recall reads what an earlier run has left: the checkpoint, and the number of
// the generation in force.
func (b *Bus) recall(ctx context.Context) error {
	info, err := b.state(ctx, b.names.events())
	if err != nil {
		return err
	}
	l := &b.ledger
	l.floors, l.acted, l.stream = make(map[string]uint64), make(map[string]uint64), info.Created.UnixNano()
	l.made = make(map[string]int64)
	c, err := b.loadCheckpoint(ctx)
	if err != nil && b.folder == nil {
		return err
	}
	if err != nil {
		b.log.Error("the checkpoint is damaged; each pipeline goes on where the NATS server says it was, and may handle events again", "error", err)
	}
	// Sequences of a stream that was deleted and made anew mean nothing in this
	// one: rather handle an event twice than skip it.
	if (c.Stream == l.stream || b.sameEvents(info)) && c.Floors != nil {
		l.floors = c.Floors
	}
	maps.Copy(l.made, c.Made)
	if err := b.lowerFloors(ctx, info.State.LastSeq); err != nil {
		return err
	}
	l.settled = maps.Clone(l.floors)
	numbers, err := b.generationNumbers(ctx)
	if err != nil {
		return err
	}
	for _, number := range numbers {
		r, err := b.loadRecord(ctx, number)
		if err != nil {
			return err
		}
		if r.Cut > 0 {
			b.generation = r.Number
		}
	}
	return nil
}

// loadCheckpoint reads the checkpoint; it is empty when there is none.
func (b *Bus) loadCheckpoint(ctx context.Context) (c checkpoint, err error) {
	m, err := b.last(ctx, b.names.checkpointSubject())
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return c, nil
	}
	if err == nil {
		err = json.Unmarshal(m.Data, &c)
	}
	if err != nil {
		return checkpoint{}, fmt.Errorf("cannot read the checkpoint: %w", err)
	}
	return c, nil
}

// lowerFloors keeps the checkpoint within the stream. After a power cut it may
// be ahead of it, and what the stream is given next, from the journal too, has
// the same sequences once more. So the lower floors are durable first.
func (b *Bus) lowerFloors(ctx context.Context, last uint64) error {
	for pipeline, floor := range b.ledger.all() {
		b.ledger.set(pipeline, min(floor, last))
	}
	return b.saveLedger(ctx)
}

// restoreFloor sets a pipeline's consumer to the checkpoint if the server's
// own memory of it is older, and keeps both within the stream. It does so when
// the consumer is opened first in this process; later it is ahead of the
// checkpoint.
func (b *Bus) restoreFloor(ctx context.Context, pipeline string, c *Consumer) error {
	if c.restored.Load() {
		return nil
	}
	info, err := b.consumerInfo(ctx, c.stream, c.name)
	if err != nil {
		return err
	}
	state, err := b.state(ctx, c.stream)
	if err != nil {
		return err
	}
	floor := info.AckFloor.Stream
	saved, _ := b.ledger.floor(pipeline)
	// What the server remembers may be ahead of the stream as well.
	want := min(max(floor, saved), state.State.LastSeq)
	// What an earlier run has left open would come when AckWait is over, behind what follows it.
	leftOpen := info.NumAckPending > 0
	if want != floor || info.Delivered.Stream > state.State.LastSeq || leftOpen {
		b.log.Info("a pipeline's consumer is set to the checkpoint", "pipeline", pipeline,
			"from", floor, "to", want, "last", state.State.LastSeq)
		if err := c.setTo(ctx, want+1); err != nil {
			return err
		}
	} else {
		c.handled.begin(info.Delivered.Consumer, floor)
	}
	b.ledger.set(pipeline, want)
	b.ledger.unsettle(pipeline, want)
	c.restored.Store(true)
	return nil
}

// look asks the server how far each pipeline is, where something was
// acknowledged since the last time.
func (b *Bus) look(ctx context.Context) error {
	for _, c := range b.consumers.list() {
		pipeline, ok := strings.CutPrefix(c.name, pipelineConsumer)
		if !ok || c.stream != b.names.events() {
			continue
		}
		acted := c.acted.Load()
		if b.ledger.seen(pipeline, acted) {
			continue
		}
		info, err := b.consumerInfo(ctx, c.stream, c.name)
		if err != nil {
			return err
		}
		if info.NumAckPending > 0 {
			acted = 0 // what was said last may still be on its way: look again
		}
		b.ledger.looked(pipeline, acted, info.AckFloor.Stream)
	}
	return nil
}

// seen tells whether a consumer was looked at since it was told something.
func (l *ledger) seen(pipeline string, acted uint64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	before, ok := l.acted[pipeline]
	return ok && before == acted
}

// looked notes how far a consumer is. A floor never goes back.
func (l *ledger) looked(pipeline string, acted, floor uint64) {
	before, known := l.floor(pipeline)
	if !known {
		return // forgotten meanwhile
	}
	l.set(pipeline, max(before, floor))
	l.mu.Lock()
	defer l.mu.Unlock()
	l.acted[pipeline] = acted
}

// saveLedger stores the checkpoint if it has changed, and returns when it is durable.
func (b *Bus) saveLedger(ctx context.Context) error {
	l := &b.ledger
	l.saving.Lock()
	defer l.saving.Unlock()
	l.mu.Lock()
	if !l.dirty {
		l.mu.Unlock()
		return nil
	}
	l.dirty = false
	floors, made := maps.Clone(l.floors), maps.Clone(l.made)
	l.mu.Unlock()
	data, err := json.Marshal(checkpoint{l.stream, floors, made})
	if err == nil {
		m := &nats.Msg{Subject: b.names.checkpointSubject(), Header: nats.Header{}, Data: data}
		_, err = b.publisher.sendWhenRoom(m).Wait(ctx)
	}
	if err != nil {
		l.mu.Lock()
		l.dirty = true
		l.mu.Unlock()
		return fmt.Errorf("cannot store the checkpoint: %w", err)
	}
	l.mu.Lock()
	l.settled = floors
	l.mu.Unlock()
	return nil
}

// lastSave stores the checkpoint at the end, if there is one.
func (b *Bus) lastSave(ctx context.Context) error {
	if b.ledger.floors == nil || b.barrier.broken() {
		return nil
	}
	if err := b.look(ctx); err != nil {
		return err
	}
	return b.saveLedger(ctx)
}

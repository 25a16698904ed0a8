package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// The server removes a message by a mark in a later file, and takes marks of
// what comes before a stream's first message for needless. With the file of such
// a mark the word is gone that the message is, and it is there again after a
// kill -9 (nats-server 2.15.2, filestore.go: numPriorTombsLocked): a delivery that
// was made, a held event that has gone on, a dead letter that was replayed. So
// the first sequence of these streams is written down, and at a start what comes
// before it is removed again.

// first is where a stream begins, and from where on a start remembers its hand-overs.
type first struct {
	Stream    int64  `json:"stream"` // when it was made, in nanoseconds since 1970
	Sequence  uint64 `json:"sequence"`
	HandOvers uint64 `json:"handovers"` // those behind it
}

// firstsPeriod is how often it is written down where the streams begin. What is
// done with within the last second before a kill -9 may come again anyway.
const firstsPeriod = time.Second

func (b *Bus) firstsOf() []string {
	return []string{b.names.work(), b.names.held(), b.names.dead()}
}

// keepFirsts writes down where the streams begin, if that has changed.
func (b *Bus) keepFirsts(ctx context.Context) {
	if err := b.saveFirsts(ctx); err != nil && ctx.Err() == nil {
		b.log.Warn("it cannot be written down what is done with, and what was handed over; after a crash it may come again", "error", err)
	}
}

func (b *Bus) saveFirsts(ctx context.Context) error {
	firsts := make(map[string]first)
	for _, name := range b.firstsOf() {
		info, err := b.state(ctx, name)
		if err != nil {
			return err
		}
		firsts[name] = first{Stream: info.Created.UnixNano(), Sequence: info.State.FirstSeq, HandOvers: b.handOvers[name].start()}
	}
	if maps.Equal(firsts, b.firsts) {
		return nil
	}
	data, err := json.Marshal(firsts)
	if err != nil {
		return err
	}
	m := &nats.Msg{Subject: b.names.firstsSubject(), Header: nats.Header{}, Data: data}
	if _, err = b.publisher.sendWhenRoom(m).Wait(ctx); err != nil {
		return err
	}
	b.firsts = firsts
	return nil
}

func (b *Bus) savedFirsts(ctx context.Context) (firsts map[string]first, err error) {
	m, err := b.last(ctx, b.names.firstsSubject())
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, nil
	}
	if err == nil {
		err = json.Unmarshal(m.Data, &firsts)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read where the streams begin: %w", err)
	}
	return firsts, nil
}

// removeAgain removes what comes before the sequences that the streams began at.
func (b *Bus) removeAgain(ctx context.Context, firsts map[string]first) error {
	for name, f := range firsts {
		info, err := b.state(ctx, name)
		if err != nil {
			return err
		}
		if info.Created.UnixNano() != f.Stream || info.State.FirstSeq >= f.Sequence {
			continue
		}
		if err := b.purge(ctx, name, jetstream.WithPurgeSequence(f.Sequence)); err != nil {
			return fmt.Errorf("cannot remove what has come back after a crash: %w", err)
		}
	}
	return nil
}

package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// LaneQueue is what waits in the lanes of a sink, in the order it was stored
// in. Its consumer hands out each delivery once and has no bound for how many
// are in hand: what waits is held by the stage, as its sequence. Never is one
// given back, or the server would hand it out after what came later.
type LaneQueue struct {
	bus      *Bus
	sink     string
	consumer *Consumer
}

// laneAckWait is how long the server leaves a delivery in hand: for good. What
// a crash left open comes again at the next start, when the consumer is set
// back to its floor.
const laneAckWait = 1000 * 24 * time.Hour

// LaneQueue opens the lanes of a sink. When it is opened first in this process,
// everything comes again that is not done with.
func (b *Bus) LaneQueue(ctx context.Context, sink string) (*LaneQueue, error) {
	config := consumerConfig(laneConsumer+sink, laneAckWait, -1)
	config.FilterSubjects = []string{b.names.laneSubjects(sink)}
	c, err := b.openConsumer(ctx, b.names.work(), config, nil)
	if err != nil {
		return nil, fmt.Errorf("the lanes of sink %s: %w", sink, err)
	}
	c.inOrder.Store(true)
	if err := b.restoreQueue(ctx, c); err != nil {
		return nil, fmt.Errorf("the lanes of sink %s cannot be read from their beginning: %w", sink, err)
	}
	return &LaneQueue{bus: b, sink: sink, consumer: c}, nil
}

// Fetch is what follows, up to 1024 deliveries; it waits until there is one or
// ctx ends. After the connection was lost, those in hand may come again.
func (q *LaneQueue) Fetch(ctx context.Context) ([]*Message, error) {
	return q.consumer.Fetch(ctx, pullMax)
}

// Info asks the server how much waits.
func (q *LaneQueue) Info(ctx context.Context) (ConsumerInfo, error) { return q.consumer.Info(ctx) }

// Load is the delivery at a sequence, which was handed out before;
// [ErrNotFound] if it is not there any more.
func (q *LaneQueue) Load(ctx context.Context, sequence uint64) (*Message, error) {
	s, err := q.bus.stream(q.bus.names.work())
	if err != nil {
		return nil, err
	}
	m, err := s.GetMsg(ctx, sequence)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		err = ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("delivery %d: %w", sequence, err)
	}
	return &Message{
		msg:      &nats.Msg{Subject: m.Subject, Header: m.Header, Data: m.Data, Reply: q.consumer.reply(sequence)},
		consumer: q.consumer, sequence: m.Sequence, stored: m.Time.UTC(),
	}, nil
}

// reply is where the server is told of a message; "" before it has handed out any.
func (c *Consumer) reply(sequence uint64) string {
	any := c.anyReply.Load()
	if any == nil {
		return ""
	}
	return replyFor(*any, sequence, 0)
}

// Position is what says which lane a delivery waits in, and where: as much of a
// [Work] as that takes.
func (m *Message) Position() Work {
	r := read(m.msg.Header, nil)
	return Work{Sequence: r.number(fldSequence), Pipeline: r.text(fldPipeline), Key: r.text(fldKey), Place: r.integer(fldPlace)}
}

// Head is how far the first delivery of a lane is. It outlives a restart.
type Head struct {
	Sequence  uint64 `json:"s"`
	Stored    int64  `json:"t"` // in nanoseconds since 1970: after a power cut a sequence is used again
	Attempts  int    `json:"a"`
	First     int64  `json:"f"` // when it was attempted first, in milliseconds since 1970
	NotBefore int64  `json:"n"` // in milliseconds since 1970
	Left      int64  `json:"l"` // how long that was when it was saved, in milliseconds: the clock may be set back since then
}

// Heads are those that were saved last.
func (q *LaneQueue) Heads(ctx context.Context) ([]Head, error) {
	m, err := q.bus.last(ctx, q.bus.names.headsSubject(q.sink))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read how far the lanes of sink %s are: %w", q.sink, err)
	}
	var heads []Head
	if err := json.Unmarshal(m.Data, &heads); err != nil {
		return nil, fmt.Errorf("how far the lanes of sink %s are cannot be read: %w", q.sink, err)
	}
	return heads, nil
}

// maxHeads is how many are saved. One that is not begins with its first attempt again after a restart.
const maxHeads = 50_000

// SaveHeads keeps how far the lanes are, in place of what was kept before. It
// returns once that is durable.
func (q *LaneQueue) SaveHeads(ctx context.Context, heads []Head) error {
	data, err := json.Marshal(heads[:min(len(heads), maxHeads)])
	if err != nil {
		return err
	}
	m := &nats.Msg{Subject: q.bus.names.headsSubject(q.sink), Header: nats.Header{}, Data: data}
	if _, err := q.bus.publisher.sendWhenRoom(m).Wait(ctx); err != nil {
		return fmt.Errorf("cannot keep how far the lanes of sink %s are: %w", q.sink, err)
	}
	return nil
}

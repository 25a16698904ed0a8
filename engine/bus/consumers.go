package bus

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// EventsConsumerOptions are how a pipeline reads the events stream.
type EventsConsumerOptions struct {
	// Sources whose events the pipeline is given. None: a consumer that is there
	// keeps what it reads, a new one reads nothing.
	Sources []string
	// Where a consumer that is made begins: at StartSequence, or at what was
	// stored at StartTime or later; by default with what is stored from now on.
	// One that is there goes on where it is.
	StartSequence uint64
	StartTime     time.Time
	AckWait       time.Duration // 0 is 10 s
	MaxAckPending int           // 0 is 16384
}

// WorkConsumerOptions are how a sink reads its queue.
type WorkConsumerOptions struct {
	AckWait       time.Duration // 0 is 10 s
	MaxAckPending int           // 0 is 16384
}

const (
	defaultAckWait       = 10 * time.Second
	defaultMaxAckPending = 16384
)

// The names of consumers.
const (
	pipelineConsumer = "p_"
	sinkConsumer     = "s_"
	laneConsumer     = "l_"
)

// consumers are the ones opened in this process, by name.
type consumers struct {
	mu     sync.Mutex
	open   map[string]*Consumer
	closed bool
}

// EventsConsumer opens a pipeline's durable consumer of the events stream. It
// is made if it is not there and otherwise only ever updated, because deleting
// and making anew loses events or repeats them. When the server has forgotten
// how far the consumer was, which a power cut can do without a word in any log,
// it is set to where our own checkpoint says.
func (b *Bus) EventsConsumer(ctx context.Context, pipeline string, o EventsConsumerOptions) (*Consumer, error) {
	name := pipelineConsumer + pipeline
	config := consumerConfig(name, o.AckWait, o.MaxAckPending)
	config.AckPolicy = jetstream.AckAllPolicy // see handled
	for _, source := range o.Sources {
		config.FilterSubjects = append(config.FilterSubjects, b.names.eventSubject(source))
	}
	c, err := b.openConsumer(ctx, b.names.events(), config, func(config *jetstream.ConsumerConfig) error {
		if len(config.FilterSubjects) == 0 {
			config.FilterSubjects = []string{b.names.noSubject()}
		}
		return b.startAt(ctx, pipeline, o)
	})
	if err != nil {
		return nil, fmt.Errorf("the consumer of pipeline %s: %w", pipeline, err)
	}
	if err := b.restoreFloor(ctx, pipeline, c); err != nil {
		return nil, fmt.Errorf("the consumer of pipeline %s cannot be set to where it was: %w", pipeline, err)
	}
	return c, nil
}

// WorkConsumer opens the durable consumer of what waits for a sink.
func (b *Bus) WorkConsumer(ctx context.Context, sink string, o WorkConsumerOptions) (*Consumer, error) {
	config := consumerConfig(sinkConsumer+sink, o.AckWait, o.MaxAckPending)
	config.FilterSubjects = []string{b.names.prefix + ".work." + token(sink) + ".>"}
	c, err := b.openConsumer(ctx, b.names.work(), config, nil)
	if err != nil {
		return nil, fmt.Errorf("the consumer of sink %s: %w", sink, err)
	}
	if err := b.restoreQueue(ctx, c); err != nil {
		return nil, fmt.Errorf("the consumer of sink %s cannot be set to what waits: %w", sink, err)
	}
	return c, nil
}

// restoreQueue sets a sink's consumer to where it is to go on, once in this
// process. Lanes are given once more what is not done with. Another consumer is
// set to the start of its queue if it is ahead of the end: after a power cut the
// stream may end before what it remembers; sequences are used again, and it would
// pass over what comes under them. What waits there is not done, so beginning
// anew repeats nothing else.
func (b *Bus) restoreQueue(ctx context.Context, c *Consumer) error {
	if c.restored.Load() {
		return nil
	}
	floor, ahead, err := b.doneWith(ctx, c)
	if err == nil && ahead {
		b.log.Info("a sink's consumer is set to the start of its queue", "consumer", c.name)
	}
	if err == nil && (ahead || c.inOrder.Load()) {
		_, err = b.js.ResetConsumerToSequence(ctx, c.stream, c.name, floor+1)
	}
	if err != nil {
		return err
	}
	c.restored.Store(true)
	return nil
}

// doneWith is the sequence up to which everything in a queue is done with, and
// removes what is there all the same: a kill -9 brings it back (see firsts.go)
// where something older waits for any sink. A consumer that is ahead of the end
// of the stream knows nothing of what is there.
func (b *Bus) doneWith(ctx context.Context, c *Consumer) (floor uint64, ahead bool, err error) {
	info, err := b.consumerInfo(ctx, c.stream, c.name)
	if err != nil {
		return 0, false, err
	}
	state, err := b.state(ctx, c.stream)
	if err != nil {
		return 0, false, err
	}
	if info.Delivered.Stream > state.State.LastSeq {
		return 0, true, nil
	}
	floor = info.AckFloor.Stream
	if floor < state.State.FirstSeq {
		return floor, false, nil
	}
	for _, subject := range filters(info.Config) {
		if err := b.purge(ctx, c.stream, jetstream.WithPurgeSubject(subject), jetstream.WithPurgeSequence(floor+1)); err != nil {
			return 0, false, err
		}
	}
	return floor, false, nil
}

func consumerConfig(name string, ackWait time.Duration, maxAckPending int) jetstream.ConsumerConfig {
	c := jetstream.ConsumerConfig{
		Durable: name, AckPolicy: jetstream.AckExplicitPolicy, AckWait: ackWait, MaxAckPending: maxAckPending,
		// A consumer that may begin anywhere can also be set to anywhere later.
		DeliverPolicy: jetstream.DeliverAllPolicy,
		MaxDeliver:    -1, // what is given up is for the stage to say; the server would just stop
	}
	if c.AckWait == 0 {
		c.AckWait = defaultAckWait
	}
	if c.MaxAckPending == 0 {
		c.MaxAckPending = defaultMaxAckPending
	}
	return c
}

// openConsumer makes or updates a consumer. create completes the configuration
// of one that has to be made.
func (b *Bus) openConsumer(ctx context.Context, stream string, config jetstream.ConsumerConfig, create func(*jetstream.ConsumerConfig) error) (*Consumer, error) {
	s, err := b.stream(stream)
	if err != nil {
		return nil, err
	}
	server, err := s.Consumer(ctx, config.Durable)
	if err == nil && server.CachedInfo().Config.AckPolicy != config.AckPolicy {
		err = b.takeOver(ctx, s, server.CachedInfo(), &config)
	}
	switch {
	case errors.Is(err, jetstream.ErrConsumerNotFound):
		if create != nil {
			if err := create(&config); err != nil {
				return nil, err
			}
		}
		err = b.createConsumer(ctx, s, config)
	case err == nil:
		err = updateConsumer(ctx, s, server.CachedInfo().Config, config)
	}
	if err != nil {
		return nil, err
	}
	return b.consumers.get(b, stream, config.Durable)
}

// takeOver removes a pipeline's consumer that an earlier Trotline has made, which
// told the server of each event; that cannot be changed. The error says that there
// is none any more: the one that want describes goes on where it was.
func (b *Bus) takeOver(ctx context.Context, s jetstream.Stream, is *jetstream.ConsumerInfo, want *jetstream.ConsumerConfig) error {
	if len(want.FilterSubjects) == 0 {
		want.FilterSubjects = filters(is.Config)
	}
	pipeline := strings.TrimPrefix(want.Durable, pipelineConsumer)
	saved, _ := b.ledger.floor(pipeline)
	b.ledger.set(pipeline, max(saved, is.AckFloor.Stream))
	if err := b.saveLedger(ctx); err != nil {
		return err
	}
	if err := s.DeleteConsumer(ctx, want.Durable); err != nil {
		return err
	}
	return jetstream.ErrConsumerNotFound
}

// updateConsumer changes what may have changed, and nothing if nothing has.
func updateConsumer(ctx context.Context, s jetstream.Stream, is, want jetstream.ConsumerConfig) error {
	if len(want.FilterSubjects) == 0 {
		want.FilterSubjects = filters(is)
	}
	same := is.AckWait == want.AckWait && is.MaxAckPending == want.MaxAckPending && is.MaxDeliver == want.MaxDeliver &&
		slices.Equal(slices.Sorted(slices.Values(filters(is))), slices.Sorted(slices.Values(want.FilterSubjects)))
	if same {
		return nil
	}
	is.AckWait, is.MaxAckPending, is.MaxDeliver, is.BackOff = want.AckWait, want.MaxAckPending, want.MaxDeliver, nil
	is.FilterSubject, is.FilterSubjects = "", want.FilterSubjects
	_, err := s.UpdateConsumer(ctx, is)
	return err
}

func filters(c jetstream.ConsumerConfig) []string {
	if c.FilterSubject != "" {
		return []string{c.FilterSubject}
	}
	return c.FilterSubjects
}

// startAt notes in the checkpoint where a pipeline's new consumer begins; it is
// set to that once it is made. In this order, a crash in between leaves no
// consumer that begins with the first event.
func (b *Bus) startAt(ctx context.Context, pipeline string, o EventsConsumerOptions) error {
	if floor, known := b.ledger.floor(pipeline); known {
		b.log.Warn("the server has lost a pipeline's consumer; it goes on from the checkpoint", "pipeline", pipeline, "after", floor)
		return nil
	}
	info, err := b.state(ctx, b.names.events())
	if err != nil {
		return err
	}
	start := info.State.LastSeq + 1
	switch {
	case o.StartSequence > 0:
		start = min(start, o.StartSequence)
	case !o.StartTime.IsZero():
		if start, err = b.sequenceAt(ctx, o.StartTime, start); err != nil {
			return err
		}
	}
	b.ledger.add(pipeline, start-1)
	return b.saveLedger(ctx)
}

// sequenceAt is the first event stored at a time or later; end if there is none.
func (b *Bus) sequenceAt(ctx context.Context, t time.Time, end uint64) (uint64, error) {
	sequence := end
	err := b.scan(ctx, b.names.events(), query{StartTime: &t, Batch: 1}, func(m *found) bool {
		sequence = m.sequence
		return false
	})
	return sequence, err
}

// PipelineConsumers are the pipelines that have a consumer, or had one that the
// server has lost, in the order of their names.
func (b *Bus) PipelineConsumers(ctx context.Context) ([]string, error) {
	names, err := b.consumerNames(ctx, b.names.events(), pipelineConsumer)
	if err != nil {
		return nil, err
	}
	for pipeline := range b.ledger.all() {
		names[pipeline] = true
	}
	return slices.Sorted(maps.Keys(names)), nil
}

// SinkConsumers are the sinks that have a consumer, in the order of their names.
func (b *Bus) SinkConsumers(ctx context.Context) ([]string, error) {
	names, err := b.consumerNames(ctx, b.names.work(), sinkConsumer)
	return slices.Sorted(maps.Keys(names)), err
}

func (b *Bus) consumerNames(ctx context.Context, stream, prefix string) (map[string]bool, error) {
	s, err := b.stream(stream)
	if err != nil {
		return nil, err
	}
	names := make(map[string]bool)
	list := s.ConsumerNames(ctx)
	for full := range list.Name() {
		if name, ok := strings.CutPrefix(full, prefix); ok {
			names[name] = true
		}
	}
	if err := list.Err(); err != nil {
		return nil, fmt.Errorf("cannot list the consumers of %s: %w", stream, err)
	}
	return names, nil
}

// DeleteEventsConsumer forgets a pipeline: what it has not handled is not kept
// for it any more.
func (b *Bus) DeleteEventsConsumer(ctx context.Context, pipeline string) error {
	if err := b.deleteConsumer(ctx, b.names.events(), pipelineConsumer+pipeline); err != nil {
		return fmt.Errorf("cannot delete the consumer of pipeline %s: %w", pipeline, err)
	}
	// The checkpoint goes last: without it, a consumer that comes back would begin anew.
	b.ledger.forget(pipeline)
	return b.saveLedger(ctx)
}

// DeleteWorkConsumer forgets a sink's consumers. What still waits for the sink stays in the stream.
func (b *Bus) DeleteWorkConsumer(ctx context.Context, sink string) error {
	if err := b.deleteConsumer(ctx, b.names.work(), sinkConsumer+sink); err != nil {
		return fmt.Errorf("cannot delete the consumer of sink %s: %w", sink, err)
	}
	if err := b.deleteConsumer(ctx, b.names.work(), laneConsumer+sink); err != nil {
		return fmt.Errorf("cannot delete the consumer of the lanes of sink %s: %w", sink, err)
	}
	if err := b.purge(ctx, b.names.control(), jetstream.WithPurgeSubject(b.names.headsSubject(sink))); err != nil {
		return fmt.Errorf("cannot forget how far the lanes of sink %s were: %w", sink, err)
	}
	return nil
}

func (b *Bus) deleteConsumer(ctx context.Context, stream, name string) error {
	b.consumers.drop(stream, name)
	s, err := b.stream(stream)
	if err != nil {
		return err
	}
	if err := s.DeleteConsumer(ctx, name); err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
		return err
	}
	return nil
}

// get is the consumer of this process under a name, the same one each time.
func (s *consumers) get(b *Bus, stream, name string) (*Consumer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, unavailable("it is closing")
	}
	key := stream + "/" + name
	if c := s.open[key]; c != nil {
		return c, nil
	}
	c, err := newConsumer(b, stream, name)
	if err != nil {
		return nil, err
	}
	if s.open == nil {
		s.open = make(map[string]*Consumer)
	}
	s.open[key] = c
	return c, nil
}

func (s *consumers) drop(stream, name string) {
	s.mu.Lock()
	c := s.open[stream+"/"+name]
	delete(s.open, stream+"/"+name)
	s.mu.Unlock()
	if c != nil {
		c.close()
	}
}

func (s *consumers) list() []*Consumer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Values(s.open))
}

// reconnected tells every consumer that its request has gone with the connection.
func (s *consumers) reconnected() {
	for _, c := range s.list() {
		c.kick()
	}
}

func (s *consumers) close() {
	s.mu.Lock()
	s.closed = true
	open := s.open
	s.open = nil
	s.mu.Unlock()
	for _, c := range open {
		c.close()
	}
}

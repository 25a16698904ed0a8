package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Consumer is a durable place in a stream. Messages are pulled by the protocol
// itself: the client library's Consume can lose a wake-up and stall for half a
// minute, and its Fetch makes a subscription for each call.
type Consumer struct {
	bus       *Bus
	stream    string
	name      string
	subject   string // where requests go to
	inbox     string // where answers come to, with the dot before the request's number
	sub       *nats.Subscription
	kicked    chan struct{}           // the connection is a new one
	acted     atomic.Uint64           // counts what was said of messages
	latest    atomic.Pointer[Message] // the one of which something was said last
	restored  atomic.Bool             // it stands where the checkpoint says, or further
	inOrder   atomic.Bool             // what got lost on its way comes again before what follows it
	handled   *handled                // of a pipeline's; nil: the server is told of each message
	copies    *copies                 // of a sink's
	handOvers *handOvers              // told of each delivery that is handed out; nil: nobody is
	anyReply  atomic.Pointer[string]  // where answers to one of its messages go

	pull    sync.Mutex // held by Fetch
	arrived chan *nats.Msg
	gone    chan struct{} // closed with the consumer
	request request
	back    uint64 // where it is to go on, if it could not be set back all the way; 0: it is not

	oldest oldest
}

// request is a pull request on its way. It asks for what is there, up to a
// number of messages and bytes; if nothing is, the server waits until something
// comes, and then gives just that.
type request struct {
	number uint64
	until  time.Time // when it has ended, whether the server says so or not
	open   bool
}

const (
	// pullWait is how long the server keeps a request while there is nothing.
	// It bounds what a request that got lost costs.
	pullWait = 10 * time.Second
	// pullGrace is how much later than that its answer may come.
	pullGrace = time.Second
	// pullLinger is how long a request that has brought something may bring more.
	pullLinger = 5 * time.Millisecond
	// pullMax bounds a request, in messages.
	pullMax = 1024
	// pullBytes bounds a request in bytes; one message always fits.
	pullBytes = 16 << 20
)

func newConsumer(b *Bus, stream, name string) (*Consumer, error) {
	c := &Consumer{
		bus: b, stream: stream, name: name, handOvers: b.handOvers[stream],
		subject: "$JS.API.CONSUMER.MSG.NEXT." + stream + "." + name,
		inbox:   b.pulling.NewInbox() + ".",
		kicked:  make(chan struct{}, 1),
		gone:    make(chan struct{}),
		// Twice a request: what one left over, and the next.
		arrived: make(chan *nats.Msg, 2*pullMax+16),
	}
	if strings.HasPrefix(name, pipelineConsumer) {
		c.handled = &handled{}
		c.inOrder.Store(true)
	}
	if strings.HasPrefix(name, sinkConsumer) {
		c.copies = &copies{}
	}
	sub, err := b.pulling.ChanSubscribe(c.inbox+"*", c.arrived)
	if err != nil {
		return nil, fmt.Errorf("cannot subscribe: %w", err)
	}
	c.sub = sub
	return c, nil
}

// Fetch returns what is there, up to limit messages (1 to 1024), and waits until
// there is at least one or ctx ends. The messages are to be acknowledged, or spoken for,
// within the consumer's AckWait, or the server hands them out again; of a sink's
// deliveries that are in hand here such copies are left out.
func (c *Consumer) Fetch(ctx context.Context, limit int) ([]*Message, error) {
	c.pull.Lock()
	defer c.pull.Unlock()
	limit = max(1, min(limit, pullMax))
	// What an earlier call's request has brought since then comes first.
	timer := time.NewTimer(time.Until(c.request.until))
	defer timer.Stop()
	var got []*Message
	for len(got) < limit {
		if !c.request.open {
			if len(got) > 0 {
				return got, nil
			}
			if err := c.ask(ctx, limit); err != nil {
				return nil, err
			}
			timer.Reset(time.Until(c.request.until))
		}
		m, err := c.next(ctx, timer.C)
		switch {
		case err != nil && len(got) > 0:
			return got, nil
		case errors.Is(err, errTime):
			c.request.open = false // it got lost
		case err != nil:
			return nil, err
		case m != nil:
			if len(got) == 0 {
				got = make([]*Message, 0, min(limit, len(c.arrived)+8))
				timer.Reset(pullLinger)
			}
			got = append(got, m)
		}
	}
	return got, nil
}

// errTime: nothing came in time.
var errTime = errors.New("nothing came in time")

// next waits for one answer of the server. A nil message is none: the request
// has ended, or what came belongs to an earlier one.
func (c *Consumer) next(ctx context.Context, timer <-chan time.Time) (*Message, error) {
	select {
	case m := <-c.arrived:
		return c.take(ctx, m)
	default:
	}
	select {
	case m := <-c.arrived:
		return c.take(ctx, m)
	case <-c.gone:
		return nil, unavailable("the consumer %s is closed", c.name)
	case <-timer:
		return nil, errTime
	case <-c.kicked:
		c.request.open = false
		return nil, c.rewind(ctx)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// take reads what came.
func (c *Consumer) take(ctx context.Context, m *nats.Msg) (*Message, error) {
	status := m.Header.Get("Status")
	if status == "" || len(m.Data) > 0 {
		if c.inOrder.Load() && c.anyReply.Load() == nil {
			c.anyReply.Store(&m.Reply)
		}
		message, err := c.newMessage(m)
		if err == nil && c.handled != nil && !c.handled.out(message) {
			c.request.open = false
			return nil, c.rewind(ctx)
		}
		if err == nil && c.handOvers != nil {
			c.handOvers.met(m.Header.Get(nats.MsgIdHdr), message.sequence)
		}
		if err == nil && c.copies != nil && c.isCopy(message) {
			return nil, nil
		}
		return message, err
	}
	// The last word on a request; earlier ones have theirs too.
	if m.Subject != c.inbox+strconv.FormatUint(c.request.number, 36) {
		return nil, nil
	}
	c.request.open = false
	text := m.Header.Get("Description")
	switch {
	case status == "404", status == "408", text == "Batch Completed", text == "Message Size Exceeds MaxBytes":
		return nil, nil
	case status == "503":
		return nil, unavailable("no server answers for the consumer %s", c.name)
	}
	return nil, unavailable("the server ended a request of the consumer %s: %s %s", c.name, status, text)
}

// isCopy tells whether a message is a copy that nobody has to work on. One of what
// is done with says that the word of that got lost.
func (c *Consumer) isCopy(m *Message) bool {
	of := c.copies.take(m)
	if of == ofDone {
		m.answer("+ACK")
	}
	return of != ofNone
}

// ask sends a request.
func (c *Consumer) ask(ctx context.Context, batch int) error {
	wait := pullWait
	if deadline, ok := ctx.Deadline(); ok {
		// No wait at all would be one without a limit.
		wait = max(min(wait, time.Until(deadline)), time.Millisecond)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if c.bus.lost.Load() {
		return unavailable("another engine has taken this one's place")
	}
	body, err := json.Marshal(struct {
		Expires  time.Duration `json:"expires"`
		Batch    int           `json:"batch"`
		MaxBytes int           `json:"max_bytes"`
		NoWait   bool          `json:"no_wait"`
	}{wait, batch, max(pullBytes, int(c.bus.pulling.MaxPayload())+maxHeaders), true})
	if err != nil {
		return err
	}
	c.request = request{number: c.request.number + 1, until: time.Now().Add(wait + pullGrace), open: true}
	reply := c.inbox + strconv.FormatUint(c.request.number, 36)
	if err := c.bus.pulling.PublishRequest(c.subject, reply, body); err != nil {
		c.request.open = false
		return unavailable("cannot pull: %w", err)
	}
	return nil
}

// rewind sets a consumer that keeps the order back to its floor: what was on
// its way when the connection went, or was lost otherwise, would come after what
// follows it.
func (c *Consumer) rewind(ctx context.Context) error {
	if !c.inOrder.Load() {
		return nil
	}
	if c.handled != nil {
		c.handled.stop()
	}
	hearing, end := context.WithTimeout(ctx, heardTimeout)
	c.heard(hearing) // or what was said is taken for a word on what comes now
	end()
	reset, err := c.bus.js.ResetConsumer(ctx, c.stream, c.name)
	if err == nil && c.handled != nil {
		c.back = max(c.back, reset.ResetSeq)
		err = c.setTo(ctx, c.back)
	}
	if err != nil {
		c.kick() // it is tried again
		return unavailable("cannot set the consumer %s back to where it was: %w", c.name, err)
	}
	c.back = 0
	return nil
}

// setTo has a pipeline's consumer go on at a sequence. When that is the one
// behind its floor the server does not count anew what waits, but adds what was
// handed out (nats-server, server/consumer.go: resetLocalStartingSeq). That leaves
// out the events of a source that the consumer was given later; so it takes a
// step back first.
func (c *Consumer) setTo(ctx context.Context, sequence uint64) error {
	for _, s := range []uint64{sequence - 1, sequence} {
		if s == 0 {
			continue
		}
		if _, err := c.bus.js.ResetConsumerToSequence(ctx, c.stream, c.name, s); err != nil {
			return err
		}
	}
	c.drop()
	c.handled.begin(0, sequence-1)
	return nil
}

// drop forgets what has arrived and was not fetched.
func (c *Consumer) drop() {
	for {
		select {
		case <-c.arrived:
		default:
			return
		}
	}
}

// kick ends a request that the server knows nothing of any more.
func (c *Consumer) kick() {
	select {
	case c.kicked <- struct{}{}:
	default:
	}
}

// heard returns once the server has carried out what was said of messages. It
// takes that one by one, so when it answers to a word on a message that does not
// exist, it has taken all before.
func (c *Consumer) heard(ctx context.Context) {
	if m := c.latest.Load(); m != nil {
		// Without an answer the checkpoint is a little behind, and events are handled again.
		_, _ = c.bus.pulling.RequestWithContext(ctx, replyFor(m.msg.Reply, noSequence, 0), []byte(inProgress))
	}
}

// close ends a Fetch and gives back what has arrived and was not fetched. It is called once.
func (c *Consumer) close() {
	close(c.gone)
	_ = c.sub.Unsubscribe() // it fails when the connection is closed, which serves as well
	for {
		select {
		case m := <-c.arrived:
			if m.Reply != "" {
				_ = m.Nak() // without a connection it comes again by itself
			}
		default:
			return
		}
	}
}

// ConsumerInfo is how far a consumer is.
type ConsumerInfo struct {
	// Floor is the sequence up to which everything is acknowledged.
	Floor      uint64
	Pending    uint64 // messages that were not handed out yet
	AckPending uint64 // messages handed out and not acknowledged
	// OldestPending is when the oldest message of both was stored; zero if there is none.
	OldestPending time.Time
}

// Info asks the server how far the consumer is.
func (c *Consumer) Info(ctx context.Context) (ConsumerInfo, error) {
	info, err := c.bus.consumerInfo(ctx, c.stream, c.name)
	if err != nil {
		return ConsumerInfo{}, err
	}
	i := ConsumerInfo{Floor: info.AckFloor.Stream, Pending: info.NumPending, AckPending: uint64(info.NumAckPending)}
	if i.Pending+i.AckPending > 0 {
		i.OldestPending, err = c.oldest.since(ctx, c, i.Floor, filters(info.Config))
	}
	return i, err
}

// consumerInfo asks for a consumer by name, so that it may be asked from several goroutines.
func (b *Bus) consumerInfo(ctx context.Context, stream, name string) (*jetstream.ConsumerInfo, error) {
	s, err := b.stream(stream)
	if err != nil {
		return nil, err
	}
	c, err := s.Consumer(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("cannot look at the consumer %s: %w", name, err)
	}
	return c.CachedInfo(), nil
}

// oldest remembers the age of what waits behind a floor, which stays as long as the floor does.
type oldest struct {
	mu     sync.Mutex
	floor  uint64
	stored time.Time
}

func (o *oldest) since(ctx context.Context, c *Consumer, floor uint64, subjects []string) (time.Time, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.stored.IsZero() && o.floor == floor {
		return o.stored, nil
	}
	var first *found
	for _, subject := range subjects {
		m, ok, err := c.bus.first(ctx, c.stream, floor+1, subject)
		if err != nil {
			return time.Time{}, err
		}
		if ok && (first == nil || m.sequence < first.sequence) {
			first = m
		}
	}
	if first == nil {
		return time.Time{}, nil // acknowledged meanwhile
	}
	o.floor, o.stored = floor, first.time
	return o.stored, nil
}

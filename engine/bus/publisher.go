package bus

import (
	"bytes"
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
)

// publisher sends messages one after the other without waiting for an answer
// in between, and hands each answer to whoever waits for it. The client's own
// asynchronous publisher is not used: it makes a timer for each message, sends
// again by itself where order matters, and would need a second goroutine to
// join the barrier.
type publisher struct {
	conn    *nats.Conn
	inbox   string   // the subject answers come to, with the dot before the message's number
	barrier *barrier // nil: an answer is durable enough
	journal *journal // nil when there is none
	entries *barrier // the rounds of the journal
	timeout time.Duration
	largest int  // a message may be, in bytes
	once    bool // no subject is used twice: a cluster may answer more than once
	convoys []*convoy
	suspect func() // told when messages were not answered in time
	full    func() // told when a stream had no room for a message

	mu     sync.Mutex
	slots  []slot
	free   []int         // the slots that are, the last one used last
	bytes  int           // of the messages that are open: sent and not answered
	freed  chan struct{} // closed when an answer makes room; nil when nobody waits for it
	closed bool

	busy [places]atomic.Int64 // how many are open, for those who only look
}

// slot is where one open message is remembered. Its number and the slot's age
// are the subject its answer comes to. Slots are used again, and the last one
// first, because the server remembers the way of a subject it has met. An answer
// to a message that was given up may still come, so the slot ages with each.
type slot struct {
	pending *Pending // nil: free
	age     uint64
}

const (
	// maxOpen and maxOpenBytes bound what is sent and not answered. JetStream
	// takes 60,000 messages a second and more, so this is well under a second's
	// work; who comes on top is told to come again.
	maxOpen      = 8192
	maxOpenBytes = 64 << 20
	// openTimeout is how long a message may stay unanswered. JetStream answers
	// within milliseconds, or never: a stream whose disk is full says nothing.
	openTimeout = 10 * time.Second
)

func newPublisher(conn *nats.Conn, suspect, full func()) (*publisher, error) {
	p := &publisher{
		conn: conn, inbox: conn.NewInbox() + ".", timeout: openTimeout, suspect: suspect, full: full,
		largest: int(conn.MaxPayload()),
		slots:   make([]slot, maxOpen), free: make([]int, maxOpen),
	}
	for i := range p.free {
		p.free[i] = maxOpen - 1 - i
	}
	sub, err := conn.Subscribe(p.inbox+"*", p.answered)
	if err != nil {
		return nil, err
	}
	return p, sub.SetPendingLimits(-1, -1)
}

// send sends a message at once. Messages are stored in the order of the calls.
func (p *publisher) send(m *nats.Msg) *Pending { return p.post(m, newPending(), behindBarrier) }

// sendPlain is send, and what waits for it does not wait for the barrier.
func (p *publisher) sendPlain(m *nats.Msg) *Pending { return p.post(m, newPending(), confirmed) }

// place is where a message has to be before who waits for it is told.
type place int

const (
	behindBarrier place = iota
	inJournal
	confirmed // in its stream: a power cut may still take it
	places
)

// post sends a message, of which w will tell when it is in its place.
func (p *publisher) post(m *nats.Msg, w *Pending, to place) *Pending {
	w.message = m
	if err := p.enter(w, to); err != nil {
		w.resolve(err)
		return w
	}
	if c := p.convoyOf(m.Subject); c != nil {
		c.join(w)
	} else {
		p.publish(w)
	}
	return w
}

// publish sends a message that has its slot, and asks for an answer to it.
func (p *publisher) publish(w *Pending) {
	w.group = nil
	w.message.Reply = p.replyTo(w)
	if err := p.conn.PublishMsg(w.message); err != nil && p.leave(w.number, true) != nil {
		w.resolve(sendError(err))
	}
}

// replyTo is the subject the answer to a message comes to.
func (p *publisher) replyTo(w *Pending) string { return p.inbox + strconv.FormatUint(w.number, 36) }

// sendWhenRoom is send for those who can wait for room.
func (p *publisher) sendWhenRoom(m *nats.Msg) *Pending { return p.postWhenRoom(m, newPending()) }

// postWhenRoom is sendWhenRoom, and w will tell.
func (p *publisher) postWhenRoom(m *nats.Msg, w *Pending) *Pending {
	freed := p.room()
	if freed == nil {
		return p.post(m, w, behindBarrier)
	}
	timeout := time.NewTimer(p.timeout)
	defer timeout.Stop()
	for ; freed != nil; freed = p.room() {
		select {
		case <-freed:
		case <-timeout.C:
			w.resolve(unavailable("it has not answered for %v", p.timeout))
			return w
		}
	}
	return p.post(m, w, behindBarrier)
}

// room is nil when there is room for one more message, else it is closed once there may be.
func (p *publisher) room() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	// Half of the room is left to the door, so that a stage with much to hand over does not shut it.
	if p.closed || p.open() < maxOpen/2 && p.bytes < maxOpenBytes/2 {
		return nil
	}
	if p.freed == nil {
		p.freed = make(chan struct{})
	}
	return p.freed
}

// enter notes a message about to be sent.
func (p *publisher) enter(w *Pending, to place) error {
	w.size, w.to = messageSize(w.message), to
	if w.size > p.largest { // the client would say so when others are sent with it already
		return sendError(nats.ErrMaxPayload)
	}
	if to == inJournal && !p.journal.fits(w.size) {
		w.to = behindBarrier
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return unavailable("it is closed")
	}
	if len(p.free) == 0 || p.bytes >= maxOpenBytes {
		return unavailable("%d messages are waiting for its answer", p.open())
	}
	w.sent = time.Now()
	last := len(p.free) - 1
	n := p.free[last]
	p.free = p.free[:last]
	p.slots[n].pending = w
	p.bytes += w.size
	p.busy[w.to].Add(1)
	w.number = p.slots[n].age*maxOpen + uint64(n)
	return nil
}

// at is the message with a number; nil when it is off the list.
func (p *publisher) at(number uint64) *Pending {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s := p.slots[number%maxOpen]; s.age == number/maxOpen {
		return s.pending
	}
	return nil
}

// open is how many messages are. It is called with the lock held.
func (p *publisher) open() int { return maxOpen - len(p.free) }

// leave takes a message off the list; nil if somebody else has. Who took it
// resolves it. Of one that was given up an answer may still come.
func (p *publisher) leave(number uint64, givenUp bool) *Pending {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := int(number % maxOpen)
	if p.slots[n].age != number/maxOpen || p.slots[n].pending == nil {
		return nil
	}
	return p.remove(n, givenUp)
}

// remove frees a slot. It is called with the lock held.
func (p *publisher) remove(n int, givenUp bool) *Pending {
	w := p.slots[n].pending
	p.slots[n].pending = nil
	if givenUp || p.once {
		p.slots[n].age++
	}
	p.free = append(p.free, n)
	p.bytes -= w.size
	p.busy[w.to].Add(-1)
	if p.freed != nil && p.open() < maxOpen/2 && p.bytes < maxOpenBytes/2 {
		close(p.freed)
		p.freed = nil
	}
	return w
}

// answered takes an answer of the store.
func (p *publisher) answered(m *nats.Msg) {
	number, err := strconv.ParseUint(m.Subject[len(p.inbox):], 36, 64)
	if err != nil {
		return
	}
	w := p.at(number)
	if w == nil {
		return // given up before
	}
	var a answer
	if a.ack, a.err = parseAck(m); errors.Is(a.err, ErrFull) {
		p.full()
	}
	if w.group != nil {
		w.group.convoy.answered(w, a)
	} else {
		p.confirm(w, a)
	}
}

// confirm takes what the store says of a message.
func (p *publisher) confirm(w *Pending, a answer) {
	if p.leave(w.number, false) == nil {
		return // given up before
	}
	w.ack = a.ack
	switch {
	case a.err != nil || p.barrier == nil || w.to == confirmed:
		w.resolve(a.err)
	case w.to == inJournal:
		p.journal.stored.Store(w.ack.Sequence)
		p.entries.join(w)
	default:
		p.barrier.join(w)
	}
}

// waiting is how many messages that are to be behind the barrier are not answered.
func (p *publisher) waiting() int { return int(p.busy[behindBarrier].Load()) }

// failOpen gives up messages sent before a time. What became of them is not known.
func (p *publisher) failOpen(before time.Time, err error) (n int) {
	p.mu.Lock()
	var gone []*Pending
	for n := range p.slots {
		if w := p.slots[n].pending; w != nil && w.sent.Before(before) {
			gone = append(gone, p.remove(n, true))
		}
	}
	p.mu.Unlock()
	for _, w := range gone {
		w.resolve(err)
	}
	if len(gone) > 0 {
		for _, c := range p.convoys {
			c.givenUp()
		}
	}
	return len(gone)
}

// expire gives up what was not answered in time.
func (p *publisher) expire(now time.Time) {
	if p.busy[behindBarrier].Load()+p.busy[inJournal].Load()+p.busy[confirmed].Load() == 0 {
		return
	}
	if p.failOpen(now.Add(-p.timeout), unavailable("it did not answer within %v", p.timeout)) > 0 {
		p.suspect()
	}
}

// disconnected gives up everything: the answers went to a connection that is gone.
func (p *publisher) disconnected() {
	p.failOpen(time.Now().Add(time.Hour), unavailable("the connection was lost"))
}

// finish refuses new messages, and gives those under way the time to be answered.
func (p *publisher) finish(ctx context.Context) {
	p.mu.Lock()
	p.closed = true
	if p.freed != nil {
		close(p.freed)
		p.freed = nil
	}
	var left []*Pending
	for n := range p.slots {
		if w := p.slots[n].pending; w != nil {
			left = append(left, w)
		}
	}
	p.mu.Unlock()
	for _, w := range left {
		// Its error is for whoever sent it.
		_, _ = w.Wait(ctx)
	}
	p.failOpen(time.Now().Add(time.Hour), unavailable("it was closed"))
}

// messageSize is how many bytes a message with headers takes.
func messageSize(m *nats.Msg) int {
	n := len("NATS/1.0\r\n\r\n") + len(m.Data)
	for k, vs := range m.Header {
		for _, v := range vs {
			n += len(k) + len(v) + 4
		}
	}
	return n
}

// sendError is why the client did not send a message.
func sendError(err error) error {
	if errors.Is(err, nats.ErrMaxPayload) {
		return fmt.Errorf("%w: it is larger than the server takes", ErrUnstorable)
	}
	if errors.Is(err, nats.ErrReconnectBufExceeded) {
		return unavailable("the server cannot be reached")
	}
	return unavailable("%w", err)
}

// parseAck reads the store's answer. The usual one is read by hand: it comes
// with every message.
func parseAck(m *nats.Msg) (Ack, error) {
	const seq = `"seq":`
	i := bytes.Index(m.Data, []byte(seq))
	if i < 0 || bytes.Contains(m.Data, []byte(`"error":`)) {
		return Ack{}, ackError(m)
	}
	var a Ack
	for _, c := range bytes.TrimLeft(m.Data[i+len(seq):], " ") {
		if c < '0' || c > '9' {
			break
		}
		a.Sequence = a.Sequence*10 + uint64(c-'0')
	}
	a.Duplicate = bytes.Contains(m.Data, []byte(`"duplicate":`))
	if a.Sequence == 0 {
		return Ack{}, ackError(m)
	}
	return a, nil
}

// The error codes of JetStream that call for an answer of their own
// (nats-server, server/errors.json).
const (
	codeInsufficient   = 10023 // the server's disk budget is used up
	codeMessageTooBig  = 10054
	codeWrongLast      = 10071 // another message of the subject came first
	codeStoreFailed    = 10077
	codeHeadersTooBig  = 10097
	codeTooManyWaiting = 10167
)

// errWrongLast: another message of the subject came first.
var errWrongLast = errors.New("it was changed meanwhile")

// ackError is what an answer that confirms nothing says.
func ackError(m *nats.Msg) error {
	if len(m.Data) == 0 && m.Header.Get("Status") == "503" {
		return unavailable("no server answers for the stream")
	}
	var answer struct {
		Error *struct {
			ErrCode     int    `json:"err_code"`
			Description string `json:"description"`
		} `json:"error"`
	}
	if err := json.Unmarshal(m.Data, &answer); err != nil || answer.Error == nil {
		return unavailable("its answer cannot be read: %.100q", m.Data)
	}
	text := answer.Error.Description
	switch answer.Error.ErrCode {
	case codeInsufficient:
		return fmt.Errorf("%w: %s", ErrFull, text)
	case codeMessageTooBig, codeHeadersTooBig:
		return fmt.Errorf("%w: %s", ErrUnstorable, text)
	case codeWrongLast:
		return errWrongLast
	case codeStoreFailed:
		switch {
		case strings.Contains(text, "maximum"):
			return fmt.Errorf("%w: %s", ErrFull, text)
		case strings.Contains(text, "too large"):
			return fmt.Errorf("%w: %s", ErrUnstorable, text)
		}
	case codeTooManyWaiting:
		return unavailable("the stream has too much waiting")
	}
	return unavailable("it answered %q", text)
}

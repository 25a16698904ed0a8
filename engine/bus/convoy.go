package bus

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// convoy sends the messages of one stream in groups: while one group is on its
// way, the next one gathers. Only the first message of a group and the last ask
// for an answer. The stream numbers what it takes one after the other, and nobody
// else writes to it; so two answers as far apart as the messages say that all
// between them are stored. An answer is a good part of what a message costs.
//
// In a cluster, where somebody else may lead the stream from one message to the
// next, each message is answered.
type convoy struct {
	publisher *publisher
	subjects  []string // what the stream's subjects begin with

	mu      sync.Mutex
	sent    *group     // on its way; nil: none is
	waiting []*Pending // the next one
	careful time.Time  // until then each message asks for its own answer
}

// group are messages that were sent together.
type group struct {
	convoy   *convoy
	messages []*Pending
	first    answer // to the first of them
	posted   bool   // all of them are on their way
	gone     bool   // some were given up
}

// answer is what the stream says of a message.
type answer struct {
	ack Ack
	err error
}

// notAnswered is what is known of a message before its answer is there.
var notAnswered = answer{err: unavailable("it was not answered before those sent with it")}

// taken tells whether the stream has stored the message.
func (a answer) taken() bool { return a.err == nil && !a.ack.Duplicate }

// carefulTime is how long no group is sent after one in which something was
// refused, or known already: of what stands between nobody can tell.
const carefulTime = 10 * time.Second

func (p *publisher) convoy(subjects ...string) {
	p.convoys = append(p.convoys, &convoy{publisher: p, subjects: subjects})
}

// convoyOf is the one that a message goes with; nil: it goes alone.
func (p *publisher) convoyOf(subject string) *convoy {
	for _, c := range p.convoys {
		for _, prefix := range c.subjects {
			if strings.HasPrefix(subject, prefix) {
				return c
			}
		}
	}
	return nil
}

// join sends a message with the next group.
func (c *convoy) join(w *Pending) {
	c.mu.Lock()
	if w.resolved() { // given up meanwhile
		c.mu.Unlock()
		return
	}
	if c.sent == nil && w.sent.Before(c.careful) {
		c.publisher.publish(w) // with the lock held: messages keep their order
		c.mu.Unlock()
		return
	}
	c.waiting = append(c.waiting, w)
	g := c.next()
	c.mu.Unlock()
	c.send(g)
}

// next is the group that is to be sent now, if any. It is called with the lock held.
func (c *convoy) next() *group {
	if c.sent != nil || len(c.waiting) == 0 {
		return nil
	}
	c.sent = &group{convoy: c, messages: c.waiting, first: notAnswered}
	c.waiting = make([]*Pending, 0, len(c.waiting))
	return c.sent
}

// send sends a group, and those after it if it fails at once.
func (c *convoy) send(g *group) {
	for g != nil {
		err := g.post(c.publisher)
		if err != nil {
			for _, w := range g.messages {
				if c.publisher.leave(w.number, true) != nil {
					w.resolve(sendError(err))
				}
			}
		}
		g = c.posted(g, err != nil)
	}
}

// posted notes that a group is on its way. If nobody waits for it any more, it
// returns the next one.
func (c *convoy) posted(g *group, failed bool) (next *group) {
	c.mu.Lock()
	defer c.mu.Unlock()
	g.posted = true
	if c.sent != g || !failed && !g.gone {
		return nil
	}
	c.sent = nil
	return c.next()
}

// post sends the messages. Its error is for all of them: which were sent is not known.
func (g *group) post(p *publisher) error {
	for i, w := range g.messages {
		if i == 0 || i == len(g.messages)-1 {
			w.group = g
			w.message.Reply = p.replyTo(w)
		}
		if err := p.conn.PublishMsg(w.message); err != nil {
			return err
		}
	}
	return nil
}

// answered takes the answer to the first message of a group, or the last.
func (c *convoy) answered(w *Pending, a answer) {
	g := w.group
	c.mu.Lock()
	if c.sent != g || g.gone { // it was given up
		c.mu.Unlock()
		c.publisher.confirm(w, a)
		return
	}
	if w == g.messages[0] {
		g.first = a
	}
	if w != g.messages[len(g.messages)-1] {
		c.mu.Unlock()
		return
	}
	if !c.settle(g, a) {
		c.careful = time.Now().Add(carefulTime)
		for _, w := range c.waiting {
			c.publisher.publish(w)
		}
		c.waiting = nil
	}
	c.sent = nil
	g = c.next()
	c.mu.Unlock()
	c.send(g)
}

// settle says of each message of a group what the answers to the first and the
// last one tell; false when they do not tell all. It is called with the lock held.
func (c *convoy) settle(g *group, last answer) (whole bool) {
	n := len(g.messages)
	if g.first.taken() && last.taken() && last.ack.Sequence-g.first.ack.Sequence == uint64(n-1) {
		for i, w := range g.messages {
			c.publisher.confirm(w, answer{ack: Ack{Sequence: g.first.ack.Sequence + uint64(i)}})
		}
		return true
	}
	c.publisher.confirm(g.messages[0], g.first)
	if n == 1 {
		return true
	}
	for _, w := range g.messages[1 : n-1] {
		if w.message.Header.Get(nats.MsgIdHdr) != "" && time.Since(w.sent) < groupWindow/2 { // the server still knows its id: a second one does no harm
			c.publisher.publish(w)
		} else {
			c.publisher.confirm(w, answer{err: unavailable("it did not take all of the messages sent with this one")})
		}
	}
	c.publisher.confirm(g.messages[n-1], last)
	return n == 2
}

// givenUp ends a group of which messages were given up, and forgets those that
// were to be sent.
func (c *convoy) givenUp() {
	c.mu.Lock()
	if g := c.sent; g != nil && slices.ContainsFunc(g.messages, (*Pending).resolved) {
		g.gone = true
		if g.posted { // or what follows would come between its messages
			c.sent = nil
		}
	}
	c.waiting = slices.DeleteFunc(c.waiting, (*Pending).resolved)
	g := c.next()
	c.mu.Unlock()
	c.send(g)
}

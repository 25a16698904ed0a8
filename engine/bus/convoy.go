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
	sent    []*Pending // the group on its way; none: nothing is
	first   answer     // to its first message
	waiting []*Pending // the next group
	spare   []*Pending
	careful time.Time // until then each message asks for its own answer
}

// answer is what the stream says of a message.
type answer struct {
	ack Ack
	err error
}

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
	if len(c.sent) == 0 && w.sent.Before(c.careful) {
		c.publisher.publish(w) // with the lock held: messages keep their order
		c.mu.Unlock()
		return
	}
	w.convoy = c
	c.waiting = append(c.waiting, w)
	group := c.next()
	c.mu.Unlock()
	c.send(group)
}

// next is the group that is to be sent now, if any. It is called with the lock held.
func (c *convoy) next() []*Pending {
	if len(c.sent) > 0 || len(c.waiting) == 0 {
		return nil
	}
	c.sent, c.waiting, c.spare = c.waiting, c.spare[:0], nil
	return c.sent
}

// send sends a group, and those after it if it fails at once.
func (c *convoy) send(group []*Pending) {
	for len(group) > 0 {
		err := c.post(group)
		if err == nil {
			return
		}
		for _, w := range group {
			if c.publisher.leave(w.number, true) != nil {
				w.resolve(sendError(err))
			}
		}
		c.mu.Lock()
		c.over(group)
		group = c.next()
		c.mu.Unlock()
	}
}

// post sends a group's messages. Its error is for all of them: which were sent is not known.
func (c *convoy) post(group []*Pending) error {
	p := c.publisher
	for i, w := range group {
		if i == 0 || i == len(group)-1 {
			w.message.Reply = p.replyTo(w)
		}
		if err := p.conn.PublishMsg(w.message); err != nil {
			return err
		}
	}
	return nil
}

// over ends a group. It is called with the lock held.
func (c *convoy) over(group []*Pending) {
	clear(group)
	c.sent, c.spare = nil, group[:0]
}

// answered takes the answer to a message of the convoy.
func (c *convoy) answered(w *Pending, a answer) {
	c.mu.Lock()
	n := len(c.sent)
	switch {
	case n > 1 && w == c.sent[0]:
		c.first = a
		c.mu.Unlock()
		return
	case n == 0 || w != c.sent[n-1]: // its group was given up
		c.mu.Unlock()
		c.publisher.confirm(w, a)
		return
	}
	if n == 1 {
		c.first = a
	}
	c.settle(c.sent, c.first, a)
	c.over(c.sent)
	if c.careful.After(time.Now()) {
		for _, w := range c.waiting {
			c.publisher.publish(w)
		}
		clear(c.waiting)
		c.waiting = c.waiting[:0]
	}
	group := c.next()
	c.mu.Unlock()
	c.send(group)
}

// settle says of each message of a group what the answers to the first and the
// last one tell. It is called with the lock held.
func (c *convoy) settle(group []*Pending, first, last answer) {
	n := len(group)
	if first.taken() && last.taken() && last.ack.Sequence-first.ack.Sequence == uint64(n-1) {
		for i, w := range group {
			c.publisher.confirm(w, answer{ack: Ack{Sequence: first.ack.Sequence + uint64(i)}})
		}
		return
	}
	c.publisher.confirm(group[0], first)
	if n == 1 {
		return
	}
	for _, w := range group[1 : n-1] {
		c.careful = time.Now().Add(carefulTime)
		if w.message.Header.Get(nats.MsgIdHdr) != "" { // a second one does no harm
			c.publisher.publish(w)
		} else {
			c.publisher.confirm(w, answer{err: unavailable("it refused messages sent with this one")})
		}
	}
	c.publisher.confirm(group[n-1], last)
}

// taken tells whether the stream has stored the message.
func (a answer) taken() bool { return a.err == nil && !a.ack.Duplicate }

// givenUp ends a group of which messages were given up, and forgets those that
// were to be sent. The slots of all of them are free.
func (c *convoy) givenUp() {
	c.mu.Lock()
	if slices.ContainsFunc(c.sent, (*Pending).resolved) {
		c.over(c.sent)
	}
	c.waiting = slices.DeleteFunc(c.waiting, (*Pending).resolved)
	group := c.next()
	c.mu.Unlock()
	c.send(group)
}

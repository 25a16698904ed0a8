package bus

import (
	"cmp"
	"slices"
	"sync"
)

// handled is which of the events that a pipeline was given are done with. The
// server is not told of each: one word says that all up to a sequence are, which
// costs it, and us, a tenth of what an event takes on its way. That word passes
// over nothing: an event that never arrived would go with it, so a consumer that
// has missed one is set back to its floor (see [Consumer.rewind]).
type handled struct {
	mu    sync.Mutex
	open  []handedOut // by their sequences, from the first that is not done with
	count uint64      // how many hand-outs the server was told of: what it numbers its floor by
	next  uint64      // the place of the next one among all that are handed out; 0: the consumer is to be set back first
	floor uint64      // where it began
	reply string      // where one of them is answered
}

type handedOut struct {
	sequence uint64
	times    uint64
	done     bool
}

// out notes a message that is handed out; false when some are missing before it,
// or it was handed out before the consumer was set back.
func (h *handled) out(m *Message) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if m.handed != h.next || m.sequence <= h.floor {
		h.open, h.next = nil, 0
		return false
	}
	h.next, h.reply = m.handed+1, m.msg.Reply
	at, found := h.find(m.sequence)
	if !found {
		h.open = slices.Insert(h.open, at, handedOut{sequence: m.sequence})
	}
	h.open[at].times++
	h.open[at].done = false // if it is handed out once more
	return true
}

// find is the place of a sequence. It is called with the lock held.
func (h *handled) find(sequence uint64) (at int, found bool) {
	if n := len(h.open); n == 0 || h.open[n-1].sequence < sequence { // the usual case
		return n, false
	}
	return slices.BinarySearchFunc(h.open, sequence, func(o handedOut, s uint64) int {
		return cmp.Compare(o.sequence, s)
	})
}

// done notes messages that are done with. If the floor rises, the server is told
// at reply. That is within the lock: after a set-back the word would count what
// is not handed out any more, and the server would take those that follow for old.
func (h *handled) done(messages []*Message, tell func(reply string)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, m := range messages {
		if at, found := h.find(m.sequence); found {
			h.open[at].done = true
		}
	}
	n := slices.IndexFunc(h.open, func(o handedOut) bool { return !o.done })
	if n < 0 {
		n = len(h.open)
	}
	if n == 0 {
		return
	}
	floor := h.open[n-1].sequence
	for _, o := range h.open[:n] {
		h.count += o.times
	}
	h.open = h.open[n:]
	tell(replyFor(h.reply, floor, h.count))
}

// stop forgets what is open: the consumer is to be set back.
func (h *handled) stop() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.open, h.next = nil, 0
}

// begin starts anew with a consumer that has handed out so many, all of them
// done with, and goes on behind floor.
func (h *handled) begin(count, floor uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.open, h.count, h.next, h.floor = nil, count, count+1, floor
}

// Done says that messages of one consumer are done with.
func Done(messages []*Message) {
	if len(messages) > 0 {
		messages[0].consumer.done(messages...)
	}
}

func (c *Consumer) done(messages ...*Message) {
	if c.handled == nil {
		for _, m := range messages {
			if c.copies != nil {
				c.copies.done(m)
			}
			m.answer("+ACK")
		}
		return
	}
	c.handled.done(messages, func(reply string) {
		c.latest.Store(messages[0])
		c.say(reply, "+ACK")
	})
}

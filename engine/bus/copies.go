package bus

import "sync/atomic"

// copies tells second copies of messages that this process has in hand, or has
// acknowledged lately. The server hands one out when it has not heard of a message
// for AckWait by its clock: after the process has stood still, after the clock was
// set ahead, or when an acknowledgement got lost. A delivery would be made twice.
//
// A message is known by its sequence and by when it was stored, since a server
// that has lost its end in a power cut uses sequences again. A slot holds the last
// of the messages that share it, and a copy of one before that passes; it takes
// thousands of messages to get that far.
type copies struct {
	slots [8192]atomic.Int64 // when a message was stored, times two; one more when it is done with
}

// copied is what a message is a copy of.
type copied int

const (
	ofNone   copied = iota // it is to be worked on
	ofInHand               // what becomes of the first one goes for both
	ofDone
)

// slot is the one of a message, and what stands there while it is in hand.
func (c *copies) slot(m *Message) (slot *atomic.Int64, inHand int64) {
	return &c.slots[m.sequence%uint64(len(c.slots))], m.stored.UnixNano() * 2
}

// take notes a message that was handed out.
func (c *copies) take(m *Message) copied {
	slot, inHand := c.slot(m)
	switch slot.Load() {
	case inHand:
		return ofInHand
	case inHand + 1:
		return ofDone
	}
	slot.Store(inHand)
	return ofNone
}

// done notes that a message is done with.
func (c *copies) done(m *Message) {
	slot, inHand := c.slot(m)
	slot.CompareAndSwap(inHand, inHand+1)
}

// again notes that a message is to be handed out again.
func (c *copies) again(m *Message) {
	slot, inHand := c.slot(m)
	slot.CompareAndSwap(inHand, 0)
}

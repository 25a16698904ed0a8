package bus

import (
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/trotline/trotline/event"
)

// Message is a message of a stream, handed out to a consumer. What is said of
// it (Ack, Nak, InProgress) is sent and not confirmed: the server writes it to
// the disk later in any case, and when it is lost the message comes again.
type Message struct {
	msg      *nats.Msg
	consumer *Consumer
	sequence uint64
	handed   uint64 // its place among all that the consumer has handed out
	attempt  int
	stored   time.Time
}

// newMessage reads what the server says of a message.
func (c *Consumer) newMessage(m *nats.Msg) (*Message, error) {
	r, ok := readReply(m.Reply)
	if !ok {
		return nil, fmt.Errorf("the consumer %s got a message that is none of a stream: it is answered at %.100q", c.name, m.Reply)
	}
	return &Message{
		msg: m, consumer: c, sequence: r.sequence, handed: r.handed,
		attempt: int(r.delivered), stored: time.Unix(0, int64(r.stored)).UTC(),
	}, nil
}

// Sequence is the message's place in its stream.
func (m *Message) Sequence() uint64 { return m.sequence }

// Delivered is how often the message was handed out, this time included.
func (m *Message) Delivered() int { return m.attempt }

// Time is when the message was stored, in UTC.
func (m *Message) Time() time.Time { return m.stored }

// Data is the message's data as it stands in the stream. It must not be changed.
func (m *Message) Data() []byte { return m.msg.Data }

// Event is the event of a message of the events stream. The error says that
// somebody else has written the message.
func (m *Message) Event() (*event.Event, error) {
	e, _, err := decodeEvent(m.msg.Header, m.msg.Data)
	if err != nil {
		return nil, fmt.Errorf("event %d: %w", m.sequence, err)
	}
	return e, nil
}

// Work is the delivery of a message of the work stream. The error says that
// somebody else has written the message.
func (m *Message) Work() (*Work, error) {
	w, err := decodeWork(m.msg.Header, m.msg.Data)
	if err != nil {
		return nil, fmt.Errorf("delivery %d: %w", m.sequence, err)
	}
	return w, nil
}

// Ack says that the message is done with. One of the events stream is sent once
// all before it are done with too.
func (m *Message) Ack() { m.consumer.done(m) }

// Nak gives the message back, to be handed out again after a delay at the earliest.
func (m *Message) Nak(delay time.Duration) {
	if c := m.consumer.copies; c != nil {
		c.again(m)
	}
	if delay <= 0 {
		m.answer("-NAK")
		return
	}
	m.answer(fmt.Sprintf(`-NAK {"delay": %d}`, delay.Nanoseconds()))
}

// InProgress says that the message is still being worked on: the server waits
// for another AckWait.
func (m *Message) InProgress() { m.answer(inProgress) }

const inProgress = "+WPI"

func (m *Message) answer(text string) {
	m.consumer.latest.Store(m)
	m.consumer.say(m.msg.Reply, text)
}

// say answers to where the server listens for what becomes of a message.
func (c *Consumer) say(reply, text string) {
	c.acted.Add(1)
	// Without a connection the answer is lost, and the message comes again.
	_ = c.bus.pulling.Publish(reply, []byte(text))
}

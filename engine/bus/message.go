package bus

import (
	"time"

	"github.com/trotline/trotline/event"
)

// Work is one event on its way to one sink: a message of the work stream.
type Work struct {
	Event *event.Event
	// Sequence is the event's place in the events stream, 0 if it is not known.
	Sequence   uint64
	Generation uint64 // whose rules it follows
	Sink       string
	Pipeline   string
	Route      string
	Hop        int           // the place of the sink on the route; negative: on none
	Results    event.Results // what earlier sinks of the chain answered

	// Lane: it waits in the sink's lanes, where a delivery that has to wait holds
	// up its key alone, and not in the queue that the server hands out.
	Lane bool
	// Key is what its order is kept by, together with the pipeline; "" has no order.
	Key string
	// Place is its place among what its event brought forth.
	Place int
	// Skip: the hop does not want it. It comes by to keep its place among those that follow.
	Skip bool
	// After is the sink of the hop whose failure it was handed over for; "" is a hop of the route itself.
	After string
	// Final: nothing follows it, since the chain has gone on without it.
	Final bool
}

// Dead is a dead letter: an event that went no further, and why.
type Dead struct {
	// These are set when a dead letter is read. Sequence is its place in the dead
	// stream. Number is what it is called: the place it was first stored at; Time is
	// when that was. An edit changes neither of the two.
	Sequence uint64
	Number   uint64
	Time     time.Time

	Event      *event.Event // as it stood
	Generation uint64
	Pipeline   string
	Route      string
	Sink       string // where it stopped; "" if it did not get as far
	Step       string // the step it failed at, "" if it got past them
	Hop        int
	After      string // as of [Work]
	Final      bool   // as of [Work]

	Reason     string // one word: refused, exhausted, expression, …
	Error      string // at most 2 KiB are kept, as of Expression and Value
	Expression string // the text of the expression at fault, "" if none was
	Value      string // what broke it
	Status     int    // what the receiver answered, 0 if it did not
	Answer     []byte // the start of its answer's body, at most 4 KiB

	Attempts                  int
	History                   []Attempt // the last of them, as far as they were noted
	FirstAttempt, LastAttempt time.Time
	Results                   event.Results

	Edited   time.Time   // when its body was last edited; zero: never
	Unedited *event.Body // the body before the first edit
}

// Attempt is one attempt at a delivery that failed.
type Attempt struct {
	Number int       `json:"number"` // from 1
	Time   time.Time `json:"time"`   // when it ended
	Status int       `json:"status,omitempty"`
	Error  string    `json:"error,omitempty"`  // at most 2 KiB are kept
	Answer []byte    `json:"answer,omitempty"` // the start of the answer's body, at most 4 KiB
}

// shortened is the attempt as it is kept.
func (a Attempt) shortened() Attempt {
	a.Error, a.Answer = shorten(a.Error), a.Answer[:min(len(a.Answer), maxAnswer)]
	return a
}

// Stored is an event with its place in the events stream.
type Stored struct {
	Sequence   uint64
	Generation uint64 // in force when it was accepted
	Event      *event.Event
}

// maxText is how many bytes of each text of a dead letter are kept. They travel
// in headers, which JetStream limits to 64 KiB a message.
const maxText = 2 << 10

// maxAnswer is how many bytes of a receiver's answer a dead letter keeps.
const maxAnswer = 4 << 10

// Package stage holds the two loops every event passes: the pipeline's, which
// turns an event into deliveries, and the sink's, which makes them. A loop
// pulls from a durable consumer, works, publishes what comes of it, waits until
// that is durable, and only then acknowledges what it pulled: at every moment
// an event stands somewhere on the disk.
//
// What to do with a message is decided by pure functions that return it as
// values; the loops carry it out, so that an acknowledgement can neither be
// forgotten nor come too early.
package stage

import (
	"context"
	"log/slog"
	"time"

	"github.com/trotline/trotline/engine/bus"
	"github.com/trotline/trotline/engine/metrics"
)

// Book answers which rules hold. It is the one place that knows generations;
// the engine swaps its content at a cut.
type Book interface {
	// At is the rules of a pipeline for the event at a sequence of the events
	// stream; nil when the pipeline was not there.
	At(pipeline string, sequence uint64) *Rules
	// Of is the rules of a pipeline in a generation; nil when it was not there.
	Of(pipeline string, generation uint64) *Rules
	// All are the rules of a pipeline in every generation that is kept, the newest first.
	All(pipeline string) []*Rules
	// Takes tells whether a sink takes deliveries, and whether all of them are to
	// wait in its lanes, where one that has to wait holds up no other.
	Takes(sink string) (in Intake, lanes bool)
}

// newest is behind every event of the stream: the rules there are those in force.
const newest = ^uint64(0)

// Intake is whether a sink takes more deliveries.
type Intake int

// The answers of [Book.Takes].
const (
	Open    Intake = iota
	Full           // its backlog budget is used up
	Removed        // no sink of that name is in the configuration
)

// message is a message that a stage was given. What is said of it is carried
// out by whoever hands it out.
type message interface {
	Sequence() uint64
	Data() []byte
	Work() (*bus.Work, error)
	Time() time.Time // since when it waits
	Delivered() int  // how often it was handed out, this time included
	Ack()
	Nak(delay time.Duration)
}

// Shared is what every stage is given.
type Shared struct {
	Order   *Order
	Bus     *bus.Bus
	Book    Book
	Metrics *metrics.Metrics
	Log     *slog.Logger
	Door    Door
}

// sleep waits; false when ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

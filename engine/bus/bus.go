// Package bus is the store: NATS JetStream, embedded in this process or a
// cluster elsewhere, behind one type. It keeps these streams:
//
//   - events: every request that was accepted, one subject for each source
//     (<prefix>.events.<source>). Each pipeline is a durable consumer of it, which
//     acknowledges all up to a sequence; see handled.
//   - work: what waits for the sinks (<prefix>.work.<sink>.<pipeline>.<route>.<generation>).
//     Each sink is a durable consumer of it; what is acknowledged is gone. What
//     waits in lanes (<prefix>.lane.<sink>.…) is in the same stream; see LaneQueue.
//   - dead: the dead letters (<prefix>.dead.<sink or step>.<pipeline>.<route>).
//   - held: events that wait in the middle of a pipeline (<prefix>.held.<pipeline>.<generation>).
//   - state: what the stateful steps of the pipelines remember (<prefix>.state.<pipeline>).
//   - refused: requests that a source with keep_refused has turned away
//     (<prefix>.refused.<source>), and attempts: the last failed attempts of what is
//     still tried. Both forget their oldest.
//   - control: what the engine itself has to remember: generations of the
//     configuration, how far each consumer is, where the streams begin, and the
//     ids of events.
//
// A message's data begins with the body as it stands; everything else is in
// its headers, so that any NATS client can read it: what CloudEvents knows of
// an event as its NATS binding writes it, the rest in the header Trotline (see
// fields.go). In the events stream the data is nothing but the body. In work and
// dead a field parts (body:120,original.json:133,…) says what else follows the
// body, and how long each part is: the body as it was received, if a step has
// changed it, and what sinks answered. They are not in headers because JetStream
// allows 64 KiB of those.
//
// Embedded, what goes to events and to work goes in groups: see convoy. Durable
// too, a confirmation means the disk: see barrier, and for events journal.
package bus

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/trotline/trotline/event"
)

// Options say where the store is and how much it keeps.
type Options struct {
	// Dir is the data folder of the embedded server; "" means a server elsewhere (URL).
	Dir string
	// MaxDisk is what the streams may take on the disk; 0 is half of what is free, at most 10 GiB.
	MaxDisk event.Size
	// Listen is where other NATS clients may connect to the embedded server; "" is nowhere.
	Listen string

	// URL is a list of servers, nats://host:4222,… It may hold a password.
	URL             event.Secret
	CredentialsFile string
	// Replicas is how many servers of a cluster keep each stream; 0 is 1.
	Replicas int

	// Prefix begins the names of all streams and subjects; "" is trotline.
	Prefix string
	// Durable: what is confirmed survives a power cut. Otherwise it survives a
	// crash of this process. A cluster elsewhere decides for itself.
	Durable bool
	// Dedupe is how long an event's id is remembered; 0 is two minutes.
	Dedupe time.Duration
	// MaxIDs is how many ids are remembered at the most: beyond it the oldest are
	// forgotten early. 0 is 4 million, or fewer if MaxDisk has no room for them.
	MaxIDs int
	// DeadAge is how long dead letters are kept; 0 is for good.
	DeadAge time.Duration
	// EventsAge is how long events are kept once every pipeline has handled
	// them; less when space is short.
	EventsAge time.Duration
	// MaxPayload is the largest body a source takes, in bytes; 0 is 5 MiB.
	MaxPayload int
	Log        *slog.Logger // nil: nothing is logged
}

const (
	defaultPrefix  = "trotline"
	defaultPayload = 5 << 20
	defaultDisk    = 10 << 30
)

func (o Options) withDefaults() Options {
	if o.Prefix == "" {
		o.Prefix = defaultPrefix
	}
	if o.MaxPayload == 0 {
		o.MaxPayload = defaultPayload
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// Bus is an open store. Its methods are safe for concurrent use.
type Bus struct {
	options Options
	names   names
	log     *slog.Logger
	maxDisk int64 // 0: not known

	folder *folder   // nil when the server is elsewhere
	server *embedded // nil when the server is elsewhere
	flush  func() error
	space  func(dir string) (free, total uint64, err error)

	// One connection for each direction: a consumer's messages never stand in
	// the way of a confirmation, nor a listing in the way of either.
	publishing, pulling, asking *nats.Conn
	js                          jetstream.JetStream
	streams                     map[string]jetstream.Stream // made once, at the start

	barrier   *barrier // nil when a confirmation is durable enough
	journal   *journal // nil when there is none
	restored  bool     // what stands in the journal stands in the events stream too
	publisher *publisher

	health                       health
	diskTight, diskLow, diskGone atomic.Bool
	unlooked                     atomic.Int64 // what may still be sent before the disk is looked at again, in bytes
	lookNow                      chan struct{}
	suspected                    atomic.Bool // messages were not answered in time

	cut        sync.RWMutex // held for reading by each Append, for writing by a cut
	generation uint64       // in force; guarded by cut
	// cutting is the generation whose cut may not be durable yet, so that no event behind it may be before it is; 0: none.
	cutting atomic.Uint64

	consumers consumers
	ledger    ledger
	keys      keys
	handOvers map[string]*handOvers // by stream; nil when the server is elsewhere
	batches   batches
	// recalledEvents is the last event that an earlier run may have handled, until each pipeline is past it.
	recalledEvents uint64
	ids            *ids
	idsDue         chan struct{} // tells the keeper of the ids that there is something to do
	warnedAt       time.Time     // when it last said that ids are forgotten early
	inventory      inventory
	clock          clock

	leased uint64      // where our name stands in the control stream of a server elsewhere
	lost   atomic.Bool // another engine has taken the prefix

	running context.Context // of the keepers
	stop    context.CancelFunc
	keepers sync.WaitGroup
	firsts  map[string]first // where the streams begin, as was written down last
	// When the keepers last looked at the age of events, and after a server that does not answer.
	agedAt, mendedAt time.Time

	wake    chan struct{} // tells the keeper of the events stream that it is full
	closers []func() error
	closing sync.Once
}

// closeTimeout is the longest Close waits for what is under way.
const closeTimeout = 15 * time.Second

// heardTimeout is the longest Close waits for the server to carry out acknowledgements.
const heardTimeout = 2 * time.Second

// Close ends everything: what is under way is still answered, if ctx, and 15
// seconds, give it the time. Consumers must not be used any more. It is safe to
// call twice.
func (b *Bus) Close(ctx context.Context) (err error) {
	b.closing.Do(func() { err = b.close(ctx) })
	return err
}

func (b *Bus) close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, closeTimeout)
	defer cancel()
	b.health.set(causeClosed, errors.New("it is closing"))
	var errs []error
	b.cut.Lock() // a cut that is being made ends first
	b.stop()
	b.cut.Unlock()
	b.keepers.Wait()
	if b.publisher != nil {
		hearing, end := context.WithTimeout(ctx, heardTimeout)
		for _, c := range b.consumers.list() {
			c.heard(hearing)
		}
		end()
		errs = append(errs, b.lastSave(ctx))
		b.lastInventory(ctx)
		b.dropLease(ctx)
	}
	b.consumers.close()
	if b.publisher != nil {
		b.publisher.finish(ctx)
		b.publisher.entries.close()
	}
	b.barrier.close()
	for i := len(b.closers) - 1; i >= 0; i-- {
		errs = append(errs, b.closers[i]())
	}
	return errors.Join(errs...)
}

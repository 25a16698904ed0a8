// Package door is the HTTP listener. It finds the source of a request in a
// table that is swapped whole, reads the body within limits, lets the source
// make an event of it, and answers 2xx only once the event is stored.
package door

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/trotline/trotline/event"
)

// Options are what a door is made of.
type Options struct {
	Store        Store
	Table        *Table        // the first one; nil answers 503 until [Door.Swap]
	Certificates *Certificates // nil serves without TLS
	Observer     Observer      // nil observes nothing
	Log          *slog.Logger  // nil: nothing is logged
	Limits       Limits
	// Refused is told of each request that a source with [Route.KeepRefused] refuses. It is quick.
	Refused func(from event.Source, r *event.Request, why *event.Refusal)
}

// Limits bound what senders can take up. A zero is the default.
type Limits struct {
	Header        int           // bytes of a request's header; 64 KiB
	HeaderLines   int           // of a request's header; 128
	HeaderTimeout time.Duration // for a request's header to come; 10s
	ReadTimeout   time.Duration // for a request to come whole; 30s
	WriteTimeout  time.Duration // from the end of the header to the end of the answer; 60s
	IdleTimeout   time.Duration // of a connection between two requests; 120s
	Requests      int64         // at once; 4096. One more is answered 503
	Bodies        int64         // bytes of all bodies held at once; 256 MiB. More is answered 503
	Connections   int64         // at once; 4096. One more is closed
	Clients       int           // remembered for the routes' rates; 100,000
	Streams       int           // requests at once on an HTTP/2 connection; 100
}

func (l Limits) withDefaults() Limits {
	return Limits{
		Header:        orDefault(l.Header, 64<<10),
		HeaderLines:   orDefault(l.HeaderLines, 128),
		HeaderTimeout: orDefault(l.HeaderTimeout, 10*time.Second),
		ReadTimeout:   orDefault(l.ReadTimeout, 30*time.Second),
		WriteTimeout:  orDefault(l.WriteTimeout, 60*time.Second),
		IdleTimeout:   orDefault(l.IdleTimeout, 120*time.Second),
		Requests:      orDefault(l.Requests, 4096),
		Bodies:        orDefault(l.Bodies, 256<<20),
		Connections:   orDefault(l.Connections, 4096),
		Clients:       orDefault(l.Clients, 100_000),
		Streams:       orDefault(l.Streams, 100),
	}
}

func orDefault[T int | int64 | time.Duration](value, fallback T) T {
	if value == 0 {
		return fallback
	}
	return value
}

// Door takes requests. All its methods are safe for concurrent use.
type Door struct {
	store       Store
	observer    Observer
	log         *slog.Logger
	table       atomic.Pointer[inForce]
	limits      Limits
	refused     func(from event.Source, r *event.Request, why *event.Refusal)
	requests    semaphore
	bodies      semaphore
	turns       turns
	decoders    chan struct{} // holds one for each body being decoded
	connections atomic.Int64  // open now
	buckets     *buckets
	draining    atomic.Bool
	failing     atomic.Bool // the last attempt to store an event failed
	tls         bool

	swapping sync.Mutex
	busy     map[string]*atomic.Int64 // requests under way, by the source that counts them
	server   *http.Server

	// working ends when requests are abandoned. Requests do not end with their
	// senders' connections: what came whole is stored, and a sender that has
	// gone meanwhile comes again and finds a duplicate.
	working context.Context
	abandon context.CancelFunc
}

// New is a door that does not listen yet.
func New(o Options) *Door {
	limits := o.Limits.withDefaults()
	d := &Door{
		store:    o.Store,
		observer: o.Observer,
		log:      o.Log,
		limits:   limits,
		refused:  o.Refused,
		requests: newSemaphore(limits.Requests),
		bodies:   newSemaphore(limits.Bodies),
		turns:    newTurns(limits.Bodies),
		decoders: make(chan struct{}, runtime.GOMAXPROCS(0)),
		buckets:  newBuckets(limits.Clients),
		busy:     make(map[string]*atomic.Int64),
	}
	if d.observer == nil {
		d.observer = unobserved{}
	}
	if d.log == nil {
		d.log = slog.New(slog.DiscardHandler)
	}
	d.working, d.abandon = context.WithCancel(context.Background())
	if o.Table != nil {
		d.Swap(o.Table)
	}
	d.server = &http.Server{
		Handler:           d.Handler(),
		MaxHeaderBytes:    limits.Header,
		ReadHeaderTimeout: limits.HeaderTimeout,
		ReadTimeout:       limits.ReadTimeout,
		WriteTimeout:      limits.WriteTimeout,
		IdleTimeout:       limits.IdleTimeout,
		ConnState:         d.count,
		Protocols:         protocols(),
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: limits.Streams},
		// OPTIONS * is answered like everything else.
		DisableGeneralOptionsHandler: true,
		// What strangers do to a port is no error of ours.
		ErrorLog: slog.NewLogLogger(d.log.Handler(), slog.LevelDebug),
	}
	if o.Certificates != nil {
		d.tls = true
		d.server.TLSConfig = o.Certificates.Config()
	}
	return d
}

// protocols are those that are spoken. HTTP/2 begins in the TLS handshake, and in no other way.
func protocols() *http.Protocols {
	p := new(http.Protocols)
	p.SetHTTP1(true)
	p.SetHTTP2(true)
	return p
}

// Swap puts a table in force, in one store. Requests that have begun go on with
// the table they found, unless the store finds their event stale.
func (d *Door) Swap(t *Table) {
	d.swapping.Lock()
	defer d.swapping.Unlock()
	for _, r := range t.routes {
		d.share(r)
	}
	before := d.table.Swap(&inForce{Table: t, superseded: make(chan struct{})})
	if before != nil {
		close(before.superseded)
	}
}

// share lets a route count its requests together with those that came before an edit.
func (d *Door) share(r *route) {
	if r.Concurrency == 0 {
		return
	}
	if d.busy[r.Source] == nil {
		d.busy[r.Source] = new(atomic.Int64)
	}
	r.busy = semaphore{int64(r.Concurrency), d.busy[r.Source]}
}

// Serve takes requests from a listener until [Door.Shutdown], and closes it. It
// may be called for several listeners.
func (d *Door) Serve(l net.Listener) error {
	var err error
	l = &listener{Listener: l, door: d}
	if d.tls {
		err = d.server.ServeTLS(l, "", "")
	} else {
		err = d.server.Serve(l)
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// Shutdown closes the listeners, answers new requests on open connections with
// 503, and returns when those that had begun are answered. When ctx ends first,
// they are abandoned and their connections closed. It may be called twice, and
// on a door that never served.
func (d *Door) Shutdown(ctx context.Context) error {
	d.draining.Store(true)
	err := d.server.Shutdown(ctx)
	d.abandon()
	if err != nil {
		return errors.Join(err, d.server.Close())
	}
	return nil
}

// Handler is the door without its listener.
func (d *Door) Handler() http.Handler { return http.HandlerFunc(d.serve) }

// Package engine compiles a configuration into stages, runs them, and takes
// every edit while they run.
package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/trotline/trotline/engine/bus"
	"github.com/trotline/trotline/engine/config"
	"github.com/trotline/trotline/engine/door"
	"github.com/trotline/trotline/engine/metrics"
	"github.com/trotline/trotline/engine/stage"
	"github.com/trotline/trotline/event"
)

// Options are what an engine is told from outside.
type Options struct {
	Paths []string // the configuration: files, or folders of *.yaml
	Kinds event.Kinds
	Env   func(name string) (string, bool)
	Log   *slog.Logger
}

// Engine runs one configuration at a time. Its methods are safe for concurrent use.
type Engine struct {
	options  Options
	kinds    kinds
	log      *slog.Logger
	bus      *bus.Bus
	store    store // the bus as the door sees it
	door     *door.Door
	listener net.Listener
	book     *book
	order    *stage.Order
	metrics  *metrics.Metrics
	refusals refusals

	work    context.Context // ends when everything is to be abandoned
	abandon context.CancelFunc
	closing sync.WaitGroup // old targets that are being closed

	// What is shown of the engine is read without mu, which may be held for as
	// long as the store does not answer.
	config atomic.Pointer[config.Config] // in force; nil before the first
	last   atomic.Pointer[Edit]          // nil until the engine is open

	mu         sync.Mutex // held by an edit, by the janitor and at the start and end
	watch      []string   // the files of the configuration, or of the last edit that could be read
	nextNumber uint64
	pipelines  map[string]*runningPipeline
	sinks      map[string]*runningSink
}

// ProblemsError is a configuration that cannot be used.
type ProblemsError struct{ Problems config.Problems }

func (e *ProblemsError) Error() string {
	return fmt.Sprintf("the configuration has problems: %v", e.Problems.Err())
}

// Check reads a configuration and says everything that is wrong with it,
// warnings included. The configuration is nil if any of it is an error. Nothing
// is opened or bound.
func Check(o Options) (*config.Config, config.Problems) {
	p, problems := load(o, indexKinds(o.Kinds))
	if p == nil {
		return nil, problems
	}
	return p.config, problems
}

// load reads and compiles; the plan is nil when there is an error.
func load(o Options, k kinds) (*plan, config.Problems) {
	c, problems := config.Load(o.Paths, config.Options{Kinds: o.Kinds, Env: o.Env})
	if c == nil {
		return nil, problems
	}
	p, more := k.compile(c, o.Log)
	if problems = append(problems, more...); problems.HasErrors() {
		return nil, problems
	}
	return p, problems
}

// Open loads the configuration, opens the store and starts every stage, the far
// end first; the door is bound but not served yet. The error is a
// *[ProblemsError] when the configuration is at fault; then nothing is opened
// or bound.
func Open(ctx context.Context, o Options) (_ *Engine, err error) {
	k := indexKinds(o.Kinds)
	p, problems := load(o, k)
	if p == nil {
		return nil, &ProblemsError{problems}
	}
	e := &Engine{
		options: o, kinds: k, log: o.Log, book: newBook(), order: stage.NewOrder(), metrics: metrics.New(),
		pipelines: make(map[string]*runningPipeline), sinks: make(map[string]*runningSink),
	}
	k.tables.book = e.book
	for _, w := range problems {
		e.log.Warn(w.String())
	}
	e.work, e.abandon = context.WithCancel(context.Background())
	defer func() {
		if err != nil {
			e.abandon()
			err = errors.Join(err, e.Close(context.Background()))
		}
	}()
	if e.listener, err = net.Listen("tcp", p.config.Server.Listen); err != nil {
		return nil, fmt.Errorf("%s: server.listen: %w", p.config.Files[0].Path, err)
	}
	if e.bus, err = bus.Open(ctx, e.busOptions(p.config)); err != nil {
		return nil, err
	}
	e.store.bus = e.bus
	k.keys.bus.Store(e.bus)
	e.metrics.WatchIDs(e.ids)
	if e.door, err = e.newDoor(p.config.Server); err != nil {
		return nil, err
	}
	if err = e.resume(ctx, p); err != nil {
		return nil, err
	}
	return e, nil
}

func (e *Engine) busOptions(c *config.Config) bus.Options {
	o := bus.Options{
		Prefix: c.NATS.Prefix, Replicas: c.NATS.Replicas,
		Durable: c.Durability != "os", Dedupe: c.Dedupe.Window.Std(), MaxIDs: c.Dedupe.MaxIDs,
		DeadAge: c.Retention.Dead.Std(), EventsAge: c.Retention.Events.Std(),
		MaxPayload: largestBody(c), Log: e.log,
	}
	if c.NATS.URL != "" {
		o.URL, o.CredentialsFile = c.NATS.URL, string(c.NATS.CredentialsFile)
		return o
	}
	o.Dir, o.MaxDisk, o.Listen = string(c.NATS.Embedded.Dir), c.NATS.Embedded.MaxDisk, c.NATS.Embedded.Listen
	return o
}

// maxBody is what a source's max_body may be raised to by an edit without a restart.
const maxBody = 5 << 20

func largestBody(c *config.Config) int {
	largest := maxBody
	for _, s := range c.Sources {
		largest = max(largest, int(s.MaxBody))
	}
	return largest
}

// Run serves the door and takes edits until ctx ends. Then it stops: the door
// first, then each stage, the near end before the far one. It returns nil after
// an orderly stop. [Engine.Abandon] cuts the waiting short.
func (e *Engine) Run(ctx context.Context) error {
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	var helpers sync.WaitGroup
	helpers.Go(func() { e.watchFiles(inner) })
	helpers.Go(func() { e.keepHouse(inner) })
	served := make(chan error, 1)
	go func() { served <- e.door.Serve(e.listener) }()

	var err error
	select {
	case <-ctx.Done():
	case err = <-served:
		err = fmt.Errorf("the door stopped: %w", err)
	}
	cancel()
	helpers.Wait()
	return errors.Join(err, e.Close(e.work))
}

// Abandon ends what is under way without waiting for it. Nothing is lost: what
// was not finished comes again at the next start.
func (e *Engine) Abandon() { e.abandon() }

// stopTime is how long an orderly stop waits for requests, and then for attempts, that are under way.
const stopTime = 30 * time.Second

// Close stops what runs, in the order of the data, and lets go of the store.
func (e *Engine) Close(ctx context.Context) error {
	var errs []error
	if e.door != nil {
		stopping, cancel := context.WithTimeout(ctx, stopTime)
		errs = append(errs, e.door.Shutdown(stopping))
		cancel()
	}
	if e.listener != nil {
		e.listener.Close()
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	// What a stage has begun it may finish, for a while.
	late := time.AfterFunc(stopTime, e.abandon)
	defer late.Stop()
	stopAll(e.pipelines)
	stopAll(e.sinks)
	e.abandon()
	for _, s := range e.sinks {
		closing, cancel := context.WithTimeout(context.Background(), stopTime)
		errs = append(errs, s.stage.Target().Close(closing, false))
		cancel()
	}
	e.closing.Wait()
	if e.bus != nil {
		closing, cancel := context.WithTimeout(context.Background(), stopTime)
		errs = append(errs, e.bus.Close(closing))
		cancel()
	}
	clear(e.pipelines)
	clear(e.sinks)
	return errors.Join(errs...)
}

// ids are the figures of the ids that are remembered.
func (e *Engine) ids() (known, most, early float64) {
	s := e.bus.IDs()
	return float64(s.Known), float64(s.Most), float64(s.Early)
}

// Addr is where the door listens.
func (e *Engine) Addr() net.Addr { return e.listener.Addr() }

// Bus is the store, for those who read it.
func (e *Engine) Bus() *bus.Bus { return e.bus }

// Metrics are the engine's figures.
func (e *Engine) Metrics() *metrics.Metrics { return e.metrics }

// Config is the configuration in force. It must not be changed.
func (e *Engine) Config() *config.Config { return e.config.Load() }

// Ready is nil when the engine takes events and can store them.
func (e *Engine) Ready() error {
	if err := e.bus.Healthy(); err != nil {
		return fmt.Errorf("the store: %w", err)
	}
	if e.store.full.Load() {
		return fmt.Errorf("the store: %w; it has room again as events are handled", bus.ErrFull)
	}
	if e.work.Err() != nil {
		return errors.New("stopping")
	}
	return nil
}

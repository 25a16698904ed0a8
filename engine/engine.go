// Package engine compiles a configuration into stages, runs them, and takes
// every edit while they run.
package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/trotline/trotline/engine/bus"
	"github.com/trotline/trotline/engine/config"
	"github.com/trotline/trotline/engine/door"
	"github.com/trotline/trotline/engine/metrics"
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
	door     *door.Door
	listener net.Listener
	book     *book
	metrics  *metrics.Metrics

	work    context.Context // ends when everything is to be abandoned
	abandon context.CancelFunc
	closing sync.WaitGroup // old targets that are being closed

	mu         sync.Mutex // held by an edit, by the janitor and at the start and end
	config     *config.Config
	watch      []string
	nextNumber uint64
	pipelines  map[string]*runningPipeline
	sinks      map[string]*runningSink
	last       Edit
}

// ProblemsError is a configuration that cannot be used.
type ProblemsError struct{ Problems config.Problems }

func (e *ProblemsError) Error() string {
	return fmt.Sprintf("the configuration has problems: %v", e.Problems.Err())
}

// Check reads a configuration and says everything that is wrong with it,
// warnings included. Nothing is opened or bound.
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
	if c == nil || problems.HasErrors() {
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
		options: o, kinds: k, log: o.Log, book: newBook(), metrics: metrics.New(),
		pipelines: make(map[string]*runningPipeline), sinks: make(map[string]*runningSink),
	}
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
	if e.door, err = e.newDoor(p.config.Server.TLS); err != nil {
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
		Durable: c.Durability != "os", Dedupe: c.Dedupe.Std(),
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

// resume goes on where the last run ended: it reads the generations that are
// kept, puts the configuration in force (a new generation if it was edited
// meanwhile) and starts the stages, also those that an earlier edit has retired
// and that have not finished.
func (e *Engine) resume(ctx context.Context, p *plan) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	stored, err := e.bus.Generations(ctx)
	if err != nil {
		return err
	}
	for _, g := range stored {
		e.nextNumber = max(e.nextNumber, g.Number)
		if g.Cut > 0 {
			e.book.add(e.restore(g))
		}
	}
	e.nextNumber++
	continued := uint64(0)
	if last := lastInForce(stored); last != nil && sameTexts(last, p.config) {
		continued = last.Number
	}
	if err := e.apply(ctx, p, continued); err != nil {
		return err
	}
	e.note(Edit{Time: time.Now().UTC(), Result: Applied, Generation: e.book.current().number})
	return e.retireLeftovers(ctx)
}

func lastInForce(stored []bus.Generation) *bus.Generation {
	for i := len(stored) - 1; i >= 0; i-- {
		if stored[i].Cut > 0 {
			return &stored[i]
		}
	}
	return nil
}

// restore compiles the rules of a generation from the texts kept with it.
func (e *Engine) restore(g bus.Generation) *generation {
	r := &generation{number: g.Number, cut: g.Cut}
	texts := make(map[string][]byte, len(g.Files))
	var paths []string
	for _, f := range g.Files {
		texts[f.Path] = f.Data
		if f.Config {
			paths = append(paths, f.Path)
		}
	}
	c, problems := config.Load(paths, config.Options{
		Kinds: e.options.Kinds, Env: e.options.Env, RulesOnly: true,
		ReadFile: func(path string) ([]byte, error) {
			if text, ok := texts[path]; ok {
				return text, nil
			}
			return nil, fmt.Errorf("%s was not kept with generation %d", path, g.Number)
		},
	})
	if c != nil && !problems.HasErrors() {
		var more config.Problems
		r.rules, more = e.kinds.compileRules(c)
		problems = append(problems, more...)
	}
	if problems.HasErrors() {
		r.err = fmt.Errorf("the rules this event was accepted under (generation %d) cannot be compiled any more: %w", g.Number, problems.Err())
		e.log.Error("an old generation cannot be compiled; what is left of it becomes dead letters", "generation", g.Number, "error", problems.Err())
	}
	for _, rules := range r.rules {
		rules.Generation = g.Number
	}
	return r
}

func sameTexts(g *bus.Generation, c *config.Config) bool {
	return slices.EqualFunc(g.Files, c.Files, func(a bus.StoredFile, b config.File) bool {
		return a.Path == b.Path && a.Config == b.Config && string(a.Data) == string(b.Data)
	})
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

// Addr is where the door listens.
func (e *Engine) Addr() net.Addr { return e.listener.Addr() }

// Bus is the store, for those who read it.
func (e *Engine) Bus() *bus.Bus { return e.bus }

// Metrics are the engine's figures.
func (e *Engine) Metrics() *metrics.Metrics { return e.metrics }

// Config is the configuration in force. It must not be changed.
func (e *Engine) Config() *config.Config {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.config
}

func (e *Engine) newDoor(t *config.TLS) (*door.Door, error) {
	o := door.Options{Store: store{e.bus}, Observer: e.metrics, Log: e.log}
	if t != nil {
		var err error
		if o.Certificates, err = door.LoadCertificates(string(t.CertFile), string(t.KeyFile), string(t.ClientCAFile), e.log); err != nil {
			return nil, fmt.Errorf("server.tls: %w", err)
		}
	}
	return door.New(o), nil
}

// store is the bus as the door sees it.
type store struct{ bus *bus.Bus }

func (s store) Append(ctx context.Context, ev *event.Event, generation uint64) (door.Stored, error) {
	ack, err := s.bus.Append(ev, generation).Wait(ctx)
	if errors.Is(err, bus.ErrStale) {
		return door.Stored{}, door.ErrStale
	}
	return door.Stored{Duplicate: ack.Duplicate}, err
}

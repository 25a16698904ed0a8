package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/trotline/trotline/engine/bus"
	"github.com/trotline/trotline/engine/config"
	"github.com/trotline/trotline/engine/door"
	"github.com/trotline/trotline/engine/stage"
	"github.com/trotline/trotline/event"
)

// staged is everything an edit needs that can fail, made beside what runs.
type staged struct {
	plan         *plan
	number       uint64
	table        *door.Table
	targets      map[string]*stage.Target
	newSinks     map[string]queues
	newPipelines map[string]*bus.Consumer
	sources      map[string]map[string]bool // by pipeline: what its consumer reads
	opened       []event.Sink               // to close again if the edit fails
}

// apply puts a plan in force. number is the generation it continues, after a
// restart with the same texts; 0 makes a new one, with a cut. Everything that
// can fail comes first and touches nothing that runs; the swap cannot fail.
// Callers hold e.mu.
func (e *Engine) apply(ctx context.Context, p *plan, number uint64) error {
	fresh := number == 0
	if fresh {
		number = e.nextNumber
		e.nextNumber++ // also the number of an edit that fails is never used again
	}
	s, err := e.stage(ctx, p, number)
	if err == nil && fresh {
		err = e.cut(ctx, s)
	} else if err == nil {
		e.swap(s)
	}
	if err != nil {
		e.unstage(s)
		return err
	}
	e.begin(s)
	return nil
}

// cut makes a new generation and puts it in force at a sequence of the events stream.
func (e *Engine) cut(ctx context.Context, s *staged) error {
	g := bus.Generation{Number: s.number, Time: time.Now().UTC(), Paths: e.options.Paths}
	for _, f := range s.plan.config.Files {
		g.Files = append(g.Files, bus.StoredFile{Path: f.Path, Data: f.Data, Config: f.Config})
	}
	g.Reads = make(map[string][]string, len(s.plan.rules))
	for pipeline, rules := range s.plan.rules {
		g.Reads[pipeline] = slices.Sorted(maps.Keys(rules.From))
	}
	if err := e.bus.PutGeneration(ctx, g); err != nil {
		return fmt.Errorf("cannot keep the configuration: %w", err)
	}
	swapped := false
	_, err := e.bus.Cut(ctx, s.number, func(sequence uint64) {
		e.addGeneration(s, sequence)
		e.swap(s)
		swapped = true
	})
	if err != nil && swapped {
		// It is in force, but the disk did not confirm it: the store is about to stop accepting.
		e.log.Error("the edit is in force, but not known to be on the disk", "generation", s.number, "error", err)
		return nil
	}
	return err
}

func (e *Engine) addGeneration(s *staged, sequence uint64) {
	for _, rules := range s.plan.rules {
		rules.Generation = s.number
	}
	e.book.add(&generation{number: s.number, cut: sequence, rules: s.plan.rules})
}

// stage makes the sinks and the consumers that are new. What it returns is to
// be unstaged if anything fails, also when it returns an error itself.
func (e *Engine) stage(ctx context.Context, p *plan, number uint64) (*staged, error) {
	s := &staged{
		plan: p, number: number, targets: make(map[string]*stage.Target),
		newSinks: make(map[string]queues), newPipelines: make(map[string]*bus.Consumer),
		sources: make(map[string]map[string]bool),
	}
	var err error
	if s.table, err = door.NewTable(number, door.Settings{
		PublicURL: p.config.Server.PublicURL, TrustedProxies: p.config.Server.TrustedProxies,
		Forwarded: p.config.Server.ForwardedHeader == "Forwarded",
	}, p.routes); err != nil {
		return s, err
	}
	for _, c := range p.config.Sinks {
		if err := e.stageSink(ctx, s, c); err != nil {
			return s, fmt.Errorf("%s: sink %s: %w", c.Pos, c.Name, err)
		}
	}
	for _, c := range p.config.Pipelines {
		if err := e.stagePipeline(ctx, s, c); err != nil {
			return s, fmt.Errorf("%s: pipeline %s: %w", c.Pos, c.Name, err)
		}
	}
	return s, nil
}

func (e *Engine) stageSink(ctx context.Context, s *staged, c *config.Sink) error {
	r := e.sinks[c.Name]
	var running event.Sink
	if r != nil && r.kind == c.Kind && r.checksum == c.Checksum && r.slots == c.Concurrency {
		running = r.sink
	}
	t, err := e.kinds.openTarget(ctx, c, running, e.log.With("sink", c.Name))
	if err != nil {
		return err
	}
	s.targets[c.Name] = t
	if running == nil {
		s.opened = append(s.opened, t.Sink)
	}
	if r != nil {
		return nil
	}
	s.newSinks[c.Name], err = e.openQueues(ctx, c.Name)
	return err
}

// queues are what a sink's stage reads.
type queues struct {
	work  *bus.Consumer
	lanes *bus.LaneQueue
}

func (e *Engine) openQueues(ctx context.Context, sink string) (q queues, err error) {
	if q.work, err = e.bus.WorkConsumer(ctx, sink, workConsumer); err != nil {
		return q, err
	}
	q.lanes, err = e.bus.LaneQueue(ctx, sink)
	return q, err
}

// workConsumer is how every sink's queue is read.
var workConsumer = bus.WorkConsumerOptions{AckWait: stage.AckWait, MaxAckPending: 10_000}

// stagePipeline opens the pipeline's consumer, or widens it. A consumer reads
// the sources of every generation that is still being handled; the stage leaves
// out what is not meant for it.
func (e *Engine) stagePipeline(ctx context.Context, s *staged, c *config.Pipeline) error {
	sources := e.book.sources(c.Name)
	for _, source := range c.From {
		sources[source] = true
	}
	s.sources[c.Name] = sources
	r := e.pipelines[c.Name]
	if r != nil && maps.Equal(sources, r.sources) {
		return nil
	}
	o := eventsConsumer(c.Start, sources)
	consumer, err := e.openPipeline(ctx, c.Name, o)
	if err == nil && r == nil {
		s.newPipelines[c.Name] = consumer
	}
	return err
}

// openPipeline opens a pipeline's consumer, and lets the sinks know how far it is.
func (e *Engine) openPipeline(ctx context.Context, name string, o bus.EventsConsumerOptions) (*bus.Consumer, error) {
	consumer, err := e.bus.EventsConsumer(ctx, name, o)
	if err != nil {
		return nil, err
	}
	info, err := consumer.Info(ctx)
	if err != nil {
		return nil, err
	}
	e.order.Begin(name, info.Floor)
	return consumer, nil
}

// unstage undoes what stage has made. The edit has failed; what runs was not touched.
func (e *Engine) unstage(s *staged) {
	ctx, cancel := context.WithTimeout(context.Background(), stopTime)
	defer cancel()
	for _, sink := range s.opened {
		if c, ok := sink.(event.Closer); ok {
			if err := c.Close(ctx); err != nil {
				e.log.Warn("a sink of a refused edit did not close", "error", err)
			}
		}
	}
	if e.config.Load() == nil {
		return // the first start failed: the consumers are those of the run before
	}
	for name := range s.newSinks {
		if err := e.bus.DeleteWorkConsumer(ctx, name); err != nil {
			e.log.Warn("the queue of a refused edit's sink stays", "sink", name, "error", err)
		}
	}
	for name := range s.newPipelines {
		if err := e.bus.DeleteEventsConsumer(ctx, name); err != nil {
			e.log.Warn("the consumer of a refused edit's pipeline stays", "pipeline", name, "error", err)
		}
	}
}

// swap puts a plan in force. It runs while no event is being stored, cannot
// fail, and takes microseconds.
func (e *Engine) swap(s *staged) {
	e.book.setSinks(s.targets)
	for name, t := range s.targets {
		if r := e.sinks[name]; r != nil {
			e.retarget(r, t)
		}
	}
	e.door.Swap(s.table)
}

// retarget aims a sink's stage at its new target and lets the old one end in its own time.
func (e *Engine) retarget(r *runningSink, t *stage.Target) {
	before := r.stage.Aim(t)
	keep := before.Sink == t.Sink
	r.sink = t.Sink
	e.closing.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), stopTime)
		defer cancel()
		if err := before.Close(ctx, keep); err != nil {
			e.log.Warn("a sink's former connection did not close", "sink", r.stage.Name, "error", err)
		}
	})
}

// begin starts the stages that are new and retires those that are gone. The far
// end comes first.
func (e *Engine) begin(s *staged) {
	for _, c := range s.plan.config.Sinks {
		r := e.sinks[c.Name]
		if r == nil {
			r = e.startSink(c.Name, s.newSinks[c.Name], s.targets[c.Name])
		}
		r.sink, r.kind, r.checksum, r.slots = s.targets[c.Name].Sink, c.Kind, c.Checksum, c.Concurrency
	}
	for _, c := range s.plan.config.Pipelines {
		r := e.pipelines[c.Name]
		if r == nil {
			r = e.startPipeline(c.Name, s.newPipelines[c.Name])
		}
		r.until, r.sources = 0, s.sources[c.Name]
	}
	e.config.Store(s.plan.config)
	e.watch = s.plan.config.Watch
	e.retire()
}

// eventsConsumer is how a pipeline's consumer reads the events.
func eventsConsumer(begin config.Start, sources map[string]bool) bus.EventsConsumerOptions {
	o := bus.EventsConsumerOptions{Sources: slices.Sorted(maps.Keys(sources)), AckWait: stage.AckWait}
	switch {
	case begin.All:
		o.StartSequence = 1
	case begin.Back > 0:
		o.StartTime = time.Now().Add(-begin.Back.Std())
	}
	return o
}

// needsRestart names the settings that an edit changes and that cannot change
// while the engine runs; nil if there are none.
func needsRestart(was, now *config.Config) error {
	var errs []error
	differ := func(word string, same bool) {
		if !same {
			errs = append(errs, fmt.Errorf("%s: %s cannot change while Trotline runs; restart it to apply the edit", placeOf(now, word), word))
		}
	}
	differ("server.listen", was.Server.Listen == now.Server.Listen)
	differ("server.admin", was.Server.Admin == now.Server.Admin)
	differ("server.tls", reflect.DeepEqual(was.Server.TLS, now.Server.TLS))
	differ("server.limits", sameLimits(was.Server.Limits, now.Server.Limits))
	differ("nats", sameNATS(was.NATS, now.NATS))
	differ("durability", was.Durability == now.Durability)
	differ("dedupe", was.Dedupe == now.Dedupe)
	differ("retention", was.Retention == now.Retention)
	differ("max_body (more than the store was opened for)", largestBody(now) <= largestBody(was))
	return errors.Join(errs...)
}

// placeOf is where a setting stands; where its section does, or the file, when the edit has removed it.
func placeOf(c *config.Config, word string) string {
	section, _, _ := strings.Cut(word, ".")
	for _, w := range []string{word, section} {
		if at, ok := c.Places[w]; ok {
			return at.String()
		}
	}
	return c.Files[0].Path
}

// sameLimits compares what the listener is made with; max_body is the sources'.
func sameLimits(a, b config.Limits) bool {
	a.MaxBody, b.MaxBody = 0, 0
	return a == b
}

func sameNATS(a, b config.NATS) bool {
	embedded := (a.Embedded == nil) == (b.Embedded == nil) && (a.Embedded == nil || *a.Embedded == *b.Embedded)
	a.Embedded, b.Embedded = nil, nil
	return embedded && a == b
}

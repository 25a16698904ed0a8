package engine

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/trotline/trotline/engine/config"
	"github.com/trotline/trotline/engine/door"
	"github.com/trotline/trotline/engine/stage"
	"github.com/trotline/trotline/event"
)

// kinds finds a kind by its word.
type kinds struct {
	sources    map[string]event.SourceKind
	transforms map[string]event.TransformKind
	sinks      map[string]event.SinkKind
	split      func(list event.Expr) event.Transform
	keys       *keyring
	tables     *tables
	schema     func(file event.File) (event.Schema, error)
}

func indexKinds(k event.Kinds) kinds {
	x := kinds{
		sources: make(map[string]event.SourceKind), transforms: make(map[string]event.TransformKind),
		sinks: make(map[string]event.SinkKind), split: k.Split, schema: k.Schema, keys: new(keyring), tables: new(tables),
	}
	for _, s := range k.Sources {
		x.sources[s.Name] = s
	}
	for _, t := range k.Transforms {
		x.transforms[t.Name] = t
	}
	for _, s := range k.Sinks {
		x.sinks[s.Name] = s
	}
	return x
}

// plan is a configuration compiled as far as nothing that runs is touched.
type plan struct {
	config *config.Config
	rules  map[string]*stage.Rules
	routes []door.Route
}

// compile makes the plan of a configuration, or says what is wrong with it.
func (k kinds) compile(c *config.Config, log *slog.Logger) (*plan, config.Problems) {
	p := &plan{config: c}
	rules, problems := k.compileRules(c, log)
	p.rules = rules
	for _, s := range c.Sources {
		source, err := k.sources[s.Kind].Open(s.Settings, event.SourceOptions{Name: s.Name, Log: log, Keeper: k.keys.of(s.Name)})
		if err == nil && s.Schema.Path != "" {
			source, err = k.withSchema(source, s.Schema)
		}
		if err != nil {
			problems = append(problems, problemAt(s.Pos, "source %s: %v", s.Name, err))
			continue
		}
		p.routes = append(p.routes, door.Route{
			Source: s.Name, Path: s.Path, Methods: methods(s.Methods, source), MaxBody: int64(s.MaxBody),
			AllowIPs: s.AllowIPs, PublicURL: s.PublicURL, CORS: cors(s.CORS), Rate: rate(s.Rate), Concurrency: s.Concurrency, Receiver: source, KeepRefused: s.KeepRefused,
		})
	}
	return p, problems
}

func cors(c *config.CORS) *door.CORS {
	if c == nil {
		return nil
	}
	return &door.CORS{Origins: c.Origins, Headers: c.Headers, MaxAge: c.MaxAge.Std()}
}

// methods are those of a source's settings, and those that its handshakes come with.
func methods(own []string, source event.Source) []string {
	h, ok := source.(event.Handshaker)
	if !ok {
		return own
	}
	all := slices.Clone(own)
	for _, m := range h.Methods() {
		if !slices.Contains(all, m) {
			all = append(all, m)
		}
	}
	return all
}

func rate(r *config.SourceRate) *door.Rate {
	if r == nil {
		return nil
	}
	return &door.Rate{Limit: r.Limit, PerIP: r.Per.IP, Per: r.Per.Expr}
}

// compileRules makes the rules of every pipeline. It needs nothing but the
// texts, so that it serves for old generations too.
func (k kinds) compileRules(c *config.Config, log *slog.Logger) (map[string]*stage.Rules, config.Problems) {
	splits := make(map[string]*stage.Step)
	for _, s := range c.Sources {
		if s.Split != nil {
			splits[s.Name] = &stage.Step{Name: s.Name + "_split", Transform: k.split(s.Split)}
		}
	}
	var problems config.Problems
	all := make(map[string]*stage.Rules, len(c.Pipelines))
	for _, p := range c.Pipelines {
		steps, more := k.compileSteps(p.Steps, log)
		problems = append(problems, more...)
		rules := &stage.Rules{
			Pipeline: p.Name, From: make(map[string]*stage.Step, len(p.From)), Steps: steps, Routes: compileRoutes(p.Routes),
			Backfill: p.Start != config.Start{},
			OnError:  stage.OnError(p.OnError), MatchFirst: p.Match == "first", KeepUnrouted: p.Unrouted == "dead",
			OrderBy: p.OrderBy,
		}
		for _, source := range p.From {
			rules.From[source] = splits[source]
		}
		all[p.Name] = rules.Prepare()
	}
	return all, problems
}

func (k kinds) compileSteps(steps []config.Step, log *slog.Logger) (compiled []stage.Step, problems config.Problems) {
	for _, s := range steps {
		t, err := k.transforms[s.Kind].Open(s.Settings, event.TransformOptions{Log: log, Lookup: k.tables.lookup})
		if err != nil {
			problems = append(problems, problemAt(s.Pos, "%s: %v", s.Kind, err))
			continue
		}
		step := stage.Step{Name: s.Name, Transform: t}
		if stateful, ok := t.(event.Stateful); ok {
			step.State = unused(s.Kind+"-"+stateful.State(), compiled)
		}
		compiled = append(compiled, step)
	}
	return compiled, problems
}

// unused is the name under which a stateful step remembers: two steps that say
// the same do not share it.
func unused(name string, before []stage.Step) string {
	free := name
	for n := 2; slices.ContainsFunc(before, func(s stage.Step) bool { return s.State == free }); n++ {
		free = fmt.Sprintf("%s-%d", name, n)
	}
	return free
}

func compileRoutes(routes []config.Route) []stage.Route {
	compiled := make([]stage.Route, len(routes))
	for i, r := range routes {
		compiled[i] = stage.Route{Name: r.Name, When: r.When, Chain: r.Chain, Hops: make([]stage.Hop, len(r.Hops))}
		for j, h := range r.Hops {
			compiled[i].Hops[j] = compileHop(h)
		}
	}
	return compiled
}

func compileHop(h config.Hop) stage.Hop {
	hop := stage.Hop{Sink: h.Sink, When: h.When, Map: h.Map, OnFailure: stage.OnFailure{Continue: h.Continue}}
	for _, to := range h.FailsTo {
		hop.OnFailure.To = append(hop.OnFailure.To, compileHop(to))
	}
	return hop
}

func problemAt(at config.Position, format string, args ...any) config.Problem {
	return config.Problem{Position: at, Msg: fmt.Sprintf(format, args...)}
}

// What a breaker is where the settings do not say.
const (
	breakerFailures = 10
	breakerPause    = 30 * time.Second
	breakerWindow   = time.Minute
)

func breaker(b *config.Breaker) stage.Breaker {
	if b == nil {
		return stage.Breaker{}
	}
	return stage.Breaker{
		Failures: cmp.Or(b.Failures, breakerFailures), Ratio: b.Ratio,
		Window: cmp.Or(b.Window.Std(), breakerWindow), Pause: cmp.Or(b.Pause.Std(), breakerPause),
	}
}

// openTarget makes a sink ready for deliveries. running is the sink that runs
// under the name, if its settings are still the same; it stays as it is.
func (k kinds) openTarget(ctx context.Context, s *config.Sink, running event.Sink, log *slog.Logger) (*stage.Target, error) {
	kind := k.sinks[s.Kind]
	t := &stage.Target{
		Sink:    running,
		Timeout: s.Timeout.Std(),
		Retry: stage.Retry{
			Attempts: s.Retry.Attempts, Initial: s.Retry.Initial.Std(), Max: s.Retry.Max.Std(),
			Factor: s.Retry.Factor, Jitter: s.Retry.Jitter, MaxAfter: s.Retry.MaxAfter.Std(), For: s.Retry.For.Std(),
		},
		Concurrency: s.Concurrency,
		BatchSize:   max(kind.Batch, 1),
		Backlog:     uint64(max(s.Backlog, 0)),
		Breaker:     breaker(s.Breaker),
	}
	if s.Rate != nil {
		t.Rate = stage.Rate{Limit: s.Rate.Limit, Per: s.Rate.Per}
	}
	if s.Batch != nil {
		t.BatchSize, t.BatchWait = max(s.Batch.Size, 1), s.Batch.Wait.Std()
	}
	if running != nil {
		return t, nil
	}
	var err error
	t.Sink, err = kind.Open(ctx, s.Settings, event.SinkOptions{Name: s.Name, Concurrency: s.Concurrency, Log: log})
	return t, err
}

package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// options are the benchmark's flags.
type options struct {
	scenario string
	binary   string
	rounds   int
	time     time.Duration
	rate     int
	conns    int
}

var scenarios = []string{"all", "file", "http", "steady", "door"}

func parseOptions(args []string) (options, error) {
	var o options
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.StringVar(&o.scenario, "scenario", "all", "all, file (closed loop to a file sink), http (closed loop to an HTTP sink), steady (fixed rate to an HTTP sink), or door, which all leaves out (closed loop to several sources)")
	f.StringVar(&o.binary, "binary", "", "the trotline to measure; built when left out")
	f.IntVar(&o.rounds, "rounds", 5, "rounds; the table shows medians")
	f.DurationVar(&o.time, "time", 4*time.Second, "how long each load lasts")
	f.IntVar(&o.rate, "rate", 1000, "requests a second of the steady load")
	f.IntVar(&o.conns, "conns", 64, "connections")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if !slices.Contains(scenarios, o.scenario) {
		return o, fmt.Errorf("-scenario %s: know only %v", o.scenario, scenarios)
	}
	if o.rounds < 1 || o.rate < 1 || o.conns < 1 || o.time <= 0 {
		return o, fmt.Errorf("-rounds, -rate, -conns and -time must be positive")
	}
	return o, nil
}

// flow is what one load brought forth, from the first request to the last delivery.
type flow struct {
	limit    float64       // requests a second: the mean of right before and right after
	accepted float64       // a second, while the stages work
	through  float64       // delivered a second, from the first request to the last delivery
	left     int           // undelivered when the load ended
	drain    time.Duration // from the end of the load to the last delivery
	cpu      time.Duration // of Trotline, for each event
	answer   [2]time.Duration
	journey  [2]time.Duration // from when the request was due to the delivery
	lost     int
	doubled  int
	refused  int
}

// results are all rounds of everything.
type results struct {
	limit              []float64
	limitCPU           []time.Duration
	limitSteady        []flow // only the answers' times
	file, http, steady []flow
	door               [len(doors)][]flow
	idle, end          int64 // RSS in bytes
}

// maxRequests bounds the generator's memory: it prepares every request before the clock starts.
const maxRequests = 50_000

func measure(ctx context.Context, o options) error {
	fmt.Fprintln(os.Stderr, "bench: building and starting")
	r, err := build(ctx, o.scenario, o.binary)
	if err != nil {
		return err
	}
	defer r.end()
	written := follow(filepath.Join(r.folder, "out.jsonl"))
	defer written.end()
	b := &bench{options: o, rig: r, written: written}
	if b.idle, err = r.trotline.rss(); err != nil {
		return err
	}
	for n := range o.rounds {
		fmt.Fprintf(os.Stderr, "bench: round %d of %d\n", n+1, o.rounds)
		if err := b.round(ctx); err != nil {
			return fmt.Errorf("%w\ntrotline's log ends:\n%s", err, r.trotline.lastLines())
		}
	}
	if b.end, err = r.trotline.rss(); err != nil {
		return err
	}
	return b.report(os.Stdout, o)
}

type bench struct {
	options
	results
	rig     *rig
	written *lines
	run     int
}

// round measures everything once. The machine's mood changes within seconds, so
// the limit is measured before and after each closed loop.
func (b *bench) round(ctx context.Context) error {
	limit, err := b.measureLimit(ctx)
	if err != nil {
		return err
	}
	fixed := loadOptions{addr: b.rig.doorAddr, conns: b.conns, time: b.time, count: maxRequests * max(1, int(b.time/(4*time.Second)))}
	if b.scenario == "door" {
		return b.measureDoor(ctx, fixed)
	}
	for _, s := range []struct {
		name  string
		path  string
		flows *[]flow
	}{
		{"file", "/hooks/file", &b.file},
		{"http", "/hooks/http", &b.http},
	} {
		if b.scenario != "all" && b.scenario != s.name {
			continue
		}
		o := fixed
		o.path = s.path
		f, err := b.measureFlow(ctx, o, s.name == "file")
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		after, err := b.measureLimit(ctx)
		if err != nil {
			return err
		}
		f.limit = (limit + after) / 2
		*s.flows = append(*s.flows, *f)
		limit = after
	}
	if b.scenario != "all" && b.scenario != "steady" {
		return nil
	}
	return b.measureSteady(ctx, fixed)
}

// measureSteady sends at a fixed rate, to the limit and through Trotline.
func (b *bench) measureSteady(ctx context.Context, o loadOptions) error {
	o.rate, o.count = b.rate, int(b.time.Seconds()*float64(b.rate))
	bare := o
	bare.addr, bare.path = b.rig.limitAddr, "/"
	l, err := b.rig.load(ctx, bare)
	if err != nil {
		return err
	}
	b.limitSteady = append(b.limitSteady, flow{answer: [2]time.Duration{l.P50, l.P99}})
	o.path = "/hooks/http"
	f, err := b.measureFlow(ctx, o, false)
	if err != nil {
		return fmt.Errorf("steady: %w", err)
	}
	b.steady = append(b.steady, *f)
	return nil
}

// measureLimit is what the limit accepts a second.
func (b *bench) measureLimit(ctx context.Context) (float64, error) {
	before, err := b.rig.limit.cpu()
	if err != nil {
		return 0, err
	}
	l, err := b.rig.load(ctx, loadOptions{addr: b.rig.limitAddr, path: "/", conns: b.conns, time: b.time / 2, count: 10_000, again: true})
	if err != nil {
		return 0, err
	}
	after, err := b.rig.limit.cpu()
	if err != nil {
		return 0, err
	}
	if l.accepted() == 0 {
		return 0, fmt.Errorf("the limit accepted nothing")
	}
	b.limit = append(b.limit, l.rate())
	b.limitCPU = append(b.limitCPU, (after-before)/time.Duration(l.accepted()))
	return l.rate(), nil
}

// measureFlow sends one load through Trotline and waits for its deliveries.
func (b *bench) measureFlow(ctx context.Context, o loadOptions, toFile bool) (*flow, error) {
	b.run++
	o.run = b.run
	count := func() int { return b.rig.deliveredCount(o.run) }
	if toFile {
		count = func() int { return b.written.count(o.run) }
	}
	before, err := b.rig.trotline.cpu()
	if err != nil {
		return nil, err
	}
	l, err := b.rig.load(ctx, o)
	if err != nil {
		return nil, err
	}
	if l.accepted() == 0 {
		return nil, fmt.Errorf("not one of %d requests was accepted", l.Sent)
	}
	left := max(0, l.accepted()-count())
	drain(ctx, l.accepted(), count)
	after, err := b.rig.trotline.cpu()
	if err != nil {
		return nil, err
	}
	arrived := b.written.arrivals(o.run)
	if !toFile {
		if arrived, err = b.rig.delivered(o.run); err != nil {
			return nil, err
		}
	}
	f := judge(l, arrived, o.rate)
	f.left = left
	f.cpu = (after - before) / time.Duration(l.accepted())
	return f, nil
}

// judge compares what was accepted with what arrived.
func judge(l *load, arrived *arrivals, rate int) *flow {
	f := &flow{accepted: l.rate(), refused: len(l.Refused), doubled: arrived.Doubles, answer: [2]time.Duration{l.P50, l.P99}}
	for i := range l.Sent {
		_, refused := slices.BinarySearch(l.Refused, i)
		if !refused && (i >= len(arrived.First) || arrived.First[i] == 0) {
			f.lost++
		}
	}
	last := time.Unix(0, arrived.Last)
	f.through = float64(arrived.Count) / last.Sub(l.Start).Seconds()
	f.drain = max(0, last.Sub(l.End))
	if rate > 0 {
		f.journey = journeys(l, arrived, rate)
	}
	return f
}

// journeys are the median and the 99th percentile from when a request was due to its delivery.
func journeys(l *load, arrived *arrivals, rate int) [2]time.Duration {
	var all []time.Duration
	for i, at := range arrived.First {
		if at != 0 {
			due := l.Start.Add(time.Duration(i) * time.Second / time.Duration(rate))
			all = append(all, time.Unix(0, at).Sub(due))
		}
	}
	slices.Sort(all)
	return [2]time.Duration{percentile(all, 50), percentile(all, 99)}
}

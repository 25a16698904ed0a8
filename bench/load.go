package main

import (
	"context"
	"encoding/json"
	"flag"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// loadOptions are what the generator is told on its command line.
type loadOptions struct {
	addr  string
	path  string
	run   int
	count int           // different requests
	conns int           // keep-alive connections
	time  time.Duration // how long it sends
	rate  int           // requests a second in an open loop; 0: as fast as answers come
	again bool          // begin anew when all requests are sent, for a server that keeps nothing
}

// load is what the generator saw, as JSON on its standard output.
type load struct {
	Sent    int           `json:"sent"`
	Refused []int         `json:"refused"` // indexes without a 202
	Start   time.Time     `json:"start"`
	End     time.Time     `json:"end"`
	P50     time.Duration `json:"p50"` // from when the request was to be sent to its answer
	P99     time.Duration `json:"p99"`
}

// rate is how many requests a second got a 202.
func (l *load) rate() float64 {
	return float64(l.accepted()) / l.End.Sub(l.Start).Seconds()
}

func (l *load) accepted() int { return l.Sent - len(l.Refused) }

func generate(ctx context.Context, args []string) error {
	var o loadOptions
	f := flag.NewFlagSet("load", flag.ContinueOnError)
	f.StringVar(&o.addr, "addr", "", "where to send")
	f.StringVar(&o.path, "path", "/", "the path of the requests")
	f.IntVar(&o.run, "run", 0, "the run's number, which its ids begin with")
	f.IntVar(&o.count, "count", 1000, "how many requests to prepare")
	f.IntVar(&o.conns, "conns", 64, "connections")
	f.DurationVar(&o.time, "time", time.Second, "how long to send")
	f.IntVar(&o.rate, "rate", 0, "requests a second; 0: as fast as answers come")
	f.BoolVar(&o.again, "again", false, "send the same requests again and again")
	if err := f.Parse(args); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(send(ctx, o))
}

// send runs the load. In a closed loop each connection sends its next request
// when the last one is answered; in an open loop requests are due at fixed
// times, and a late one is measured from when it was due.
func send(ctx context.Context, o loadOptions) *load {
	g := &generator{requests: buildRequests(o.path, o.run, o.count), again: o.again}
	clients := make([]*client, o.conns)
	for i := range clients {
		clients[i] = &client{addr: o.addr}
		defer clients[i].close()
	}
	g.start = time.Now()
	ctx, cancel := context.WithDeadline(ctx, g.start.Add(o.time))
	defer cancel()
	next := g.closedLoop(ctx)
	if o.rate > 0 {
		next = g.openLoop(ctx, o.rate)
	}
	var senders sync.WaitGroup
	for _, c := range clients {
		senders.Go(func() { g.serve(c, next) })
	}
	senders.Wait()
	return g.result()
}

// generator hands out requests and keeps what became of them.
type generator struct {
	requests [][]byte
	again    bool
	start    time.Time
	issued   atomic.Int64

	mu        sync.Mutex
	refused   []int
	latencies []time.Duration
}

// due is a request and when it is to be sent.
type due struct {
	index int
	at    time.Time
}

func (g *generator) closedLoop(ctx context.Context) func() (due, bool) {
	return func() (due, bool) {
		if ctx.Err() != nil {
			return due{}, false
		}
		i := int(g.issued.Add(1)) - 1
		if i >= len(g.requests) && !g.again {
			return due{}, false
		}
		return due{i, time.Now()}, true
	}
}

func (g *generator) openLoop(ctx context.Context, rate int) func() (due, bool) {
	queue := make(chan due, len(g.requests))
	go func() {
		defer close(queue)
		for i := range g.requests {
			at := g.start.Add(time.Duration(i) * time.Second / time.Duration(rate))
			time.Sleep(time.Until(at))
			if ctx.Err() != nil {
				return
			}
			g.issued.Add(1)
			queue <- due{i, at}
		}
	}()
	return func() (due, bool) {
		d, ok := <-queue
		return d, ok
	}
}

// serve sends over one connection until nothing is to be sent any more.
func (g *generator) serve(c *client, next func() (due, bool)) {
	var refused []int
	var latencies []time.Duration
	for {
		d, ok := next()
		if !ok {
			break
		}
		status, err := c.do(g.requests[d.index%len(g.requests)])
		if err != nil || status != 202 {
			refused = append(refused, d.index)
			continue
		}
		latencies = append(latencies, time.Since(d.at))
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.refused = append(g.refused, refused...)
	g.latencies = append(g.latencies, latencies...)
}

func (g *generator) result() *load {
	slices.Sort(g.latencies)
	slices.Sort(g.refused)
	return &load{
		Sent: len(g.latencies) + len(g.refused), Refused: g.refused,
		Start: g.start, End: time.Now(),
		P50: percentile(g.latencies, 50), P99: percentile(g.latencies, 99),
	}
}

// percentile of sorted durations; 0 of none.
func percentile(sorted []time.Duration, p int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)-1, len(sorted)*p/100)]
}

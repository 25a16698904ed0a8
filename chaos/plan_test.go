//go:build unix

package chaos

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// fault is something that goes wrong.
type fault string

const (
	kill       fault = "kill -9"
	stop       fault = "SIGTERM"
	freeze     fault = "SIGSTOP"
	cut        fault = "power cut"
	fill       fault = "disk full"
	free       fault = "disk freed"
	jump       fault = "clock jump"
	setRight   fault = "clock set right"
	edit       fault = "edit"
	badEdit    fault = "broken edit"
	database   fault = "Postgres crash"
	killNATS   fault = "NATS kill -9"
	freezeNATS fault = "NATS SIGSTOP"

	// What a receiver does instead of taking deliveries.
	down    fault = "down"     // nobody listens
	slow    fault = "slow"     // it takes its time
	hang    fault = "hang"     // it never answers
	cutOff  fault = "cut off"  // its answer breaks off
	reset   fault = "reset"    // it closes the connection instead of answering
	failing fault = "failing"  // 500, 502, 503
	limited fault = "too many" // 429 with Retry-After
)

var ofReceivers = []fault{down, slow, hang, cutOff, reset, failing, limited}

// The receivers.
const (
	hook   = "hook"   // takes what passes the filter
	crm    = "crm"    // second in a chain, refuses some
	audit  = "audit"  // takes everything
	ledger = "ledger" // takes everything, in the order of its key
)

var receivers = []string{hook, crm, audit, ledger}

// step is a fault of a plan.
type step struct {
	at    time.Duration // since the load began; later when what came before took longer
	fault fault
	on    string        // which receiver
	lasts time.Duration // 0: it is over at once
	by    time.Duration // how wrong the clock is from then on
}

func (s step) String() string {
	text := fmt.Sprintf("%6.2fs  %s", s.at.Seconds(), s.fault)
	if s.on != "" {
		text = fmt.Sprintf("%6.2fs  %s: %s", s.at.Seconds(), s.on, s.fault)
	}
	if s.by != 0 {
		text += fmt.Sprintf(" by %s", s.by)
	}
	if s.lasts > 0 {
		text += fmt.Sprintf(" for %.2fs", s.lasts.Seconds())
	}
	return text
}

// plan is everything a seed decides: the load, and what goes wrong when.
type plan struct {
	seed     uint64
	external bool // the store is a NATS server of its own
	postgres bool // the till is a Postgres table, else one of SQLite
	conns    int
	rate     int // requests a second
	pad      int // the largest filling of a body, in bytes
	lasts    time.Duration
	steps    []step
}

// planner draws a plan from a seed.
type planner struct {
	*rand.Rand
	plan *plan
}

func newPlan(seed uint64) *plan {
	d := planner{rand.New(rand.NewPCG(seed, 0)), &plan{seed: seed}}
	p := d.plan
	p.external = d.oneIn(6)
	p.postgres = d.oneIn(2)
	p.conns = d.between(4, 12)
	p.rate = d.between(100, 400)
	p.pad = []int{0, 200, 2000, 20_000}[d.IntN(4)]
	p.lasts = time.Duration(d.between(7, 10)) * time.Second
	if p.external {
		d.withServer()
	} else {
		d.withDisk()
	}
	if p.postgres {
		d.draw(d.between(1, 2), database, "", d.upTo(time.Second))
	}
	d.draw(d.between(2, 4), edit, "", nil)
	d.draw(d.between(0, 1), badEdit, "", nil)
	d.draw(d.between(0, 1), stop, "", nil)
	d.draw(d.between(0, 2), freeze, "", d.upTo(1500*time.Millisecond))
	for range d.between(4, 8) {
		d.draw(1, ofReceivers[d.IntN(len(ofReceivers))], receivers[d.IntN(len(receivers))], d.upTo(2*time.Second))
	}
	for range d.between(1, 3) {
		at, lasts := d.when(), d.upTo(2*time.Second)()
		p.steps = append(p.steps, step{at: at, fault: jump, by: d.wrong()}, step{at: at + lasts, fault: setRight})
	}
	d.stayDown()
	slices.SortStableFunc(p.steps, func(a, b step) int { return int(a.at - b.at) })
	return p
}

// withDisk draws what goes wrong with an embedded store on a disk of its own.
func (d *planner) withDisk() {
	d.draw(d.between(4, 6), kill, "", nil)
	cuts := int(d.plan.seed % 2)
	if d.oneIn(5) {
		cuts++
	}
	d.draw(cuts, cut, "", nil)
	if d.oneIn(4) {
		at, lasts := d.when(), d.upTo(3*time.Second)()
		d.plan.steps = append(d.plan.steps, step{at: at, fault: fill}, step{at: at + lasts, fault: free})
	}
}

// stayDown has an engine that was killed stay down, now and then, for longer than
// the embedded server remembers what was handed over.
func (d *planner) stayDown() {
	for i := range d.plan.steps {
		if s := &d.plan.steps[i]; s.fault == kill && d.oneIn(8) {
			s.lasts = time.Duration(d.between(6, 9)) * time.Second
		}
	}
}

// withServer draws what goes wrong with a NATS server of its own. An engine
// that was killed waits for eight seconds until its successor takes its place.
func (d *planner) withServer() {
	d.draw(d.between(1, 2), kill, "", nil)
	d.draw(d.between(1, 3), killNATS, "", d.upTo(time.Second))
	d.draw(d.between(0, 1), freezeNATS, "", d.upTo(time.Second))
}

// draw puts n faults of a kind into the plan.
func (d *planner) draw(n int, f fault, on string, lasts func() time.Duration) {
	for range n {
		s := step{at: d.when(), fault: f, on: on}
		if lasts != nil {
			s.lasts = lasts()
		}
		d.plan.steps = append(d.plan.steps, s)
	}
}

func (d *planner) when() time.Duration {
	const calm = 500 * time.Millisecond
	return calm + time.Duration(d.Int64N(int64(d.plan.lasts-calm)))
}

func (d *planner) upTo(most time.Duration) func() time.Duration {
	return func() time.Duration { return most/10 + time.Duration(d.Int64N(int64(most-most/10))) }
}

// wrong is how wrong a clock is, ahead or behind: by up to twice as long as the
// server waits for an acknowledgement, or now and then by hours. From one end to
// the other is less than a day, which is how long a delivery is tried.
func (d *planner) wrong() time.Duration {
	by := time.Duration(d.between(1, 20)) * time.Second
	if d.oneIn(3) {
		by = time.Duration(d.between(1, 11)) * time.Hour
	}
	if d.oneIn(2) {
		by = -by
	}
	return by
}

func (d *planner) between(least, most int) int { return least + d.IntN(most-least+1) }

func (d *planner) oneIn(n int) bool { return d.IntN(n) == 0 }

func (p *plan) String() string {
	var b strings.Builder
	store, till := "embedded on a disk of its own", "SQLite"
	if p.external {
		store = "a NATS server of its own"
	}
	if p.postgres {
		till = "Postgres"
	}
	fmt.Fprintf(&b, "seed %d: %d requests a second over %d connections for %s, bodies up to %d bytes; store: %s; till: %s\n",
		p.seed, p.rate, p.conns, p.lasts, p.pad, store, till)
	for _, s := range p.steps {
		fmt.Fprintf(&b, "  %s\n", s)
	}
	return b.String()
}

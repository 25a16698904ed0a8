package stage

import (
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/trotline/trotline/engine/bus"
	"github.com/trotline/trotline/event"
)

// Sink is the stage that makes the deliveries of one sink, for all pipelines
// that use it. What it delivers to is swapped under it when an edit changes
// the sink's settings; the queue and the stage stay.
type Sink struct {
	Shared
	Name     string
	Consumer *bus.Consumer
	Lanes    *bus.LaneQueue

	target  atomic.Pointer[Target]
	lanes   atomic.Pointer[lanes] // nil before it runs
	holder  holder
	slots   slots
	breaker *breaker
	limiter limiter
}

// NewSink is the stage of a sink, aimed at a target.
func NewSink(s Shared, name string, work *bus.Consumer, lanes *bus.LaneQueue, t *Target) *Sink {
	sink := &Sink{Shared: s, Name: name, Consumer: work, Lanes: lanes}
	sink.breaker = newBreaker(func(state BreakerState) { sink.Metrics.Breaker(name, int(state)) })
	sink.Aim(t)
	return sink
}

// Aim sets the target of all attempts from now on and returns the one before, nil at first.
func (s *Sink) Aim(t *Target) *Target {
	before := s.target.Swap(t)
	s.slots.resize(t.Concurrency)
	s.breaker.set(t.Breaker, before != nil && before.Sink != t.Sink)
	rated := s.limiter.set(t.Rate)
	if l := s.lanes.Load(); l != nil && (t.Sink == nil || rated) {
		l.hurry(t.Sink == nil)
	}
	return before
}

// Target is the one in force.
func (s *Sink) Target() *Target { return s.target.Load() }

// Run delivers until take ends, then waits for the attempts it has begun. work
// ends those; it should end later than take. Nothing is running when Run has returned.
func (s *Sink) Run(take, work context.Context) {
	var running sync.WaitGroup
	defer running.Wait()
	holding, letGo := context.WithCancel(work)
	defer letGo()
	running.Go(func() { s.holder.run(holding) })
	lanes := newLanes(s)
	s.lanes.Store(lanes)
	running.Go(func() { lanes.run(take, work) })

	var attempts sync.WaitGroup
	defer attempts.Wait()
	for take.Err() == nil && s.breaker.await(take) {
		messages, err := s.collect(take)
		if err != nil && take.Err() == nil {
			s.Log.Warn("cannot read the sink's queue; trying again", "sink", s.Name, "error", err)
			sleep(take, time.Second)
		}
		round := s.round(messages, s.target.Load().BatchSize)
		s.dispatch(take, work, messages, &attempts)
		s.pause(take, round)
	}
}

// fetchLeast is how many deliveries are pulled at once where there are so many:
// asking for each few of them would cost as much as they do.
const fetchLeast = 256

// collect pulls as many deliveries as can be attempted soon. With a batch wait
// it gives a batch the time to fill.
func (s *Sink) collect(take context.Context) ([]*bus.Message, error) {
	t := s.target.Load()
	if !s.breaker.closed() {
		return s.Consumer.Fetch(take, 1)
	}
	messages, err := s.Consumer.Fetch(take, max(t.Concurrency*t.BatchSize, fetchLeast))
	if err != nil || t.BatchWait == 0 || len(messages) >= t.BatchSize {
		return messages, err
	}
	waiting, cancel := context.WithTimeout(take, t.BatchWait)
	defer cancel()
	for len(messages) < t.BatchSize {
		more, err := s.Consumer.Fetch(waiting, t.BatchSize-len(messages))
		if err != nil {
			break // the wait is over; what is there goes out
		}
		messages = append(messages, more...)
	}
	return messages, nil
}

// dispatch starts an attempt for each batch as soon as there is a slot, also
// when no more is taken: the server would hand these out again only after
// AckWait. What is not started when work ends goes back to the queue.
func (s *Sink) dispatch(take, work context.Context, messages []*bus.Message, attempts *sync.WaitGroup) {
	if len(messages) == 0 {
		return
	}
	group := s.holder.hold(messages)
	waiting := make([]message, len(messages))
	for i, m := range messages {
		waiting[i] = m
	}
	batches := make(chan batch)
	defer close(batches)
	for len(waiting) > 0 {
		n, ahead, ok := s.admit(take, work, len(waiting))
		if !ok {
			for _, m := range waiting {
				m.Nak(0)
			}
			group.done(len(waiting))
			return
		}
		b := batch{waiting[:n:n], ahead}
		waiting = waiting[n:]
		// A goroutine that is done with its own batch takes the next one: a new one has a stack to grow first.
		select {
		case batches <- b:
		default:
			attempts.Go(func() { s.attemptAll(work, b, batches, group) })
		}
	}
}

// batch are deliveries that are attempted together; ahead as of [Sink.admit].
type batch struct {
	messages []message
	ahead    bool
}

// attemptAll attempts a batch, and then those that come.
func (s *Sink) attemptAll(ctx context.Context, b batch, more <-chan batch, group *held) {
	for ok := true; ok; b, ok = <-more {
		s.attempt(ctx, s.within(b.messages), b.ahead)
		group.done(len(b.messages))
	}
}

// admit waits until up to most deliveries may be attempted, and takes a slot for
// them. ahead tells that one goes ahead of the others while the sink is left
// alone. ok is false when work ended first, or take while the sink is left alone
// or its rate is used up.
func (s *Sink) admit(take, work context.Context, most int) (n int, ahead, ok bool) {
	for {
		ahead, ok = s.breaker.pass(take)
		if !ok {
			return 0, false, false
		}
		if n = min(s.target.Load().BatchSize, most); ahead {
			n = 1
		}
		if s.limited() && !s.limiter.wait(take, n) || !s.slots.acquire(work) {
			if ahead {
				s.breaker.unused()
			}
			return 0, false, false
		}
		if ahead || s.breaker.closed() {
			return n, ahead, true
		}
		s.slots.release() // it has opened meanwhile
	}
}

func (s *Sink) limited() bool {
	r := s.target.Load().Rate
	return r.Limit.Count > 0 && r.Per == nil
}

// within gives back the deliveries whose key has used up its rate. They wait in
// lanes; here are those alone that came before the sink had such a rate.
func (s *Sink) within(batch []message) []message {
	if s.target.Load().Rate.Per == nil {
		return batch
	}
	kept := batch[:0]
	for _, m := range batch {
		w, err := m.Work()
		if err == nil && m.Delivered() == 1 {
			if wait := s.limiter.book(w); wait > 0 {
				m.Nak(wait)
				continue
			}
		}
		kept = append(kept, m)
	}
	return kept
}

// attempt delivers a batch once and carries out what comes of it. It gives the
// slot back that it was started with.
func (s *Sink) attempt(ctx context.Context, messages []message, ahead bool) {
	t := s.acquire()
	jobs, o := s.prepare(ctx, t, messages)
	if len(jobs) > 0 {
		verdicts := s.try(ctx, t, jobs)
		s.count(ctx, verdicts, ahead)
		s.judge(ctx, t, jobs, verdicts, o)
	} else if ahead {
		s.breaker.unused()
	}
	t.uses.RUnlock()
	// The slot is free while the store makes the rest durable.
	s.slots.release()
	s.settle(ctx, o, o.publish(s.Bus))
}

// acquire is the target in force, which will not be closed until its uses are released.
func (s *Sink) acquire() *Target {
	for {
		t := s.target.Load()
		t.uses.RLock()
		if !t.closed {
			return t
		}
		t.uses.RUnlock()
	}
}

// Lookup looks a row up in what the sink delivers to, within its timeout.
func (s *Sink) Lookup(ctx context.Context, key []any) ([]byte, error) {
	t := s.acquire()
	defer t.uses.RUnlock()
	table, ok := t.Sink.(event.Looker)
	if !ok {
		return nil, event.Permanentf("the sink %s has no table to look a row up in", s.Name)
	}
	ctx, cancel := context.WithTimeout(ctx, t.Timeout)
	defer cancel()
	return table.Lookup(ctx, key)
}

// job is a delivery and the message that asked for it.
type job struct {
	message  message
	work     *bus.Work
	delivery *event.Delivery
}

// prepare shapes each delivery as its hop wants it. What cannot be attempted is
// in the outbox already.
func (s *Sink) prepare(ctx context.Context, t *Target, messages []message) ([]job, *outbox) {
	jobs, o := make([]job, 0, len(messages)), &outbox{}
	for _, m := range messages {
		w, err := m.Work()
		if err != nil {
			d := unreadable("", m, err)
			d.Sink = s.Name
			o.bury(m, d)
			continue
		}
		if w.Skip {
			s.goOn(m, w, nil, o)
			continue
		}
		if t.Sink == nil {
			d := buryWork(w, ReasonRemoved, removedText)
			d.History = s.history(ctx, w, m.Delivered())
			d.Attempts = len(d.History)
			o.bury(m, d)
			continue
		}
		shaped, dead := s.shape(w)
		if dead != nil {
			s.fail(m, w, event.Answer{}, dead, o)
			continue
		}
		jobs = append(jobs, job{m, w, &event.Delivery{
			ID: w.Event.DeliveryID(w.Pipeline, w.Route), Event: shaped,
			Pipeline: w.Pipeline, Route: w.Route, Attempt: m.Delivered(), Results: w.Results,
		}})
	}
	return jobs, o
}

// shape applies the hop's map, by the rules of the event's generation.
func (s *Sink) shape(w *bus.Work) (*event.Event, *bus.Dead) {
	rules := s.Book.Of(w.Pipeline, w.Generation)
	if rules == nil {
		return w.Event, nil // replayed to a sink by hand: as it stands
	}
	if rules.Err != nil {
		return nil, buryWork(w, ReasonGeneration, rules.Err.Error())
	}
	shaped, err := rules.Shaped(w)
	if err == nil {
		return shaped, nil
	}
	d := rules.bury(w.Event, reasonOf(err), w.Route, err)
	d.Sink, d.Hop, d.After, d.Final, d.Results = w.Sink, w.Hop, w.After, w.Final, w.Results
	return nil, d
}

// try calls the sink, and measures.
func (s *Sink) try(ctx context.Context, t *Target, jobs []job) []event.Verdict {
	batch := make([]*event.Delivery, len(jobs))
	for i, j := range jobs {
		batch[i] = j.delivery
	}
	s.Metrics.InFlight(s.Name, len(jobs))
	defer s.Metrics.InFlight(s.Name, -len(jobs))
	start := time.Now()
	verdicts := t.deliver(ctx, batch)
	s.Metrics.Attempted(s.Name, time.Since(start))
	return verdicts
}

// count tells the breaker how attempts ended. A receiver that refuses is there.
func (s *Sink) count(ctx context.Context, verdicts []event.Verdict, ahead bool) {
	bad := 0
	for _, v := range verdicts {
		if v.Err != nil && !event.IsPermanent(v.Err) {
			bad++
		}
	}
	switch {
	case bad == 0 || ctx.Err() == nil:
		s.breaker.ended(len(verdicts)-bad, bad, ahead)
	case ahead:
		s.breaker.unused()
	}
}

// judge carries out the verdicts: what is done is acknowledged at once, what
// failed waits in the queue, what goes on or ends is in the outbox. An attempt
// cut short because the engine stops is not held against the delivery.
func (s *Sink) judge(ctx context.Context, t *Target, jobs []job, verdicts []event.Verdict, o *outbox) {
	for i, j := range jobs {
		v := verdicts[i]
		if v.Err == nil {
			s.delivered(j, v.Answer, o)
			continue
		}
		if ctx.Err() != nil {
			j.message.Nak(0)
			continue
		}
		if !event.IsPermanent(v.Err) {
			wait, again := t.Retry.Next(j.delivery.Attempt, time.Since(j.message.Time()), event.RetryDelay(v.Err))
			if again {
				s.retry(j, v, wait)
				continue
			}
		}
		s.fail(j.message, j.work, v.Answer, buryAttempted(j, v, s.history(ctx, j.work, j.delivery.Attempt)), o)
	}
}

// fail ends a delivery that failed for good, as its hop's on_failure says.
func (s *Sink) fail(m message, w *bus.Work, answer event.Answer, d *bus.Dead, o *outbox) {
	rules := s.Book.Of(w.Pipeline, w.Generation)
	if rules == nil || rules.Err != nil {
		o.bury(m, d)
		return
	}
	next := rules.Failed(w, answer, d)
	if !slices.Contains(next.Dead, d) {
		s.Metrics.FailedOver(s.Name, w.Pipeline, w.Route, d.Reason)
		s.Log.Warn("a delivery failed and is handed over, as on_failure says", "sink", s.Name, "pipeline", w.Pipeline, "route", w.Route,
			"event", w.Event.ID, "reason", d.Reason, "to", sinksOf(next.Work))
	}
	o.messages = append(o.messages, m)
	o.dead = append(o.dead, next.Dead...)
	s.gate(next.Work, o)
}

func sinksOf(work []*bus.Work) string {
	names := make([]string, len(work))
	for i, w := range work {
		names[i] = w.Sink
	}
	return strings.Join(names, ", ")
}

func (s *Sink) delivered(j job, answer event.Answer, o *outbox) {
	s.Metrics.Delivered(s.Name, j.work.Pipeline, j.work.Route, max(0, time.Since(j.work.Event.Time)))
	s.goOn(j.message, j.work, &answer, o)
}

// goOn hands over to what follows in the chain. answer is nil when the hop was skipped.
func (s *Sink) goOn(m message, w *bus.Work, answer *event.Answer, o *outbox) {
	rules := s.Book.Of(w.Pipeline, w.Generation)
	if rules == nil || rules.Err != nil {
		m.Ack()
		return
	}
	next := rules.Next(w, answer)
	if len(next.Work) == 0 && len(next.Dead) == 0 {
		m.Ack()
		return
	}
	o.messages = append(o.messages, m)
	o.dead = append(o.dead, next.Dead...)
	s.gate(next.Work, o)
}

// history are the attempts before the one of that number. Where they cannot be
// read the dead letter does without.
func (s *Sink) history(ctx context.Context, w *bus.Work, number int) []bus.Attempt {
	if number <= 1 {
		return nil
	}
	attempts, err := s.Bus.Attempts(ctx, w)
	if err != nil {
		s.Log.Warn("the attempts at a delivery could not be read", "sink", s.Name, "event", w.Event.ID, "error", err)
	}
	return attempts
}

func (s *Sink) retry(j job, v event.Verdict, wait time.Duration) {
	s.Bus.NoteAttempt(j.work, attemptOf(j, v))
	s.Metrics.Retried(s.Name, j.work.Pipeline, j.work.Route)
	s.Log.Warn("a delivery failed and will be tried again", "sink", s.Name, "pipeline", j.work.Pipeline, "route", j.work.Route,
		"event", j.work.Event.ID, "attempt", j.delivery.Attempt, "next", wait.Round(time.Millisecond), "error", v.Err)
	j.message.Nak(wait)
}

package stage

import (
	"cmp"
	"container/heap"
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/trotline/trotline/engine/bus"
	"github.com/trotline/trotline/internal/planted"
)

// lanes is what waits for a sink and has to keep its order. The server is not
// asked to keep it: it hands out what waits for a retry after what came later.
// So nothing is given back to it. The lanes read on in the order of the stream,
// hold up no more than the key whose head waits, and hold what is behind it as
// sequences.
type lanes struct {
	sink  *Sink
	queue *bus.LaneQueue

	mu       sync.Mutex
	all      map[laneID]*lane
	ready    []*lane
	waiting  agenda[*lane]
	held     map[*lane]struct{}
	read     uint64              // the sequence up to which the queue was read
	bytes    int                 // of the deliveries that are held whole
	restored map[uint64]bus.Head // heads of an earlier run that were not met yet
	stale    bool                // what is saved of the heads is not how they are

	holding atomic.Bool   // there are lanes in held
	changed chan struct{} // something is ready, or will be sooner
	room    chan struct{} // fewer lanes are there
}

const (
	// laneBytes is how many bytes of deliveries lanes hold, so that few have to be loaded again.
	laneBytes = 32 << 20
	// laneAhead is how many deliveries of one key are held whole.
	laneAhead = 256
	// laneHeader is what a delivery takes in memory beside its data.
	laneHeader = 1 << 10
	// laneMax is how many lanes are held in memory. Beyond it nothing more is read until some have ended.
	laneMax = 250_000
	// laneSave is how often the heads are saved while they change.
	laneSave = time.Second
	// laneAgain is the wait after the store has failed.
	laneAgain = time.Second
)

func newLanes(s *Sink) *lanes {
	return &lanes{
		sink: s, queue: s.Lanes,
		all: make(map[laneID]*lane), held: make(map[*lane]struct{}), restored: make(map[uint64]bus.Head),
		changed: make(chan struct{}, 1), room: make(chan struct{}, 1),
	}
}

// poke wakes whoever waits, or will.
func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// holdsBack tells whether a lane waits for its pipeline.
func (l *lanes) holdsBack() bool { return l.holding.Load() }

// run delivers until take ends, then waits for the attempts it has begun.
func (l *lanes) run(take, work context.Context) {
	l.sink.Order.enter(l.sink.Name, l)
	defer l.sink.Order.leave(l.sink.Name)
	if !l.recall(take) {
		return
	}
	var running, attempts sync.WaitGroup
	running.Go(func() { l.fill(take) })
	running.Go(func() { l.keep(take) })
	l.dispatch(take, work, &attempts)
	running.Wait()
	attempts.Wait()
	l.save(work)
}

// recall reads how far the heads were in the run before; false when take ended first.
func (l *lanes) recall(take context.Context) bool {
	for {
		heads, err := l.queue.Heads(take)
		if err == nil {
			for _, h := range heads {
				l.restored[h.Sequence] = h
			}
			return true
		}
		if take.Err() != nil {
			return false
		}
		l.sink.Log.Warn("cannot read how far a sink's waiting deliveries are; trying again", "sink", l.sink.Name, "error", err)
		if !sleep(take, laneAgain) {
			return false
		}
	}
}

// fill reads the queue as it grows.
func (l *lanes) fill(take context.Context) {
	for l.makeRoom(take) {
		messages, err := l.queue.Fetch(take)
		if err != nil {
			if take.Err() == nil {
				l.sink.Log.Warn("cannot read a sink's lanes; trying again", "sink", l.sink.Name, "error", err)
				sleep(take, laneAgain)
			}
			continue
		}
		for _, m := range messages {
			l.add(m)
		}
	}
}

// makeRoom waits until there is room for more lanes; false when take ended first.
func (l *lanes) makeRoom(take context.Context) bool {
	for take.Err() == nil {
		l.mu.Lock()
		full := len(l.all) >= laneMax
		l.mu.Unlock()
		if !full {
			return true
		}
		select {
		case <-l.room:
		case <-take.Done():
		}
	}
	return false
}

// add puts a delivery into its lane.
func (l *lanes) add(m *bus.Message) {
	at := m.Position()
	id := laneID{pipeline: at.Pipeline, key: at.Key}
	if at.Key == "" {
		id = laneID{alone: m.Sequence()}
	}
	e := entry{sequence: m.Sequence(), event: at.Sequence, place: at.Place}
	l.mu.Lock()
	defer l.mu.Unlock()
	of := l.all[id]
	if e.sequence <= l.read && !planted.NakUnderOrder { // it comes again: the connection was lost meanwhile
		if of == nil || !of.has(e.sequence) {
			m.Ack() // and so was the word that it is done with
		}
		return
	}
	l.read = max(l.read, e.sequence)
	if of == nil {
		of = &lane{id: id}
		l.all[id] = of
	}
	if len(of.queue) < laneAhead && l.bytes < laneBytes {
		e.whole = m
		l.bytes += size(m)
	}
	of.insert(e)
	if len(of.queue) == 1 {
		l.restore(of, m)
		l.place(of)
	}
}

// restore gives a head what an earlier run knew of it. The lock is held.
func (l *lanes) restore(of *lane, m *bus.Message) {
	h, ok := l.restored[m.Sequence()]
	delete(l.restored, m.Sequence())
	if ok && h.Stored == m.Time().UnixNano() {
		wait := min(time.Until(time.UnixMilli(h.NotBefore)), time.Duration(h.Left)*time.Millisecond) // the clock may be set back
		of.attempts, of.first, of.notBefore, of.stored = h.Attempts, time.UnixMilli(h.First).UTC(), time.Now().Add(wait), m.Time()
	}
}

// place lists a lane by what its head waits for. The lock is held.
func (l *lanes) place(of *lane) {
	switch {
	case of.id.key != "" && l.early(of):
		of.state = laneHeld
		l.held[of] = struct{}{}
	case of.notBefore.After(time.Now()) && l.sink.target.Load().Sink != nil:
		of.state = laneWaiting
		heap.Push(&l.waiting, of)
		poke(l.changed)
	default:
		of.state = laneReady
		l.ready = append(l.ready, of)
		poke(l.changed)
	}
}

// early tells whether something that comes before a lane's head is not handed
// over yet. The lock is held.
func (l *lanes) early(of *lane) bool {
	l.holding.Store(true) // before asking: who hands over meanwhile will tell
	early := of.queue[0].event >= l.sink.Order.limit(of.id.pipeline)
	l.holding.Store(early || len(l.held) > 0)
	return early
}

// admit looks again at the lanes that are held back.
func (l *lanes) admit() {
	l.mu.Lock()
	defer l.mu.Unlock()
	held := l.held
	l.held = make(map[*lane]struct{})
	for of := range held {
		l.place(of)
	}
}

// hurry lets heads go at once: all of them, since there is no use in waiting
// for a sink that is gone, or those that wait for their rate, since it is another one.
func (l *lanes) hurry(all bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, of := range l.waiting {
		if all || of.booked {
			of.notBefore, of.booked = time.Time{}, false
		}
	}
	heap.Init(&l.waiting)
	poke(l.changed)
}

// dispatch starts an attempt whenever a head is ready and a slot is free.
func (l *lanes) dispatch(take, work context.Context, attempts *sync.WaitGroup) {
	for l.await(take) {
		n, ahead, ok := l.sink.admit(take, take, l.count())
		if !ok {
			return
		}
		turns := l.next(n)
		attempts.Go(func() { l.attempt(work, turns, ahead) })
	}
}

// await returns when a head is ready; false when take ended first.
func (l *lanes) await(take context.Context) bool {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for take.Err() == nil {
		ready, wait := l.promote(time.Now())
		if ready {
			return true
		}
		timer.Reset(wait)
		select {
		case <-l.changed:
		case <-timer.C:
		case <-take.Done():
		}
	}
	return false
}

// count is how many lanes are ready.
func (l *lanes) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.ready)
}

// promote makes ready what need not wait any more. It tells whether anything is
// ready, and how long it is until something will be.
func (l *lanes) promote(now time.Time) (ready bool, wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.waiting) > 0 && !l.waiting[0].notBefore.After(now) {
		of := heap.Pop(&l.waiting).(*lane)
		of.state = laneReady
		l.ready = append(l.ready, of)
	}
	wait = time.Hour
	if len(l.waiting) > 0 {
		wait = max(0, l.waiting[0].notBefore.Sub(now))
	}
	return len(l.ready) > 0, wait
}

// next takes the heads of some lanes that are ready, of each lane one: were two
// of a key in one batch, the second could arrive without the first.
func (l *lanes) next(n int) []*turn {
	l.mu.Lock()
	defer l.mu.Unlock()
	n = min(n, len(l.ready))
	turns := make([]*turn, n)
	for i, of := range l.ready[:n] {
		of.state = laneBusy
		turns[i] = &turn{lanes: l, lane: of, sequence: of.queue[0].sequence, whole: of.queue[0].whole, attempt: of.attempts + 1, since: of.first, booked: of.booked}
		of.booked = false
		l.ready[i] = nil
	}
	l.ready = l.ready[n:]
	return turns
}

// attempt loads what is not in memory and delivers.
func (l *lanes) attempt(work context.Context, turns []*turn, ahead bool) {
	messages := make([]message, 0, len(turns))
	for _, t := range turns {
		if l.load(work, t) && l.inRate(t) {
			messages = append(messages, t)
		}
	}
	l.sink.attempt(work, messages, ahead)
}

// inRate tells whether a head is within the rate of its key. One that is not
// has its place, and waits until then.
func (l *lanes) inRate(t *turn) bool {
	if t.booked || l.sink.target.Load().Rate.Per == nil {
		return true
	}
	w, err := t.Work()
	if err != nil {
		return true // what is wrong with it shows when it is delivered
	}
	wait := l.sink.limiter.book(w)
	if wait == 0 {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	t.lane.booked = true
	l.wait(t.lane, wait)
	return false
}

// load gets a delivery from the store. One that somebody has deleted there is done with.
func (l *lanes) load(ctx context.Context, t *turn) bool {
	if t.since.IsZero() {
		t.since = time.Now().UTC()
	}
	if t.whole != nil {
		return true
	}
	var err error
	t.whole, err = l.queue.Load(ctx, t.sequence)
	switch {
	case err == nil:
		return true
	case errors.Is(err, bus.ErrNotFound):
		l.done(t)
	default:
		if ctx.Err() == nil {
			l.sink.Log.Warn("cannot read a delivery; trying again", "sink", l.sink.Name, "error", err)
		}
		l.postpone(t, laneAgain)
	}
	return false
}

// done lets the next of a lane go.
func (l *lanes) done(t *turn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	of := t.lane
	if m := of.queue[0].whole; m != nil {
		l.bytes -= size(m)
	}
	l.stale = l.stale || of.attempts > 0
	of.queue[0] = entry{}
	of.queue = of.queue[1:]
	of.attempts, of.first, of.stored, of.notBefore = 0, time.Time{}, time.Time{}, time.Time{}
	if len(of.queue) == 0 {
		delete(l.all, of.id)
		poke(l.room)
		return
	}
	l.place(of)
}

// again lets a lane wait: its head has failed.
func (l *lanes) again(t *turn, wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	of := t.lane
	of.attempts, of.first, of.stored = t.attempt, t.since, t.whole.Time()
	l.stale = true
	l.wait(of, wait)
}

// postpone lets a lane wait whose head was not attempted.
func (l *lanes) postpone(t *turn, wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wait(t.lane, wait)
}

// wait lists a lane whose head goes again. The lock is held.
func (l *lanes) wait(of *lane, wait time.Duration) {
	of.notBefore = time.Now().Add(wait)
	if m := of.queue[0].whole; m != nil && wait > laneAgain {
		of.queue[0].whole = nil // it can be loaded when its time has come
		l.bytes -= size(m)
	}
	l.place(of)
}

func size(m *bus.Message) int { return len(m.Data()) + laneHeader }

// keep saves the heads while they change.
func (l *lanes) keep(take context.Context) {
	tick := time.NewTicker(laneSave)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			l.save(take)
		case <-take.Done():
			return
		}
	}
}

// save keeps how far the heads are, if that has changed.
func (l *lanes) save(ctx context.Context) {
	heads, stale := l.heads()
	if !stale {
		return
	}
	if err := l.queue.SaveHeads(ctx, heads); err != nil {
		l.mu.Lock()
		l.stale = true
		l.mu.Unlock()
		if ctx.Err() == nil {
			l.sink.Log.Warn("after a restart, waiting deliveries may be attempted too early", "sink", l.sink.Name, "error", err)
		}
	}
}

func (l *lanes) heads() (heads []bus.Head, stale bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.stale {
		return nil, false
	}
	l.stale = false
	for _, of := range l.all {
		if of.attempts > 0 {
			heads = append(heads, bus.Head{
				Sequence: of.queue[0].sequence, Stored: of.stored.UnixNano(), Attempts: of.attempts,
				First: of.first.UnixMilli(), NotBefore: of.notBefore.UnixMilli(), Left: time.Until(of.notBefore).Milliseconds(),
			})
		}
	}
	for _, h := range l.restored {
		if h.Sequence > l.read {
			heads = append(heads, h)
		}
	}
	slices.SortFunc(heads, func(a, b bus.Head) int { return cmp.Compare(a.Sequence, b.Sequence) })
	return heads, true
}

// turn is the head of a lane, as it is attempted. It is a [message].
type turn struct {
	lanes    *lanes
	lane     *lane
	sequence uint64
	whole    *bus.Message
	attempt  int
	since    time.Time
	booked   bool // it has waited for its rate
}

func (t *turn) Sequence() uint64         { return t.sequence }
func (t *turn) Data() []byte             { return t.whole.Data() }
func (t *turn) Work() (*bus.Work, error) { return t.whole.Work() }
func (t *turn) Delivered() int           { return t.attempt }

// Time is when it was attempted first: how long it stood in its lane is not held against it.
func (t *turn) Time() time.Time { return t.since }

// Ack lets the next of the lane go at once: the server carries out what it is
// told one after the other, so none of them is there after a crash without those before it.
func (t *turn) Ack() {
	t.whole.Ack()
	t.lanes.done(t)
}

// Nak without a delay gives back what was not attempted.
func (t *turn) Nak(delay time.Duration) {
	if delay > 0 && planted.NakUnderOrder {
		t.whole.Nak(delay)
		t.lanes.done(t)
		return
	}
	if delay > 0 {
		t.lanes.again(t, delay)
		return
	}
	t.lanes.postpone(t, 0)
}

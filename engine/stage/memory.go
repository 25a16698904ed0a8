package stage

import (
	"container/heap"
	"container/list"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/trotline/trotline/engine/bus"
	"github.com/trotline/trotline/engine/metrics"
	"github.com/trotline/trotline/event"
)

// memory is what the stateful steps of a pipeline remember, what was said of
// the events that may come again, and where the events stand that wait. It
// belongs to the pipeline's loop; whatever changes in it is written to the
// pipeline's changelog, and is on the disk before anything follows from it.
type memory struct {
	pipeline string
	bus      *bus.Bus
	book     Book
	log      *slog.Logger

	states   map[string]*state
	accounts map[string]*account // by cause
	queue    list.List           // the accounts of events of the events stream, oldest first
	closing  map[string]*closing // windows that are closed, by name, until their event is on its way
	marks    marks

	records   []record // what is not written yet
	gone      []string // the windows whose event is on its way, which is not written yet
	changelog changelog

	most      int  // how many keys a step remembers
	forgetful bool // keys were forgotten early; the log has said so
	metrics   *metrics.Metrics
}

// account is what the steps have said of one event.
type account struct {
	cause string
	stamp string
	place uint64 // the event's place in the events stream; 0: it is a held one
	said  []saying
	page  uint64
}

// state is what one stateful step remembers.
type state struct {
	name   string
	step   event.Stateful
	values map[string]*value
	notes  list.List // the values, by the page from which on their notes are needed
	ends   ends
	// closed is up to when its windows are closed. newest is the latest event
	// seen, and seen is when: between events, their time runs on with the clock.
	closed, newest, seen time.Time
	clockPage            uint64
	clockMoved           bool
	// size is what the notes take that would make the values, as far as is known.
	size int
	// uses counts the open windows that follow each generation.
	uses map[uint64]int
}

func (s *state) windowing() bool {
	_, ok := s.step.(event.Windowing)
	return ok
}

// value is what is remembered of a key.
type value struct {
	state      *state
	key        string
	is         any
	name       string // of a window: unique to it
	generation uint64 // of the last event that changed it
	page       uint64 // from here on its notes are needed
	size       int    // of the note that would make it, as far as is known
	ends       time.Time
	place      *list.Element
	index      int // in the heap of the ends; -1: it has none
}

// closing is a closed window on its way to become an event.
type closing struct {
	state      *state
	is         any
	name       string
	generation uint64
	page       uint64
	sent       bool // its event is held
}

// maxKeys is how many keys a step remembers. One takes some 300 bytes and what
// the step notes.
const maxKeys = 1_000_000

func newMemory(pipeline string, s *Shared) *memory {
	return &memory{
		pipeline: pipeline, bus: s.Bus, book: s.Book, log: s.Log,
		states: make(map[string]*state), accounts: make(map[string]*account), closing: make(map[string]*closing),
		marks: newMarks(), most: maxKeys, metrics: s.Metrics,
	}
}

// state is what is remembered under a name; step is how to read it.
func (m *memory) state(name string, step event.Stateful) *state {
	s := m.states[name]
	if s == nil {
		s = &state{name: name, values: make(map[string]*value), uses: make(map[uint64]int), seen: time.Now()}
		m.states[name] = s
	}
	s.step = step
	return s
}

// decide asks a stateful step about an event and keeps what it notes.
func (m *memory) decide(generation uint64, step *Step, t event.Stateful, e *event.Event) saying {
	s := m.state(step.State, t)
	word, err := guarded(func() (string, error) { return m.ask(s, generation, e) })
	if err != nil {
		return saying{Fault: faultOf(err)}
	}
	return saying{Word: word}
}

func (m *memory) ask(s *state, generation uint64, e *event.Event) (string, error) {
	windows, windowing := s.step.(event.Windowing)
	if windowing {
		if err := m.tick(s, windows, e); err != nil {
			return "", err
		}
	}
	key, err := s.step.Key(e, s.closed)
	if err != nil {
		return "", err
	}
	v := s.values[key]
	d, err := s.step.Decide(key, valueOf(v), e)
	if err != nil || d.Note == nil {
		return d.Word, err
	}
	if v == nil {
		if err := m.makeRoom(s, windowing); err != nil {
			return "", err
		}
	}
	r := record{State: s.name, Key: key, Note: d.Note, Generation: generation, First: v == nil || !windowing}
	if r.First && windowing {
		r.Name = windowName(m.pipeline, s.name, key, e)
	}
	if v, err = s.note(r, 0); err != nil {
		return "", err
	}
	if r.First {
		m.changelog.fresh = append(m.changelog.fresh, v)
	}
	m.records = append(m.records, r)
	if windowing && windows.Full(v.is) {
		m.close(v)
	}
	return d.Word, nil
}

// tick moves the clock of windows that go by the events' own time. An event
// from the future moves it no further than to when it was received.
func (m *memory) tick(s *state, t event.Windowing, e *event.Event) error {
	at, own, err := t.Time(e)
	if err != nil || !own {
		return err
	}
	if at.After(e.Time) {
		at = e.Time
	}
	s.seen = time.Now()
	if at.After(s.newest) {
		s.newest, s.clockMoved = at, true
	}
	if through := s.newest.Add(-t.Late()); through.After(s.closed) {
		s.closed = through // what is late now is late at once, whether its window is closed already or not
	}
	return nil
}

var errTooMany = errors.New("too many windows are open; a step has at most a million at once")

// makeRoom forgets the key that was noted longest ago, if there are too many. A
// window is never forgotten.
func (m *memory) makeRoom(s *state, windowing bool) error {
	if len(s.values) < m.most {
		return nil
	}
	if windowing {
		return &event.StepError{Err: errTooMany}
	}
	step := stepName(m.book.At(m.pipeline, newest), s.name)
	m.metrics.ForgottenEarly(m.pipeline, step)
	if !m.forgetful {
		m.forgetful = true
		m.log.Warn("a step remembers as many keys as it can; the oldest are forgotten early", "pipeline", m.pipeline, "step", step, "keys", m.most)
	}
	s.drop(s.notes.Front().Value.(*value))
	return nil
}

func valueOf(v *value) any {
	if v == nil {
		return nil
	}
	return v.is
}

// windowPrefix begins the id of every event that a window has made.
const windowPrefix = "window-"

// windowName is unique to a window: the same key may have another one later,
// for the same time.
func windowName(pipeline, state, key string, first *event.Event) string {
	h := sha256.New()
	for _, text := range []string{pipeline, state, key, first.Stamp, first.Element} {
		fmt.Fprintf(h, "%d:%s", len(text), text)
	}
	return windowPrefix + hex.EncodeToString(h.Sum(nil)[:16])
}

// note changes a value, or makes it, as a record says.
func (s *state) note(r record, page uint64) (*value, error) {
	v := s.values[r.Key]
	if v == nil || r.First {
		if v != nil {
			s.drop(v)
		}
		v = &value{state: s, key: r.Key, name: r.Name, page: page, size: len(r.Key) + len(r.Note), index: -1}
	}
	is, err := s.step.Noted(v.is, r.Note)
	if err != nil {
		return nil, err
	}
	v.is = is
	if v.place == nil {
		v.place = s.notes.PushBack(v)
		s.values[v.key] = v
		s.size += v.size
	} else {
		s.unuse(v)
	}
	v.generation = r.Generation
	s.uses[v.generation]++
	s.setEnd(v, s.step.Ends(is))
	return v, nil
}

func (s *state) setEnd(v *value, end time.Time) {
	if v.ends.Equal(end) {
		return
	}
	v.ends = end
	switch {
	case v.index < 0 && !end.IsZero():
		heap.Push(&s.ends, v)
	case v.index >= 0 && end.IsZero():
		heap.Remove(&s.ends, v.index)
	case v.index >= 0:
		heap.Fix(&s.ends, v.index)
	}
}

func (s *state) unuse(v *value) {
	if s.uses[v.generation]--; s.uses[v.generation] == 0 {
		delete(s.uses, v.generation)
	}
}

// drop forgets a value.
func (s *state) drop(v *value) {
	delete(s.values, v.key)
	s.notes.Remove(v.place)
	s.size -= v.size
	s.unuse(v)
	if v.index >= 0 {
		heap.Remove(&s.ends, v.index)
	}
}

// close takes a window out of what is open. Its event is made once that is written.
func (m *memory) close(v *value) {
	v.state.drop(v)
	m.closing[v.name] = &closing{state: v.state, is: v.is, name: v.name, generation: v.generation, page: v.page}
	m.records = append(m.records, record{State: v.state.name, Key: v.key, Closed: v.name})
}

// remembered is what the steps have said of an event before.
func (m *memory) remembered(cause, stamp string) []saying {
	if a := m.accounts[cause]; a != nil && a.stamp == stamp {
		return a.said
	}
	return nil
}

// account keeps what the steps have said of an event.
func (m *memory) account(a *account) {
	if old := m.accounts[a.cause]; old != nil && old.stamp == a.stamp {
		return
	}
	m.accounts[a.cause] = a
	if a.place > 0 {
		m.queue.PushBack(a)
	}
}

// settle forgets what was said of events that never come again.
func (m *memory) settle() {
	settled := m.bus.Settled(m.pipeline)
	for front := m.queue.Front(); front != nil; front = m.queue.Front() {
		a := front.Value.(*account)
		if a.place > settled {
			return
		}
		if m.accounts[a.cause] == a {
			delete(m.accounts, a.cause)
		}
		m.queue.Remove(front)
	}
}

// ends is a heap of values, the one that ends first on top.
type ends []*value

func (h ends) Len() int           { return len(h) }
func (h ends) Less(i, j int) bool { return h[i].ends.Before(h[j].ends) }
func (h ends) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

// Push is part of [heap.Interface].
func (h *ends) Push(x any) {
	v := x.(*value)
	v.index = len(*h)
	*h = append(*h, v)
}

// Pop is part of [heap.Interface].
func (h *ends) Pop() any {
	last := len(*h) - 1
	v := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	v.index = -1
	return v
}

package stage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/trotline/trotline/engine/bus"
	"github.com/trotline/trotline/event"
	"github.com/trotline/trotline/event/eventtest"
)

// counting is a stateful step that lets every third event of a key pass, and says which it is.
type counting struct{ key string }

func (c counting) Apply(_ context.Context, e *event.Event) ([]*event.Event, error) {
	return []*event.Event{e}, nil
}
func (c counting) State() string { return "counting" }
func (c counting) Key(e *event.Event, _ time.Time) (string, error) {
	v, err := eventtest.Field(c.key).Eval(e, nil)
	return fmt.Sprint(v), err
}
func (c counting) Decide(_ string, value any, _ *event.Event) (event.Decision, error) {
	n, _ := value.(int)
	return event.Decision{Word: fmt.Sprint(n + 1), Note: json.RawMessage(fmt.Sprint(n + 1))}, nil
}
func (c counting) Follow(e *event.Event, word string) ([]*event.Event, error) {
	return []*event.Event{e.WithBody(event.BodyOf(map[string]any{"nth": json.Number(word)}))}, nil
}
func (c counting) Noted(_ any, note []byte) (any, error) {
	var n int
	err := json.Unmarshal(note, &n)
	return n, err
}
func (c counting) Note(value any) ([]byte, error) { return json.Marshal(value) }
func (c counting) Ends(any) time.Time             { return time.Time{} }

// waiting holds every event for a time.
type waiting time.Duration

func (w waiting) Apply(_ context.Context, e *event.Event) ([]*event.Event, error) {
	return []*event.Event{e}, nil
}
func (w waiting) Until(e *event.Event) (time.Time, error) { return e.Time.Add(time.Duration(w)), nil }

// asking asks a function.
type asking func(e *event.Event) ([]byte, error)

func (a asking) Apply(_ context.Context, e *event.Event) ([]*event.Event, error) {
	return []*event.Event{e}, nil
}
func (a asking) Ask(_ context.Context, e *event.Event) ([]byte, error) { return a(e) }
func (a asking) Answered(e *event.Event, answer []byte) ([]*event.Event, error) {
	return []*event.Event{e.WithBody(event.NewBody(event.JSON, answer))}, nil
}
func (a asking) Unanswered(_ *event.Event, reason error) ([]*event.Event, error) {
	return nil, &event.StepError{Err: reason}
}

// remembers makes the steps ones that are not pure.
func remembers(r *Rules, steps ...event.Transform) *Rules {
	for i, s := range steps {
		step := Step{Name: fmt.Sprintf("step_%d", i+1), Transform: s}
		if t, ok := s.(event.Stateful); ok {
			step.State = fmt.Sprintf("%s-%d", t.State(), i)
		}
		r.Steps = append(r.Steps, step)
	}
	return r.Prepare()
}

// nths are the places that the deliveries say they have.
func nths(t *testing.T, got []*event.Delivery) map[string]int {
	t.Helper()
	all := make(map[string]int)
	for _, d := range got {
		raw, _ := d.Event.Body.Raw()
		all[string(raw)]++
	}
	return all
}

func TestWhatAStepRemembersSurvivesARestart(t *testing.T) {
	dir := t.TempDir()
	r := remembers(rules(to("all", nil, "a")), counting{"none"})
	for life := range 3 {
		l := newLine(t, dir, r)
		if life == 0 {
			l.force()
		}
		var a eventtest.Recorder
		l.sink("a", &a, nil)
		l.acceptNamed(fmt.Sprint("life-", life), 100)
		got := nths(t, wait(t, &a, 100))
		for i := range 100 {
			if want := fmt.Sprintf(`{"nth":%d}`, life*100+i+1); got[want] != 1 {
				t.Fatalf("life %d: %s came %d times", life, want, got[want])
			}
		}
		l.close()
	}
}

func TestAChangelogIsKeptShort(t *testing.T) {
	l := newLine(t, t.TempDir(), remembers(rules(to("all", nil, "a")), counting{"n"})).force()
	var a eventtest.Recorder
	l.sink("a", &a, nil)
	const rounds, keys = 30, 500
	for n := range rounds {
		l.acceptNamed(fmt.Sprint("round-", n), keys)
		wait(t, &a, (n+1)*keys)
	}
	got := nths(t, wait(t, &a, rounds*keys))
	if n := got[fmt.Sprintf(`{"nth":%d}`, rounds)]; n != keys {
		t.Errorf("%d keys were counted up to %d, want %d", n, rounds, keys)
	}
	eventually(t, func() bool {
		l.acceptNamed(fmt.Sprint("more-", time.Now().UnixNano()), 1)
		stats, err := l.shared.Bus.Stats(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range stats.Streams {
			if s.Name == "state" {
				return s.Bytes < 3<<20
			}
		}
		return false
	})
}

func TestDelayedEventsGoOnAfterARestart(t *testing.T) {
	dir := t.TempDir()
	r := remembers(rules(to("all", nil, "a")), waiting(3*time.Second), counting{"none"})
	l := newLine(t, dir, r).force()
	began := time.Now()
	l.acceptNow("early", 200, began)
	l.pipelineIdle(0)
	l.close()

	l = newLine(t, dir, r)
	var a eventtest.Recorder
	l.sink("a", &a, nil)
	got := nths(t, wait(t, &a, 200))
	if passed := time.Since(began); passed < 3*time.Second {
		t.Errorf("they came after %v", passed)
	}
	for i := range 200 {
		if want := fmt.Sprintf(`{"nth":%d}`, i+1); got[want] != 1 {
			t.Fatalf("%s came %d times", want, got[want])
		}
	}
}

func TestEventsWaitForAnAnswer(t *testing.T) {
	var down atomic.Bool
	var asked atomic.Int32
	down.Store(true)
	ask := asking(func(e *event.Event) ([]byte, error) {
		asked.Add(1)
		if down.Load() {
			return nil, errors.New("it is down")
		}
		if e.ID == "late-3" {
			return nil, event.Permanent(errors.New("nobody knows"))
		}
		return []byte(`{"answer":"yes"}`), nil
	})
	l := newLine(t, t.TempDir(), remembers(rules(to("all", nil, "a")), ask)).force()
	var a eventtest.Recorder
	l.sink("a", &a, nil)
	l.acceptNamed("late", 50)
	l.pipelineIdle(0)
	if n := asked.Load(); n > 40 {
		t.Errorf("an endpoint that is down was asked %d times about 50 events", n)
	}
	down.Store(false)
	if got := nths(t, wait(t, &a, 49)); got[`{"answer":"yes"}`] != 49 {
		t.Errorf("got %v", got)
	}
	if d := l.dead(1); d[0].Step != "step_1" || d[0].Error != "nobody knows" {
		t.Errorf("the dead letter says %+v", d[0])
	}
}

// adding is a stateful step whose notes are changes: they need the first one.
type adding struct{ counting }

func (a adding) Decide(_ string, value any, _ *event.Event) (event.Decision, error) {
	n, _ := value.(int)
	note := `"one more"`
	if value == nil {
		note = `"first"`
	}
	return event.Decision{Word: fmt.Sprint(n + 1), Note: json.RawMessage(note)}, nil
}
func (a adding) Noted(value any, note []byte) (any, error) {
	n, known := value.(int)
	switch string(note) {
	case `"first"`:
		return 1, nil
	case `"one more"`:
		if known {
			return n + 1, nil
		}
		return nil, errors.New("it has no beginning")
	}
	return a.counting.Noted(value, note)
}
func (a adding) Time(e *event.Event) (time.Time, bool, error) { return e.Time, false, nil }
func (a adding) Late() time.Duration                          { return 0 }
func (a adding) Full(value any) bool                          { return value.(int) >= 7 }
func (a adding) Close(value any, name string) (*event.Event, error) {
	body := event.BodyOf(map[string]any{"nth": value})
	return &event.Event{ID: name, Stamp: name, Source: "shop", Time: eventtest.Time, Body: body, Original: body}, nil
}
func (a adding) Follow(*event.Event, string) ([]*event.Event, error) { return nil, nil }

func TestNotesOfWhatHasEndedAreLeftOut(t *testing.T) {
	dir := t.TempDir()
	r := remembers(rules(to("all", nil, "a")), adding{counting{"none"}})
	total := 0
	for life := range 6 {
		l := newLine(t, dir, r)
		if life == 0 {
			l.force()
		}
		var a eventtest.Recorder
		l.sink("a", &a, nil)
		before := total / 7
		for n := range 4 { // each is a page of its own
			l.acceptNamed(fmt.Sprint("life-", life, "-", n), 5)
			total += 5
			l.pipelineIdle(0)
		}
		wait(t, &a, total/7-before)
		eventually(t, func() bool { // the pages of closed windows are trimmed
			l.acceptNamed(fmt.Sprint("more-", life, "-", total), 1)
			total++
			l.pipelineIdle(0)
			stats, err := l.shared.Bus.Stats(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return stats.Streams[4].Name == "state" && stats.Streams[4].Messages < 12
		})
		if got := nths(t, wait(t, &a, total/7-before)); got[`{"nth":7}`] != total/7-before {
			t.Errorf("life %d: the windows are %v, want %d of 7", life, got, total/7-before)
		}
		l.close()
	}
}

// After a crash the server may have some pages again that were removed. What
// stands in them has ended, and what says so is gone.
func TestPagesThatComeBackAreNotBelieved(t *testing.T) {
	r := remembers(rules(to("all", nil, "a")), adding{counting{"none"}})
	state := r.Steps[0].State
	note := func(text, name string) record {
		return record{State: state, Note: json.RawMessage(text), Generation: r.Generation, First: name != "", Name: name}
	}
	l := newLine(t, t.TempDir(), r).force()
	l.pipelineIdle(0)
	m := newMemory(r.Pipeline, &l.shared)
	m.changelog.trimmed = time.Now() // it is not trimmed meanwhile
	write := func(records ...record) bus.Page {
		t.Helper()
		m.records = records
		if err := m.write(t.Context()); err != nil {
			t.Fatal(err)
		}
		return m.changelog.pages[len(m.changelog.pages)-1]
	}
	write(note(`"first"`, "ended"), note(`"one more"`, "")) // is back; the page that closes it is not
	needed := write(note(`"one more"`, ""), record{State: state, Closed: "another"}).Sequence
	write(note(`"first"`, "open"), note(`"one more"`, ""), record{Needed: needed})

	m = newMemory(r.Pipeline, &l.shared)
	if err := m.recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	if v := m.states[state].values[""]; v == nil || v.name != "open" || v.is != 2 {
		t.Errorf("the open window is %+v", v)
	}
	if len(m.closing) > 0 {
		t.Errorf("windows are closed that ended long ago: %v", m.closing)
	}
	if first := m.changelog.pages[0].Sequence; first != needed {
		t.Errorf("the changelog begins at page %d, want %d", first, needed)
	}
}

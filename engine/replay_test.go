package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trotline/trotline/engine/bus"
	"github.com/trotline/trotline/event"
)

// refuse makes the sinks refuse everything, or take it again.
func (r *rig) refuse(all bool) {
	r.got.Judge = nil
	if all {
		r.got.Judge = func(context.Context, *event.Delivery) event.Verdict {
			return event.Verdict{Err: event.Permanentf("400 no")}
		}
	}
}

// letters waits until there are n dead letters and returns them, the oldest first.
func (r *rig) letters(n int) (all []*bus.Dead) {
	r.t.Helper()
	r.eventually(func() bool {
		all = nil
		if err := r.engine.bus.Dead(r.t.Context(), bus.DeadFilter{}, func(d *bus.Dead) bool { all = append(all, d); return true }); err != nil {
			r.t.Fatal(err)
		}
		return len(all) == n
	})
	return all
}

func numbered(from, to int) (all []int) {
	for n := from; n <= to; n++ {
		all = append(all, n)
	}
	return all
}

func TestStoredEventsAreReplayed(t *testing.T) {
	r := newRig(t, rulesBy("one"))
	r.accept(numbered(1, 20)...)
	r.deliveries(20)
	first := make(map[string]string)
	for _, d := range r.got.Delivered() {
		first[d.Event.ID] = d.ID
	}
	r.write(strings.Replace(rulesBy("two"), "to: [a]", "routes: [{name: default, when: replayed, to: [a]}]", 1))
	r.reload(Applied)

	condition, err := r.engine.Condition("body.n > 15 && type == ''")
	if err != nil {
		t.Fatal(err)
	}
	filter := bus.EventFilter{Source: "shop", Where: func(s *bus.Stored) bool { return condition.Holds(s.Event) }}
	tally, err := r.engine.ReplayEvents(t.Context(), filter, EventsReplay{Pipeline: "orders"}, RunOptions{DryRun: true})
	if err != nil || tally.Done != 5 || tally.To["a"] != 5 {
		t.Fatalf("the dry run says %+v, %v", tally, err)
	}
	tally, err = r.engine.ReplayEvents(t.Context(), filter, EventsReplay{Pipeline: "orders"}, RunOptions{})
	if err != nil || tally.Done != 5 || tally.To["a"] != 5 || tally.Replay == "" {
		t.Fatalf("the replay says %+v, %v", tally, err)
	}
	r.deliveries(25)
	ids := make(map[string]bool)
	for _, d := range r.got.Delivered()[20:] {
		if d.Event.Replay != tally.Replay || d.ID == first[d.Event.ID] || ids[d.ID] {
			t.Errorf("event %s came again as %s, in the replay %q", d.Event.ID, d.ID, d.Event.Replay)
		}
		ids[d.ID] = true
		if raw, _ := d.Event.Body.Raw(); !strings.Contains(string(raw), "two") {
			t.Errorf("it follows other rules than those in force: %s", raw)
		}
	}

	// Going on under the name of a replay makes the same deliveries, which the queue knows.
	if _, err := r.engine.ReplayEvents(t.Context(), filter, EventsReplay{Pipeline: "orders", Name: tally.Replay}, RunOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.engine.ReplayEvents(t.Context(), bus.EventFilter{ID: "7"}, EventsReplay{Sink: "a"}, RunOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, d := range r.got.Delivered()[25:] {
		if d.Event.ID != "7" && !ids[d.ID] {
			t.Errorf("the replay that goes on delivers event %s as %s", d.Event.ID, d.ID)
		}
	}
	r.eventually(func() bool {
		return slices.ContainsFunc(r.got.Delivered(), func(d *event.Delivery) bool {
			raw, _ := d.Event.Body.Raw()
			return d.Event.ID == "7" && d.Event.Replay != "" && d.Pipeline == "" && string(raw) == `{"n":7}`
		})
	})
}

func TestAReplayIsRefusedWhereItMakesNoSense(t *testing.T) {
	r := newRig(t, rulesBy("one"))
	for want, c := range map[string]struct {
		filter bus.EventFilter
		target EventsReplay
	}{
		"name a pipeline or a sink": {},
		"did you mean orders?":      {target: EventsReplay{Pipeline: "order"}},
		"there is no sink b":        {target: EventsReplay{Sink: "b"}},
		"does not take the events":  {bus.EventFilter{Source: "github"}, EventsReplay{Pipeline: "orders"}},
	} {
		if _, err := r.engine.ReplayEvents(t.Context(), c.filter, c.target, RunOptions{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
	if _, err := r.engine.Condition("env.HOME == ''"); err == nil {
		t.Error("a filter's expression sees the environment")
	}
}

// A delivery of a replay that dies is a dead letter, and goes on from there.
func TestADeadReplayGoesOn(t *testing.T) {
	r := newRig(t, rulesBy("one"))
	r.accept(1)
	r.deliveries(1)
	r.refuse(true)
	for _, target := range []EventsReplay{{Sink: "a"}, {Pipeline: "orders"}} {
		if _, err := r.engine.ReplayEvents(t.Context(), bus.EventFilter{}, target, RunOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	letters := r.letters(2)
	r.refuse(false)
	for _, d := range letters {
		if _, err := r.engine.ReplayDead(t.Context(), d.Number, "", false); err != nil {
			t.Errorf("%+v: %v", d, err)
		}
	}
	r.deliveries(3)
	for _, d := range r.got.Delivered()[1:] {
		if d.Event.Replay == "" {
			t.Error("it is not marked as replayed any more")
		}
	}
}

func TestManyDeadLettersAreReplayedAtARate(t *testing.T) {
	r := newRig(t, rulesBy("one"))
	r.refuse(true)
	r.accept(numbered(1, 30)...)
	before := make(map[string]bool)
	for _, d := range r.letters(30) {
		before[d.Event.DeliveryID(d.Pipeline, d.Route)] = true
	}
	r.refuse(false)
	began := time.Now()
	tally, err := r.engine.ReplayLetters(t.Context(), bus.DeadFilter{Limit: 20}, "", RunOptions{Rate: event.Rate{Count: 100, Per: time.Second}})
	if err != nil || tally.Done != 20 || tally.To["a"] != 20 {
		t.Fatalf("the replay says %+v, %v", tally, err)
	}
	// The first five are there at once.
	if took := time.Since(began); took < 100*time.Millisecond {
		t.Errorf("20 at 100/s took %s", took)
	}
	r.deliveries(20)
	for _, d := range r.got.Delivered() {
		if !before[d.ID] {
			t.Errorf("event %s was replayed under another id", d.Event.ID)
		}
	}
	if tally, err = r.engine.DropLetters(t.Context(), bus.DeadFilter{}, RunOptions{DryRun: true}); err != nil || tally.Done != 10 {
		t.Errorf("the dry run of a drop says %+v, %v", tally, err)
	}
	r.letters(10)
	if tally, err = r.engine.DropLetters(t.Context(), bus.DeadFilter{}, RunOptions{}); err != nil || tally.Done != 10 {
		t.Errorf("the drop says %+v, %v", tally, err)
	}
	r.letters(0)
}

// A run that is stopped has done what it says, and the rest stays.
func TestAReplayThatIsStoppedLosesNothing(t *testing.T) {
	r := newRig(t, rulesBy("one"))
	r.refuse(true)
	r.accept(numbered(1, 40)...)
	r.letters(40)
	r.refuse(false)
	ctx, stop := context.WithCancel(t.Context())
	tally, err := r.engine.ReplayLetters(ctx, bus.DeadFilter{}, "", RunOptions{
		Rate: event.Rate{Count: 50, Per: time.Second}, Report: func(t Tally) {
			if t.Done >= 10 {
				stop()
			}
		},
	})
	if err == nil || tally.Done < 10 || tally.Done >= 40 {
		t.Fatalf("it says %+v, %v", tally, err)
	}
	r.letters(40 - tally.Done)
	if tally, err = r.engine.ReplayLetters(t.Context(), bus.DeadFilter{}, "", RunOptions{}); err != nil {
		t.Fatalf("it says %+v, %v", tally, err)
	}
	r.letters(0)
	if got := r.deliveries(40); len(got) != 40 || len(r.got.Delivered()) != 40 {
		t.Errorf("%d of 40 events came in %d deliveries", len(got), len(r.got.Delivered()))
	}
}

func TestADeadLetterIsEdited(t *testing.T) {
	r := newRig(t, rulesBy("one"))
	r.refuse(true)
	r.accept(1)
	d := r.letters(1)[0]
	if err := r.engine.EditDead(t.Context(), d.Number, []byte(`{"n": `)); err == nil || !strings.Contains(err.Error(), "no json") {
		t.Errorf("a body that is no JSON: %v", err)
	}
	for _, body := range []string{`{"n":2}`, `{"n":1,"by":"hand"}`} {
		if err := r.engine.EditDead(t.Context(), d.Number, []byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	edited := r.letters(1)[0]
	if first, _ := edited.Unedited.Raw(); edited.Number != d.Number || string(first) != `{"by":"one","n":1}` {
		t.Errorf("the letter is %+v; its first body %s", edited, first)
	}
	if err := r.engine.RestoreDead(t.Context(), d.Number); err != nil {
		t.Fatal(err)
	}
	if err := r.engine.RestoreDead(t.Context(), d.Number); err == nil {
		t.Error("restored twice")
	}
	if err := r.engine.EditDead(t.Context(), d.Number, []byte(`{"n":1,"by":"hand"}`)); err != nil {
		t.Fatal(err)
	}
	r.refuse(false)
	if _, err := r.engine.ReplayDead(t.Context(), d.Number, "", false); err != nil {
		t.Fatal(err)
	}
	if got := r.deliveries(1)["1"]; got != `{"n":1,"by":"hand"}` {
		t.Errorf("delivered is %s", got)
	}
	r.letters(0)
}

// What failed at a step runs through its pipeline again, so the body it came with is edited.
func TestADeadLetterOfAStepIsEditedWhereItBegins(t *testing.T) {
	r := newRig(t, strings.Replace(rulesBy("one"), "steps: [", "steps: [{set: {amount: body.price}}, {filter: body.amount >= 100}, ", 1))
	r.accept(1)
	d := r.letters(1)[0]
	if err := r.engine.EditDead(t.Context(), d.Number, fmt.Appendf(nil, `{"n":1,"price":250}`)); err != nil {
		t.Fatal(err)
	}
	tally, err := r.engine.ReplayDead(t.Context(), d.Number, "", true)
	if err != nil || tally.To["a"] != 1 {
		t.Errorf("the dry run says %+v, %v", tally, err)
	}
	if _, err := r.engine.ReplayDead(t.Context(), d.Number, "", false); err != nil {
		t.Fatal(err)
	}
	if got := r.deliveries(1)["1"]; got != `{"amount":250,"by":"one","n":1,"price":250}` {
		t.Errorf("delivered is %s", got)
	}
}

func TestRefusedRequestsAreKept(t *testing.T) {
	r := newRig(t, rulesBy("one"))
	text, err := os.ReadFile(r.file)
	if err != nil {
		t.Fatal(err)
	}
	signed := "sources:\n  signed: {path: /signed, verify: {api_key: {header: X-Key, keys: [s3cret]}}, keep_refused: true}\n"
	if err := os.WriteFile(r.file, []byte(strings.Replace(string(text), "sources:\n", signed, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	r.reload(Applied)
	status, _, _ := r.ask("POST", "signed", map[string][]string{"X-Key": {"wr0ng"}, "Content-Type": {"application/json"}}, `{"n": 1}`)
	if status != 401 {
		t.Fatalf("it is answered %d", status)
	}
	for range 2 * refusedBurst { // no more than so many are kept
		r.ask("POST", "signed", nil, `{}`)
	}
	var all []*bus.Dead
	r.eventually(func() bool {
		all = nil
		if err := r.engine.bus.Dead(t.Context(), bus.DeadFilter{Refused: true}, func(d *bus.Dead) bool { all = append(all, d); return true }); err != nil {
			t.Fatal(err)
		}
		return len(all) >= refusedBurst
	})
	if len(all) > refusedBurst+20 {
		t.Errorf("%d are kept", len(all))
	}
	d := all[0]
	raw, _ := d.Event.Body.Raw()
	if d.Status != 401 || d.Error == "" || d.Event.Source != "signed" || string(raw) != `{"n": 1}` || d.Event.Request.Info().Header.Get("X-Key") != "***" {
		t.Errorf("it is kept as %+v %+v with the body %s", d, d.Event.Request.Info(), raw)
	}
	r.letters(0)
}

// A pipeline that was taken out and comes back from the first event on hands over
// what it had handed over before, although something else still waits beside it.
func TestAPipelineThatComesBackFromTheStart(t *testing.T) {
	const without = `
sinks:
  a: {type: recorder}
  b: {type: recorder}
pipelines:
  q: {from: shop, to: [b]}
`
	r := newRig(t, without+"  p: {from: shop, to: [a]}\n")
	r.got.Judge = func(_ context.Context, d *event.Delivery) event.Verdict {
		if d.Pipeline == "q" {
			return event.Verdict{Err: errors.New("it is down")}
		}
		return event.Verdict{}
	}
	delivered := func(n int) { r.eventually(func() bool { return len(r.got.Delivered()) == n }) }
	r.accept(1, 2, 3)
	delivered(3)
	r.write(without)
	r.reload(Applied)
	r.eventually(func() bool {
		r.engine.mu.Lock()
		defer r.engine.mu.Unlock()
		return r.engine.pipelines["p"] == nil
	})
	r.close()
	r.write(without + "  p: {from: shop, start: all, to: [a]}\n")
	r.start()
	delivered(6)
}

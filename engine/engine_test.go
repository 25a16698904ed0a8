package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/trotline/trotline/engine/bus"
	"github.com/trotline/trotline/engine/stage"
	"github.com/trotline/trotline/event"
	"github.com/trotline/trotline/event/eventtest"
	"github.com/trotline/trotline/sources"
	"github.com/trotline/trotline/transforms"
	"github.com/trotline/trotline/transforms/expression"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is an engine on a file in a temporary folder, with a sink that records.
type rig struct {
	t      *testing.T
	file   string
	engine *Engine
	stop   context.CancelFunc
	done   chan error
	got    eventtest.Recorder
	opened atomic.Int32
}

type recorderSettings struct {
	Label string `yaml:"label" doc:"anything"`
	Fails bool   `yaml:"fails" doc:"whether it cannot be opened"`
}

func (r *rig) kinds() event.Kinds {
	return event.Kinds{
		Sources: sources.All(), Transforms: transforms.All(), Split: transforms.Split, Schema: transforms.Schema, Language: expression.New,
		Sinks: []event.SinkKind{{
			Name: "recorder", Doc: "records", Settings: func() any { return &recorderSettings{} },
			Open: func(_ context.Context, s any, _ event.SinkOptions) (event.Sink, error) {
				if event.SettingsOf[recorderSettings](s).Fails {
					return nil, fmt.Errorf("it does not open")
				}
				r.opened.Add(1)
				return &r.got, nil
			},
		}},
	}
}

func newRig(t *testing.T, pipelines string) *rig {
	t.Helper()
	r := &rig{t: t, file: filepath.Join(t.TempDir(), "pipelines.yaml")}
	r.write(pipelines)
	t.Cleanup(r.close)
	r.start()
	return r
}

// write puts a configuration into the file; the sinks and pipelines are the caller's.
func (r *rig) write(rest string) {
	r.t.Helper()
	text := `
server: {listen: "127.0.0.1:0", admin: {listen: "127.0.0.1:0"}}
nats: {embedded: {max_disk: 256MiB}}
sources:
  shop: {path: /hooks/shop, verify: none, id: string(body.n)}
` + rest
	if err := os.WriteFile(r.file, []byte(text), 0o644); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) open() error {
	e, err := Open(context.Background(), Options{
		Paths: []string{r.file}, Kinds: r.kinds(), Env: os.LookupEnv, Log: slog.New(slog.DiscardHandler),
	})
	r.engine = e
	return err
}

func (r *rig) start() {
	r.t.Helper()
	if err := r.open(); err != nil {
		r.t.Fatal(err)
	}
	var ctx context.Context
	ctx, r.stop = context.WithCancel(context.Background())
	r.done = make(chan error, 1)
	go func() { r.done <- r.engine.Run(ctx) }()
}

func (r *rig) close() {
	if r.stop == nil {
		return
	}
	r.stop()
	if err := <-r.done; err != nil {
		r.t.Errorf("the engine ended with: %v", err)
	}
	r.stop = nil
}

// post sends a request with the number n and returns the status.
func (r *rig) post(n int) int {
	r.t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Post("http://"+r.engine.Addr().String()+"/hooks/shop", "application/json", strings.NewReader(fmt.Sprintf(`{"n":%d}`, n)))
	if err != nil {
		r.t.Fatal(err)
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode
}

func (r *rig) accept(numbers ...int) {
	r.t.Helper()
	for _, n := range numbers {
		if status := r.post(n); status != http.StatusAccepted {
			r.t.Fatalf("event %d was answered %d", n, status)
		}
	}
}

// deliveries waits for n deliveries and returns the bodies by the event's id.
func (r *rig) deliveries(n int) map[string]string {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	got, err := r.got.Wait(ctx, n)
	if err != nil {
		r.t.Fatalf("%d of %d deliveries came", len(got), n)
	}
	bodies := make(map[string]string)
	for _, d := range got {
		raw, err := d.Event.Body.Raw()
		if err != nil {
			r.t.Fatal(err)
		}
		bodies[d.Event.ID] = string(raw)
	}
	return bodies
}

func (r *rig) reload(want string) Edit {
	r.t.Helper()
	edit := r.engine.Reload(context.Background())
	if edit.Result == Unchanged && r.engine.Last().Result == want {
		return r.engine.Last() // the watcher was first
	}
	if edit.Result != want {
		r.t.Fatalf("the edit was %s: %v", edit.Result, edit.Errors)
	}
	return edit
}

func (r *rig) eventually(so func() bool) {
	r.t.Helper()
	deadline, tick := time.After(30*time.Second), time.NewTicker(10*time.Millisecond)
	defer tick.Stop()
	for !so() {
		select {
		case <-deadline:
			r.t.Fatal("it did not come to be in 30 s")
		case <-tick.C:
		}
	}
}

const marked = `
sinks:
  a: {type: recorder}
pipelines:
  orders: {from: shop, steps: [{set: {by: "%s"}}], to: [a]}
`

func rulesBy(generation string) string { return fmt.Sprintf(marked, "'"+generation+"'") }

func TestAnEditHoldsFromOneEventOn(t *testing.T) {
	r := newRig(t, rulesBy("one"))
	r.accept(1, 2)
	r.write(rulesBy("two"))
	if edit := r.reload(Applied); edit.Generation != 2 {
		t.Errorf("generation %d", edit.Generation)
	}
	r.accept(3)
	got := r.deliveries(3)
	for id, by := range map[string]string{"1": "one", "2": "one", "3": "two"} {
		if want := fmt.Sprintf(`{"by":%q,"n":%s}`, by, id); got[id] != want {
			t.Errorf("event %s: %s, want %s", id, got[id], want)
		}
	}
	r.reload(Unchanged)
	if r.opened.Load() != 1 {
		t.Errorf("the sink was opened %d times; the edits did not concern it", r.opened.Load())
	}
}

func TestARefusedEditTouchesNothing(t *testing.T) {
	r := newRig(t, rulesBy("one"))
	r.accept(1)
	sinkBefore, bookBefore := r.engine.sinks["a"].stage.Target(), r.engine.book.current()
	for name, text := range map[string]string{
		"an unknown sink":            strings.Replace(rulesBy("two"), "to: [a]", "to: [b]", 1),
		"broken YAML":                "\tpipelines: [",
		"a sink that does not open":  strings.Replace(rulesBy("two"), "{type: recorder}", "{type: recorder, fails: true}", 1),
		"a setting needs a restart":  rulesBy("two") + "\ndurability: os\n",
		"an expression that is none": fmt.Sprintf(marked, "body.("),
	} {
		r.write(text)
		if edit := r.reload(Refused); len(edit.Errors) == 0 {
			t.Errorf("%s: refused without a reason", name)
		}
		if r.engine.sinks["a"].stage.Target() != sinkBefore || r.engine.book.current() != bookBefore {
			t.Errorf("%s: something that runs was touched", name)
		}
	}
	r.write(rulesBy("two") + "\ndurability: os\n")
	if edit := r.reload(Refused); !strings.Contains(edit.Errors[0], "pipelines.yaml:12:1: durability") {
		t.Errorf("the place of what needs a restart: %v", edit.Errors)
	}
	r.accept(2)
	if got := r.deliveries(2)["2"]; got != `{"by":"one","n":2}` {
		t.Errorf("after the refused edits: %s", got)
	}
	r.write(rulesBy("three"))
	r.reload(Applied)
}

func TestARestartGoesOnWithTheSameGeneration(t *testing.T) {
	r := newRig(t, rulesBy("one"))
	number := r.engine.book.current().number
	r.close()
	r.start()
	if got := r.engine.book.current().number; got != number {
		t.Errorf("generation %d after the restart, %d before", got, number)
	}
	r.close()
	r.write(rulesBy("two"))
	r.start()
	if got := r.engine.book.current().number; got != number+1 {
		t.Errorf("generation %d after an edit while it was stopped, want %d", got, number+1)
	}
}

func TestWhatWasAcceptedBeforeAnEditKeepsItsRulesAcrossARestart(t *testing.T) {
	r := newRig(t, rulesBy("one"))
	r.engine.pipelines["orders"].end() // nothing is handled from here on
	r.accept(1, 2)
	r.close()
	r.write(rulesBy("two"))
	r.start()
	r.accept(3)
	got := r.deliveries(3)
	for id, by := range map[string]string{"1": "one", "2": "one", "3": "two"} {
		if want := fmt.Sprintf(`{"by":%q,"n":%s}`, by, id); got[id] != want {
			t.Errorf("event %s: %s, want %s", id, got[id], want)
		}
	}
}

func TestARemovedPipelineHandlesWhatWasAcceptedBefore(t *testing.T) {
	r := newRig(t, rulesBy("one"))
	r.engine.pipelines["orders"].end()
	r.accept(1, 2)
	r.close()
	r.write(`
sinks:
  a: {type: recorder}
pipelines:
  other: {from: shop, steps: [{set: {by: "'other'"}}], to: [a]}
`)
	r.start()
	r.accept(3)
	got := r.deliveries(3)
	if got["1"] != `{"by":"one","n":1}` || got["3"] != `{"by":"other","n":3}` {
		t.Errorf("got %v", got)
	}
	r.eventually(func() bool {
		names, err := r.engine.bus.PipelineConsumers(context.Background())
		return err == nil && len(names) == 1 && names[0] == "other"
	})
}

func TestWhatWaitsForARemovedSinkIsDeadAndCanGoElsewhere(t *testing.T) {
	r := newRig(t, rulesBy("one"))
	r.got.Judge = func(context.Context, *event.Delivery) event.Verdict {
		return event.Verdict{Err: fmt.Errorf("down")}
	}
	r.accept(1)
	r.eventually(func() bool { return len(r.got.Attempts()) > 0 })
	r.write(`
sinks:
  b: {type: recorder, label: another}
pipelines:
  orders: {from: shop, to: [b]}
`)
	r.reload(Applied)
	var dead *bus.Dead
	r.eventually(func() bool {
		_ = r.engine.bus.Dead(context.Background(), bus.DeadFilter{}, func(d *bus.Dead) bool { dead = d; return false })
		return dead != nil
	})
	if dead.Reason != stage.ReasonRemoved || dead.Sink != "a" {
		t.Errorf("the dead letter says %+v", dead)
	}
	if _, err := r.engine.ReplayDead(context.Background(), dead.Sequence, "", false); err == nil || !strings.Contains(err.Error(), "--to") {
		t.Errorf("a replay to the removed sink: %v", err)
	}
	r.got.Judge = nil
	if _, err := r.engine.ReplayDead(context.Background(), dead.Sequence, "b", false); err != nil {
		t.Fatal(err)
	}
	if got := r.deliveries(1)["1"]; got != `{"by":"one","n":1}` {
		t.Errorf("replayed elsewhere: %s", got)
	}
	if _, err := r.engine.bus.DeadLetter(context.Background(), dead.Sequence); err == nil {
		t.Error("the dead letter is still there")
	}
}

func TestAMendedStepReplaysItsDeadLetters(t *testing.T) {
	broken := strings.Replace(rulesBy("one"), "steps: [", "steps: [{filter: body.amount >= 100}, ", 1)
	r := newRig(t, broken)
	r.accept(1)
	var dead *bus.Dead
	r.eventually(func() bool {
		_ = r.engine.bus.Dead(context.Background(), bus.DeadFilter{}, func(d *bus.Dead) bool { dead = d; return false })
		return dead != nil
	})
	if dead.Step != "filter_1" || dead.Expression == "" || !strings.Contains(dead.Error, "body.amount is nil") {
		t.Errorf("the dead letter says %+v", dead)
	}
	if _, err := r.engine.ReplayDead(context.Background(), dead.Sequence, "", false); err == nil || !strings.Contains(err.Error(), "fails again") {
		t.Errorf("a replay before the step is mended: %v", err)
	}
	r.write(rulesBy("two"))
	r.reload(Applied)
	if _, err := r.engine.ReplayDead(context.Background(), dead.Sequence, "", false); err != nil {
		t.Fatal(err)
	}
	if got := r.deliveries(1)["1"]; got != `{"by":"two","n":1}` {
		t.Errorf("replayed: %s", got)
	}
}

func TestANewPipelineStartsWhereItSays(t *testing.T) {
	r := newRig(t, rulesBy("one"))
	r.accept(1)
	r.deliveries(1)
	r.write(rulesBy("one") + `
  late: {from: shop, steps: [{set: {by: "'late'"}}], to: [a]}
  early: {from: shop, start: all, steps: [{set: {by: "'early'"}}], to: [a]}
`)
	r.reload(Applied)
	r.accept(2)
	r.deliveries(5)
	count := make(map[string]int)
	for _, d := range r.got.Delivered() {
		var body struct{ By string }
		raw, _ := d.Event.Body.Raw()
		if err := json.Unmarshal(raw, &body); err != nil {
			t.Fatal(err)
		}
		count[body.By]++
	}
	if count["one"] != 2 || count["late"] != 1 || count["early"] != 2 {
		t.Errorf("got %v", count)
	}
}

func TestWhatCanNeverBeStoredIsRefused(t *testing.T) {
	r := newRig(t, rulesBy("one"))
	s := &r.engine.store
	e := eventtest.Event(nil)
	e.ID, e.Type = strings.Repeat("i", 8<<10), strings.Repeat("t", 8<<10)
	_, err := s.Append(t.Context(), e, r.engine.book.current().number)
	var refusal *event.Refusal
	if !errors.As(err, &refusal) || refusal.Status != http.StatusRequestEntityTooLarge {
		t.Errorf("an event with an endless name: %v", err)
	}
	s.full.Store(true)
	if err := r.engine.Ready(); !errors.Is(err, bus.ErrFull) {
		t.Errorf("ready while the store is full: %v", err)
	}
	r.accept(1)
	if err := r.engine.Ready(); err != nil {
		t.Errorf("not ready although an event was stored: %v", err)
	}
}

func TestASourceSplitsItsRequests(t *testing.T) {
	r := newRig(t, rulesBy("one"))
	r.write(rulesBy("two"))
	text, err := os.ReadFile(r.file)
	if err != nil {
		t.Fatal(err)
	}
	split := strings.Replace(string(text), "id: string(body.n)", "id: string(body.n), split: \"[{a: body.n}, {a: body.n + 1}]\"", 1)
	if err := os.WriteFile(r.file, []byte(split), 0o644); err != nil {
		t.Fatal(err)
	}
	r.reload(Applied)
	r.accept(7)
	got := r.deliveries(2)
	if got["7/0"] != `{"a":7,"by":"two"}` || got["7/1"] != `{"a":8,"by":"two"}` {
		t.Errorf("got %v", got)
	}
}

func TestASavedFileIsAnEdit(t *testing.T) {
	r := newRig(t, rulesBy("one"))
	generation := func() uint64 { return r.engine.Last().Generation }
	for i, save := range []func(text string){
		r.write, // truncate and write
		func(text string) { // rename over it, as editors do
			file := r.file
			r.file += "~"
			r.write(text)
			if err := os.Rename(r.file, file); err != nil {
				t.Fatal(err)
			}
			r.file = file
		},
		func(text string) { // remove and create, as git does
			if err := os.Remove(r.file); err != nil {
				t.Fatal(err)
			}
			r.write(text)
		},
	} {
		before := generation()
		save(rulesBy(fmt.Sprint("edit", i)))
		r.eventually(func() bool { return generation() > before })
	}
}

func TestStartAndStopManyTimes(t *testing.T) {
	r := newRig(t, rulesBy("one"))
	for range 5 {
		var senders sync.WaitGroup
		for range 4 {
			senders.Go(func() { r.engine.Reload(context.Background()) })
		}
		senders.Wait()
		r.close()
		r.start()
	}
}

func TestABadFileBindsNothing(t *testing.T) {
	r := &rig{t: t, file: filepath.Join(t.TempDir(), "pipelines.yaml")}
	r.write("pipelines: {orders: {from: nowhere, to: [nothing]}}")
	err := r.open()
	if err == nil {
		t.Fatal("it started")
	}
	if _, err := os.Stat(filepath.Join(filepath.Dir(r.file), "data")); err == nil {
		t.Error("the data folder was made")
	}
}

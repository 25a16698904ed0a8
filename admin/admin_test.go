package admin_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/trotline/trotline/admin"
	"github.com/trotline/trotline/engine"
	"github.com/trotline/trotline/event"
	"github.com/trotline/trotline/event/eventtest"
	"github.com/trotline/trotline/sources"
	"github.com/trotline/trotline/transforms/expression"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const text = `
server: {listen: "127.0.0.1:0"}
sources:
  shop: {path: /hooks/shop, verify: {api_key: {header: X-Key, keys: [s3cret-key]}}, id: body.id, decode: auto}
sinks:
  crm: {type: recorder}
  other: {type: recorder}
pipelines:
  orders: {from: shop, to: [crm]}
  spare: {from: shop, routes: [{name: never, when: "false", to: [other]}]}
`

// world is an engine that runs, with its API behind a real listener.
type world struct {
	t       *testing.T
	file    string
	engine  *engine.Engine
	api     *httptest.Server
	refuse  atomic.Bool // whether the sinks refuse
	arrived map[string]*eventtest.Recorder
}

type recorderSettings struct{}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, file: filepath.Join(t.TempDir(), "pipelines.yaml"), arrived: make(map[string]*eventtest.Recorder)}
	w.refuse.Store(true)
	w.write(text)
	kinds := event.Kinds{Sources: sources.All(), Language: expression.New, Sinks: []event.SinkKind{{
		Name: "recorder", Settings: func() any { return &recorderSettings{} }, Open: w.open,
	}}}
	e, err := engine.Open(t.Context(), engine.Options{
		Paths: []string{w.file}, Kinds: kinds, Env: os.LookupEnv, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	w.engine = e
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- e.Run(ctx) }()
	w.api = httptest.NewServer(admin.New(e, admin.Options{Version: "v1.2.3", Listen: "here", Log: slog.New(slog.DiscardHandler)}))
	t.Cleanup(func() {
		w.api.CloseClientConnections()
		w.api.Close()
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		http.DefaultClient.CloseIdleConnections()
	})
	return w
}

func (w *world) open(_ context.Context, _ any, o event.SinkOptions) (event.Sink, error) {
	r := &eventtest.Recorder{Judge: func(context.Context, *event.Delivery) event.Verdict {
		if w.refuse.Load() {
			return event.Verdict{Answer: event.Answer{Status: 422, Body: []byte("no such customer")}, Err: event.Permanentf("422 Unprocessable")}
		}
		return event.Verdict{}
	}}
	w.arrived[o.Name] = r
	return r, nil
}

func (w *world) write(text string) {
	w.t.Helper()
	if err := os.WriteFile(w.file, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// send posts an event to the door.
func (w *world) send(contentType, body string) {
	w.t.Helper()
	r, err := http.NewRequest(http.MethodPost, "http://"+w.engine.Addr().String()+"/hooks/shop", strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header = http.Header{"X-Key": {"s3cret-key"}, "Content-Type": {contentType}, "Cookie": {"s3cret-cookie"}}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusAccepted {
		w.t.Fatalf("the door answers %s", answer.Status)
	}
}

// ask makes a request to the API, wants a status and reads the JSON of the answer.
func (w *world) ask(method, path string, status int, into any) string {
	w.t.Helper()
	r, err := http.NewRequest(method, w.api.URL+path, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	if answer.StatusCode != status {
		w.t.Fatalf("%s %s is answered %s: %s", method, path, answer.Status, body)
	}
	if bytes.Contains(body, []byte("s3cret")) {
		w.t.Errorf("%s %s shows a secret: %s", method, path, body)
	}
	if into != nil {
		if err := json.Unmarshal(body, into); err != nil {
			w.t.Fatalf("%s %s: %v: %s", method, path, err, body)
		}
	}
	return string(body)
}

// dead waits until there are so many dead letters.
func (w *world) dead(n int) []admin.DeadLetter {
	w.t.Helper()
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	late := time.After(20 * time.Second)
	for {
		var list admin.DeadLetters
		w.ask(http.MethodGet, "/api/dead", http.StatusOK, &list)
		if len(list.Letters) == n {
			return list.Letters
		}
		select {
		case <-look.C:
		case <-late:
			w.t.Fatalf("there are %d dead letters, not %d", len(list.Letters), n)
		}
	}
}

func TestHealth(t *testing.T) {
	w := newWorld(t)
	w.ask(http.MethodGet, "/healthz", http.StatusOK, nil)
	w.ask(http.MethodGet, "/readyz", http.StatusOK, nil)
	if got := w.ask(http.MethodGet, "/metrics", http.StatusOK, nil); !strings.Contains(got, "trotline_config_last_reload_successful 1") {
		t.Errorf("the metrics do not say that the configuration is applied:\n%s", got)
	}
	var s admin.Status
	w.ask(http.MethodGet, "/api/status", http.StatusOK, &s)
	if s.Version != "v1.2.3" || s.Generation != 1 || !s.Ready || s.LastEdit.Result != engine.Applied || len(s.Pipelines) != 2 || len(s.Sinks) != 2 {
		t.Errorf("the status is %+v", s)
	}
	if s.DiskFree == nil || *s.DiskFree == 0 {
		t.Error("the status does not say how much of the disk is free")
	}
	var p admin.Problem
	w.ask(http.MethodGet, "/api/nothing", http.StatusNotFound, &p)
	w.ask(http.MethodDelete, "/api/status", http.StatusNotFound, &p)
	if p.Status != http.StatusNotFound || p.Detail == "" {
		t.Errorf("the problem is %+v", p)
	}
}

func TestReload(t *testing.T) {
	w := newWorld(t)
	var r admin.Reload
	w.ask(http.MethodPost, "/api/reload", http.StatusOK, &r)
	if r.Result != engine.Unchanged {
		t.Errorf("without an edit: %+v", r)
	}
	w.write(strings.Replace(text, "to: [crm]", "to: [crn]", 1))
	w.ask(http.MethodPost, "/api/reload", http.StatusUnprocessableEntity, &r)
	if r.Result != engine.Refused || !slices.ContainsFunc(r.Problems, func(p admin.ConfigProblem) bool {
		return p.Line == 9 && p.Column == 29 && !p.Warning && strings.Contains(p.Hint, "crm")
	}) {
		t.Errorf("a bad edit: %+v", r)
	}
	if got := w.ask(http.MethodGet, "/metrics", http.StatusOK, nil); !strings.Contains(got, "trotline_config_last_reload_successful 0") {
		t.Error("the metrics do not say that the edit is refused")
	}
	w.write(text)
	w.ask(http.MethodPost, "/api/reload", http.StatusOK, &r)
	if got := w.ask(http.MethodGet, "/metrics", http.StatusOK, nil); !strings.Contains(got, "trotline_config_last_reload_successful 1") {
		t.Error("the metrics do not say that the edit was taken back")
	}
	w.write(strings.Replace(text, "to: [crm]", "to: [crm, other]", 1))
	r = admin.Reload{}
	w.ask(http.MethodPost, "/api/reload", http.StatusOK, &r)
	if r.Generation != 2 {
		t.Errorf("a good edit: %+v", r)
	}
}

func TestEvents(t *testing.T) {
	w := newWorld(t)
	for i := range 5 {
		w.send("application/json", fmt.Sprintf(`{"id": "a/%d", "price": 10.10}`, i))
	}
	var list admin.Events
	ids := func(query string) (ids string) {
		list = admin.Events{}
		w.ask(http.MethodGet, "/api/events?"+query, http.StatusOK, &list)
		for _, e := range list.Events {
			ids += e.ID + " "
		}
		return ids
	}
	if got := ids("limit=2"); got != "a/4 a/3 " {
		t.Errorf("the newest are %s", got)
	}
	third := list.Events[1].Sequence
	if got := ids(fmt.Sprintf("limit=2&before=%d", third)); got != "a/2 a/1 " {
		t.Errorf("the next page is %s", got)
	}
	if got := ids(fmt.Sprintf("after=%d", third)); got != "a/4 " {
		t.Errorf("what came after is %s", got)
	}
	if got := ids("id=a/2&source=shop"); got != "a/2 " {
		t.Errorf("by id there is %s", got)
	}
	if got := ids("source=nobody") + ids("until=1h"); got != "" {
		t.Errorf("what is not there is %s", got)
	}
	for _, query := range []string{"sourc=shop", "limit=x", "since=soon", "limit=0", "after=1&before=2"} {
		w.ask(http.MethodGet, "/api/events?"+query, http.StatusBadRequest, nil)
	}

	var e admin.EventDetail
	w.ask(http.MethodGet, fmt.Sprintf("/api/events/%d", third), http.StatusOK, &e)
	if string(e.Body) != `{"id":"a/3","price":10.10}` && string(e.Body) != `{"id": "a/3", "price": 10.10}` {
		t.Errorf("the body is %s", e.Body)
	}
	w.ask(http.MethodGet, "/api/events/a%2F1", http.StatusOK, &e)
	if e.ID != "a/1" || e.Request.Path != "/hooks/shop" || e.Request.Headers.Get("Content-Type") != "application/json" {
		t.Errorf("by id there is %+v", e)
	}
	w.ask(http.MethodGet, "/api/events/a%2F99", http.StatusNotFound, nil)
	w.ask(http.MethodGet, "/api/events/999", http.StatusNotFound, nil)
	w.ask(http.MethodGet, "/api/events/", http.StatusNotFound, nil)
}

func TestTail(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, w.api.URL+"/api/events/tail?source=shop", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	// The answer begins before the tail does, so there is an event until one is seen.
	lines, seen := bufio.NewScanner(answer.Body), make(chan struct{})
	sender := make(chan struct{})
	go func() {
		defer close(sender)
		for i := 0; ; i++ {
			w.send("application/json", fmt.Sprintf(`{"id": "t%d"}`, i))
			select {
			case <-seen:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	if !lines.Scan() {
		t.Fatal(lines.Err())
	}
	close(seen)
	<-sender
	var e admin.EventDetail
	if err := json.Unmarshal(lines.Bytes(), &e); err != nil || e.Source != "shop" || len(e.Body) == 0 {
		t.Errorf("the line is %s, %v", lines.Bytes(), err)
	}
	cancel()
	for lines.Scan() { // the tail ends with its client
	}
}

// Who opens tails and reads none of them must not fill the memory.
func TestTailsAreFew(t *testing.T) {
	w := newWorld(t)
	open := func() *http.Response {
		answer, err := http.Get(w.api.URL + "/api/events/tail")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { answer.Body.Close() })
		return answer
	}
	var tails []*http.Response
	for len(tails) < 16 {
		answer := open()
		if answer.StatusCode != http.StatusOK {
			t.Fatalf("tail %d is answered %s", len(tails), answer.Status)
		}
		tails = append(tails, answer)
	}
	if status := open().StatusCode; status != http.StatusServiceUnavailable {
		t.Fatalf("one tail too many is answered %d", status)
	}
	tails[0].Body.Close()
	late, again := time.After(10*time.Second), time.NewTicker(10*time.Millisecond)
	defer again.Stop()
	for open().StatusCode != http.StatusOK {
		select {
		case <-late:
			t.Fatal("a tail that ended leaves no room for another")
		case <-again.C:
		}
	}
}

func TestDead(t *testing.T) {
	w := newWorld(t)
	w.send("application/json", `{"id": "a", "n": 1}`)
	w.dead(1) // a sink's attempts run side by side: only then is the other letter the newer one
	w.send("application/json", `{"id": "b", "n": 2}`)
	letters := w.dead(2)
	b, a := letters[0], letters[1]
	if a.Event.ID != "a" || a.Pipeline != "orders" || a.Sink != "crm" || a.Reason != "refused" || a.Status != 422 || a.Attempts != 1 {
		t.Errorf("the letter is %+v", a)
	}
	one := fmt.Sprintf("/api/dead/%d", a.Sequence)
	var d admin.DeadDetail
	w.ask(http.MethodGet, one, http.StatusOK, &d)
	if string(d.Body) == "" || d.Answer != "no such customer" || d.DeliveryID == "" {
		t.Errorf("the letter is %+v", d)
	}
	w.ask(http.MethodPost, one+"/replay?to=nowhere", http.StatusConflict, nil)
	w.ask(http.MethodPost, one+"/replay?too=other", http.StatusBadRequest, nil)
	w.ask(http.MethodPost, "/api/dead/replay", http.StatusBadRequest, nil)
	w.ask(http.MethodPost, "/api/dead/drop?pipelin=orders&all=true", http.StatusBadRequest, nil)
	w.ask(http.MethodGet, "/api/dead/x", http.StatusBadRequest, nil)
	w.dead(2)

	w.refuse.Store(false)
	w.ask(http.MethodPost, one+"/replay", http.StatusOK, nil)
	if got, err := w.arrived["crm"].Wait(t.Context(), 1); err != nil || got[0].ID != d.DeliveryID {
		t.Errorf("what arrived is %+v, %v; it should be called %s", got, err, d.DeliveryID)
	}
	w.ask(http.MethodGet, one, http.StatusNotFound, nil)
	w.ask(http.MethodPost, one+"/replay", http.StatusNotFound, nil)
	w.ask(http.MethodDelete, one, http.StatusNotFound, nil)

	var done admin.Done
	w.ask(http.MethodPost, "/api/dead/replay?sink=crm&to=other", http.StatusOK, &done)
	if got, err := w.arrived["other"].Wait(t.Context(), 1); done.Done != 1 || err != nil || got[0].Event.ID != b.Event.ID {
		t.Errorf("what arrived elsewhere is %+v, %v, %+v", got, err, done)
	}
	w.dead(0)
}

func TestDrop(t *testing.T) {
	w := newWorld(t)
	for i := range 5 {
		w.send("application/json", fmt.Sprintf(`{"id": "d%d"}`, i))
	}
	letters := w.dead(5)
	w.ask(http.MethodDelete, fmt.Sprintf("/api/dead/%d", letters[2].Sequence), http.StatusOK, nil)
	w.dead(4)
	var done admin.Done
	w.ask(http.MethodPost, "/api/dead/drop?pipeline=nobody", http.StatusOK, &done)
	if done.Done != 0 {
		t.Errorf("of nobody's letters %d were dropped", done.Done)
	}
	w.ask(http.MethodPost, "/api/dead/drop?all=true", http.StatusOK, &done)
	if done.Done != 4 {
		t.Errorf("%d letters were dropped", done.Done)
	}
	w.dead(0)
}

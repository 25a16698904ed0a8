package transforms

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/trotline/trotline/event"
	"github.com/trotline/trotline/event/eventtest"
)

func template(t *testing.T, text string) event.Template {
	t.Helper()
	x, err := lang.Template(text, event.Scope{})
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func TestEnrich(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/json":
			w.Header().Set("Content-Type", "application/json; charset=utf-8")
			fmt.Fprintf(w, `{"name": "Ada", "n": 12345678901234567890, "token": %q}`, r.Header.Get("Authorization"))
		case "/echo":
			w.Header().Set("Content-Type", "application/json")
			io.Copy(w, r.Body)
		case "/text":
			io.WriteString(w, "hello")
		case "/broken":
			w.Header().Set("Content-Type", "application/json")
			io.WriteString(w, "{")
		case "/large":
			io.WriteString(w, strings.Repeat("x", maxEnrichment+1))
		case "/busy":
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(http.StatusTooManyRequests)
		case "/down":
			w.WriteHeader(http.StatusBadGateway)
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	t.Cleanup(server.Close)
	enrich := func(onFail, url string, change func(*enrichHTTP)) event.Transform {
		h := &enrichHTTP{URL: template(t, url)}
		if change != nil {
			change(h)
		}
		return open(t, "enrich", &enrichSettings{HTTP: h, Into: "c.d", OnFail: onFail})
	}
	at := func(path string) event.Transform { return enrich("dead", server.URL+path, nil) }

	checkBody(t, enrich("dead", server.URL+"/{{ body.what }}", func(h *enrichHTTP) { h.Bearer = "secret" }), `{"what":"json","c":{"e":1}}`,
		`{"c":{"d":{"n":12345678901234567890,"name":"Ada","token":"Bearer secret"},"e":1},"what":"json"}`)
	checkBody(t, enrich("dead", server.URL+"/echo", func(h *enrichHTTP) { h.Method, h.Body = "POST", tree(t, fields{"x", "body.a + 1"}) }), `{"a":1}`,
		`{"a":1,"c":{"d":{"x":2}}}`)
	checkBody(t, at("/text"), `{}`, `{"c":{"d":"hello"}}`)
	for path, want := range map[string]string{
		"/none": "the endpoint answered 404 Not Found", "/broken": "the answer is no JSON", "/large": "the answer is larger than 256KiB",
		"/{{ body.none }}": "body.none",
	} {
		checkError(t, at(path), `{}`, want)
		checkBody(t, enrich("pass", server.URL+path, nil), `{"a": 1}`, `{"a": 1}`)
		if _, err := at(path).(event.Asker).Ask(t.Context(), eventtest.EventJSON(`{}`)); !event.IsPermanent(err) {
			t.Errorf("%s: %v is asked about again", path, err)
		}
	}
	_, err := at("/busy").(event.Asker).Ask(t.Context(), eventtest.EventJSON(`{}`))
	if event.IsPermanent(err) || event.RetryDelay(err) != 7*time.Second {
		t.Errorf("busy: %v, to be asked again after %v", err, event.RetryDelay(err))
	}
	if _, err := at("/down").(event.Asker).Ask(t.Context(), eventtest.EventJSON(`{}`)); err == nil || event.IsPermanent(err) {
		t.Errorf("down: %v", err)
	}
	server.Close()
	if _, err := at("/json").(event.Asker).Ask(t.Context(), eventtest.EventJSON(`{}`)); err == nil || event.IsPermanent(err) || strings.Contains(err.Error(), server.URL) {
		t.Errorf("away: %v", err)
	}
}

func TestEnrichAsksOnce(t *testing.T) {
	var asked atomic.Int32
	began, release := make(chan struct{}, 10), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		began <- struct{}{}
		<-release
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `1`)
	}))
	t.Cleanup(server.Close)
	step := open(t, "enrich", &enrichSettings{
		HTTP: &enrichHTTP{URL: template(t, server.URL+"/{{ body.id }}")}, Into: "x", Cache: &enrichCache{TTL: event.Duration(time.Hour), Size: 2},
	}).(event.Asker)
	ask := func(id int) {
		if answer, err := step.Ask(context.Background(), eventtest.EventJSON(fmt.Sprintf(`{"id":%d}`, id))); err != nil || string(answer) != "1" {
			t.Errorf("got %s, %v", answer, err)
		}
	}
	var asking sync.WaitGroup
	for range 20 {
		asking.Go(func() { ask(1) })
	}
	<-began
	close(release)
	asking.Wait()
	ask(1)
	if n := asked.Load(); n != 1 {
		t.Errorf("%d requests for 21 events that ask the same", n)
	}
	for _, id := range []int{2, 3, 3, 1} { // the cache holds two
		ask(id)
	}
	if n := asked.Load(); n != 4 {
		t.Errorf("%d requests, want 4", n)
	}
}

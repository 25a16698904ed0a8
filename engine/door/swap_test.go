package door

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/trotline/trotline/event"
)

// cut puts a table in force as the engine does: no event is stored in between.
func (m *memory) cut(d *Door, t *Table) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.generation = t.generation
	d.Swap(t)
}

func TestSwapLosesNothing(t *testing.T) {
	const senders, each = 32, 60
	store, o := newMemory(1), &seen{}
	// The source of each generation marks its events with it.
	marked := func(generation uint64) *Table {
		return table(t, generation, Settings{}, Route{Receiver: sourceFunc(func(r *event.Request) (*event.Receipt, error) {
			receipt, err := named("shop").Receive(context.Background(), r)
			if err == nil {
				receipt.Event.Type = fmt.Sprint(generation)
			}
			return receipt, err
		})})
	}
	d, addr := listen(t, Options{Store: &checking{memory: store, t: t}, Observer: o, Table: marked(1)})
	c := client(t)
	c.Transport.(*http.Transport).MaxIdleConnsPerHost = senders

	var sending, editing sync.WaitGroup
	answered := make(chan struct{})
	editing.Go(func() {
		g := uint64(1)
		for range answered { // an edit as often as there is time for one
			g++
			store.cut(d, marked(g))
		}
		t.Logf("%d edits", g-1)
	})
	for s := range senders {
		sending.Go(func() {
			for n := range each {
				r, err := http.NewRequest(http.MethodPost, "http://"+addr+"/hooks/shop", strings.NewReader("{}"))
				if err != nil {
					t.Error(err)
					return
				}
				r.Header.Set("X-Id", fmt.Sprintf("%d/%d", s, n))
				resp, err := c.Do(r)
				if err != nil {
					t.Error(err)
					return
				}
				body, _ := io.ReadAll(resp.Body)
				resp.Body.Close()
				if resp.StatusCode != http.StatusAccepted {
					t.Errorf("answered %d %s", resp.StatusCode, body)
				}
				select {
				case answered <- struct{}{}:
				default:
				}
			}
		})
	}
	sending.Wait()
	close(answered)
	editing.Wait()
	if len(store.events) != senders*each {
		t.Errorf("stored %d events, want %d", len(store.events), senders*each)
	}
	if n := o.count("accepted shop"); n != senders*each {
		t.Errorf("counted %d events, want %d", n, senders*each)
	}
}

// checking is a memory that finds events stored under rules that did not make them.
type checking struct {
	*memory
	t *testing.T
}

func (c *checking) Append(ctx context.Context, e *event.Event, generation uint64) (Stored, error) {
	if e.Type != fmt.Sprint(generation) {
		c.t.Errorf("the rules of generation %s made an event of generation %d", e.Type, generation)
	}
	return c.memory.Append(ctx, e, generation)
}

func TestStaleEventWaitsForTheTable(t *testing.T) {
	tests := []struct {
		name   string
		next   Route
		status int
	}{
		{"the same route", Route{}, 202},
		{"the route is gone", Route{Path: "/elsewhere"}, 404},
		{"the method is gone", Route{Methods: []string{"PUT"}}, 405},
		{"the body is too large now", Route{MaxBody: 3}, 413},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			store := newMemory(2) // the cut is made, the table is not swapped yet
			asked := make(chan struct{}, 1)
			first := sourceFunc(func(r *event.Request) (*event.Receipt, error) {
				asked <- struct{}{}
				return named("shop").Receive(context.Background(), r)
			})
			d := New(Options{Store: store, Table: table(t, 1, Settings{}, Route{Receiver: first}), Log: slog.New(slog.DiscardHandler)})
			answered := make(chan int, 1)
			go func() {
				w := httptest.NewRecorder()
				d.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/hooks/shop", strings.NewReader("body")))
				answered <- w.Code
			}()
			<-asked
			d.Swap(table(t, 2, Settings{}, tt.next))
			if status := <-answered; status != tt.status {
				t.Errorf("answered %d, want %d", status, tt.status)
			}
		})
	}
}

func TestADoorWithoutATableAsksToComeAgain(t *testing.T) {
	d := New(Options{Store: newMemory(1)})
	ask := func() *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		d.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/hooks/shop", strings.NewReader("x")))
		return w
	}
	if w := ask(); w.Code != 503 || w.Header().Get("Retry-After") == "" {
		t.Errorf("answered %d %v", w.Code, w.Header())
	}
	d.Swap(table(t, 1, Settings{}, Route{}))
	if w := ask(); w.Code != 202 {
		t.Errorf("answered %d with a table", w.Code)
	}
}

func TestShutdownFinishesWhatHasBegun(t *testing.T) {
	store := newMemory(1)
	store.hold, store.held = make(chan struct{}), make(chan struct{}, 1)
	d, addr := listen(t, Options{Store: store, Table: table(t, 1, Settings{}, Route{})})
	conn, r := dial(t, addr)
	send(t, conn, "POST /hooks/shop HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nok")
	<-store.held

	closing := make(chan struct{}, 2)
	d.server.RegisterOnShutdown(func() { closing <- struct{}{} })
	down := make(chan error, 1)
	go func() { down <- d.Shutdown(context.Background()) }()
	<-closing
	w := httptest.NewRecorder()
	d.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/hooks/shop", strings.NewReader("x")))
	if w.Code != 503 || w.Header().Get("Retry-After") == "" || w.Header().Get("Connection") != "close" {
		t.Errorf("a new request is answered %d %v", w.Code, w.Header())
	}
	select {
	case err := <-down:
		t.Fatalf("Shutdown returned (%v) before the request was answered", err)
	default:
	}
	close(store.hold)
	if got := status(t, r); got != 202 {
		t.Errorf("answered %d, want 202", got)
	}
	if err := <-down; err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	if _, err := net.Dial("tcp", addr); err == nil {
		t.Error("the listener is still open")
	}
}

func TestShutdownAbandonsWhatTakesTooLong(t *testing.T) {
	store := newMemory(1)
	store.hold, store.held = make(chan struct{}), make(chan struct{}, 1)
	failed := &failing{failed: make(chan struct{}, 1)}
	d, addr := listen(t, Options{Store: store, Observer: failed, Table: table(t, 1, Settings{}, Route{})})
	conn, _ := dial(t, addr)
	send(t, conn, "POST /hooks/shop HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nok")
	<-store.held
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := d.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Shutdown: %v, want that it was cut short", err)
	}
	<-failed.failed
}

// failing tells when an event could not be stored.
type failing struct {
	unobserved
	failed chan struct{}
}

func (f *failing) Failed(string) { f.failed <- struct{}{} }

func TestShutdownOfADoorThatNeverServed(t *testing.T) {
	d := New(Options{Store: newMemory(1)})
	for range 2 {
		if err := d.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Serve(l); err != nil {
		t.Errorf("Serve after Shutdown: %v", err)
	}
	if _, err := net.Dial("tcp", l.Addr().String()); err == nil {
		t.Error("the listener is still open")
	}
}

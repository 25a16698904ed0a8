package door

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/trotline/trotline/event"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// sourceFunc makes a source of a function.
type sourceFunc func(r *event.Request) (*event.Receipt, error)

func (f sourceFunc) Receive(_ context.Context, r *event.Request) (*event.Receipt, error) { return f(r) }

// named takes everything; the event's id is in X-Id.
func named(source string) event.Source {
	return sourceFunc(func(r *event.Request) (*event.Receipt, error) {
		id := r.Header.Get("X-Id")
		if id == "" {
			id = r.Stamp
		}
		b := event.NewBody(event.Binary, r.Body)
		return &event.Receipt{Event: &event.Event{ID: id, Source: source, Time: r.Time, Stamp: r.Stamp, Body: b, Original: b,
			Request: event.Keep(event.RequestInfo{Params: r.Params, Path: r.Path, RemoteIP: r.RemoteIP.String()})}}, nil
	})
}

// memory keeps events, and is stale for every generation but one.
type memory struct {
	mu         sync.Mutex
	generation uint64
	events     map[string]*event.Event
	err        error
	hold       chan struct{} // Append waits for it, if there is one
	held       chan struct{} // and says here that it does
}

func newMemory(generation uint64) *memory {
	return &memory{generation: generation, events: map[string]*event.Event{}}
}

func (m *memory) Append(ctx context.Context, e *event.Event, generation uint64) (Stored, error) {
	if m.hold != nil {
		m.held <- struct{}{}
		select {
		case <-m.hold:
		case <-ctx.Done():
			return Stored{}, ctx.Err()
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return Stored{}, m.err
	}
	if generation != m.generation {
		return Stored{}, ErrStale
	}
	if _, ok := m.events[e.ID]; ok {
		return Stored{Duplicate: true}, nil
	}
	m.events[e.ID] = e
	return Stored{}, nil
}

func (m *memory) AppendAll(ctx context.Context, events []*event.Event, generation uint64) ([]Stored, error) {
	var all []Stored
	for _, e := range events {
		stored, err := m.Append(ctx, e, generation)
		if err != nil {
			return nil, err
		}
		all = append(all, stored)
	}
	return all, nil
}

func (m *memory) fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.err = err
}

func (m *memory) get(id string) *event.Event {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.events[id]
}

// seen counts what the observer was told.
type seen struct {
	mu  sync.Mutex
	log map[string]int
}

func (s *seen) add(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.log == nil {
		s.log = map[string]int{}
	}
	s.log[fmt.Sprintf(format, args...)]++
}

func (s *seen) count(what string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log[what]
}

func (s *seen) Accepted(source string, d time.Duration) { s.add("accepted %s", source) }
func (s *seen) Duplicate(source string)                 { s.add("duplicate %s", source) }
func (s *seen) Refused(source, reason string, status int) {
	s.add("refused %s %s %d", source, reason, status)
}
func (s *seen) Failed(source string) { s.add("failed %s", source) }

func table(t testing.TB, generation uint64, s Settings, routes ...Route) *Table {
	t.Helper()
	for i := range routes {
		if routes[i].Source == "" {
			routes[i].Source = "shop"
		}
		if routes[i].Path == "" {
			routes[i].Path = "/hooks/shop"
		}
		if routes[i].MaxBody == 0 {
			routes[i].MaxBody = 1 << 20
		}
		if routes[i].Receiver == nil {
			routes[i].Receiver = named(routes[i].Source)
		}
	}
	made, err := NewTable(generation, s, routes)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// listen serves a door on a free port until the test ends.
func listen(t testing.TB, o Options) (d *Door, address string) {
	t.Helper()
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	d = New(o)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- d.Serve(l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := d.Shutdown(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Shutdown: %v", err)
		}
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return d, l.Addr().String()
}

func client(t testing.TB) *http.Client {
	transport := &http.Transport{ExpectContinueTimeout: 5 * time.Second}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

func do(t testing.TB, c *http.Client, r *http.Request) (status int, header http.Header, body string) {
	t.Helper()
	resp, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, string(b)
}

func post(t testing.TB, url, body string, header ...string) *http.Request {
	t.Helper()
	r, err := http.NewRequest(http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	return r
}

func TestAnswers(t *testing.T) {
	refusing := sourceFunc(func(r *event.Request) (*event.Receipt, error) {
		refusal := event.Refuse(401, "signature", "The signature does not match.")
		refusal.Header = http.Header{"Www-Authenticate": {"Bearer"}}
		return nil, refusal
	})
	later := sourceFunc(func(r *event.Request) (*event.Receipt, error) {
		refusal := event.Refuse(429, "rate", "Too many.")
		refusal.RetryAfter = 1500 * time.Millisecond
		return nil, refusal
	})
	shaking := sourceFunc(func(r *event.Request) (*event.Receipt, error) {
		return &event.Receipt{Status: 200, Header: http.Header{"X-Hook": {"1"}}, Body: []byte("<b>hello</b>")}, nil
	})
	batch := sourceFunc(func(r *event.Request) (*event.Receipt, error) {
		receipt := &event.Receipt{}
		for id := range strings.FieldsSeq(string(r.Body)) {
			b := event.NewBody(event.Binary, nil)
			receipt.More = append(receipt.More, &event.Event{ID: id, Source: "batch", Body: b, Original: b})
		}
		receipt.Event, receipt.More = receipt.More[0], receipt.More[1:]
		if r.Query.Has("own") {
			receipt.Status, receipt.Body = 201, []byte("thanks")
		}
		return receipt, nil
	})
	unwanted := sourceFunc(func(r *event.Request) (*event.Receipt, error) {
		receipt := &event.Receipt{Event: &event.Event{ID: "spam"}, Unwanted: "honeypot"}
		if r.Query.Has("own") {
			receipt.Status, receipt.Header = 303, http.Header{"Location": {"/thanks"}}
		}
		return receipt, nil
	})
	o := &seen{}
	store := newMemory(1)
	_, addr := listen(t, Options{Store: store, Observer: o, Table: table(t, 1, Settings{},
		Route{MaxBody: 10},
		Route{Source: "unwanted", Path: "/unwanted", Receiver: unwanted},
		Route{Source: "batch", Path: "/batch", Receiver: batch},
		Route{Source: "probed", Path: "/probed", Receiver: shaking, Methods: []string{"POST", "OPTIONS", "HEAD"}},
		Route{Source: "params", Path: "/hooks/{customer}/orders/{order}"},
		Route{Source: "fixed", Path: "/hooks/acme/orders/{order}", Methods: []string{"PUT", "POST"}},
		Route{Source: "refusing", Path: "/refusing", Receiver: refusing},
		Route{Source: "later", Path: "/later", Receiver: later},
		Route{Source: "shaking", Path: "/shaking", Receiver: shaking},
		Route{Source: "panics", Path: "/panics", Receiver: sourceFunc(func(*event.Request) (*event.Receipt, error) { panic("the body") })},
		Route{Source: "broken", Path: "/broken", Receiver: sourceFunc(func(*event.Request) (*event.Receipt, error) { return nil, errors.New("disk") })},
		Route{Source: "nothing", Path: "/nothing", Receiver: sourceFunc(func(*event.Request) (*event.Receipt, error) { return nil, nil })},
		Route{Source: "closed", Path: "/closed", AllowIPs: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}},
		Route{Source: "open", Path: "/open", AllowIPs: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}},
	)})
	tests := []struct {
		name, method, path, body, id string
		status                       int
		answer                       string // "" is not looked at
		header                       string // Name: value
		seen                         string
	}{
		{name: "stored", path: "/hooks/shop", body: "x", id: "a", status: 202, answer: `{"id":"a"}`, header: "Content-Type: application/json", seen: "accepted shop"},
		{name: "stored before", path: "/hooks/shop", body: "x", id: "a", status: 202, answer: `{"id":"a","duplicate":true}`, seen: "duplicate shop"},
		{name: "an id with quotes", path: "/hooks/shop", id: `a"b\c`, status: 202, answer: `{"id":"a\"b\\c"}`},
		{name: "at the limit", path: "/hooks/shop", body: "0123456789", status: 202},
		{name: "above the limit", path: "/hooks/shop", body: "0123456789a", status: 413, header: "Content-Type: application/problem+json", seen: "refused shop too_large 413"},
		{name: "nowhere", path: "/hooks", status: 404, seen: "refused  path 404",
			answer: `{"type":"about:blank","title":"Not Found","status":404,"detail":"There is no source at this path.","reason":"path"}`},
		{name: "a slash more", path: "/hooks/shop/", status: 404},
		{name: "two slashes", path: "//hooks/shop", status: 404},
		{name: "dots", path: "/hooks/x/../shop", status: 404},
		{name: "escaped letters", path: "/hooks/sh%6Fp", status: 202},
		{name: "an escaped slash", path: "/hooks%2Fshop", status: 404},
		{name: "a query", path: "/hooks/shop?a=1", status: 202},
		{name: "wrong method", method: "GET", path: "/hooks/shop", status: 405, header: "Allow: POST", seen: "refused shop method 405"},
		{name: "wrong method of two", method: "DELETE", path: "/hooks/acme/orders/1", status: 405, header: "Allow: POST, PUT"},
		{name: "head", method: "HEAD", path: "/hooks/shop", status: 405, header: "Allow: POST"},
		{name: "options", method: "OPTIONS", path: "/hooks/shop", status: 405, header: "Allow: POST"},
		{name: "a batch", path: "/batch", body: "b1 b2", status: 202, answer: `{"ids":["b1","b2"]}`, header: "Content-Type: application/json"},
		{name: "a batch with a duplicate", path: "/batch", body: "b2 b3", status: 202, answer: `{"ids":["b2","b3"],"duplicates":1}`, seen: "duplicate batch"},
		{name: "a batch of one", path: "/batch", body: "b3", status: 202, answer: `{"id":"b3","duplicate":true}`},
		{name: "a batch with an answer of its own", path: "/batch?own", body: "b4 b5", status: 201, answer: `thanks`},
		{name: "options that a source answers", method: "OPTIONS", path: "/probed", status: 200, header: "Allow: HEAD, OPTIONS, POST"},
		{name: "its answer", method: "OPTIONS", path: "/probed", status: 200, header: "X-Hook: 1"},
		{name: "head that a source answers", method: "HEAD", path: "/probed", status: 200, header: "X-Hook: 1"},
		{name: "unwanted", path: "/unwanted", status: 202, answer: `{"id":"spam"}`, header: "Content-Type: application/json", seen: "refused unwanted honeypot 202"},
		{name: "unwanted with an answer of its own", path: "/unwanted?own", status: 303, header: "Location: /thanks", seen: "refused unwanted honeypot 303"},
		{name: "params", path: "/hooks/x%2Fy/orders/7", id: "params", status: 202, seen: "accepted params"},
		{name: "no param", path: "/hooks//orders/7", status: 404},
		{name: "fixed before param", method: "PUT", path: "/hooks/acme/orders/7", status: 202, seen: "accepted fixed"},
		{name: "refused", path: "/refusing", status: 401, header: "Www-Authenticate: Bearer", seen: "refused refusing signature 401"},
		{name: "later", path: "/later", status: 429, header: "Retry-After: 2"},
		{name: "handshake", path: "/shaking", status: 200, answer: "<b>hello</b>", header: "Content-Type: text/plain; charset=utf-8"},
		{name: "panic", path: "/panics", status: 500, seen: "refused panics internal 500"},
		{name: "fault", path: "/broken", status: 500, seen: "refused broken internal 500"},
		{name: "no receipt", path: "/nothing", status: 500},
		{name: "address not allowed", path: "/closed", status: 403, seen: "refused closed ip 403"},
		{name: "address allowed", path: "/open", status: 202},
	}
	c := client(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := post(t, "http://"+addr+tt.path, tt.body, "X-Id", tt.id)
			if tt.method != "" {
				r.Method = tt.method
			}
			before := o.count(tt.seen)
			status, header, answer := do(t, c, r)
			if status != tt.status {
				t.Fatalf("status is %d, want %d (%s)", status, tt.status, answer)
			}
			if tt.answer != "" && strings.TrimSuffix(answer, "\n") != tt.answer {
				t.Errorf("answer is %s\nwant      %s", answer, tt.answer)
			}
			if name, value, ok := strings.Cut(tt.header, ": "); ok && header.Get(name) != value {
				t.Errorf("%s is %q, want %q", name, header.Get(name), value)
			}
			if tt.seen != "" && o.count(tt.seen) != before+1 {
				t.Errorf("the observer was not told %q", tt.seen)
			}
		})
	}
	if store.get("spam") != nil {
		t.Error("what is unwanted is stored")
	}
	if got := fmt.Sprint(store.get("params").Request.Info().Params); got != "map[customer:x/y order:7]" {
		t.Errorf("params are %s", got)
	}
}

func TestFailedStoreAsksToComeAgain(t *testing.T) {
	var log bytes.Buffer
	o, store := &seen{}, newMemory(1)
	_, addr := listen(t, Options{Store: store, Observer: o, Table: table(t, 1, Settings{}, Route{}),
		Log: slog.New(slog.NewTextHandler(&log, nil))})
	c := client(t)
	store.fail(event.RetryAfter(20*time.Second, errors.New("disk full")))
	for range 3 {
		status, header, body := do(t, c, post(t, "http://"+addr+"/hooks/shop", "secret body", "X-Id", "1"))
		if status != 503 || header.Get("Retry-After") != "20" || strings.Contains(body, "disk full") {
			t.Errorf("answered %d, Retry-After %q, %s", status, header.Get("Retry-After"), body)
		}
	}
	store.fail(nil)
	if status, _, body := do(t, c, post(t, "http://"+addr+"/hooks/shop", "x", "X-Id", "1")); status != 202 || strings.Contains(body, "duplicate") {
		t.Errorf("the retry was answered %d %s", status, body)
	}
	if n := o.count("failed shop"); n != 3 {
		t.Errorf("%d failures counted, want 3", n)
	}
	if text := log.String(); strings.Count(text, "could not be stored") != 1 || !strings.Contains(text, "stored again") || strings.Contains(text, "secret body") {
		t.Errorf("the log is\n%s", text)
	}
}

func TestPanicIsLoggedWithoutTheBody(t *testing.T) {
	var log bytes.Buffer
	panics := sourceFunc(func(r *event.Request) (*event.Receipt, error) { panic(string(r.Body)) })
	_, addr := listen(t, Options{Store: newMemory(1), Table: table(t, 1, Settings{}, Route{Receiver: panics}),
		Log: slog.New(slog.NewTextHandler(&log, nil))})
	do(t, client(t), post(t, "http://"+addr+"/hooks/shop", "card 4111"))
	if text := log.String(); !strings.Contains(text, "panicked") || strings.Contains(text, "4111") {
		t.Errorf("the log is\n%s", text)
	}
}

func TestInFlightLimits(t *testing.T) {
	store := newMemory(1)
	store.hold, store.held = make(chan struct{}), make(chan struct{}, 8)
	o := &seen{}
	_, addr := listen(t, Options{Store: store, Observer: o, Limits: Limits{Requests: 2, Bodies: 1000},
		Table: table(t, 1, Settings{}, Route{})})
	c := client(t)
	answers := make(chan int, 2)
	start := func(body string) {
		r := post(t, "http://"+addr+"/hooks/shop", body)
		go func() {
			resp, err := c.Do(r)
			if err != nil {
				answers <- 0
				return
			}
			resp.Body.Close()
			answers <- resp.StatusCode
		}()
		<-store.held
	}
	start(strings.Repeat("a", 600))
	status, header, body := do(t, c, post(t, "http://"+addr+"/hooks/shop", strings.Repeat("b", 600)))
	if status != 503 || header.Get("Retry-After") != "1" {
		t.Errorf("too many bytes: answered %d %s", status, body)
	}
	start("c")
	if status, header, body = do(t, c, post(t, "http://"+addr+"/hooks/shop", "d")); status != 503 || header.Get("Retry-After") != "1" {
		t.Errorf("too many requests: answered %d %s", status, body)
	}
	close(store.hold)
	for range 2 {
		if status := <-answers; status != 202 {
			t.Errorf("a request that had begun was answered %d", status)
		}
	}
	if n := o.count("refused  busy 503") + o.count("refused shop busy 503"); n != 2 {
		t.Errorf("%d counted as busy, want 2", n)
	}
	// What was taken up is given back.
	if status, _, body := do(t, c, post(t, "http://"+addr+"/hooks/shop", strings.Repeat("e", 900))); status != 202 {
		t.Errorf("afterwards: answered %d %s", status, body)
	}
}

// TestLargeBodiesTakeTurns keeps every turn to itself: a small body passes, and a
// large one waits, until the door is abandoned.
func TestLargeBodiesTakeTurns(t *testing.T) {
	d, addr := listen(t, Options{Store: newMemory(1), Table: table(t, 1, Settings{}, Route{})})
	c := client(t)
	send := func(size int) int {
		status, _, _ := do(t, c, post(t, "http://"+addr+"/hooks/shop", strings.Repeat("a", size)))
		return status
	}
	if status := send(largeBody); status != 202 {
		t.Errorf("a large body was answered %d", status)
	}
	if err := d.turns.acquire(t.Context(), d.turns.limit); err != nil { // what it took was given back
		t.Fatal(err)
	}
	if status := send(largeBody - 1); status != 202 {
		t.Errorf("a small body was answered %d", status)
	}
	large := make(chan int)
	go func() { large <- send(largeBody) }()
	d.abandon()
	if status := <-large; status != 503 {
		t.Errorf("a large body that waited was answered %d when the door was abandoned", status)
	}
}

func TestProblemIsJSON(t *testing.T) {
	a := refused(event.Refuse(400, "decode", "invalid character '\"' \x00 in <body>"))
	var p problem
	if err := json.Unmarshal(a.body, &p); err != nil || p.Status != 400 || p.Reason != "decode" {
		t.Errorf("%s: %v", a.body, err)
	}
}

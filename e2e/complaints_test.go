package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// post sends one signed body and returns the status.
func (e *engine) post(body string) int {
	e.t.Helper()
	r, err := http.NewRequest(http.MethodPost, "http://"+e.door+"/hooks/shop", strings.NewReader(body))
	if err != nil {
		e.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set(header, sign([]byte(body)))
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		e.t.Fatal(err)
	}
	answer.Body.Close()
	return answer.StatusCode
}

// accept sends bodies that must be accepted.
func (e *engine) accept(bodies ...string) {
	e.t.Helper()
	for _, b := range bodies {
		if status := e.post(b); status != http.StatusAccepted {
			e.t.Fatalf("%s is answered %d", b, status)
		}
	}
}

// oneSink is a configuration with one pipeline to one receiver; settings are more of the sink's.
func oneSink(url, settings string) string {
	return sources + fmt.Sprintf(`
sinks:
  crm: {type: http, url: %q, %s}
pipelines:
  orders: {from: shop, to: [crm]}
`, url, settings)
}

func TestTwoPostsAtOnceAreTwoEvents(t *testing.T) {
	r := newReceiver(t)
	e := newEngine(t, oneSink(r.url("/"), "timeout: 5s"))
	e.start()
	const rounds = 50
	for i := range rounds {
		var both sync.WaitGroup
		for _, side := range []string{"a", "b"} {
			body := fmt.Sprintf(`{"id": "%s-%d"}`, side, i)
			both.Go(func() {
				if status := e.post(body); status != http.StatusAccepted {
					t.Errorf("%s is answered %d", body, status)
				}
			})
		}
		both.Wait()
	}
	await(t, 20*time.Second, "both of each pair arrive", func() bool { return r.count() == 2*rounds })
}

func TestTwoCopiesAtOnceAreOneEvent(t *testing.T) {
	r := newReceiver(t)
	e := newEngine(t, oneSink(r.url("/"), "timeout: 5s"))
	e.start()
	const rounds = 50
	for i := range rounds {
		var copies sync.WaitGroup
		for range 4 {
			copies.Go(func() { e.post(fmt.Sprintf(`{"id": "%d"}`, i)) })
		}
		copies.Wait()
	}
	await(t, 20*time.Second, "each arrives", func() bool { return r.count() == rounds })
	e.accept(`{"id": "last"}`)
	await(t, 20*time.Second, "the last arrives", func() bool { return r.count() == rounds+1 })
	if n := r.doubles(); n > 0 {
		t.Errorf("%d arrived twice", n)
	}
}

// What already fails is attempted with the settings of the moment: the old
// address is not tried for ever, and the edit does not wait for it.
func TestACorrectedAddressHelpsWhatIsFailing(t *testing.T) {
	r := newReceiver(t)
	e := newEngine(t, oneSink("http://"+freeAddr(t)+"/", "retry: {initial: 50ms, max: 200ms}"))
	e.start()
	e.accept(`{"id": "1"}`, `{"id": "2"}`, `{"id": "3"}`)
	await(t, 20*time.Second, "attempts fail", func() bool { return e.metric("trotline_retried_total") >= 6 })
	e.write(oneSink(r.url("/"), "retry: {initial: 50ms, max: 200ms}"))
	await(t, 20*time.Second, "the edit is applied", func() bool { return e.metric("trotline_config_generation") == 2 })
	await(t, 20*time.Second, "all arrive at the corrected address", func() bool { return r.count() == 3 })
	if n := e.metric("trotline_dead_total"); n != 0 {
		t.Errorf("%v dead letters", n)
	}
}

// An edit does not wait for a sink that cannot deliver, and what waits for that sink survives it.
func TestAnEditDoesNotWaitForASinkThatCannotDeliver(t *testing.T) {
	stuck, other := newReceiver(t), newReceiver(t)
	hold := make(chan struct{})
	stuck.answers(func(arrival) int { <-hold; return http.StatusServiceUnavailable })
	release := sync.OnceFunc(func() { close(hold) })
	t.Cleanup(release)
	text := func(path string) string {
		return sources + fmt.Sprintf(`
sinks:
  stuck: {type: http, url: %q, timeout: 60s, retry: {initial: 50ms, max: 200ms}}
  other: {type: http, url: %q}
pipelines:
  orders: {from: shop, to: [stuck, other]}
`, stuck.url("/"), other.url(path))
	}
	e := newEngine(t, text("/before"))
	e.start()
	e.accept(`{"id": "1"}`)
	await(t, 20*time.Second, "an attempt hangs", func() bool { return e.metric("trotline_in_flight", `sink="stuck"`) == 1 })
	began := time.Now()
	e.write(text("/after"))
	await(t, 20*time.Second, "the edit is applied", func() bool { return e.metric("trotline_config_generation") == 2 })
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %s", took)
	}
	e.accept(`{"id": "2"}`)
	await(t, 20*time.Second, "the edit is in force", func() bool {
		all := other.all()
		return len(all) == 2 && all[1].path == "/after"
	})
	stuck.answers(nil)
	release()
	await(t, 20*time.Second, "what was waiting arrives", func() bool { return stuck.count() == 2 })
}

// letter is a dead letter as `dead show --json` tells it.
type letter struct {
	Reason, Class, Pipeline, Route, Sink, Step, Error string
	Status, Attempts                                  int
	Generation                                        uint64
	History                                           []struct {
		Number, Status int
		Time           time.Time
		Error, Answer  string
	}
	Body json.RawMessage
}

// letter is what is told of the newest dead letter.
func (e *engine) letter() (l letter) {
	e.t.Helper()
	await(e.t, 20*time.Second, "a dead letter", func() bool { return e.metric("trotline_dead_total") >= 1 })
	out := e.must("dead", "show", firstSequence(e.t, e.must("dead", "list", "--json")), "--json")
	if err := json.Unmarshal([]byte(out), &l); err != nil {
		e.t.Fatalf("%v: %s", err, out)
	}
	return l
}

// The limit of attempts is honoured, and each attempt is told with its time, status, error and answer.
func TestTheRetryLimitIsHonouredAndAttemptsAreTold(t *testing.T) {
	r := newReceiver(t)
	attempts := make(chan time.Time, 100)
	r.answers(func(arrival) int { attempts <- time.Now(); return http.StatusBadGateway })
	e := newEngine(t, oneSink(r.url("/"), "retry: {attempts: 3, initial: 50ms, jitter: 0}"))
	e.start()
	e.accept(`{"id": "1", "price": 10.10}`)
	l := e.letter()
	if len(attempts) != 3 || l.Attempts != 3 || l.Reason != "exhausted" || l.Class != "receiver" || len(l.History) != 3 {
		t.Fatalf("%d attempts were made; the letter says %+v", len(attempts), l)
	}
	for i, h := range l.History {
		if h.Number != i+1 || h.Status != http.StatusBadGateway || !strings.Contains(h.Error, "502") || h.Answer != "this receiver does not want it" || h.Time.IsZero() {
			t.Errorf("attempt %d is told as %+v", i+1, h)
		}
	}
	if l.Pipeline != "orders" || l.Route != "default" || l.Sink != "crm" || l.Generation != 1 || !strings.Contains(string(l.Body), "10.10") {
		t.Errorf("the letter is %+v", l)
	}
	if e.metric("trotline_dead_total", `class="receiver"`, `reason="exhausted"`) != 1 {
		t.Error("it is not counted on the receiver's side")
	}
}

func TestOneFailingFilterStopsNoOther(t *testing.T) {
	r := newReceiver(t)
	e := newEngine(t, sources+fmt.Sprintf(`
sinks:
  crm: {type: http, url: %q}
pipelines:
  broken:
    from: shop
    steps: [{filter: body.customer.age > 18}]
    to: [crm]
  whole: {from: shop, to: [crm]}
  routes:
    from: shop
    routes:
      - {name: broken, when: body.customer.age > 18, to: [crm]}
      - {name: whole, to: [crm]}
`, r.url("/")))
	e.start()
	e.accept(`{"id": "1"}`)
	await(t, 20*time.Second, "the others deliver", func() bool { return len(r.all()) == 2 })
	await(t, 20*time.Second, "the broken ones are dead letters", func() bool {
		return e.metric("trotline_dead_total", `class="own"`, `reason="expression"`) == 2
	})
	if l := e.letter(); l.Class != "own" || l.Error == "" {
		t.Errorf("the letter is %+v", l)
	}
}

// A body may be any JSON: a text, a number, null.
func TestABodyThatIsNoObjectIsDelivered(t *testing.T) {
	r := newReceiver(t)
	e := newEngine(t, strings.Replace(oneSink(r.url("/"), "timeout: 5s"), "    id: body.id\n", "", 1))
	e.start()
	bodies := []string{`"a text"`, `7`, `null`, `[1, 2]`, `true`}
	e.accept(bodies...)
	await(t, 20*time.Second, "all arrive", func() bool { return r.count() == len(bodies) })
	for _, want := range bodies {
		found := false
		for _, a := range r.all() {
			found = found || string(a.body) == want
		}
		if !found {
			t.Errorf("%s did not arrive as it was", want)
		}
	}
}

func TestRetryAfterIsHonouredOnDeliveries(t *testing.T) {
	for _, status := range []int{http.StatusTooManyRequests, http.StatusServiceUnavailable} {
		t.Run(strconv.Itoa(status), func(t *testing.T) {
			attempts := make(chan time.Time, 10)
			receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				attempts <- time.Now()
				if len(attempts) == 1 {
					w.Header().Set("Retry-After", "1")
					w.WriteHeader(status)
				}
			}))
			defer receiver.Close()
			e := newEngine(t, oneSink(receiver.URL, "retry: {initial: 10ms}"))
			e.start()
			e.accept(`{"id": "1"}`)
			await(t, 20*time.Second, "two attempts", func() bool { return len(attempts) == 2 })
			if first, second := <-attempts, <-attempts; second.Sub(first) < time.Second {
				t.Errorf("it was attempted again after %s", second.Sub(first))
			}
		})
	}
}

// TestKill9WhileDeadLettersAreReplayed kills the engine in the middle: no letter
// is lost, and what is delivered twice has the same id.
func TestKill9WhileDeadLettersAreReplayed(t *testing.T) {
	slow(t)
	const letters = 2_000
	r := newReceiver(t)
	r.answers(func(arrival) int { return http.StatusBadRequest })
	e := newEngine(t, oneSink(r.url("/"), "timeout: 5s"))
	e.start()
	s := &sender{door: e.door, name: "dead", conns: 8, total: letters}
	s.send(t.Context())
	await(t, 60*time.Second, "all are dead letters", func() bool { return e.metric("trotline_dead_total") == letters })
	r.answers(nil)
	for _, enough := range []int{letters / 10, letters / 2} {
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			e.command("dead", "replay", "--all", "--rate", "1500/s")
		}()
		await(t, 60*time.Second, "some are delivered", func() bool { return r.count() >= enough })
		e.kill()
		<-ended
		e.start()
	}
	e.must("dead", "replay", "--all")
	await(t, 60*time.Second, "all are delivered", func() bool { return r.count() == letters })
	if missing := r.missing(s.ids()); len(missing) > 0 {
		t.Errorf("%d are lost, such as %s", len(missing), missing[0])
	}
	if out := e.must("dead", "list", "--json"); strings.Contains(out, `"sequence"`) {
		t.Errorf("letters are left: %.500s", out)
	}
	keys := make(map[string]string)
	for _, a := range r.all() {
		if was, known := keys[a.event]; known && was != a.key {
			t.Errorf("%s came as %s and as %s", a.event, was, a.key)
		}
		keys[a.event] = a.key
	}
	t.Logf("%d deliveries came twice", r.doubles())
}

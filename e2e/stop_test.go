package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestGracefulStop ends the engine under load, as a deployment does: exit code
// 0, and after the next start everything with a 202 has arrived, once.
func TestGracefulStop(t *testing.T) {
	slow(t)
	r := newReceiver(t)
	e := newEngine(t, sources+fmt.Sprintf(`
sinks:
  crm: {type: http, url: %q}
pipelines:
  orders: {from: shop, to: [crm]}
`, r.url("/")))
	e.start()
	const requests = 8000
	s := &sender{door: e.door, name: "stop", conns: 16, total: requests, retry: e.awaitUp}
	sent := s.started(t, t.Context())
	for k := 1; k <= 2; k++ {
		await(t, time.Minute, "requests are accepted", func() bool { return s.count() >= k*requests/3 })
		e.signal(syscall.SIGTERM)
		if code := e.wait(30 * time.Second); code != 0 {
			t.Errorf("exit code %d after SIGTERM, want 0", code)
		}
		e.start()
	}
	sent()
	if n := s.count(); n != requests {
		t.Fatalf("%d of %d requests were accepted", n, requests)
	}
	if !holdsWithin(t.Context(), time.Minute, func() bool { return r.count() >= requests }) {
		missing := r.missing(s.ids())
		t.Fatalf("%d accepted events are lost, such as %v", len(missing), missing[:min(5, len(missing))])
	}
	if n := r.doubles(); n > 0 {
		t.Errorf("%d deliveries came twice after an orderly stop", n)
	}
}

// TestSecondSignal has the engine wait for a receiver that takes its time: the
// second signal ends the waiting, and the delivery comes again at the next start.
func TestSecondSignal(t *testing.T) {
	r := newReceiver(t)
	asked, release := make(chan struct{}, 100), make(chan struct{})
	r.answers(func(arrival) int {
		asked <- struct{}{}
		<-release
		return http.StatusServiceUnavailable
	})
	e := newEngine(t, sources+fmt.Sprintf(`
sinks:
  crm: {type: http, url: %q, timeout: 60s}
pipelines:
  orders: {from: shop, to: [crm]}
`, r.url("/")))
	e.start()
	s := &sender{door: e.door, name: "second", conns: 1, total: 1}
	s.send(t.Context())
	<-asked
	e.signal(syscall.SIGTERM)
	await(t, 10*time.Second, "the door is closed", func() bool { return !accepting(e.door) })
	if !e.process.Running() {
		t.Error("it did not wait for the delivery in hand")
	}
	again := time.Now()
	e.signal(syscall.SIGTERM)
	e.wait(5 * time.Second)
	t.Logf("it ended %s after the second signal", time.Since(again).Round(time.Millisecond))
	close(release)
	r.answers(nil)
	e.start()
	await(t, 30*time.Second, "the delivery comes again", func() bool { return r.count() == 1 })
}

func accepting(addr string) bool {
	answer, err := http.Get("http://" + addr + "/")
	if err != nil {
		return false
	}
	answer.Body.Close()
	return answer.StatusCode != http.StatusServiceUnavailable
}

// TestStoreLock starts a second engine on the same folder: it must not touch it, and say so.
func TestStoreLock(t *testing.T) {
	pipelines := sources + `
sinks:
  out: {type: stdout}
pipelines:
  orders: {from: shop, to: [out]}
`
	e := newEngine(t, pipelines)
	e.start()
	other := newEngine(t, pipelines)
	other.keepData(e.data)
	if err := other.tryStart(t.Context()); err == nil {
		t.Fatal("it has started")
	}
	if code := other.process.ExitCode(); code != 1 && code != 3 {
		t.Errorf("exit code %d, want 1 or 3", code)
	}
	for _, part := range []string{e.data, fmt.Sprint(e.process.PID())} {
		if !strings.Contains(other.log(), part) {
			t.Errorf("the error does not name %s:\n%s", part, other.log())
		}
	}
	if !e.ready() {
		t.Error("the first engine is disturbed")
	}
}

package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestSecondSignalAbandons stops an engine in the middle of a delivery that
// does not end, and finds the delivery again after the next start.
func TestSecondSignalAbandons(t *testing.T) {
	asked, over := make(chan string, 10), make(chan struct{})
	crm := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) {
		asked <- q.Header.Get("Idempotency-Key")
		select {
		case <-over:
		case <-q.Context().Done():
		}
	}))
	defer crm.Close()
	s := newSite(t, strings.Replace(deadSite, "CRM", crm.URL, 1))
	r := s.run()
	s.must("send", "shop", "--data", `{"id": "a", "n": 1}`)
	first := <-asked

	if err := r.process.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the engine says what it waits for", func() bool { return strings.Contains(r.log.String(), "a second signal abandons") })
	eventually(t, "the door is closed", func() bool {
		answer, err := http.Post("http://"+s.door+"/hooks/shop", "application/json", strings.NewReader(`{"id": "b"}`))
		if err == nil {
			answer.Body.Close()
		}
		return err != nil
	})
	select {
	case err := <-r.done:
		t.Fatalf("the engine did not wait for its delivery: %v", err)
	default:
	}
	started := time.Now()
	if err := r.process.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	err := <-r.done
	r.done <- nil
	if took := time.Since(started); took > 10*time.Second || err != nil {
		t.Errorf("after the second signal it ended in %v with %v", took, err)
	}

	close(over)
	s.run()
	if again := <-asked; again != first {
		t.Errorf("the delivery comes again as %q, not %q", again, first)
	}
}

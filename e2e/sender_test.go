package e2e

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"net/http"
	"sync"
	"testing"
	"time"
)

const (
	secret  = "e2e-secret-never-to-be-shown"
	header  = "X-Shop-Signature"
	sources = `
sources:
  shop:
    path: /hooks/shop
    verify: {hmac: {header: ` + header + `, prefix: "sha256=", secrets: ["` + secret + `"]}}
    id: body.id
`
)

func sign(body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

// sender posts signed events, each with an id of its own, and keeps which were answered with 202.
type sender struct {
	door  string
	name  string                     // what its ids begin with
	conns int                        // each sends one request after the other
	total int                        // over all connections; 0: until the context ends
	rate  int                        // requests a second over all connections; 0: as fast as answers come
	retry func(context.Context) bool // waits until a request without 202 may be sent again; nil: never

	mu       sync.Mutex
	accepted map[string]bool
	failures []string
}

// send runs until everything is sent or ctx ends.
func (s *sender) send(ctx context.Context) {
	s.mu.Lock()
	s.accepted = make(map[string]bool)
	s.mu.Unlock()
	var conns sync.WaitGroup
	for c := range s.conns {
		conns.Go(func() { s.connection(ctx, c) })
	}
	conns.Wait()
}

// started runs send beside the test; the function returned waits for its end.
func (s *sender) started(t *testing.T, ctx context.Context) (wait func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.send(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return func() { <-done }
}

func (s *sender) connection(ctx context.Context, c int) {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1}, Timeout: 60 * time.Second}
	defer client.CloseIdleConnections()
	var tick <-chan time.Time
	if s.rate > 0 {
		ticker := time.NewTicker(time.Duration(s.conns) * time.Second / time.Duration(s.rate))
		defer ticker.Stop()
		tick = ticker.C
	}
	for n := 0; s.total == 0 || n < s.total/s.conns; n++ {
		if tick != nil {
			select {
			case <-tick:
			case <-ctx.Done():
			}
		}
		if ctx.Err() != nil {
			return
		}
		id := fmt.Sprintf("%s-%d-%d", s.name, c, n)
		body := fmt.Appendf(nil, `{"id":%q,"conn":%d,"n":%d,"amount":129.90,"sent":%d}`, id, c, n, time.Now().UnixNano())
		for !s.post(client, id, body) {
			if s.retry == nil || !s.retry(ctx) {
				break
			}
		}
	}
}

// post sends once. It goes on when the test ends meanwhile: an answer on its way counts.
func (s *sender) post(client *http.Client, id string, body []byte) bool {
	q, err := http.NewRequest(http.MethodPost, "http://"+s.door+"/hooks/shop", bytes.NewReader(body))
	if err != nil {
		panic(err) // the address is ours
	}
	q.Header.Set("Content-Type", "application/json")
	q.Header.Set(header, sign(body))
	status, err := exchange(client, q)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil && status == http.StatusAccepted {
		s.accepted[id] = true
		return true
	}
	s.failures = append(s.failures, fmt.Sprintf("%s: %d %v", id, status, err))
	return false
}

// exchange sends a request. An answer counts from its first line on: what follows may be cut off with the connection.
func exchange(client *http.Client, q *http.Request) (int, error) {
	answer, err := client.Do(q)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode, nil
}

// count is how many were answered with 202 so far.
func (s *sender) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.accepted)
}

// ids are those answered with 202 so far.
func (s *sender) ids() map[string]bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.accepted)
}

// failed are the requests that got no 202.
func (s *sender) failed() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failures
}

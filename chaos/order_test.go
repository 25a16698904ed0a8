//go:build unix

package chaos

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"
)

const (
	secret    = "chaos-secret-never-to-be-shown"
	signature = "X-Shop-Signature"
)

// order is an event. All that is expected of it follows from its numbers.
type order struct {
	seed    uint64
	conn, n int
}

func (o order) id() string { return fmt.Sprintf("s%d-%d-%d", o.seed, o.conn, o.n) }

// keys is how many keys each connection sends. No two connections share one,
// so that a key's events are accepted one after the other.
const keys = 5

func (o order) key() string { return fmt.Sprintf("%d-%d", o.conn, o.n%keys) }

func (o order) amount() int {
	if o.n%3 == 0 {
		return 150
	}
	return 50
}

func (o order) filtered() bool { return o.n%10 == 9 }
func (o order) big() bool      { return o.amount() >= 100 }

// refused tells whether the CRM refuses it, at each attempt.
func (o order) refused() bool { return o.n%17 == 3 || o.n%17 == 12 }

// wanted tells whether a sink has to end up with it.
func (o order) wanted(sink string) bool {
	switch sink {
	case hook, "rows", "archive":
		return !o.filtered()
	case "till":
		return !o.filtered() && o.big()
	case crm:
		return !o.filtered() && o.big() && !o.refused()
	}
	return true
}

// dies tells whether it has to end up as a dead letter of the CRM.
func (o order) dies() bool { return !o.filtered() && o.big() && o.refused() }

// orderOf reads an id; false for one that is not of this seed.
func orderOf(seed uint64, id string) (order, bool) {
	o := order{seed: seed}
	_, err := fmt.Sscanf(id, fmt.Sprintf("s%d-%%d-%%d", seed), &o.conn, &o.n)
	return o, err == nil && o.id() == id
}

// sender posts signed orders, each until it is answered with 202, and keeps which were.
type sender struct {
	plan  *plan
	door  string
	start func(context.Context) bool // waits until there is an engine to send to

	mu       sync.Mutex
	sent     map[order]time.Time // when it was first
	accepted map[order]time.Time // when its 202 came
	again    int                 // requests that had to be sent again
}

// send runs until ctx ends.
func (s *sender) send(ctx context.Context) {
	s.sent, s.accepted = make(map[order]time.Time), make(map[order]time.Time)
	var conns sync.WaitGroup
	for c := range s.plan.conns {
		conns.Go(func() { s.connection(ctx, c) })
	}
	conns.Wait()
}

func (s *sender) connection(ctx context.Context, c int) {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1}, Timeout: 30 * time.Second}
	defer client.CloseIdleConnections()
	chance := rand.New(rand.NewPCG(s.plan.seed, uint64(c)+1))
	tick := time.NewTicker(time.Duration(s.plan.conns) * time.Second / time.Duration(s.plan.rate))
	defer tick.Stop()
	for n := 0; ; n++ {
		o := order{s.plan.seed, c, n}
		body := fmt.Appendf(nil, `{"id":%q,"key":%q,"n":%d,"amount":%d,"pad":%q}`, o.id(), o.key(), n, o.amount(),
			strings.Repeat("x", chance.IntN(s.plan.pad+1)))
		s.mu.Lock()
		s.sent[o] = time.Now()
		s.mu.Unlock()
		for !s.post(client, o, body) {
			if !s.start(ctx) || !await(ctx, tick.C) {
				return
			}
		}
		if !await(ctx, tick.C) {
			return
		}
	}
}

func await(ctx context.Context, c <-chan time.Time) bool {
	select {
	case <-c:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// post sends once. It goes on when the load ends meanwhile: an answer on its way counts.
func (s *sender) post(client *http.Client, o order, body []byte) bool {
	q, err := http.NewRequest(http.MethodPost, "http://"+s.door+"/hooks/shop", bytes.NewReader(body))
	if err != nil {
		panic(err) // the address is ours
	}
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	q.Header.Set("Content-Type", "application/json")
	q.Header.Set(signature, "sha256="+hex.EncodeToString(mac.Sum(nil)))
	answer, err := client.Do(q)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.again++
		return false
	}
	// An answer counts from its first line on: what follows may be cut off with the connection.
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, answer.Body)
	if answer.StatusCode != http.StatusAccepted && answer.StatusCode != http.StatusOK {
		s.again++
		return false
	}
	s.accepted[o] = time.Now()
	return true
}

// orders are those that were accepted, and those that may have been.
func (s *sender) orders() (accepted, sent map[order]time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.accepted), maps.Clone(s.sent)
}

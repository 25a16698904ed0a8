package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

const deadSite = `
server:
  listen: DOOR
  admin: {listen: "ADMIN"}
sources:
  shop: {path: /hooks/shop, verify: none, id: body.id}
sinks:
  crm: {type: http, url: "CRM/orders"}
  lines: {type: file, path: lines.jsonl}
pipelines:
  orders:
    from: shop
    steps:
      - filter: body.n >= 1
    to: [crm]
`

// receiver answers 400 until it is mended, and tells what it took.
type receiver struct {
	*httptest.Server
	mended atomic.Bool
	taken  chan string
	keys   chan string
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{taken: make(chan string, 100), keys: make(chan string, 100)}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, _ := io.ReadAll(q.Body)
		r.keys <- q.Header.Get("Idempotency-Key")
		if !r.mended.Load() {
			http.Error(w, "no such\x1b[31m customer", http.StatusBadRequest)
			return
		}
		r.taken <- string(body)
	}))
	t.Cleanup(r.Close)
	return r
}

// letters waits until there are so many dead letters.
func (r *running) letters(n uint64) {
	r.t.Helper()
	eventually(r.t, "the number of dead letters", func() bool { return r.status().Dead == n })
}

func TestDeadLetterRoundTrip(t *testing.T) {
	crm := newReceiver(t)
	s := newSite(t, strings.Replace(deadSite, "CRM", crm.URL, 1))
	r := s.run()

	s.must("send", "shop", "--data", `{"id": "a", "n": 1}`)
	r.letters(1)
	list := s.must("dead", "list")
	for _, want := range []string{"orders/default", "crm", "refused", "400"} {
		if !strings.Contains(list, want) {
			t.Errorf("dead list does not hold %q:\n%s", want, list)
		}
	}
	shown := s.must("dead", "show", "1")
	for _, want := range []string{"no such [31m customer", "attempts", "\n  \"id\": \"a\"", "trotline dead replay 1"} {
		if !strings.Contains(shown, want) {
			t.Errorf("dead show does not hold %q:\n%s", want, shown)
		}
	}

	crm.mended.Store(true)
	if got := s.must("dead", "replay", "1"); got != "1 dead letter replayed: 1 to crm\n" {
		t.Errorf("replay says %q", got)
	}
	if got := <-crm.taken; got != `{"id": "a", "n": 1}` {
		t.Errorf("the receiver took %s", got)
	}
	if first, again := <-crm.keys, <-crm.keys; first == "" || first != again {
		t.Errorf("the delivery was called %q, and %q when it was replayed", first, again)
	}
	if got := s.must("dead", "list"); got != "no dead letters\n" {
		t.Errorf("dead list says %q", got)
	}
	if got := s.trotline("dead", "replay", "1"); got.code != exitNo || !strings.Contains(got.errOut, "there is no dead letter 1") {
		t.Errorf("replaying it again: %+v", got)
	}
}

func TestDeadLettersInBulk(t *testing.T) {
	crm := newReceiver(t)
	s := newSite(t, strings.Replace(deadSite, "CRM", crm.URL, 1))
	s.edit("to: [crm]", "to: [crm]\n  more:\n    from: shop\n    steps: [filter: body.n >= 2]\n    to: [lines]")
	r := s.run()

	s.must("send", "shop", "--data", `{"id": "a", "n": 1}`)
	s.must("send", "shop", "--data", `{"id": "b", "n": 1}`)
	s.must("send", "shop", "--data", `{"id": "c"}`) // the filters of both pipelines fail
	r.letters(4)
	if got := s.must("dead", "list", "--reason", "expression"); !strings.Contains(got, "body.n") || strings.Contains(got, "refused") {
		t.Errorf("the letters of the filters are\n%s", got)
	}
	if got := s.trotline("dead", "replay", "--all", "--reason", "expression"); got.code != exitNo || strings.Count(got.errOut, "it fails again") != 2 {
		t.Errorf("replaying what is not mended: %+v", got)
	}
	if got := s.must("dead", "replay", "--all", "--sink", "crm", "--to", "lines"); got != "2 dead letters replayed: 2 to lines\n" {
		t.Errorf("replay says %q", got)
	}
	eventually(t, "the letters went elsewhere", func() bool { return len(s.lines("lines.jsonl")) == 2 })
	if got := s.trotline("dead", "drop", "--all"); got.code != exitUsage || !strings.Contains(got.errOut, "--yes") {
		t.Errorf("drop does not ask: %+v", got)
	}
	if got := s.must("dead", "drop", "--pipeline", "more", "--yes"); got != "1 dead letter dropped\n" {
		t.Errorf("drop says %q", got)
	}
	r.letters(1)
	if got := s.must("dead", "drop", "--all", "-y"); got != "1 dead letter dropped\n" {
		t.Errorf("drop says %q", got)
	}
}

package main

import (
	"bufio"
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// The generator's requests must be what the limit accepts, in both loops.
func TestLoadAgainstLimit(t *testing.T) {
	limit := httptest.NewServer(http.HandlerFunc(checkAndAnswer))
	defer limit.Close()
	for name, rate := range map[string]int{"closed": 0, "open": 2000} {
		o := loadOptions{addr: limit.Listener.Addr().String(), path: "/", run: 1, count: 200, conns: 8, time: 10 * time.Second, rate: rate}
		l := send(t.Context(), o)
		if l.Sent != 200 || len(l.Refused) != 0 {
			t.Errorf("%s loop: %d sent, refused %v; want 200 and none", name, l.Sent, l.Refused)
		}
		if l.P50 <= 0 || l.P99 < l.P50 {
			t.Errorf("%s loop: p50 %s, p99 %s", name, l.P50, l.P99)
		}
	}
}

func TestRefusedRequestsAreKept(t *testing.T) {
	picky := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer picky.Close()
	l := send(t.Context(), loadOptions{addr: picky.Listener.Addr().String(), path: "/", count: 5, conns: 1, time: 10 * time.Second})
	if l.Sent != 5 || len(l.Refused) != 5 || l.accepted() != 0 {
		t.Errorf("%+v, want five refused", l)
	}
}

func TestBodySize(t *testing.T) {
	for _, id := range []string{eventID(1, 0), eventID(12, 123456)} {
		if n := len(buildBody(id)); n != bodySize {
			t.Errorf("the body of %s has %d bytes, want %d", id, n, bodySize)
		}
		run, index, ok := parseID(id)
		if !ok || eventID(run, index) != id {
			t.Errorf("%s is read as %d %d %v", id, run, index, ok)
		}
	}
	for _, id := range []string{"", "x", "1", "1-", "1--1", "1-99999999"} {
		if _, _, ok := parseID(id); ok {
			t.Errorf("%q is taken for an id", id)
		}
	}
}

func TestJudgeCountsByID(t *testing.T) {
	start := time.Unix(1000, 0)
	l := &load{Sent: 5, Refused: []int{3}, Start: start, End: start.Add(time.Second)}
	a := &arrivals{}
	at := start.Add(2 * time.Second).UnixNano()
	for _, index := range []int{0, 1, 1, 4} { // 2 is lost, 3 was refused, 1 came twice
		a.add(index, at)
	}
	f := judge(l, a, 0)
	if f.lost != 1 || f.doubled != 1 || f.refused != 1 {
		t.Errorf("lost %d, doubled %d, refused %d; want one each", f.lost, f.doubled, f.refused)
	}
	if f.through != 1.5 || f.drain != time.Second {
		t.Errorf("%v/s, drained after %s; want 1.5/s and 1s", f.through, f.drain)
	}
}

func TestReadRequest(t *testing.T) {
	in := bufio.NewReader(strings.NewReader("POST /events HTTP/1.1\r\nHost: x\r\ncontent-length: 2\r\nTrotline-Event-Id: 7-42\r\n\r\n{}" +
		"POST /events HTTP/1.1\r\nContent-Length: 0\r\n\r\n"))
	for _, want := range []string{"7-42", ""} {
		if id, err := readRequest(in); id != want || err != nil {
			t.Errorf("id %q, %v; want %q", id, err, want)
		}
	}
	if _, err := readRequest(in); err == nil {
		t.Error("the end is no request")
	}
}

func TestLines(t *testing.T) {
	l := &lines{runs: make(map[int]*arrivals)}
	var text bytes.Buffer
	for _, read := range []string{`{"id":"1-0","x":1}` + "\n" + `{"id":"1-1"}` + "\n" + `{"id":"1-`, "2\"}\nno JSON\n"} {
		text.WriteString(read)
		l.take(&text)
	}
	if n := l.count(1); n != 3 {
		t.Errorf("%d lines, want 3", n)
	}
}

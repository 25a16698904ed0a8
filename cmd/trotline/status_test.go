package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/trotline/trotline/admin"
	"github.com/trotline/trotline/engine"
)

const statusSite = `
server: {listen: "DOOR", admin: {listen: "ADMIN"}}
nats: {embedded: {max_disk: 1GiB}}
sources:
  shop: {path: /hooks/shop, verify: none}
sinks:
  crm:
    type: http
    url: CRM
    retry: {initial: 1h, max: 1h}
    breaker: {failures: 1, pause: 1h}
  jobs: {type: http, url: CRM/refuse}
  lines: {type: file, path: lines.jsonl}
pipelines:
  orders: {from: shop, to: [lines, crm]}
  retrain: {from: shop, to: [jobs]}
`

var statusBlock = regexp.MustCompile("(?s)```console\n\\$ trotline status\n(.*?)```")

// looks is what is the same at each run of the command: words, without figures, times and places.
func looks(text string) string {
	text = regexp.MustCompile(`/\S+/data|127\.0\.0\.1:\d+`).ReplaceAllString(text, "PLACE")
	text = regexp.MustCompile(`trotline +\S+, started`).ReplaceAllString(text, "trotline VERSION, started")
	text = regexp.MustCompile(`[A-Z][a-z][a-z] [ 0-9][0-9] (\d\d:)`).ReplaceAllString(text, "$1")
	text = regexp.MustCompile(`\b\d+m\d\ds\b|<?[0-9][0-9.:]*( ?([KMG]?i?B|ms|[smhd])\b)?`).ReplaceAllString(text, "N")
	return regexp.MustCompile(` +`).ReplaceAllString(text, " ")
}

func TestStatus(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/refuse" {
			w.WriteHeader(http.StatusUnprocessableEntity)
			return
		}
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer server.Close()
	s := newSite(t, strings.ReplaceAll(statusSite, "CRM", server.URL))
	r := s.run()
	s.must("send", "shop", "--data", `{"n": 1}`)
	eventually(t, "a sink waits and another has refused", func() bool {
		st := r.status()
		return st.Dead == 1 && st.Sinks[0].Breaker == "open" && st.Sinks[0].Backlog+st.Sinks[0].InHand > 0 && st.Pipelines[0].InHand == 0
	})

	shown := s.trotline("status")
	page := statusBlock.FindStringSubmatch(readFile(t, "../../docs/operations.md"))
	if page == nil {
		t.Fatal("docs/operations.md does not show the command")
	}
	if shown.code != exitDone || looks(shown.out) != looks(page[1]) {
		t.Errorf("docs/operations.md shows another output than\n%s", shown.out)
	}
	var st admin.Status
	if r := s.trotline("status", "--json"); r.code != exitDone || json.Unmarshal([]byte(r.out), &st) != nil || st.Sinks[0].Name != "crm" || len(st.Streams) < 3 {
		t.Errorf("for programs: %+v", r)
	}

	generation := r.status().Generation
	s.edit("type: file", "type: flie")
	eventually(t, "the edit is refused", func() bool { return r.status().LastEdit.Result == engine.Refused })
	shown = s.trotline("status", "--admin", s.admin) // a broken file does not tell where the engine is
	if shown.code != exitDone || !strings.Contains(shown.out, "was refused") || !strings.Contains(shown.out, "there is no sink of type flie") || r.status().Generation != generation {
		t.Errorf("after an edit that was refused:\n%s", shown.out)
	}
}

func TestStatusOfNobody(t *testing.T) {
	s := newSite(t, plainSite)
	if r := s.trotline("status"); r.code != exitUnreachable {
		t.Errorf("got %+v", r)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(admin.Status{Reason: "the store: it is full"})
	}))
	defer server.Close()
	if r := s.trotline("status", "--admin", server.URL); r.code != exitNo || !strings.Contains(r.errOut, "takes no events: the store: it is full") {
		t.Errorf("got %+v", r)
	}
}

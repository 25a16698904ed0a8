package e2e

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// TestHostileDoor sends what nobody should: each is turned away with the right
// status and counted, nothing is stored, and the log holds neither a secret nor a body.
func TestHostileDoor(t *testing.T) {
	const canary = "canary-4f1c-in-a-body"
	e := newEngine(t, sources+`    max_body: 4KiB
  words:
    path: /hooks/words
    verify: {bearer: {tokens: ["`+secret+`-token"]}}
    decode: json
sinks:
  out: {type: stdout}
pipelines:
  orders: {from: [shop, words], to: [out]}
`)
	e.start()

	good := fmt.Appendf(nil, `{"id":"hostile-1","text":%q}`, canary)
	large := fmt.Appendf(nil, `{"id":"hostile-2","text":%q}`, canary+strings.Repeat("x", 5000))
	broken := []byte(`{"id":"hostile-3","text":"` + canary)
	noID := []byte(`{"text":"` + canary + `"}`)
	nested := []byte(strings.Repeat("[", 2000) + strings.Repeat("]", 2000))
	signed := func(b []byte) http.Header {
		return http.Header{header: {sign(b)}, "Content-Type": {"application/json"}}
	}
	bearer := func(token string) http.Header {
		return http.Header{"Authorization": {"Bearer " + token}, "Content-Type": {"application/json"}}
	}
	cases := []struct {
		name    string
		method  string
		path    string
		header  http.Header
		body    []byte
		chunked bool
		status  int
		reason  string // the metric's, "" if it is not looked at
	}{
		{name: "unsigned", header: http.Header{}, body: good, status: 401, reason: "missing_header"},
		{name: "wrong signature", header: http.Header{header: {sign([]byte("another"))}}, body: good, status: 401, reason: "signature"},
		{name: "signature of another length", header: http.Header{header: {"sha256=ab"}}, body: good, status: 401, reason: "signature"},
		{name: "signature that is no hex", header: http.Header{header: {"sha256=" + strings.Repeat("zz", 32)}}, body: good, status: 401, reason: "signature"},
		{name: "signature without its prefix", header: http.Header{header: {sign(good)[7:]}}, body: good, status: 401, reason: "signature"},
		{name: "empty signature", header: http.Header{header: {""}}, body: good, status: 401},
		{name: "changed body", header: signed(good), body: bytes.Replace(good, []byte("1"), []byte("9"), 1), status: 401, reason: "signature"},
		{name: "oversized", header: signed(large), body: large, status: 413},
		{name: "oversized in chunks", header: signed(large), body: large, chunked: true, status: 413},
		{name: "oversized and unsigned", header: http.Header{}, body: large, status: 413},
		{name: "broken JSON", header: signed(broken), body: broken, status: 400, reason: "decode"},
		{name: "no id", header: signed(noID), body: noID, status: 400, reason: "id"},
		{name: "nested too deep", header: signed(nested), body: nested, status: 400, reason: "decode"},
		{name: "no gzip", header: with(signed(good), "Content-Encoding", "gzip"), body: good, status: 400, reason: "content_encoding"},
		{name: "unknown path", path: "/hooks/shop/", header: signed(good), body: good, status: 404},
		{name: "a path to climb", path: "/hooks/../hooks/shop", header: signed(good), body: good, status: 404},
		{name: "another path", path: "/", header: signed(good), body: good, status: 404},
		{name: "GET", method: http.MethodGet, header: http.Header{}, status: 405},
		{name: "HEAD", method: http.MethodHead, header: http.Header{}, status: 405},
		{name: "OPTIONS", method: http.MethodOptions, header: http.Header{}, status: 405},
		{name: "PUT", method: http.MethodPut, header: signed(good), body: good, status: 405},
		{name: "no token", path: "/hooks/words", header: http.Header{}, body: good, status: 401, reason: "missing_header"},
		{name: "wrong token", path: "/hooks/words", header: bearer("not-" + secret), body: good, status: 401, reason: "credentials"},
		{name: "basic for bearer", path: "/hooks/words", header: http.Header{"Authorization": {"Basic " + secret}}, body: good, status: 401},
		{name: "broken JSON with a token", path: "/hooks/words", header: bearer(secret + "-token"), body: broken, status: 400, reason: "decode"},
	}
	reasons := make(map[string]float64)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			status := sendHostile(t, e, c.method, c.path, c.header, c.body, c.chunked)
			if status != c.status {
				t.Errorf("status %d, want %d", status, c.status)
			}
		})
		if c.reason != "" {
			reasons[c.reason]++
		}
	}
	for reason, n := range reasons {
		if got := e.metric("trotline_refused_total", `reason="`+reason+`"`); got < n {
			t.Errorf("refused for %s: %v, want at least %v", reason, got, n)
		}
	}
	if n := e.metric("trotline_refused_total"); n != float64(len(cases)) {
		t.Errorf("%v requests are counted as refused, want %d", n, len(cases))
	}
	if n := e.metric("trotline_accepted_total"); n != 0 {
		t.Errorf("%v events are counted as accepted", n)
	}
	if out := e.must("events", "list", "--json"); strings.Contains(out, "hostile") || strings.Contains(out, canary) {
		t.Errorf("something is stored:\n%s", out)
	}
	log := e.log()
	for _, word := range []string{secret, canary, sign(good)} {
		if strings.Contains(log, word) {
			t.Errorf("the log holds %q:\n%s", word, log)
		}
	}
}

func with(h http.Header, name, value string) http.Header {
	h.Set(name, value)
	return h
}

// sendHostile sends a request as it is told and returns the status.
func sendHostile(t *testing.T, e *engine, method, path string, h http.Header, body []byte, chunked bool) int {
	t.Helper()
	if method == "" {
		method = http.MethodPost
	}
	if path == "" {
		path = "/hooks/shop"
	}
	var r io.Reader = bytes.NewReader(body)
	if chunked {
		r = io.MultiReader(r) // of unknown length
	}
	q, err := http.NewRequest(method, "http://"+e.door, r)
	if err != nil {
		t.Fatal(err)
	}
	q.URL.Path = path
	q.Header = h
	client := &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true, DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	answer, err := client.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), secret) {
		t.Errorf("the answer holds the secret: %s", text)
	}
	return answer.StatusCode
}

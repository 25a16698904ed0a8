package e2e

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestKeptKey has a sender hand over its key in a handshake, as Asana does: once
// it was answered the key is there for good, and is never shown.
func TestKeptKey(t *testing.T) {
	const key = "a-key-never-to-be-shown"
	config := `
sources:
  tasks: {path: /hooks/tasks, verify: {preset: asana, with: {token: a-word}}}
sinks:
  out: {type: stdout}
pipelines:
  all: {from: tasks, to: [out]}
`
	e := newEngine(t, config)
	e.start()
	post := func(path string, headers map[string]string) *http.Response {
		t.Helper()
		q, err := http.NewRequest(http.MethodPost, "http://"+e.door+path, strings.NewReader(`{"events":[]}`))
		if err != nil {
			t.Fatal(err)
		}
		for name, value := range headers {
			q.Header.Set(name, value)
		}
		answer, err := http.DefaultClient.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		return answer
	}
	signed := func(key string) int {
		mac := hmac.New(sha256.New, []byte(key))
		mac.Write([]byte(`{"events":[]}`))
		return post("/hooks/tasks?token=a-word", map[string]string{"X-Hook-Signature": hex.EncodeToString(mac.Sum(nil))}).StatusCode
	}
	expect := func(when, key string, want int) {
		t.Helper()
		if got := signed(key); got != want {
			t.Errorf("%s: an event signed with %s is answered %d, want %d", when, key, got, want)
		}
	}
	expect("before the handshake", key, http.StatusUnauthorized)
	if a := post("/hooks/tasks?token=another", map[string]string{"X-Hook-Secret": "intruder"}); a.StatusCode/100 != 4 {
		t.Errorf("a handshake without the word is answered %d", a.StatusCode)
	}
	if a := post("/hooks/tasks?token=a-word", map[string]string{"X-Hook-Secret": key}); a.StatusCode != http.StatusOK || a.Header.Get("X-Hook-Secret") != key {
		t.Fatalf("the handshake is answered %d with %q", a.StatusCode, a.Header.Get("X-Hook-Secret"))
	}
	e.kill() // as soon as it was answered
	e.start()
	expect("after a kill -9", key, http.StatusAccepted)
	expect("after a kill -9", "intruder", http.StatusUnauthorized)
	edits := e.metric("trotline_config_reloads_total", `result="applied"`)
	e.write(config + "# edited\n")
	await(t, time.Minute, "the edit is applied", func() bool { return e.metric("trotline_config_reloads_total", `result="applied"`) > edits })
	expect("after an edit", key, http.StatusAccepted)

	shown := e.log() + e.must("events", "list", "--json") + e.must("dead", "list", "--json")
	for _, path := range []string{"/metrics", "/api/status"} {
		answer, err := http.Get("http://" + e.admin + path)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		shown += string(text)
	}
	if strings.Contains(shown, key) {
		t.Errorf("the key is shown:\n%s", shown)
	}
}

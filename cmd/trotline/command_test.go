package main

import (
	"bufio"
	"encoding/json"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestExitCodes(t *testing.T) {
	s := newSite(t, plainSite)
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"check"}, exitDone, "1 pipeline, 1 source, 1 sink: no problems"},
		{[]string{"check", "nothing.yaml"}, exitNo, "nothing.yaml"},
		{[]string{"version"}, exitDone, "nats-server 2."},
		{[]string{"--help"}, exitDone, "Usage: trotline"},
		{[]string{"frobnicate"}, exitUsage, "frobnicate"},
		{[]string{}, exitUsage, "expected one of"},
		{[]string{"check", "--colour"}, exitUsage, "--colour"},
		{[]string{"check", "--log-level", "loud"}, exitUsage, "--log-level"},
		{[]string{"dead", "replay"}, exitUsage, "--all"},
		{[]string{"dead", "drop", "1", "--all"}, exitUsage, "either numbers"},
		{[]string{"events", "list", "--admin", "//"}, exitUsage, "is not an address"},
		{[]string{"send", "shoop", "--data", "{}"}, exitUsage, "there is no source shoop"},
		{[]string{"send", "shop", "nothing.json"}, exitUsage, "nothing.json"},
		{[]string{"send", "shop", "--data", "{}"}, exitUnreachable, "cannot reach " + s.door},
		{[]string{"events", "list"}, exitUnreachable, "cannot reach the engine at " + s.admin + ": is `trotline run` running?"},
		{[]string{"dead", "show", "1"}, exitUnreachable, "cannot reach the engine"},
	} {
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			r := s.trotline(c.args...)
			if r.code != c.code || !strings.Contains(r.out+r.errOut, c.says) {
				t.Errorf("exit code %d, not %d; it should say %q\n%s%s", r.code, c.code, c.says, r.out, r.errOut)
			}
			if c.code != exitDone && r.out != "" {
				t.Errorf("an error went to the standard output: %s", r.out)
			}
		})
	}
}

func TestSend(t *testing.T) {
	s := newExample(t)
	s.run()
	if r := s.trotline("send", "shop", "-H", "X-Shop-Signature: sha256=00", "--data", order("a", "1")); r.code != exitNo || !strings.Contains(r.out, "401") {
		t.Errorf("a wrong signature: %+v", r)
	}
	if r := s.trotline("send", "shop", "--data", "no JSON", "-H", "Content-Type: application/json"); r.code != exitNo || !strings.Contains(r.out, "400") {
		t.Errorf("a body that does not decode: %+v", r)
	}
	file := s.dir + "/order.json"
	if err := os.WriteFile(file, []byte(order("from-file", "1")), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := s.must("send", "shop", "order.json", "--to", "http://"+s.door); !strings.Contains(got, "from-file/new_order") {
		t.Errorf("a file: %s", got)
	}
	var told sent
	if err := json.Unmarshal([]byte(s.must("send", "shop", "--json", "--data", order("json", "1"))), &told); err != nil || told.Status != 202 {
		t.Errorf("for programs: %+v, %v", told, err)
	}
	c := s.command("send", "shop", "-")
	c.Stdin = strings.NewReader(order("from-stdin", "1"))
	if out, err := c.CombinedOutput(); err != nil || !strings.Contains(string(out), "from-stdin/new_order") {
		t.Errorf("the standard input: %s, %v", out, err)
	}
}

func TestToken(t *testing.T) {
	s := newSite(t, strings.Replace(plainSite, `{listen: "ADMIN"}`, `{listen: "ADMIN", token: "${OPS_TOKEN:-s3cret-token}"}`, 1))
	s.run()
	s.must("events", "list") // the file has it
	if r := s.trotline("events", "list", "--admin", s.admin); r.code != exitUnreachable || !strings.Contains(r.errOut, "TROTLINE_TOKEN") {
		t.Errorf("without the token: %+v", r)
	}
	if r := s.with([]string{"TROTLINE_ADMIN=" + s.admin, "TROTLINE_TOKEN=s3cret-token"}, "dead", "list"); r.code != exitDone {
		t.Errorf("with the token: %+v", r)
	}
	if r := s.with([]string{"TROTLINE_TOKEN=wrong"}, "dead", "list"); r.code != exitUnreachable || strings.Contains(r.errOut, "s3cret") {
		t.Errorf("with another token: %+v", r)
	}
}

func TestTailAndStop(t *testing.T) {
	s := newSite(t, plainSite)
	r := s.run()
	tail := s.command("events", "tail", "--json")
	out, err := tail.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := tail.Start(); err != nil {
		t.Fatal(err)
	}
	lines := make(chan string)
	go func() {
		defer close(lines)
		for scan := bufio.NewScanner(out); scan.Scan(); {
			lines <- scan.Text()
		}
	}()
	// The tail begins at a moment nobody tells: send until it shows one.
	first := ""
	for n := 0; first == ""; n++ {
		s.post("/hooks/shop", `{"id": "e`+strings.Repeat("x", n)+`", "n": 1}`)
		select {
		case first = <-lines:
		case <-time.After(50 * time.Millisecond):
		}
		if n > 200 {
			t.Fatal("the tail shows nothing")
		}
	}
	var e struct {
		Source string
		Body   map[string]any
	}
	if err := json.Unmarshal([]byte(first), &e); err != nil || e.Source != "shop" || e.Body["n"] != 1.0 {
		t.Errorf("the tail shows %s, %v", first, err)
	}

	started := time.Now()
	r.stop()
	if took := time.Since(started); took > 10*time.Second {
		t.Errorf("with a tail open, stopping took %v", took)
	}
	for range lines { // to its end
	}
	if err := tail.Wait(); err == nil || tail.ProcessState.ExitCode() != exitUnreachable {
		t.Errorf("the tail of a stopped engine ended with %v", err)
	}
}

func TestInterruptEndsTail(t *testing.T) {
	s := newSite(t, plainSite)
	s.run()
	tail := s.command("events", "tail")
	shown := &buffer{}
	tail.Stdout = shown
	if err := tail.Start(); err != nil {
		t.Fatal(err)
	}
	n := 0
	eventually(t, "the tail shows an event", func() bool {
		n++
		s.post("/hooks/shop", `{"id": "e`+strings.Repeat("x", n)+`", "n": 1}`)
		return strings.Contains(shown.String(), "shop")
	})
	if err := tail.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := tail.Wait(); err != nil {
		t.Errorf("an interrupted tail ended with %v", err)
	}
}

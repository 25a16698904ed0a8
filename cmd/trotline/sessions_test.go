package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
)

const deadLettersPage = "../../docs/dead-letters.md"

var (
	// pageParts are what the page says to the test: a console block, or what happens in between.
	pageParts = regexp.MustCompile("(?ms)^```console\n(.*?)^```|^<!-- (wait: (\\d+) dead|mend) -->$")

	clock     = regexp.MustCompile(`\b\d\d:\d\d:\d\d\b`)
	moments   = regexp.MustCompile(`\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d\.\d+( UTC|Z)`)
	randomIDs = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}`)
	addresses = regexp.MustCompile(`127\.0\.0\.1:\d+`)
)

// steady replaces what differs from run to run.
func steady(text string) string {
	text = moments.ReplaceAllStringFunc(text, func(s string) string {
		return "2026-07-14" + s[10:11] + "09:30:00.000" + s[strings.LastIndexAny(s, "0123456789")+1:]
	})
	text = clock.ReplaceAllString(text, "09:30:00")
	text = randomIDs.ReplaceAllString(text, "01981b2e-5d3a-7c4e-9f10-2b6c8d0e4f12")
	return addresses.ReplaceAllString(text, "127.0.0.1:8080")
}

// crm is the receiver of the page.
func crm(t *testing.T) (url string, mend func()) {
	var mended atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var order struct {
			Customer string
			Amount   int
		}
		body, _ := io.ReadAll(r.Body)
		_ = json.Unmarshal(body, &order)
		switch {
		case order.Customer == "c-9":
			http.Error(w, `{"error": "there is no customer c-9"}`, http.StatusUnprocessableEntity)
		case order.Amount > 5000 && !mended.Load():
			http.Error(w, "down for maintenance", http.StatusServiceUnavailable)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL, func() { mended.Store(true) }
}

// TestDeadLettersPage runs the commands of the page, in their order, and wants
// the output that the page shows.
func TestDeadLettersPage(t *testing.T) {
	page := readFile(t, deadLettersPage)
	config := yamlBlock.FindStringSubmatch(page)[1]
	url, mend := crm(t)
	t.Setenv("CRM_URL", url)
	t.Setenv("SHOP_SECRET", "opensesame")
	t.Setenv("TZ", "UTC")
	t.Setenv("NO_COLOR", "1")
	s := newSite(t, strings.NewReplacer("127.0.0.1:8080", "DOOR", "127.0.0.1:8081", "ADMIN").Replace(config))
	r := s.run()
	t.Setenv("PATH", commandFolder(t)+string(os.PathListSeparator)+os.Getenv("PATH"))

	now := pageParts.ReplaceAllStringFunc(page, func(part string) string {
		var dead uint64
		switch {
		case part == "<!-- mend -->":
			mend()
			return part
		case strings.HasPrefix(part, "<!--"):
			if _, err := fmt.Sscanf(part, "<!-- wait: %d dead -->", &dead); err != nil {
				t.Fatal(err)
			}
			r.letters(dead)
			return part
		}
		return s.session(part)
	})
	if *update {
		if err := os.WriteFile(deadLettersPage, []byte(now), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	was, is := strings.Split(page, "\n"), strings.Split(now, "\n")
	for i := range min(len(was), len(is)) {
		if was[i] != is[i] {
			t.Fatalf("line %d of %s is\n%s\nand not\n%s\nWrite it again: go test ./cmd/trotline -run TestDeadLettersPage -update",
				i+1, deadLettersPage, is[i], was[i])
		}
	}
	if len(was) != len(is) {
		t.Errorf("%s has %d lines, not %d", deadLettersPage, len(was), len(is))
	}
}

// commandFolder is a folder with the program under the name that users call it by.
func commandFolder(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	if err := os.Symlink(binary, filepath.Join(folder, "trotline")); err != nil {
		t.Fatal(err)
	}
	return folder
}

// session runs the commands of a console block and returns it with what they print.
func (s *site) session(block string) string {
	s.t.Helper()
	var out strings.Builder
	out.WriteString("```console\n")
	for line := range strings.Lines(block) {
		command, is := strings.CutPrefix(line, "$ ")
		if !is {
			continue
		}
		c := exec.Command("/bin/sh", "-c", command)
		c.Dir = s.dir
		printed, err := c.CombinedOutput()
		if err != nil && c.ProcessState.ExitCode() != exitNo {
			s.t.Fatalf("%s%s: %v", command, printed, err)
		}
		out.WriteString(line + steady(string(printed)))
	}
	return out.String() + "```"
}

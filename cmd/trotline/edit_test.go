package main

import (
	"encoding/json"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/trotline/trotline/admin"
	"github.com/trotline/trotline/engine"
)

const plainSite = `
server:
  listen: DOOR
  admin: {listen: "ADMIN"}
sources:
  shop: {path: /hooks/shop, verify: none, id: body.id}
sinks:
  lines: {type: file, path: lines.jsonl}
pipelines:
  orders:
    from: shop
    steps:
      - filter: body.n >= 1
    to: [lines]
`

func TestBadFileAtStart(t *testing.T) {
	s := newSite(t, strings.Replace(plainSite, "type: file", "type: fil", 1))
	r := s.trotline("run")
	if r.code != exitNo {
		t.Errorf("exit code %d", r.code)
	}
	for _, want := range []string{"pipelines.yaml:8:", "fil", "did you mean", "^"} {
		if !strings.Contains(r.errOut, want) {
			t.Errorf("the output does not hold %q:\n%s", want, r.errOut)
		}
	}
	if _, err := os.Stat(filepath.Join(s.dir, "data")); err == nil {
		t.Error("a store was made for a file with problems")
	}
	if c := s.trotline("check", "--json"); c.code != exitNo || !strings.Contains(c.out, `"line": 8`) {
		t.Errorf("check says %+v", c)
	}
}

func TestBadEditChangesNothing(t *testing.T) {
	s := newSite(t, plainSite)
	r := s.run()
	generation := r.status().Generation
	good := readFile(t, s.file)

	s.edit("body.n >= 1", "body.n >= = 1")
	eventually(t, "the edit is refused", func() bool { return r.status().LastEdit.Result == engine.Refused })
	if got := r.status(); got.Generation != generation || !strings.Contains(strings.Join(got.LastEdit.Errors, "\n"), "pipelines.yaml:13:") {
		t.Errorf("the status says %+v", got)
	}
	answer, err := http.Post("http://"+s.admin+"/api/reload", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var told admin.Reload
	if err := json.NewDecoder(answer.Body).Decode(&told); err != nil || answer.StatusCode != http.StatusUnprocessableEntity ||
		len(told.Problems) == 0 || told.Problems[0].Line != 13 {
		t.Errorf("the reload is answered %d %+v, %v", answer.StatusCode, told, err)
	}
	if got := s.trotline("dead", "list", "--admin", s.admin); got.code != exitDone {
		t.Errorf("beside a broken file, dead list says %+v", got)
	}
	if got := s.post("/hooks/shop", `{"id": "a", "n": 1}`); got != http.StatusAccepted {
		t.Errorf("answered %d", got)
	}
	eventually(t, "the rules in force go on", func() bool { return s.lines("lines.jsonl")[0] != "" })

	s.write(good)
	eventually(t, "taking it back mends it", func() bool { return r.status().LastEdit.Result != engine.Refused })
	if got := r.status().Generation; got != generation {
		t.Errorf("the same text is generation %d, not %d", got, generation)
	}
}

// post posts a body as it is.
func (s *site) post(path, body string) int {
	s.t.Helper()
	answer, err := http.Post("http://"+s.door+path, "application/json", strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	answer.Body.Close()
	return answer.StatusCode
}

func TestHangupReloads(t *testing.T) {
	s := newSite(t, plainSite)
	r := s.run()
	generation := r.status().Generation
	s.edit("body.n >= 1", "body.n >= 2")
	if err := r.process.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	r.edited(generation)
}

func TestAddressInUse(t *testing.T) {
	for setting, address := range map[string]func(*site) string{
		"server.admin.listen": func(s *site) string { return s.admin },
		"server.listen":       func(s *site) string { return s.door },
	} {
		t.Run(setting, func(t *testing.T) {
			s := newSite(t, plainSite)
			l, err := net.Listen("tcp", address(s))
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			r := s.trotline("run")
			if r.code != exitNo || !strings.Contains(r.errOut, setting+": ") || !strings.Contains(r.errOut, "another program listens there") {
				t.Errorf("%+v", r)
			}
			if _, err := os.Stat(filepath.Join(s.dir, "data")); err == nil {
				t.Error("a store was made all the same")
			}
		})
	}
}

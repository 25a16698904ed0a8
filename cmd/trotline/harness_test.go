package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/trotline/trotline/admin"
	"github.com/trotline/trotline/internal/rig"
)

// patience is how long a test waits for what must happen.
const patience = 30 * time.Second

// eventually looks again and again until it is so.
func eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	late := time.After(patience)
	for !so() {
		select {
		case <-look.C:
		case <-late:
			t.Fatalf("it did not happen within %v: %s", patience, what)
		}
	}
}

// site is a folder with a configuration, and the addresses in it.
type site struct {
	t           *testing.T
	dir         string
	file        string // pipelines.yaml in it
	door, admin string
}

// newSite writes a configuration; DOOR and ADMIN in it become free addresses.
func newSite(t *testing.T, text string) *site {
	t.Helper()
	s := &site{t: t, dir: t.TempDir(), door: rig.FreeAddr(t), admin: rig.FreeAddr(t)}
	s.file = filepath.Join(s.dir, defaultFile)
	s.write(strings.NewReplacer("DOOR", s.door, "ADMIN", s.admin).Replace(text))
	return s
}

// newExample is a site with the example of the repository.
func newExample(t *testing.T) *site {
	t.Helper()
	text := readFile(t, "../../pipelines.example.yaml")
	s := newSite(t, strings.NewReplacer("127.0.0.1:8080", "DOOR", "127.0.0.1:8081", "ADMIN").Replace(text))
	if err := os.CopyFS(filepath.Join(s.dir, "schemas"), os.DirFS("../../schemas")); err != nil {
		t.Fatal(err)
	}
	return s
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// write puts the configuration in place whole, as editors do: half of it would be an edit too.
func (s *site) write(text string) {
	s.t.Helper()
	if err := os.WriteFile(s.file+".new", []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	if err := os.Rename(s.file+".new", s.file); err != nil {
		s.t.Fatal(err)
	}
}

// edit replaces a part of the configuration, which must be there.
func (s *site) edit(old, now string) {
	s.t.Helper()
	text := readFile(s.t, s.file)
	if !strings.Contains(text, old) {
		s.t.Fatalf("the file does not hold %q", old)
	}
	s.write(strings.Replace(text, old, now, 1))
}

// lines are the lines of a file in the site; none if it is not there.
func (s *site) lines(name string) []string {
	text, _ := os.ReadFile(filepath.Join(s.dir, name))
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}

// result is how a command ended.
type result struct {
	code        int
	out, errOut string
}

// trotline runs a command in the site's folder.
func (s *site) trotline(args ...string) result {
	s.t.Helper()
	return s.with(nil, args...)
}

// with runs a command with more in its environment.
func (s *site) with(env []string, args ...string) result {
	s.t.Helper()
	var out, errOut bytes.Buffer
	c := s.command(args...)
	c.Env = append(os.Environ(), env...)
	c.Stdout, c.Stderr = &out, &errOut
	err := c.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		s.t.Fatal(err)
	}
	return result{c.ProcessState.ExitCode(), out.String(), errOut.String()}
}

func (s *site) command(args ...string) *exec.Cmd {
	c := exec.Command(binary, args...)
	c.Dir = s.dir
	return c
}

// must runs a command that must exit with 0, and returns its output.
func (s *site) must(args ...string) string {
	s.t.Helper()
	r := s.trotline(args...)
	if r.code != exitDone {
		s.t.Fatalf("trotline %s: exit code %d\n%s%s", strings.Join(args, " "), r.code, r.out, r.errOut)
	}
	return r.out
}

// running is an engine that runs in a process of its own.
type running struct {
	*site
	process *exec.Cmd
	log     *buffer
	done    chan error
}

// run starts the engine and waits until it takes events. It is stopped at the end of the test.
func (s *site) run() *running {
	s.t.Helper()
	r := &running{site: s, process: s.command("run"), log: &buffer{}, done: make(chan error, 1)}
	r.process.Stderr = r.log
	if err := r.process.Start(); err != nil {
		s.t.Fatal(err)
	}
	go func() { r.done <- r.process.Wait() }()
	s.t.Cleanup(func() {
		r.stop()
		if s.t.Failed() {
			s.t.Logf("the engine's log:\n%s", r.log)
		}
	})
	eventually(s.t, "the engine is ready", func() bool {
		select {
		case err := <-r.done:
			r.done <- err
			s.t.Fatalf("the engine ended: %v\n%s", err, r.log)
		default:
		}
		answer, err := http.Get("http://" + s.admin + "/readyz")
		if err != nil {
			return false
		}
		answer.Body.Close()
		return answer.StatusCode == http.StatusOK
	})
	return r
}

// stop ends the engine in order, and is harmless when it has ended.
func (r *running) stop() {
	r.t.Helper()
	_ = r.process.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-r.done:
		if err != nil {
			r.t.Errorf("the engine ended with %v\n%s", err, r.log)
		}
		r.done <- nil
	case <-time.After(patience):
		_ = r.process.Process.Kill()
		r.t.Errorf("the engine does not stop\n%s", r.log)
		<-r.done
		r.done <- nil
	}
}

// status asks the engine how it is.
func (r *running) status() (s admin.Status) {
	r.t.Helper()
	answer, err := http.Get("http://" + r.admin + "/api/status")
	if err != nil {
		r.t.Fatal(err)
	}
	defer answer.Body.Close()
	if err := json.NewDecoder(answer.Body).Decode(&s); err != nil {
		r.t.Fatal(err)
	}
	return s
}

// edited waits until an edit after the generation is applied.
func (r *running) edited(generation uint64) {
	r.t.Helper()
	eventually(r.t, "the edit is applied", func() bool { return r.status().Generation > generation })
}

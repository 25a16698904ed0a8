package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/trotline/trotline/internal/rig"
)

// engine is one `trotline run`, which may be ended and started again on the same data.
type engine struct {
	t           *testing.T
	process     rig.Process
	folder      string // holds the configuration and the log
	data        string
	file        string
	server      string // more lines of the server section
	disk        string // max_disk
	pipelines   string // what the file holds beside server and nats
	door, admin string // addresses
}

// newEngine prepares an engine; pipelines is its configuration without server and nats.
func newEngine(t *testing.T, pipelines string) *engine {
	t.Helper()
	folder := t.TempDir()
	e := &engine{
		t: t, folder: folder, data: filepath.Join(folder, "data"), file: filepath.Join(folder, "pipelines.yaml"),
		disk: "640MiB", door: freeAddr(t), admin: freeAddr(t),
	}
	e.process = rig.Process{Program: binary, Args: []string{"run", e.file}, Folder: folder, Log: filepath.Join(folder, "log"), Ready: e.ready}
	e.write(pipelines)
	t.Cleanup(func() {
		e.kill()
		if t.Failed() {
			t.Logf("the engine's log ends:\n%s", e.lastLines(40))
		}
	})
	return e
}

// write puts a configuration in the file, as editors do: a new file takes the old one's name.
func (e *engine) write(pipelines string) {
	e.t.Helper()
	e.pipelines = pipelines
	next := e.file + ".next"
	if err := os.WriteFile(next, []byte(e.head()+pipelines), 0o600); err != nil {
		e.t.Fatal(err)
	}
	if err := os.Rename(next, e.file); err != nil {
		e.t.Fatal(err)
	}
}

// overwrite puts a configuration in the file in place.
func (e *engine) overwrite(pipelines string) {
	e.t.Helper()
	e.pipelines = pipelines
	if err := os.WriteFile(e.file, []byte(e.head()+pipelines), 0o600); err != nil {
		e.t.Fatal(err)
	}
}

// keepData makes the engine keep its data in another folder from its next start on.
func (e *engine) keepData(folder string) {
	e.t.Helper()
	e.data = folder
	e.write(e.pipelines)
}

// serve makes the engine serve with more settings of the server from its next start on.
func (e *engine) serve(settings string) {
	e.t.Helper()
	e.server = settings
	e.write(e.pipelines)
}

func (e *engine) head() string {
	return fmt.Sprintf("server:\n  listen: %q\n  admin: {listen: %q}\n%snats:\n  embedded: {dir: %q, max_disk: %s}\n", e.door, e.admin, e.server, e.data, e.disk)
}

// start starts the process and waits until it is ready.
func (e *engine) start() {
	e.t.Helper()
	if err := e.tryStart(e.t.Context()); err != nil {
		e.t.Fatal(err)
	}
}

func (e *engine) tryStart(ctx context.Context) error { return e.process.Start(ctx) }

func (e *engine) ready() bool { return rig.Answers("http://" + e.admin + "/readyz") }

// awaitUp waits until the engine takes requests; false when ctx ended first.
func (e *engine) awaitUp(ctx context.Context) bool { return e.process.AwaitUp(ctx) }

// signal sends a signal; what tries to send meanwhile waits for the next start.
func (e *engine) signal(s syscall.Signal) {
	e.t.Helper()
	if err := e.process.Signal(s); err != nil {
		e.t.Errorf("signal %s: %v", s, err)
	}
}

// kill ends the process at once, if it runs.
func (e *engine) kill() { e.process.Kill() }

// wait waits for the process to end by itself and returns its exit code.
func (e *engine) wait(limit time.Duration) int {
	e.t.Helper()
	if !e.process.Ended(e.t.Context(), limit) {
		e.t.Fatalf("trotline still runs after %s", limit)
	}
	return e.process.ExitCode()
}

// log is everything the process has written.
func (e *engine) log() string { return e.process.Logged() }

func (e *engine) lastLines(n int) string { return e.process.LastLines(n) }

// command runs a command of the binary that speaks to this engine.
func (e *engine) command(args ...string) (out string, code int) {
	e.t.Helper()
	cmd := exec.Command(binary, append(args, "--admin", e.admin)...)
	cmd.Dir = e.folder
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		e.t.Fatal(err)
	}
	if err != nil {
		return stdout.String() + stderr.String(), exit.ExitCode()
	}
	return stdout.String(), 0
}

// must runs a command that has to succeed.
func (e *engine) must(args ...string) string {
	e.t.Helper()
	out, code := e.command(args...)
	if code != 0 {
		e.t.Fatalf("trotline %s: exit %d: %s", strings.Join(args, " "), code, out)
	}
	return out
}

// metric is the sum of the series of a name whose labels hold all the given texts, such as `result="applied"`.
func (e *engine) metric(name string, labels ...string) float64 {
	return rig.Metric(e.admin, name, labels...)
}

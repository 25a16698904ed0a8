// Package e2e tests the binary itself: killed, cut off from its disk, edited
// under load. Every event is counted by its id at real receivers. The tests
// know nothing of the code inside; they follow the manual.
//
// TROTLINE_LONG=1 makes the slow ones longer; -short leaves them out.
package e2e

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// binary is the trotline under test, built once.
var binary string

// long tells whether the long variants are wanted.
var long = os.Getenv("TROTLINE_LONG") == "1"

func TestMain(m *testing.M) {
	code, err := buildAndRun(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func buildAndRun(m *testing.M) (int, error) {
	folder, err := os.MkdirTemp("", "trotline-e2e-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(folder)
	binary = filepath.Join(folder, "trotline")
	out, err := exec.Command("go", "build", "-o", binary, "github.com/trotline/trotline/cmd/trotline").CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("build trotline: %w\n%s", err, out)
	}
	return m.Run(), nil
}

// slow leaves a test out of -short.
func slow(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("takes seconds; run without -short")
	}
}

// await waits until a condition holds, looking often, and fails the test when it does not hold in time.
func await(t *testing.T, limit time.Duration, what string, holds func() bool) {
	t.Helper()
	if !holdsWithin(t.Context(), limit, holds) {
		t.Fatalf("not within %s: %s", limit, what)
	}
}

func holdsWithin(ctx context.Context, limit time.Duration, holds func() bool) bool {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
	}
	return true
}

// freeAddr is a loopback address nobody listens on now. It lies below the range
// the kernel takes the local ports of connections from, so that a restart finds it free.
func freeAddr(t *testing.T) string {
	t.Helper()
	for port := lowestPort + os.Getpid()%1000*10; port < lowestPort+10_000; port++ {
		if port <= lastPort {
			continue
		}
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		l.Close()
		lastPort = port
		return l.Addr().String()
	}
	t.Fatal("no free port")
	return ""
}

const lowestPort = 20_000

// lastPort is the last one handed out; the tests do not run in parallel.
var lastPort int

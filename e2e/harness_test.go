// Package e2e tests the binary itself: killed, cut off from its disk, edited
// under load. Every event is counted by its id at real receivers. The tests
// know nothing of the code inside; they follow the manual.
//
// TROTLINE_LONG=1 makes the slow ones longer; -short leaves them out.
package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/trotline/trotline/internal/rig"
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
	if err := rig.Build(binary, "github.com/trotline/trotline/cmd/trotline", ""); err != nil {
		return 0, err
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

// quiet is how long nothing must arrive until nothing more is expected: longer
// than an engine takes to hand out again what was in hand before a crash.
const quiet = 15 * time.Second

// await waits until a condition holds, and fails the test when it does not hold in time.
func await(t *testing.T, limit time.Duration, what string, holds func() bool) {
	t.Helper()
	rig.Await(t, limit, what, holds)
}

func holdsWithin(ctx context.Context, limit time.Duration, holds func() bool) bool {
	return rig.Within(ctx, limit, holds)
}

func freeAddr(t *testing.T) string {
	t.Helper()
	return rig.FreeAddr(t)
}

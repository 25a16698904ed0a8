// Package rig is what the tests of the whole binary share: building it,
// running it, waiting for it, and a disk to take away from under it. Only tests
// import it.
package rig

import (
	"context"
	"fmt"
	"os/exec"
	"testing"
	"time"
)

// Build compiles a program to a path, with build tags if there are any.
func Build(path, program, tags string) error { return build(path, program, "-tags", tags) }

func build(path, program string, flags ...string) error {
	args := append(append([]string{"build"}, flags...), "-o", path, program)
	out, err := exec.Command("go", args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("build %s: %w\n%s", program, err, out)
	}
	return nil
}

// period is how often a condition is looked at.
const period = 10 * time.Millisecond

// Within waits until a condition holds, looking often; false when it does not
// hold in time. Looks are counted, not time, so that a machine that stood still
// meanwhile fails nothing.
func Within(ctx context.Context, limit time.Duration, holds func() bool) bool {
	tick := time.NewTicker(period)
	defer tick.Stop()
	for left := limit / period; !holds(); left-- {
		if left <= 0 {
			return false
		}
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
	}
	return true
}

// Await is Within that fails the test.
func Await(t testing.TB, limit time.Duration, what string, holds func() bool) {
	t.Helper()
	if !Within(t.Context(), limit, holds) {
		t.Fatalf("not within %s: %s", limit, what)
	}
}

// FreeAddr is a loopback address for a program of the test to listen on, as often
// as it is started. On Linux nobody else is given it before the test has ended.
func FreeAddr(t testing.TB) string {
	t.Helper()
	addr, release, err := reserve()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(release)
	return addr
}

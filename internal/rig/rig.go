// Package rig is what the tests of the whole binary share: building it,
// running it, waiting for it, and a disk to take away from under it. Only tests
// import it.
package rig

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"
)

// Build compiles a program to a path, with build tags if there are any.
func Build(path, program, tags string) error {
	out, err := exec.Command("go", "build", "-tags", tags, "-o", path, program).CombinedOutput()
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

// Ports are handed out from below the range the kernel takes the local ports of
// connections from, so that a program that is started again finds its port
// free. Each test process has a lane of its own.
const (
	lowestPort = 10_000
	lanes      = 60
	laneWidth  = 300
)

var ports struct {
	sync.Mutex
	next int
}

// FreeAddr is a loopback address nobody listens on now.
func FreeAddr(t testing.TB) string {
	t.Helper()
	ports.Lock()
	defer ports.Unlock()
	lane := lowestPort + os.Getpid()%lanes*laneWidth
	for range laneWidth {
		port := lane + ports.next%laneWidth
		ports.next++
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		l.Close()
		return l.Addr().String()
	}
	t.Fatal("no free port")
	return ""
}

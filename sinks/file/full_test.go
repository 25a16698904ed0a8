//go:build linux

package file

import (
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/trotline/trotline/event"
	"github.com/trotline/trotline/event/eventtest"
)

// A file that cannot grow, here by the limit the kernel puts on the process,
// takes part of a write. The part is taken back, and the retry lands once.
func TestNoRoom(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out")
	s := start(t, &Settings{Path: event.Path(path), Format: "body"})
	deliver(t, s, eventtest.Delivery("a", "one"))

	var before syscall.Rlimit
	must(t, syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before))
	signal.Ignore(syscall.SIGXFSZ)
	defer signal.Reset(syscall.SIGXFSZ)
	limit := before
	limit.Cur = 10
	must(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit))
	batch := []*event.Delivery{eventtest.Delivery("b", "two"), eventtest.Delivery("c", "three")}
	verdicts := s.Deliver(t.Context(), batch)
	must(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before))

	for _, v := range verdicts {
		if v.Err == nil || event.IsPermanent(v.Err) {
			t.Errorf("without room: %v", v.Err)
		}
	}
	if got := read(t, path); got != "\"one\"\n" {
		t.Errorf("without room the file holds %q", got)
	}
	deliver(t, s, batch...)
	if got := read(t, path); got != "\"one\"\n\"two\"\n\"three\"\n" {
		t.Errorf("with room again the file holds %q", got)
	}
}

package bus

import (
	"errors"
	"fmt"
	"testing"

	"github.com/trotline/trotline/event"
)

func TestKeysAreKept(t *testing.T) {
	dir := t.TempDir()
	b := quiet(open(t, dir))
	for _, k := range []struct{ source, key string }{{"tasks", "one"}, {"other", "three"}, {"tasks", "two\xff\x00"}} {
		if err := b.KeepKey(soon(t), k.source, event.Secret(k.key)); err != nil {
			t.Fatal(err)
		}
	}
	for _, b := range []*Bus{b, open(t, left(t, dir))} {
		for source, want := range map[string]string{"tasks": `["one" "two\xff\x00"]`, "other": `["three"]`, "none": "[]"} {
			keys := []string{}
			for _, k := range b.KeptKeys(source) {
				keys = append(keys, k.Reveal())
			}
			if got := fmt.Sprintf("%q", keys); got != want {
				t.Errorf("the keys of %s are %s, want %s", source, got, want)
			}
		}
	}
}

// A key counts when the disk has it, and not before.
func TestAKeyTheDiskLost(t *testing.T) {
	b := open(t, t.TempDir())
	b.barrier.mu.Lock()
	b.barrier.flush = func([]*Pending) error { return errors.New("input/output error") }
	b.barrier.mu.Unlock()
	for range 2 {
		if err := b.KeepKey(soon(t), "tasks", "one"); !errors.Is(err, ErrUnavailable) {
			t.Errorf("it is answered %v", err)
		}
	}
	if n := len(b.KeptKeys("tasks")); n != 0 {
		t.Errorf("%d keys count", n)
	}
}

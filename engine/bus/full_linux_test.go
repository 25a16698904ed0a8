package bus

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// smallDisk is a filesystem of its own, which takes root to make.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("trotline", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("cannot mount a filesystem: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// A disk that somebody else has filled freezes the streams. Who publishes is
// told, and once there is room the server is started again and has everything
// that was confirmed.
func TestFullDisk(t *testing.T) {
	disk := smallDisk(t, "96m")
	b := quiet(open(t, filepath.Join(disk, "data")))
	start(t, b)
	b.publisher.timeout = 500 * time.Millisecond
	filler := filepath.Join(disk, "filler")
	if err := os.WriteFile(filler, make([]byte, 60<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	stored := 0
	var err error
	// An answer that is only late, on a busy machine, is no full disk yet.
	for n := 1; b.Healthy() == nil && n < 200; n++ {
		e := order(n).WithBody(bodyOf(1 << 20))
		e.Original = e.Body
		p := b.Append(e, 1)
		eventually(t, "it is answered", func() bool {
			b.publisher.expire(time.Now())
			select {
			case <-p.done:
				return true
			default:
				return false
			}
		})
		if _, err = p.Wait(soon(t)); err == nil {
			stored++
			continue
		}
		if !errors.Is(err, ErrUnavailable) {
			t.Fatalf("after %d events, a full disk is answered with %v", stored, err)
		}
		b.mendedAt = time.Time{}
		b.watch(soon(t))
	}
	if b.Healthy() == nil {
		t.Fatalf("the bus is well on a full disk, after %d events", stored)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the bus is well again", func() bool {
		b.mendedAt = time.Time{}
		b.watch(soon(t))
		b.keepIDs(soon(t))
		return b.Healthy() == nil
	})
	b.publisher.timeout = openTimeout
	add(t, b, order(1000))
	count := 0
	if err := b.Events(soon(t), EventFilter{}, func(*Stored) bool { count++; return true }); err != nil {
		t.Fatal(err)
	}
	if count < stored+1 {
		t.Errorf("%d events are there, %d were confirmed", count, stored+1)
	}
}

// A disk without room for a journal is no reason not to start: what is stored must get out.
func TestNoRoomForAJournal(t *testing.T) {
	disk := smallDisk(t, "40m")
	dir, filler := filepath.Join(disk, "data"), filepath.Join(disk, "filler")
	if err := os.WriteFile(filler, make([]byte, 28<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	b := open(t, dir)
	if b.journal != nil || exists(journalPath(dir)) || exists(journalPath(dir)+".new") {
		t.Error("a part of a journal is left")
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	b.watch(soon(t))
	start(t, b)
	add(t, b, orders(1, 10)...)
	shut(t, b)
	b = open(t, dir)
	if b.journal == nil {
		t.Error("there is room for a journal now, and there is none")
	}
	add(t, b, orders(11, 20)...)
}

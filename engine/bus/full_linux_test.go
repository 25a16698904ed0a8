package bus

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
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

// impatient makes a bus that does nothing in the background give up soon on what
// is not answered, until the function returned is called.
func impatient(b *Bus) (stop func()) {
	b.publisher.timeout = 500 * time.Millisecond
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case now := <-tick.C:
				b.publisher.expire(now)
			case <-ctx.Done():
				return
			}
		}
	})
	return func() {
		cancel()
		running.Wait()
		b.publisher.timeout = openTimeout
	}
}

// A disk that somebody else has filled freezes the streams. Who publishes is
// told, and once there is room the server is started again and has everything
// that was confirmed.
func TestFullDisk(t *testing.T) {
	disk := smallDisk(t, "96m")
	b := quiet(open(t, filepath.Join(disk, "data")))
	start(t, b)
	stop := impatient(b)
	defer stop()
	filler := filepath.Join(disk, "filler")
	if err := os.WriteFile(filler, make([]byte, 60<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	look := func() {
		b.mendedAt = time.Time{}
		b.watch(t.Context())
		b.keepIDs(t.Context())
	}
	// The bus would refuse events before it is too late, if it looked at the disk in time.
	space := b.space
	b.space = func(string) (free, total uint64, err error) { return 1 << 40, 1 << 40, nil }
	frozen := func() bool { return b.server.health() != nil }
	stored := 0
	for n := 1; !frozen(); n++ {
		if n == 200 {
			t.Fatalf("the disk is not full after %d events", stored)
		}
		e := order(n).WithBody(bodyOf(1 << 20))
		e.Original = e.Body
		_, err := b.Append(e, 1).Wait(t.Context())
		switch {
		case err == nil:
			stored++
		case !errors.Is(err, ErrUnavailable):
			t.Fatalf("after %d events, a full disk is answered with %v", stored, err)
		case !frozen(): // the answer is only late, on a busy machine
			look()
		}
	}
	b.space = space
	if look(); b.Healthy() == nil {
		t.Fatalf("the bus is well on a full disk, after %d events", stored)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the bus is well again", func() bool {
		look()
		return b.Healthy() == nil
	})
	stop()
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

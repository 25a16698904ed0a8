package rig

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Disk is an image with a file system on it. What the image's file holds is
// what a disk would hold after a power cut; what only the file system's cache
// knows is not in it.
type Disk struct {
	Mount string // where it is mounted
	image string
	size  int64
}

// NewDisk makes an image and mounts it until the test ends; the test is skipped where that is impossible.
func NewDisk(t testing.TB, size int64) *Disk {
	t.Helper()
	if why := cannotMount(); why != "" {
		t.Skip(why)
	}
	folder := t.TempDir()
	d := &Disk{image: filepath.Join(folder, "disk.img"), Mount: filepath.Join(folder, "mounted"), size: size}
	f, err := os.Create(d.image)
	if err == nil {
		err = errors.Join(f.Truncate(size), f.Close(), os.Mkdir(d.Mount, 0o700))
	}
	if err != nil {
		t.Fatal(err)
	}
	// Without blocks kept for root: full means full for us too.
	if err := system("mkfs.ext4", "-q", "-F", "-m", "0", "-E", "lazy_itable_init=0,lazy_journal_init=0", d.image); err != nil {
		t.Fatal(err)
	}
	if err := d.attach(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.detach(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// CanMount tells whether this process can make and mount an image of a disk.
func CanMount() bool { return cannotMount() == "" }

func cannotMount() string {
	if os.Geteuid() != 0 {
		return "needs root, to mount an image of a disk"
	}
	for _, tool := range []string{"mkfs.ext4", "mount", "umount", "losetup"} {
		if _, err := exec.LookPath(tool); err != nil {
			return "needs " + tool
		}
	}
	if err := system("losetup", "-f"); err != nil {
		return fmt.Sprintf("needs a loop device: %v", err)
	}
	return ""
}

// CutPower puts in place of the disk what it holds at this moment, as a machine
// finds it that lost its power. Before is called in between: it ends whatever
// has files of the disk open, which is to be stopped when CutPower is called.
func (d *Disk) CutPower(before func()) error {
	after := d.image + ".cut"
	if err := copyAtRest(after, d.image, d.size); err != nil {
		return err
	}
	before()
	if err := d.detach(); err != nil {
		return err
	}
	if err := os.Rename(after, d.image); err != nil {
		return err
	}
	return d.attach() // the file system repairs itself from its journal
}

// Fill takes all space but so many bytes.
func (d *Disk) Fill(left int64) error {
	f, err := os.OpenFile(d.filler(), os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	var size int64
	for chunk := d.size; err == nil && chunk >= 4096; {
		switch err = unix.Fallocate(int(f.Fd()), 0, size, chunk); {
		case err == nil:
			size += chunk
		case errors.Is(err, unix.ENOSPC):
			chunk, err = chunk/2, nil
		case errors.Is(err, unix.EINTR):
			err = nil
		}
	}
	if err == nil && left > 0 {
		err = f.Truncate(max(0, size-left))
	}
	return err
}

// Free takes back what Fill took.
func (d *Disk) Free() error {
	err := os.Remove(d.filler())
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

func (d *Disk) filler() string { return filepath.Join(d.Mount, "filler") }

func (d *Disk) attach() error { return system("mount", "-o", "loop", d.image, d.Mount) }

func (d *Disk) detach() error {
	err := system("umount", d.Mount)
	if err != nil { // somebody still holds a file of it; leave no mount behind
		err = errors.Join(err, system("umount", "--lazy", d.Mount))
	}
	return err
}

// copyAtRest copies an image while nothing reaches it: half of what a flush
// writes, and not the half it writes first, is nothing a disk can hold.
func copyAtRest(to, from string, size int64) error {
	const rounds, tick = 100, 10 * time.Millisecond // no file system notes the time of a write less exactly
	for range rounds {
		start := time.Now()
		if err := copySparse(to, from, size); err != nil {
			return err
		}
		image, err := os.Stat(from)
		if err != nil || image.ModTime().Before(start.Add(-tick)) {
			return err
		}
	}
	return fmt.Errorf("%s is written to all the time; whoever does that is to be stopped first", from)
}

// copySparse copies what is not a hole; it takes a moment, not seconds.
func copySparse(to, from string, size int64) error {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := os.Create(to)
	if err != nil {
		return err
	}
	defer dst.Close()
	if err := dst.Truncate(size); err != nil {
		return err
	}
	for at := int64(0); ; {
		start, err := unix.Seek(int(src.Fd()), at, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) {
			return nil // holes to the end
		}
		if err != nil {
			return err
		}
		end, err := unix.Seek(int(src.Fd()), start, unix.SEEK_HOLE)
		if err != nil {
			return err
		}
		if _, err := io.Copy(io.NewOffsetWriter(dst, start), io.NewSectionReader(src, start, end-start)); err != nil {
			return err
		}
		at = end
	}
}

func system(name string, args ...string) error {
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}

package e2e

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// disk is an image with a file system on it. What the image's file holds is
// what a disk would hold after a power cut; what only the file system's cache
// knows is not in it.
type disk struct {
	image string
	mount string
}

const imageSize = 2 << 30 // sparse

// newDisk makes an image and mounts it.
func newDisk(t *testing.T) *disk {
	t.Helper()
	requirePowerToMount(t)
	folder := t.TempDir()
	d := &disk{image: filepath.Join(folder, "disk.img"), mount: filepath.Join(folder, "mounted")}
	f, err := os.Create(d.image)
	if err == nil {
		err = errors.Join(f.Truncate(imageSize), f.Close(), os.Mkdir(d.mount, 0o700))
	}
	if err != nil {
		t.Fatal(err)
	}
	system(t, "mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0", d.image)
	d.attach(t)
	return d
}

// cut is a disk with what this one holds at this moment.
func (d *disk) cut(t *testing.T) *disk {
	t.Helper()
	folder := t.TempDir()
	c := &disk{image: filepath.Join(folder, "disk.img"), mount: filepath.Join(folder, "mounted")}
	if err := copySparse(c.image, d.image); err != nil {
		t.Fatal(err)
	}
	return c
}

// attach mounts the disk until the test ends; the file system repairs itself from its journal.
func (d *disk) attach(t *testing.T) {
	t.Helper()
	if err := os.MkdirAll(d.mount, 0o700); err != nil {
		t.Fatal(err)
	}
	system(t, "mount", "-o", "loop", d.image, d.mount)
	t.Cleanup(func() {
		if !system(t, "umount", d.mount) {
			system(t, "umount", "--lazy", d.mount) // somebody still holds a file of it; leave no mount behind
		}
	})
}

func (d *disk) data() string { return filepath.Join(d.mount, "data") }

// copySparse copies what is not a hole; it takes a moment, not seconds, so that
// hardly anything reaches the disk meanwhile.
func copySparse(to, from string) error {
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
	if err := dst.Truncate(imageSize); err != nil {
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

// requirePowerToMount skips the test where no image can be mounted.
func requirePowerToMount(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root, to mount an image of a disk")
	}
	for _, tool := range []string{"mkfs.ext4", "mount", "umount", "losetup"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("needs %s", tool)
		}
	}
	if out, err := exec.Command("losetup", "-f").CombinedOutput(); err != nil {
		t.Skipf("needs a loop device: %s", strings.TrimSpace(string(out)))
	}
}

// system runs a command and tells whether it went well.
func system(t *testing.T, name string, args ...string) bool {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Errorf("%s %s: %v: %s", name, strings.Join(args, " "), err, out)
	}
	return err == nil
}

package bus

import (
	"errors"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// openDirect opens a file whose writes go to the disk past the page cache,
// where the filesystem can do that: it spares a copy and a wait for pages.
func openDirect(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_DIRECT, 0o600)
	if errors.Is(err, unix.EINVAL) {
		return os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	}
	return file, err
}

// aligned is memory that begins at a page, as such writes and reads want.
func aligned(size int) []byte {
	memory := make([]byte, size+pageSize)
	skip := pageSize - int(uintptr(unsafe.Pointer(&memory[0]))%pageSize)
	return memory[skip : skip+size : skip+size]
}

// syncData makes what was written to a file durable, without what only the
// filesystem wants to know of it.
func syncData(f *os.File) error {
	for {
		if err := unix.Fdatasync(int(f.Fd())); err != unix.EINTR {
			return err
		}
	}
}

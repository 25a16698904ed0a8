//go:build !linux

package bus

import "os"

// There is no barrier to wait for here, and no journal (see canFlush).

func openDirect(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
}

func aligned(size int) []byte { return make([]byte, size) }

func syncData(f *os.File) error { return f.Sync() }

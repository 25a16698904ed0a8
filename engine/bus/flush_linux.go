package bus

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// canFlush tells whether one call can make everything in a folder durable.
const canFlush = true

// newFlusher is a function that writes the whole filesystem of a folder to the
// disk: new files, renames and every stream at once. The folder stays open,
// because syncfs reports each failed write once for every open file (Linux
// 5.8; syncfs(2)), and a file opened later would not hear of it.
func newFlusher(dir string) (flush, closeIt func() error, err error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, nil, fmt.Errorf("cannot open the data folder: %w", err)
	}
	flush = func() error {
		for {
			if err := unix.Syncfs(int(f.Fd())); err != unix.EINTR {
				return err
			}
		}
	}
	return flush, f.Close, nil
}

//go:build unix

package main

import (
	"os"

	"golang.org/x/sys/unix"
)

// columns asks the terminal how wide it is; 80 where it does not tell.
func columns(out any) int {
	f, ok := out.(*os.File)
	if !ok {
		return 80
	}
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil || size.Col == 0 {
		return 80
	}
	return int(size.Col)
}

package file

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"
)

// asideLayout is the time in the name of a file put aside: when its last line
// was written, in UTC, so that names sort by age.
const asideLayout = "20060102T150405.000000Z"

// appendFile is a file of whole lines. What is in it when open returns, and
// after every sync, is whole; what a failed write or sync leaves is taken back.
type appendFile struct {
	path string
	lock pathLock
	log  *slog.Logger

	f       *os.File  // nil: not open
	size    int64     // how much of it is whole and on the disk
	written time.Time // when it was last written to
}

// open makes sure that the path's own file is open and its last line is whole.
// Somebody else may have renamed, removed or truncated it since the last time,
// as logrotate does; then the path's file of now is opened.
func (a *appendFile) open() error {
	if a.f != nil && !a.current() {
		a.log.Info("the file was moved away; beginning a new one", "path", a.path)
		a.close()
	}
	if a.f == nil {
		if err := a.openNew(); err != nil {
			a.close()
			return err
		}
	}
	info, err := a.f.Stat()
	if err != nil {
		a.close()
		return err
	}
	a.size, a.written = info.Size(), info.ModTime()
	return nil
}

func (a *appendFile) current() bool {
	ours, err := a.f.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(a.path)
	return err == nil && os.SameFile(ours, there)
}

func (a *appendFile) openNew() error {
	dir := filepath.Dir(a.path)
	if err := makeFolder(dir); err != nil {
		return err
	}
	if err := a.lock.acquire(); err != nil {
		return err
	}
	f, err := os.OpenFile(a.path, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o640)
	if err != nil {
		return err
	}
	a.f = f
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file", a.path)
	}
	dropped, err := repair(f)
	if err != nil {
		return fmt.Errorf("%s: %w", a.path, err)
	}
	if dropped > 0 {
		a.log.Warn("dropped the last line, which a crash had cut short before it was confirmed", "path", a.path, "bytes", dropped)
	}
	return syncFolder(dir)
}

func (a *appendFile) write(lines []byte) error {
	if _, err := a.f.Write(lines); err != nil {
		a.takeBack()
		return err
	}
	return nil
}

func (a *appendFile) sync() error {
	if err := a.f.Sync(); err != nil {
		a.takeBack()
		return err
	}
	return nil
}

// takeBack cuts the file to what was whole and closes it: after a failed sync
// nobody knows what the kernel still holds of an open file. Should even the cut
// fail, repair does it at the next open.
func (a *appendFile) takeBack() {
	if info, err := a.f.Stat(); err == nil && info.Size() > a.size {
		if err := a.f.Truncate(a.size); err != nil {
			a.log.Warn("cannot take back a failed write; its events may be in the file twice", "path", a.path, "error", err)
		}
	}
	a.close()
}

// putAside closes the file and gives it a name with the time of its last line.
func (a *appendFile) putAside() (string, error) {
	at := a.written.UTC()
	a.close() // some systems do not rename an open file
	for ; ; at = at.Add(time.Microsecond) {
		name := a.path + "." + at.Format(asideLayout)
		if exists(name) || exists(name+gzipSuffix) {
			continue
		}
		if err := os.Rename(a.path, name); err != nil {
			return "", err
		}
		return name, syncFolder(filepath.Dir(a.path))
	}
}

func (a *appendFile) close() {
	if a.f != nil {
		a.f.Close()
		a.f = nil
	}
}

func exists(name string) bool {
	_, err := os.Lstat(name)
	return !errors.Is(err, fs.ErrNotExist)
}

// makeFolder makes a folder and its parents so that they outlive a power cut.
func makeFolder(dir string) error {
	if info, err := os.Stat(dir); err == nil && info.IsDir() {
		return nil
	}
	parent := filepath.Dir(dir)
	if parent != dir {
		if err := makeFolder(parent); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, 0o750); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncFolder(parent)
}

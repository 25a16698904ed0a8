package bus

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// folder is the data folder of the embedded server, held by this process alone.
type folder struct {
	dir  string
	lock *os.File
}

// format is the version of what the data folder and the streams hold. A later
// release that changes it still opens this one.
const format = 1

const (
	lockName   = "lock"
	formatName = "format"
)

var errLocked = errors.New("locked")

// openFolder makes the folder if it is not there and takes it for this process.
func openFolder(dir string) (*folder, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("cannot make the data folder: %w", err)
	}
	// A symbolic link on the way may be aimed elsewhere while the store is open.
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	lock, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cannot use the data folder: %w", err)
	}
	f := &folder{dir, lock}
	if err := f.take(); err != nil {
		lock.Close()
		return nil, err
	}
	return f, nil
}

func (f *folder) take() error {
	err := lockFile(f.lock)
	if errors.Is(err, errLocked) {
		return fmt.Errorf("the data folder %s is in use by %s; stop it, or give this one a folder of its own (nats.embedded.dir)", f.dir, f.holder())
	}
	if err != nil {
		return fmt.Errorf("cannot lock the data folder %s: %w", f.dir, err)
	}
	if err := f.lock.Truncate(0); err != nil {
		return fmt.Errorf("cannot write to the data folder: %w", err)
	}
	if _, err := f.lock.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0); err != nil {
		return fmt.Errorf("cannot write to the data folder: %w", err)
	}
	return f.checkFormat()
}

// holder names the process that has the lock.
func (f *folder) holder() string {
	text, err := os.ReadFile(f.lock.Name())
	pid := strings.TrimSpace(string(text))
	if _, bad := strconv.Atoi(pid); err != nil || bad != nil {
		return "another process"
	}
	return "the process " + pid
}

// checkFormat refuses what a later release has written and marks a new folder.
func (f *folder) checkFormat() error {
	path := filepath.Join(f.dir, formatName)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return writeDurable(path, []byte(strconv.Itoa(format)+"\n"))
	}
	if err != nil {
		return fmt.Errorf("cannot read the data folder: %w", err)
	}
	return supported("the data folder "+f.dir, strings.TrimSpace(string(text)))
}

// supported tells whether this release knows a format.
func supported(what, text string) error {
	found, err := strconv.Atoi(text)
	if err != nil || found < 1 {
		return fmt.Errorf("%s has an unknown format (%.20q); was it written by Trotline?", what, text)
	}
	if found > format {
		return fmt.Errorf("%s was written by a later release (format %d, this one knows %d); run that release", what, found, format)
	}
	return nil
}

// writeDurable writes a small file so that it is there whole, or not at all.
func writeDurable(path string, data []byte) error { return replaceFile(path, data, writeSynced) }

// writeWhole is writeDurable for what a power cut may undo.
func writeWhole(path string, data []byte) error {
	return replaceFile(path, data, func(path string, data []byte) error { return os.WriteFile(path, data, 0o600) })
}

func replaceFile(path string, data []byte, write func(path string, data []byte) error) error {
	err := write(path+".new", data)
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		return fmt.Errorf("cannot write to the data folder: %w", err)
	}
	return nil
}

func writeSynced(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Sync(), f.Close())
}

// used is how many bytes the streams take on the disk.
func (f *folder) used() int64 {
	var total int64
	// Files come and go while the server runs; what cannot be looked at is not counted.
	_ = filepath.WalkDir(f.dir, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			if info, err := d.Info(); err == nil {
				total += info.Size()
			}
		}
		return nil
	})
	return total
}

func (f *folder) close() error { return f.lock.Close() }

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

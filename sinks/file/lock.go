package file

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

const (
	// lockWait is how long a writer waits for the one before it: when a sink's
	// settings change, the new one begins before the old one has ended.
	lockWait  = 2 * time.Second
	lockEvery = 10 * time.Millisecond
)

// errLocked says that somebody else holds a lock.
var errLocked = errors.New("locked")

// pathLock keeps two writers from one file. It is a file of its own, since the
// file it guards is renamed and made anew; it stays when it is let go, since
// removing it could take it from under the next one.
type pathLock struct {
	path  string
	owner string // the sink, for the one who finds the lock taken

	f *os.File // nil: not held
}

func (l *pathLock) acquire() error {
	if l.f != nil {
		return nil
	}
	f, err := os.OpenFile(l.path, os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		return err
	}
	until := time.NewTimer(lockWait)
	defer until.Stop()
	again := time.NewTicker(lockEvery)
	defer again.Stop()
	for {
		err := lockFile(f)
		if err == nil {
			break
		}
		if !errors.Is(err, errLocked) {
			f.Close()
			return fmt.Errorf("lock %s: %w", l.path, err)
		}
		select {
		case <-again.C:
		case <-until.C:
			defer f.Close()
			return fmt.Errorf("%s is held by %s: give each sink a file of its own", l.path, holder(f))
		}
	}
	l.f = f
	return l.sign()
}

// sign leaves in the lock file who holds it.
func (l *pathLock) sign() error {
	if err := l.f.Truncate(0); err != nil {
		return err
	}
	_, err := l.f.WriteAt(fmt.Appendf(nil, "sink %s of process %d\n", l.owner, os.Getpid()), 0)
	return err
}

// holder is who has signed a lock file.
func holder(f *os.File) string {
	name, err := io.ReadAll(io.NewSectionReader(f, 0, 256))
	if name = bytes.TrimSpace(name); err != nil || len(name) == 0 {
		return "another sink or process"
	}
	return string(name)
}

func (l *pathLock) release() {
	if l.f != nil {
		l.f.Close() // which lets the lock go
		l.f = nil
	}
}

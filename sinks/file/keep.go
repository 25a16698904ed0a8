package file

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	gzipSuffix = ".gz"
	tempSuffix = ".gz.tmp"
)

// keeper takes care of the files put aside, in a goroutine, so that no event
// waits for a compression. Only the holder of the path's lock may have one.
type keeper struct {
	path string
	gzip bool
	keep int
	log  *slog.Logger

	ctx    context.Context // ends when a compression has to be given up
	cancel context.CancelFunc
	work   chan struct{} // holds at most one wish

	started bool
	run     sync.WaitGroup
}

func newKeeper(path string, r *Rotate, log *slog.Logger) *keeper {
	k := &keeper{path: path, gzip: r.Gzip, keep: r.Keep, log: log, work: make(chan struct{}, 1)}
	k.ctx, k.cancel = context.WithCancel(context.Background())
	return k
}

// start begins, once, with what an earlier process left to do.
func (k *keeper) start() {
	if k.started {
		return
	}
	k.started = true
	k.wake()
	k.run.Go(func() {
		for range k.work {
			if err := k.tidy(); err != nil && !errors.Is(err, context.Canceled) {
				k.log.Warn("cannot take care of rotated files; the next rotation tries again", "path", k.path, "error", err)
			}
		}
	})
}

// wake has it look again.
func (k *keeper) wake() {
	select {
	case k.work <- struct{}{}:
	default: // it will look anyway
	}
}

// close waits until all is done that there was to do, or given up.
func (k *keeper) close() {
	close(k.work)
	k.run.Wait()
	k.cancel()
}

func (k *keeper) tidy() error {
	names, err := k.aside()
	if err != nil {
		return err
	}
	var errs []error
	if k.keep > 0 && len(names) > k.keep {
		for _, name := range names[:len(names)-k.keep] {
			errs = append(errs, remove(name), remove(name+gzipSuffix), remove(name+tempSuffix))
		}
		names = names[len(names)-k.keep:]
	}
	if k.gzip {
		for _, name := range names {
			errs = append(errs, k.compress(name))
		}
	}
	return errors.Join(errs...)
}

// aside are the files put aside, the oldest first, by their names without .gz.
// Whatever else lies in the folder is none of ours.
func (k *keeper) aside() ([]string, error) {
	entries, err := os.ReadDir(filepath.Dir(k.path))
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		stamp, ours := strings.CutPrefix(e.Name(), filepath.Base(k.path)+".")
		stamp = strings.TrimSuffix(stamp, gzipSuffix)
		if _, err := time.Parse(asideLayout, stamp); !ours || err != nil || len(stamp) != len(asideLayout) {
			continue
		}
		names = append(names, k.path+"."+stamp)
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// compress replaces a file by its compressed self. At every moment one of the
// two is there whole, so that a crash costs nothing but the work.
func (k *keeper) compress(name string) error {
	from, err := os.Open(name)
	if errors.Is(err, os.ErrNotExist) {
		return nil // compressed already
	}
	if err != nil {
		return err
	}
	defer from.Close()
	temp := name + tempSuffix
	if err := k.writeCompressed(temp, from); err != nil {
		return errors.Join(fmt.Errorf("compress %s: %w", name, err), remove(temp))
	}
	if err := os.Rename(temp, name+gzipSuffix); err != nil {
		return err
	}
	if err := syncFolder(filepath.Dir(name)); err != nil {
		return err
	}
	from.Close() // some systems do not remove an open file
	return remove(name)
}

func (k *keeper) writeCompressed(name string, from *os.File) (err error) {
	to, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o640)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	z := gzip.NewWriter(to)
	if _, err := io.Copy(z, &untilDone{k.ctx, from}); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	return to.Sync()
}

// untilDone reads until its context ends.
type untilDone struct {
	ctx context.Context
	r   io.Reader
}

func (u *untilDone) Read(p []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.r.Read(p)
}

func remove(name string) error {
	if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

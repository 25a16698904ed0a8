package file

import (
	"context"
	"fmt"
	"log/slog"
	"time"
)

const (
	// groupSize bounds what is written between two syncs.
	groupSize = 8 << 20
	// rotatePause is how long a rotation that failed is left alone. Meanwhile
	// events go on into the file there is.
	rotatePause = time.Minute
)

// writer is one goroutine that alone touches the file. Whatever callers have
// ready while it syncs is written in one group with one sync of its own.
type writer struct {
	file     *appendFile
	rotate   *Rotate
	keeper   *keeper // nil: files put aside need no care
	log      *slog.Logger
	requests chan *request
	finished chan struct{}

	rotateNotBefore time.Time
}

// request is one caller's lines.
type request struct {
	ctx   context.Context
	lines []byte
	done  chan error // takes one error without blocking
}

func startWriter(path, sink string, rotate *Rotate, log *slog.Logger) *writer {
	w := &writer{
		file:     &appendFile{path: path, lock: pathLock{path: path + ".lock", owner: sink}, log: log},
		rotate:   rotate,
		log:      log,
		requests: make(chan *request),
		finished: make(chan struct{}),
	}
	if rotate != nil && (rotate.Gzip || rotate.Keep > 0) {
		w.keeper = newKeeper(path, rotate, log)
	}
	go w.run()
	return w
}

// write returns when the lines are on the disk, or with the reason why they are not known to be.
func (w *writer) write(ctx context.Context, lines []byte) error {
	r := &request{ctx: ctx, lines: lines, done: make(chan error, 1)}
	select {
	case w.requests <- r:
	case <-ctx.Done():
		return fmt.Errorf("write to %s: %w", w.file.path, ctx.Err())
	}
	select {
	case err := <-r.done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("write to %s: %w", w.file.path, ctx.Err())
	}
}

func (w *writer) close(ctx context.Context) error {
	close(w.requests)
	if w.keeper != nil {
		stop := context.AfterFunc(ctx, w.keeper.cancel)
		defer stop()
	}
	<-w.finished
	return nil
}

func (w *writer) run() {
	defer close(w.finished)
	for first := range w.requests {
		group := w.gather(first)
		err := w.commit(group)
		for _, r := range group {
			r.done <- err
		}
	}
	// The lock goes last: the next writer of this path must not meet a keeper at work.
	if w.keeper != nil {
		w.keeper.close()
	}
	w.file.close()
	w.file.lock.release()
}

// gather is the first request and those that wait at this moment, without the
// ones whose callers have gone.
func (w *writer) gather(first *request) []*request {
	var group []*request
	size := 0
	for r := first; ; {
		if err := r.ctx.Err(); err != nil {
			r.done <- err
		} else {
			group = append(group, r)
			size += len(r.lines)
		}
		if size >= groupSize {
			return group
		}
		select {
		case next, ok := <-w.requests:
			if !ok {
				return group
			}
			r = next
		default:
			return group
		}
	}
}

func (w *writer) commit(group []*request) error {
	if len(group) == 0 {
		return nil
	}
	var size int64
	for _, r := range group {
		size += int64(len(r.lines))
	}
	if err := w.ready(size); err != nil {
		return err
	}
	for _, r := range group {
		if err := w.file.write(r.lines); err != nil {
			return err
		}
	}
	return w.file.sync()
}

// ready has the file open, with room for size more bytes as far as rotation goes.
func (w *writer) ready(size int64) error {
	if err := w.openFile(); err != nil {
		return err
	}
	if !w.due(size) {
		return nil
	}
	aside, err := w.file.putAside()
	if err != nil {
		w.rotateNotBefore = time.Now().Add(rotatePause)
		w.log.Warn("cannot rotate; events go on into the same file", "path", w.file.path, "error", err)
	} else {
		w.log.Info("rotated", "path", w.file.path, "to", aside)
		if w.keeper != nil {
			w.keeper.wake()
		}
	}
	return w.openFile()
}

func (w *writer) openFile() error {
	if err := w.file.open(); err != nil {
		return err
	}
	if w.keeper != nil {
		w.keeper.start() // not before the lock is held
	}
	return nil
}

// due tells whether the file has to be put aside before size more bytes.
func (w *writer) due(size int64) bool {
	f := w.file
	if w.rotate == nil || f.size == 0 || time.Now().Before(w.rotateNotBefore) {
		return false
	}
	if limit := int64(w.rotate.Size); limit > 0 && f.size+size > limit {
		return true
	}
	age := w.rotate.Age.Std()
	return age > 0 && time.Now().Truncate(age).After(f.written.Truncate(age))
}

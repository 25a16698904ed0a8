package engine

import (
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	// settleTime is how long the files must be quiet before they are read: an editor writes in bursts.
	settleTime = 100 * time.Millisecond
	// lookTime is how often the files are compared without being told of a
	// change: network file systems and single files mounted into a container
	// tell nothing.
	lookTime = 5 * time.Second
)

// watchFiles reloads when a file of the configuration changes, until ctx ends.
// It watches folders, because editors replace files and a ConfigMap swaps a
// symbolic link; it survives files and folders that are gone for a while.
func (e *Engine) watchFiles(ctx context.Context) {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		e.log.Warn("the system tells nothing of changed files; looking at them every few seconds", "error", err)
		watcher = &fsnotify.Watcher{} // its channels are nil and say nothing
	} else {
		defer watcher.Close()
	}
	w := &fileWatch{watcher: watcher, engine: e}
	var seen [sha256.Size]byte // nothing: what changed since the start is found at once
	settled := time.NewTimer(0)
	defer settled.Stop()
	look := time.NewTicker(lookTime)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-watcher.Events:
			settled.Reset(settleTime)
			continue
		case err := <-watcher.Errors:
			e.log.Warn("watching the configuration's files", "error", err)
			continue
		case <-settled.C:
		case <-look.C:
		}
		if now := w.look(); now != seen {
			// What changes from here on is another edit, also while this one is read.
			seen = now
			e.Reload(ctx)
		}
	}
}

// fileWatch knows the folders that are being watched.
type fileWatch struct {
	watcher *fsnotify.Watcher
	engine  *Engine
	folders []string
}

// look takes the fingerprint of all files the configuration is made of, and
// watches their folders. A file that is not there is part of the fingerprint.
func (w *fileWatch) look() [sha256.Size]byte {
	paths := w.engine.watched()
	w.follow(folders(paths))
	h := sha256.New()
	for _, path := range paths {
		for _, file := range expand(path) {
			text, err := os.ReadFile(file)
			fmt.Fprintf(h, "%q %v %x\n", file, err == nil, sha256.Sum256(text))
		}
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// expand is a file itself, or the configuration files in a folder.
func expand(path string) []string {
	if info, err := os.Stat(path); err != nil || !info.IsDir() {
		return []string{path}
	}
	files, _ := filepath.Glob(filepath.Join(path, "*.y*ml"))
	return files
}

// folders are the folders in which a change to the paths shows, each once: those
// of the files, and, for a symbolic link, those it leads to.
func folders(paths []string) []string {
	found := make(map[string]bool)
	for _, p := range paths {
		if info, err := os.Stat(p); err == nil && info.IsDir() {
			found[p] = true
		}
		found[filepath.Dir(p)] = true
		if real, err := filepath.EvalSymlinks(p); err == nil {
			found[filepath.Dir(real)] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}

func (w *fileWatch) follow(folders []string) {
	if w.watcher.Events == nil {
		return
	}
	for _, f := range w.folders {
		if !slices.Contains(folders, f) {
			_ = w.watcher.Remove(f) // already gone is as good
		}
	}
	// Adding again is harmless, and needed for a folder that was removed and made anew.
	w.folders = w.folders[:0]
	for _, f := range folders {
		if w.watcher.Add(f) == nil {
			w.folders = append(w.folders, f)
		}
	}
}

// watched are the files and folders of the configuration, as it was last read.
func (e *Engine) watched() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.watch)
}

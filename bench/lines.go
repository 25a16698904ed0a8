package main

import (
	"bytes"
	"io"
	"os"
	"sync"
	"time"
)

// lines follows the file a sink writes, and knows when each event's line was seen.
type lines struct {
	path string
	stop chan struct{}
	done chan struct{}

	mu   sync.Mutex
	runs map[int]*arrivals
}

// lookEvery is how often the file is read on: the error of the times below.
const lookEvery = 10 * time.Millisecond

func follow(path string) *lines {
	l := &lines{path: path, stop: make(chan struct{}), done: make(chan struct{}), runs: make(map[int]*arrivals)}
	go l.read()
	return l
}

func (l *lines) end() {
	close(l.stop)
	<-l.done
}

func (l *lines) read() {
	defer close(l.done)
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	var file *os.File
	var rest []byte
	for {
		select {
		case <-l.stop:
			return
		case <-tick.C:
		}
		if file == nil {
			f, err := os.Open(l.path)
			if err != nil {
				continue // the sink makes it with its first line
			}
			defer f.Close()
			file = f
		}
		more, err := io.ReadAll(file)
		if err != nil {
			return
		}
		rest = l.take(append(rest, more...))
	}
}

var idStart = []byte(`"id":"`)

// take counts the whole lines and returns what is left.
func (l *lines) take(text []byte) []byte {
	now := time.Now().UnixNano()
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		line, rest, whole := bytes.Cut(text, []byte("\n"))
		if !whole {
			return bytes.Clone(text)
		}
		text = rest
		_, id, _ := bytes.Cut(line, idStart)
		id, _, _ = bytes.Cut(id, []byte(`"`))
		run, index, ok := parseID(string(id))
		if !ok {
			continue
		}
		if l.runs[run] == nil {
			l.runs[run] = &arrivals{}
		}
		l.runs[run].add(index, now)
	}
}

func (l *lines) arrivals(run int) *arrivals {
	l.mu.Lock()
	defer l.mu.Unlock()
	if a := l.runs[run]; a != nil {
		return a
	}
	return &arrivals{}
}

func (l *lines) count(run int) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if a := l.runs[run]; a != nil {
		return a.Count
	}
	return 0
}

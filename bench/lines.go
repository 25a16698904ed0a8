package main

import (
	"bytes"
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
// Each look costs the processors that are measured.
const lookEvery = 50 * time.Millisecond

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
	var text bytes.Buffer
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
		if _, err := text.ReadFrom(file); err != nil {
			return
		}
		l.take(&text)
	}
}

var idStart = []byte(`"id":"`)

// take counts the whole lines and leaves what follows them.
func (l *lines) take(text *bytes.Buffer) {
	now := time.Now().UnixNano()
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		end := bytes.IndexByte(text.Bytes(), '\n')
		if end < 0 {
			return
		}
		line := text.Next(end + 1)
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

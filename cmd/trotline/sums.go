package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// sumTime is how long repeats of a record are counted before they are told.
const sumTime = 10 * time.Second

// sums is a handler that writes a record once and sums up its repeats: a sink
// that is away would otherwise write a line for each delivery. Two records are
// the same when their level and message are, and their sink and pipeline; where
// a record names neither, all its attributes must be the same.
type sums struct {
	next   slog.Handler
	shared *sumState
	attrs  []slog.Attr // of the logger
	groups string      // opened by WithGroup
}

// sumState is what all handlers derived from one share.
type sumState struct {
	mu     sync.Mutex
	counts map[string]*sum
}

// sum counts the repeats of one record.
type sum struct {
	repeats int
	last    slog.Record // the newest of them
	next    slog.Handler
	timer   *time.Timer
}

func newSums(next slog.Handler) *sums {
	return &sums{next: next, shared: &sumState{counts: make(map[string]*sum)}}
}

func (s *sums) Enabled(ctx context.Context, level slog.Level) bool { return s.next.Enabled(ctx, level) }

func (s *sums) WithAttrs(attrs []slog.Attr) slog.Handler {
	c := *s
	c.next = s.next.WithAttrs(attrs)
	c.attrs = append(c.attrs[:len(c.attrs):len(c.attrs)], attrs...)
	return &c
}

func (s *sums) WithGroup(name string) slog.Handler {
	c := *s
	c.next = s.next.WithGroup(name)
	c.groups += name + "."
	return &c
}

func (s *sums) Handle(ctx context.Context, r slog.Record) error {
	key := s.key(r)
	s.shared.mu.Lock()
	if known := s.shared.counts[key]; known != nil {
		known.repeats++
		known.last, known.next = r.Clone(), s.next
		s.shared.mu.Unlock()
		return nil
	}
	s.shared.counts[key] = &sum{timer: time.AfterFunc(sumTime, func() { s.shared.tell(key) })}
	s.shared.mu.Unlock()
	return s.next.Handle(ctx, r)
}

// key is the same for records that are repeats of each other.
func (s *sums) key(r slog.Record) string {
	var place, all strings.Builder
	look := func(a slog.Attr) bool {
		if a.Key == "sink" || a.Key == "pipeline" {
			fmt.Fprintf(&place, "\x00%s=%s", a.Key, a.Value)
		}
		fmt.Fprintf(&all, "\x00%s=%s", a.Key, a.Value)
		return true
	}
	for _, a := range s.attrs {
		look(a)
	}
	r.Attrs(look)
	same := place.String()
	if same == "" {
		same = all.String()
	}
	return r.Level.String() + "\x00" + s.groups + r.Message + same
}

// tell writes the sum of a record's repeats, and forgets it.
func (s *sumState) tell(key string) {
	s.mu.Lock()
	found := s.counts[key]
	delete(s.counts, key)
	s.mu.Unlock()
	if found == nil || found.repeats == 0 {
		return
	}
	r := slog.NewRecord(found.last.Time, found.last.Level,
		fmt.Sprintf("%s … repeated %d times in the last %v", found.last.Message, found.repeats, sumTime), found.last.PC)
	found.last.Attrs(func(a slog.Attr) bool {
		r.AddAttrs(a)
		return true
	})
	_ = found.next.Handle(context.Background(), r) // a log that cannot be written cannot say so either
}

// flush tells every sum at once, at the end of the process.
func (s *sums) flush() {
	s.shared.mu.Lock()
	var keys []string
	for key, found := range s.shared.counts {
		found.timer.Stop()
		keys = append(keys, key)
	}
	s.shared.mu.Unlock()
	for _, key := range keys {
		s.shared.tell(key)
	}
}

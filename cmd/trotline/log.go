package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// newLog is the engine's log: short text for a person, JSON lines for a
// program, repeats summed up in both. The second value writes what the sums
// still hold back.
func newLog(t *terminal) (*slog.Logger, func()) {
	var level slog.Level
	_ = level.UnmarshalText([]byte(t.LogLevel)) // one of the enum of the flag
	var handler slog.Handler = slog.NewJSONHandler(t.errOut, &slog.HandlerOptions{Level: level})
	if isTerminal(t.errOut) && !t.JSON {
		handler = &lineHandler{out: &lockedWriter{w: t.errOut}, level: level, color: t.colorErr}
	}
	sums := newSums(handler)
	return slog.New(sums), sums.flush
}

// lockedWriter writes one line at a time.
type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) write(p []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, err := l.w.Write(p)
	return err
}

// lineHandler writes records as a person reads them: the time, the level where
// it matters, the message, the rest in a fainter colour. A value of several
// lines follows on lines of its own.
type lineHandler struct {
	out    *lockedWriter
	level  slog.Level
	color  bool
	attrs  []slog.Attr
	prefix string // of the groups: "a.b."
}

func (h *lineHandler) Enabled(_ context.Context, level slog.Level) bool { return level >= h.level }

func (h *lineHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	c := *h
	c.attrs = append(c.attrs[:len(c.attrs):len(c.attrs)], prefixed(h.prefix, attrs)...)
	return &c
}

func (h *lineHandler) WithGroup(name string) slog.Handler {
	c := *h
	c.prefix += name + "."
	return &c
}

func prefixed(prefix string, attrs []slog.Attr) []slog.Attr {
	all := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		all[i] = slog.Attr{Key: prefix + a.Key, Value: a.Value}
	}
	return all
}

func (h *lineHandler) Handle(_ context.Context, r slog.Record) error {
	var line, below bytes.Buffer
	line.WriteString(paint(h.color, dim, r.Time.Format(time.TimeOnly)))
	line.WriteString(h.levelWord(r.Level))
	line.WriteString(" " + r.Message)
	show := func(a slog.Attr) bool {
		key, text := h.prefix+a.Key, a.Value.Resolve().String()
		if strings.Contains(text, "\n") {
			below.WriteString("  " + strings.ReplaceAll(text, "\n", "\n  ") + "\n")
			return true
		}
		if strings.ContainsAny(text, " \"") && a.Key != "error" {
			text = `"` + strings.ReplaceAll(text, `"`, `\"`) + `"`
		}
		line.WriteString(" " + paint(h.color, dim, key+"=") + text)
		return true
	}
	for _, a := range h.attrs {
		show(slog.Attr{Key: strings.TrimPrefix(a.Key, h.prefix), Value: a.Value})
	}
	r.Attrs(show)
	line.WriteByte('\n')
	line.Write(below.Bytes())
	return h.out.write(line.Bytes())
}

// levelWord is what a reader must not miss; info is the rule and says nothing.
func (h *lineHandler) levelWord(level slog.Level) string {
	switch {
	case level >= slog.LevelError:
		return " " + paint(h.color, red, "ERROR")
	case level >= slog.LevelWarn:
		return " " + paint(h.color, yellow, "WARN")
	case level < slog.LevelInfo:
		return " " + paint(h.color, dim, "debug")
	}
	return ""
}

package main

import (
	"errors"
	"log/slog"
	"regexp"
	"testing"
)

func TestLinesForAPerson(t *testing.T) {
	var out buffer
	log := slog.New(&lineHandler{out: &lockedWriter{w: &out}, level: slog.LevelInfo})
	log.Debug("too low")
	log.Info("a sink runs", "sink", "crm")
	log.With("sink", "crm").Warn("a delivery failed", "error", errors.New("connection refused"), "note", `say "no"`)
	log.WithGroup("g").Error("refused", "problems", "a.yaml:1:1: one\na.yaml:2:1: two", "n", 3)

	got := regexp.MustCompile(`(?m)^\d\d:\d\d:\d\d`).ReplaceAllString(out.String(), "TIME")
	want := `TIME a sink runs sink=crm
TIME WARN a delivery failed sink=crm error=connection refused note="say \"no\""
TIME ERROR refused g.n=3
  a.yaml:1:1: one
  a.yaml:2:1: two
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

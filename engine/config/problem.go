package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Position is a place in a file. The zero Position is nowhere.
type Position struct {
	File   string // as it was given
	Line   int    // from 1; 0 is the file as a whole
	Column int    // from 1, in runes, as editors count
}

// String is file:line:col, the form every editor can follow.
func (p Position) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// Problem is something wrong at a place of the configuration. It never holds a
// secret.
type Problem struct {
	Position
	EndColumn int    // behind the last rune at fault, on the same line
	Warning   bool   // the configuration can be used all the same
	Msg       string // what is wrong
	Hint      string // what to do, "" if nobody can tell
	Text      string // the line, "" for the file as a whole
}

// String is the problem on one line: file:line:col: msg (hint).
func (p Problem) String() string {
	var b strings.Builder
	if p.File != "" {
		b.WriteString(p.Position.String())
		b.WriteString(": ")
	}
	if p.Warning {
		b.WriteString("warning: ")
	}
	b.WriteString(p.Msg)
	if p.Hint != "" {
		fmt.Fprintf(&b, " (%s)", p.Hint)
	}
	return b.String()
}

// Problems are all that is wrong, in the order of the files.
type Problems []Problem

// HasErrors tells whether anything is worse than a warning.
func (ps Problems) HasErrors() bool {
	return slices.ContainsFunc(ps, func(p Problem) bool { return !p.Warning })
}

// Err is every error on a line of its own; nil when there are none but warnings.
func (ps Problems) Err() error {
	var lines []string
	for _, p := range ps {
		if !p.Warning {
			lines = append(lines, p.String())
		}
	}
	if lines == nil {
		return nil
	}
	return errors.New(strings.Join(lines, "\n"))
}

// sorted orders problems as a reader meets them; files come in the order they were read.
func (ps Problems) sorted(files []*file) Problems {
	order := make(map[string]int, len(files))
	for i, f := range files {
		order[f.name] = i + 1
	}
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(
			cmp.Compare(order[a.File], order[b.File]),
			cmp.Compare(a.Line, b.Line),
			cmp.Compare(a.Column, b.Column),
		)
	})
	return slices.Compact(ps)
}

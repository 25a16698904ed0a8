package sqltable

import (
	"errors"
	"slices"
	"strings"

	"github.com/trotline/trotline/event"
)

// KeyRow is a row of nothing but its key, to look for: the values of the key's
// columns, in the order of the settings. Every error is [event.Permanent].
func (s *Spec) KeyRow(key []any) (Row, error) {
	if len(key) != len(s.Key) {
		return Row{}, event.Permanentf("the key has %d columns, and %d values are given", len(s.Key), len(key))
	}
	row := Row{Columns: slices.Sorted(slices.Values(s.Key)), Values: make([]any, len(key))}
	for i, name := range row.Columns {
		v, err := Plain(key[slices.Index(s.Key, name)])
		if err == nil && v == nil {
			err = errors.New("there is no value for it, and nil is the key of no row")
		}
		if err != nil {
			return Row{}, event.Permanentf("column %q: %w", name, err)
		}
		row.Values[i] = v
	}
	return row, nil
}

// ErrNoTable is for a look-up in a table that nobody has made.
var ErrNoTable = errors.New("it does not exist: write create: true in the sink, or make it")

// Where is the condition that a row has values in these columns; parameter is
// how that of columns[n] is written.
func Where(columns []string, parameter func(n int) string) string {
	terms := make([]string, len(columns))
	for i, name := range columns {
		terms[i] = Quote(name) + " = " + parameter(i)
	}
	return strings.Join(terms, " AND ")
}

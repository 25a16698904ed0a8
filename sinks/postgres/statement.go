package postgres

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/trotline/trotline/sinks/sqltable"
)

// pending is a row on its way to the table.
type pending struct {
	sqltable.Row
	at    int       // the delivery's place in the batch
	texts []*string // the encoded values
}

// statements writes the rows as few statements, to be run in their order in one
// transaction. Rows are taken in rounds, the nth of a key in the nth round: one
// ON CONFLICT DO UPDATE takes no key twice, and the last row of a key must be
// written last, whatever columns it has.
func (s *sink) statements(t table, rows []pending) *pgx.Batch {
	batch := &pgx.Batch{}
	for _, round := range rounds(rows) {
		for _, group := range byColumns(round) {
			batch.Queue(s.insert(t, group[0].Columns), arguments(group)...)
		}
	}
	return batch
}

func rounds(rows []pending) [][]*pending {
	var rounds [][]*pending
	seen := make(map[string]int, len(rows))
	for i := range rows {
		r := &rows[i]
		n := seen[r.Identity]
		seen[r.Identity] = n + 1
		if n == len(rounds) {
			rounds = append(rounds, nil)
		}
		rounds[n] = append(rounds[n], r)
	}
	return rounds
}

// byColumns groups rows that share a statement. Groups and the rows in them are
// sorted, so that two batches lock the rows they have in common in one order
// and do not wait for each other.
func byColumns(rows []*pending) [][]*pending {
	slices.SortStableFunc(rows, func(a, b *pending) int {
		return cmp.Or(slices.Compare(a.Columns, b.Columns), strings.Compare(a.Identity, b.Identity))
	})
	var groups [][]*pending
	for start, i := 0, 1; i <= len(rows); i++ {
		if i == len(rows) || !slices.Equal(rows[i].Columns, rows[start].Columns) {
			groups = append(groups, rows[start:i])
			start = i
		}
	}
	return groups
}

// insert is the statement that writes any number of rows with these columns:
// each parameter is a whole column, so its text, and with it the prepared
// statement, is the same for every batch.
func (s *sink) insert(t table, columns []string) string {
	casts := make([]string, len(columns))
	parameters := make([]string, len(columns))
	aliases := make([]string, len(columns))
	for i, name := range columns {
		aliases[i] = fmt.Sprintf("c%d", i)
		casts[i] = aliases[i] + "::" + t[name].cast
		parameters[i] = fmt.Sprintf("$%d::text[]", i+1)
	}
	return fmt.Sprintf("INSERT INTO %s AS %s (%s) SELECT %s FROM unnest(%s) AS source(%s) %s",
		s.name.SQL(), sqltable.Target, sqltable.QuoteAll(columns),
		strings.Join(casts, ", "), strings.Join(parameters, ", "), strings.Join(aliases, ", "),
		s.spec.OnConflict(columns))
}

// arguments are the rows, turned into columns.
func arguments(rows []*pending) []any {
	arguments := make([]any, len(rows[0].Columns))
	for i := range arguments {
		values := make([]*string, len(rows))
		for j, r := range rows {
			values[j] = r.texts[i]
		}
		arguments[i] = values
	}
	return arguments
}

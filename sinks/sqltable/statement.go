package sqltable

import (
	"fmt"
	"slices"
	"strings"
)

// Quote writes an identifier as SQL does, in double quotes, so that it means
// itself, whatever it holds.
func Quote(name string) string {
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}

// QuoteAll is a list of identifiers, each quoted.
func QuoteAll(names []string) string {
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = Quote(n)
	}
	return strings.Join(quoted, ", ")
}

// Target is the name that [Spec.OnConflict] calls the table by: INSERT INTO … AS target.
const Target = "target"

// OnConflict is the clause that says what becomes of a row that is there
// already, when the statement writes these columns. Without a key it stays as
// it is; with one, the columns that are written are replaced, unless the
// table's row has a greater version. An equal version writes again, so that a
// repeated delivery ends like the first; a row without a version never
// replaces one that has one.
func (s *Spec) OnConflict(columns []string) string {
	conflict := "ON CONFLICT (" + QuoteAll(s.Identity()) + ") "
	if len(s.Key) == 0 {
		return conflict + "DO NOTHING"
	}
	var set []string
	for _, c := range columns {
		if !slices.Contains(s.Key, c) {
			set = append(set, Quote(c)+" = excluded."+Quote(c))
		}
	}
	if len(set) == 0 {
		return conflict + "DO NOTHING"
	}
	conflict += "DO UPDATE SET " + strings.Join(set, ", ")
	if s.Version != "" {
		v := Quote(s.Version)
		conflict += fmt.Sprintf(" WHERE %s.%s IS NULL OR excluded.%s >= %s.%s", Target, v, v, Target, v)
	}
	return conflict
}

// Column is a column of a table to be made.
type Column struct {
	Name string
	Type string // as the database says it; "" is no type
}

// Infer says which columns a table needs to take these rows: those of the key
// first, then all others by name, each with the type of its first value that
// is not nil. typeOf is asked for nil where there is none.
func (s *Spec) Infer(rows []Row, typeOf func(value any) string) []Column {
	values := map[string]any{}
	for _, name := range s.Identity() {
		values[name] = nil
	}
	if s.Version != "" {
		values[s.Version] = nil
	}
	for i := range rows {
		for j, name := range rows[i].Columns {
			if values[name] == nil {
				values[name] = rows[i].Values[j]
			}
		}
	}
	columns := make([]Column, 0, len(values))
	for name, v := range values {
		columns = append(columns, Column{name, typeOf(v)})
	}
	key := s.Identity()
	rank := func(c Column) int {
		if i := slices.Index(key, c.Name); i >= 0 {
			return i
		}
		return len(key)
	}
	slices.SortFunc(columns, func(a, b Column) int {
		if d := rank(a) - rank(b); d != 0 {
			return d
		}
		return strings.Compare(a.Name, b.Name)
	})
	return columns
}

// CreateTable is the statement that makes the table, unless it is there. The
// columns of the key are its primary key.
func (s *Spec) CreateTable(name Name, columns []Column) string {
	key := s.Identity()
	var b strings.Builder
	fmt.Fprintf(&b, "CREATE TABLE IF NOT EXISTS %s (", name.SQL())
	for _, c := range columns {
		b.WriteString(Quote(c.Name))
		if c.Type != "" {
			b.WriteString(" " + c.Type)
		}
		if slices.Contains(key, c.Name) {
			b.WriteString(" NOT NULL") // SQLite lets NULL into a primary key otherwise
		}
		b.WriteString(", ")
	}
	fmt.Fprintf(&b, "PRIMARY KEY (%s))", QuoteAll(key))
	return b.String()
}

// AddColumn is the statement that adds a column to the table.
func AddColumn(name Name, c Column) string {
	return strings.TrimSpace(fmt.Sprintf("ALTER TABLE %s ADD COLUMN %s %s", name.SQL(), Quote(c.Name), c.Type))
}

// CreateIndex is the statement that gives a table the unique index that the
// ON CONFLICT clause needs.
func (s *Spec) CreateIndex(name Name) string {
	index := name.Table + "_" + strings.Join(s.Identity(), "_") + "_unique"
	return fmt.Sprintf("CREATE UNIQUE INDEX %s ON %s (%s)", Quote(index), name.SQL(), QuoteAll(s.Identity()))
}

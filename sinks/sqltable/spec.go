// Package sqltable holds what the sinks that write into a table of an SQL
// database share and what needs no database: which row a delivery becomes, and
// the text of the statements around it. It opens nothing.
package sqltable

import (
	"fmt"
	"slices"
	"strings"

	"github.com/trotline/trotline/event"
)

// DeliveryID is the column that makes a repeated delivery the same row where
// the settings name no key.
const DeliveryID = "delivery_id"

// Spec is what a user says about a table.
type Spec struct {
	Table   string                // "table" or "schema.table"
	Columns map[string]event.Expr // empty: the top-level fields of the body
	Key     []string              // columns that make a row the same row; empty: DeliveryID
	Version string                // column that keeps an older event from overwriting a newer row; "": none
	Create  bool                  // make the table when it is missing
}

// Validate tells what is wrong with the settings, with the paths the user wrote.
func (s *Spec) Validate() []*event.FieldError {
	var problems []*event.FieldError
	problem := func(path, msg, hint string) {
		problems = append(problems, &event.FieldError{Path: path, Msg: msg, Hint: hint})
	}
	if strings.Contains(s.Table, "{{") {
		problem("table", "an expression in table is not in this version", "make a sink for each table")
	} else if _, err := ParseName(s.Table); s.Table != "" && err != nil {
		problem("table", err.Error(), "write table or schema.table")
	}
	for name := range s.Columns {
		if err := checkColumn(name); err != nil {
			problem("columns", err.Error(), "")
		}
	}
	seen := map[string]bool{}
	for i, name := range s.Key {
		path := fmt.Sprintf("key[%d]", i)
		if err := checkColumn(name); err != nil {
			problem(path, err.Error(), "")
			continue
		}
		if seen[name] {
			problem(path, fmt.Sprintf("%q stands in the key twice", name), "")
		}
		seen[name] = true
		if !s.has(name) {
			problem(path, fmt.Sprintf("the key column %q is not among the columns", name), "add it to columns")
		}
	}
	if s.Version != "" {
		switch {
		case checkColumn(s.Version) != nil:
			problem("version", checkColumn(s.Version).Error(), "")
		case len(s.Key) == 0:
			problem("version", "version needs a key: without one no row is ever written twice", "add key: [column]")
		case slices.Contains(s.Key, s.Version):
			problem("version", fmt.Sprintf("the version column %q is a part of the key", s.Version), "take it out of the key")
		case !s.has(s.Version):
			problem("version", fmt.Sprintf("the version column %q is not among the columns", s.Version), "add it to columns")
		}
	}
	if _, ok := s.Columns[DeliveryID]; ok && len(s.Key) == 0 {
		problem("columns", "without a key the sink writes the column delivery_id itself", "leave it out, or write key: [delivery_id]")
	}
	return problems
}

// has tells whether a row can have the column, as far as the settings say.
func (s *Spec) has(column string) bool {
	if len(s.Columns) == 0 {
		return true
	}
	_, ok := s.Columns[column]
	return ok
}

// Identity are the columns that tell two rows apart.
func (s *Spec) Identity() []string {
	if len(s.Key) == 0 {
		return []string{DeliveryID}
	}
	return s.Key
}

func checkColumn(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("a column needs a name")
	case strings.ContainsRune(name, 0):
		return fmt.Errorf("the column name %q holds a NUL byte", name)
	}
	return nil
}

// Name is the name of a table.
type Name struct {
	Schema string // "" leaves it to the database
	Table  string
}

// ParseName reads "table" and "schema.table".
func ParseName(text string) (Name, error) {
	schema, table, dotted := strings.Cut(text, ".")
	if !dotted {
		schema, table = "", text
	}
	if table == "" || dotted && schema == "" || strings.ContainsAny(table, ".\x00") || strings.ContainsRune(schema, 0) {
		return Name{}, fmt.Errorf("%q is not the name of a table", text)
	}
	return Name{schema, table}, nil
}

// SQL is the name as a statement says it.
func (n Name) SQL() string {
	if n.Schema == "" {
		return Quote(n.Table)
	}
	return Quote(n.Schema) + "." + Quote(n.Table)
}

func (n Name) String() string {
	if n.Schema == "" {
		return n.Table
	}
	return n.Schema + "." + n.Table
}

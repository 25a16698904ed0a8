package sqlite

import (
	"context"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"time"
	"unicode/utf8"

	"github.com/trotline/trotline/event"
	"github.com/trotline/trotline/sinks/sqltable"
)

// Lookup implements [event.Looker].
func (s *sink) Lookup(ctx context.Context, key []any) ([]byte, error) {
	row, err := s.spec.KeyRow(key)
	if err != nil {
		return nil, fmt.Errorf("table %s: %w", s.name, err)
	}
	var found any
	var fault error // the key's or the table's: the connection is none the worse for it
	err = s.file.use(ctx, func(db *sql.DB) error {
		t, err := s.lookUp(ctx, db)
		switch {
		case err != nil:
			return err
		case len(t) == 0 && s.spec.Create:
			return nil // it is made with its first row
		case len(t) == 0:
			fault = s.explain(sqltable.ErrNoTable)
			return nil
		}
		var values []any
		if values, fault = s.encode(t, &pending{Row: row}); fault == nil {
			found, err = s.find(ctx, db, row.Columns, values)
		}
		return err
	})
	switch {
	case err != nil:
		return nil, s.explain(err)
	case fault != nil:
		return nil, fault
	}
	return event.EncodeJSON(found)
}

// find is the row as an object; nil where there is none.
func (s *sink) find(ctx context.Context, db *sql.DB, columns []string, values []any) (any, error) {
	where := sqltable.Where(columns, func(int) string { return "?" })
	rows, err := db.QueryContext(ctx, "SELECT * FROM "+s.name.SQL()+" WHERE "+where+" LIMIT 1", values...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	if !rows.Next() {
		return nil, rows.Err()
	}
	names, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	cells := make([]any, len(names))
	targets := make([]any, len(names))
	for i := range cells {
		targets[i] = &cells[i]
	}
	if err := rows.Scan(targets...); err != nil {
		return nil, err
	}
	object := make(map[string]any, len(names))
	for i, name := range names {
		object[name] = cell(cells[i])
	}
	return object, errors.Join(rows.Err(), rows.Close())
}

// cell is a value of a table as JSON has it: bytes that are no text in base64,
// and no number for one that JSON cannot say.
func cell(v any) any {
	switch v := v.(type) {
	case []byte:
		if utf8.Valid(v) {
			return string(v)
		}
		return base64.StdEncoding.EncodeToString(v)
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil
		}
	case time.Time:
		return v.Format(time.RFC3339Nano)
	}
	return v
}

package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/trotline/trotline/event"
	"github.com/trotline/trotline/sinks/sqltable"
)

type sink struct {
	spec *sqltable.Spec
	name sqltable.Name
	file *file
	log  *slog.Logger
}

// pending is a row on its way to the table.
type pending struct {
	sqltable.Row
	at int // the delivery's place in the batch
}

// Close implements [event.Closer].
func (s *sink) Close(context.Context) error { return s.file.close() }

// Deliver implements [event.Sink]. A batch is one transaction, which a row that
// SQLite refuses does not end.
func (s *sink) Deliver(ctx context.Context, batch []*event.Delivery) []event.Verdict {
	verdicts := make([]event.Verdict, len(batch))
	rows := make([]pending, 0, len(batch))
	for i, d := range batch {
		row, err := s.spec.Row(d)
		if err != nil {
			verdicts[i].Err = fmt.Errorf("table %s: %w", s.name, err)
			continue
		}
		rows = append(rows, pending{row, i})
	}
	if len(rows) == 0 {
		return verdicts
	}
	err := s.file.use(ctx, func(db *sql.DB) error { return s.write(ctx, db, rows, verdicts) })
	if err != nil && rowFault(err) && len(rows) > 1 {
		// A constraint that is checked at the commit, or a trigger that rolls
		// back, took the whole batch with it: each row on its own, then.
		for i := range rows {
			s.deliverOne(ctx, rows[i:i+1], verdicts)
		}
		return verdicts
	}
	s.conclude(rows, verdicts, err)
	return verdicts
}

func (s *sink) deliverOne(ctx context.Context, row []pending, verdicts []event.Verdict) {
	verdicts[row[0].at].Err = nil
	err := s.file.use(ctx, func(db *sql.DB) error { return s.write(ctx, db, row, verdicts) })
	s.conclude(row, verdicts, err)
}

// conclude gives the error that ended a transaction to its rows. One that was
// refused before stays refused.
func (s *sink) conclude(rows []pending, verdicts []event.Verdict, err error) {
	if err == nil {
		return
	}
	for _, r := range rows {
		if !event.IsPermanent(verdicts[r.at].Err) {
			verdicts[r.at].Err = s.verdict(err)
		}
	}
}

// write writes the rows in one transaction, in their order. The verdict of a
// row that is at fault is written down; the error is what ended all of it.
func (s *sink) write(ctx context.Context, db *sql.DB, rows []pending, verdicts []event.Verdict) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // does nothing after a commit
	t, err := s.table(ctx, tx, rows)
	if err != nil {
		return err
	}
	w := writer{sink: s, tx: tx, table: t, statements: map[string]prepared{}}
	written := 0
	for i := range rows {
		var fault rowError
		switch err := w.row(ctx, &rows[i]); {
		case err == nil:
			written++
		case errors.As(err, &fault):
			verdicts[rows[i].at].Err = fault.error
		default:
			return err
		}
	}
	if written == 0 {
		return nil
	}
	return tx.Commit()
}

// rowError is an error of one row that does not end the transaction.
type rowError struct{ error }

// writer writes rows within one transaction.
type writer struct {
	*sink
	tx         *sql.Tx
	table      table
	statements map[string]prepared // by column set
}

// prepared is a statement, or why there is none, which all rows that need it share.
type prepared struct {
	*sql.Stmt
	err error
}

func (w *writer) row(ctx context.Context, r *pending) error {
	values, err := w.encode(w.table, r)
	if err != nil {
		return rowError{err}
	}
	statement, ok := w.statements[r.ColumnSet()]
	if !ok {
		statement = w.prepare(ctx, r.Columns)
		w.statements[r.ColumnSet()] = statement
	}
	err = statement.err
	if err == nil {
		_, err = statement.ExecContext(ctx, values...)
	}
	if err != nil && rowFault(err) {
		return rowError{w.verdict(err)}
	}
	return err
}

func (w *writer) prepare(ctx context.Context, columns []string) prepared {
	statement, err := w.tx.PrepareContext(ctx, fmt.Sprintf("INSERT INTO %s AS %s (%s) VALUES (%s) %s",
		w.name.SQL(), sqltable.Target, sqltable.QuoteAll(columns),
		strings.TrimSuffix(strings.Repeat("?, ", len(columns)), ", "), w.spec.OnConflict(columns)))
	return prepared{statement, err}
}

// encode brings a row to what is bound to the statement. The error is permanent
// when the row is at fault, and not when the table is.
func (s *sink) encode(t table, r *pending) ([]any, error) {
	values := make([]any, len(r.Columns))
	seen := make(map[string]bool, len(r.Columns))
	var missing []string
	for i, name := range r.Columns {
		a, ok := t[fold(name)]
		if !ok {
			missing = append(missing, sqltable.AddColumn(s.name, sqltable.Column{Name: name, Type: typeOf(r.Values[i])}))
			continue
		}
		if seen[fold(name)] {
			return nil, event.Permanentf("table %s: the row has the column %q twice, in different case, which SQLite does not tell apart", s.name, name)
		}
		seen[fold(name)] = true
		var err error
		if name == s.spec.Version {
			values[i], err = a.version(r.Values[i])
		} else {
			values[i], err = a.encode(r.Values[i])
		}
		if err != nil {
			err = fmt.Errorf("table %s: column %q: %w", s.name, name, err)
			if errors.Is(err, sqltable.ErrNumberAsText) {
				return nil, err // mended by another type of the column
			}
			return nil, event.Permanent(err)
		}
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("table %s lacks columns of the row: leave them out with a map step or the sink's columns, or add them: %s",
			s.name, strings.Join(missing, "; "))
	}
	return values, nil
}

// version is encode for the version column, whose values must compare as the
// versions do. SQLite has no type for times, so they are texts that sort.
func (a affinity) version(v any) (any, error) {
	number, isNumber := v.(json.Number)
	if !isNumber || a == text {
		sortable, err := sqltable.TextVersion(v)
		if err != nil {
			return nil, err
		}
		return a.encode(sortable)
	}
	encoded, err := a.number(number.String())
	if _, asText := encoded.(string); asText {
		return nil, errors.New("the version has more digits than SQLite can compare")
	}
	return encoded, err
}

package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/trotline/trotline/sinks/sqltable"
)

// table is the affinity of each column, by its folded name.
type table map[string]affinity

// fold brings a name to what SQLite compares, which knows upper and lower case
// of ASCII alone.
func fold(name string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + ('a' - 'A')
		}
		return r
	}, name)
}

// table looks the table up, and makes it for these rows when it is missing and
// the settings say so. It is looked up for every batch, within the batch's
// transaction: that costs less than a row and cannot be stale.
func (s *sink) table(ctx context.Context, tx *sql.Tx, rows []pending) (table, error) {
	t, err := s.lookUp(ctx, tx)
	if err != nil || len(t) > 0 {
		return t, err
	}
	plain := make([]sqltable.Row, len(rows))
	for i := range rows {
		plain[i] = rows[i].Row
	}
	statement := s.spec.CreateTable(s.name, s.spec.Infer(plain, typeOf))
	if !s.spec.Create {
		return nil, fmt.Errorf("it does not exist: write create: true, or make it, for instance with: %s", statement)
	}
	if _, err := tx.ExecContext(ctx, statement); err != nil {
		return nil, fmt.Errorf("%w; the statement was: %s", err, statement)
	}
	s.log.Info("makes the table", "table", s.name.String())
	s.log.Debug("makes the table", "path", s.file.path, "statement", statement)
	return s.lookUp(ctx, tx)
}

// querier is a transaction, or the database.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

func (s *sink) lookUp(ctx context.Context, db querier) (table, error) {
	rows, err := db.QueryContext(ctx, "SELECT name, type FROM pragma_table_xinfo(?)", s.name.Table)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	t := table{}
	for rows.Next() {
		var name, declared string
		if err := rows.Scan(&name, &declared); err != nil {
			return nil, err
		}
		t[fold(name)] = affinityOf(declared)
	}
	return t, rows.Err()
}

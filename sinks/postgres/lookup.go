package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/trotline/trotline/sinks/sqltable"
)

// Lookup implements [event.Looker].
func (s *sink) Lookup(ctx context.Context, key []any) ([]byte, error) {
	row, err := s.spec.KeyRow(key)
	if err != nil {
		return nil, fmt.Errorf("table %s: %w", s.name, err)
	}
	p := pending{Row: row}
	if known := s.known.Load(); known != nil && s.encode(*known, &p) == nil {
		answer, err := s.find(ctx, *known, &p)
		if faultOf(err) != schemaFault {
			return answer, err
		}
	}
	t, err := s.lookUp(ctx)
	switch {
	case err != nil:
		return nil, s.explain(err)
	case len(t) == 0 && s.spec.Create:
		return []byte("null"), nil // it is made with its first row
	case len(t) == 0:
		return nil, s.explain(sqltable.ErrNoTable)
	}
	s.known.Store(&t)
	if err := s.encode(t, &p); err != nil {
		return nil, err
	}
	return s.find(ctx, t, &p)
}

// find is the row as the server writes it in JSON, so that every type it has is
// known and numbers keep their digits.
func (s *sink) find(ctx context.Context, t table, p *pending) ([]byte, error) {
	where := sqltable.Where(p.Columns, func(n int) string { return fmt.Sprintf("$%d::text::%s", n+1, t[p.Columns[n]].cast) })
	query := fmt.Sprintf("SELECT pg_catalog.row_to_json(%s)::text FROM %s AS %s WHERE %s LIMIT 1", sqltable.Target, s.name.SQL(), sqltable.Target, where)
	arguments := make([]any, len(p.texts))
	for i, text := range p.texts {
		arguments[i] = text
	}
	var answer string
	err := s.pool.QueryRow(ctx, query, arguments...).Scan(&answer)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return []byte("null"), nil
	case err != nil:
		return nil, s.verdict(err)
	}
	return []byte(answer), nil
}

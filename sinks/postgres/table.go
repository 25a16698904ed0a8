package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/trotline/trotline/event"
	"github.com/trotline/trotline/sinks/sqltable"
)

// table is what is known of the table: its columns.
type table map[string]column

// A domain is cast to the type it is of, so that the assignment to the column
// checks its length and its constraints. The -1 keeps the length out of the
// cast: an explicit cast to varchar(3) would cut the text short, silently.
const columnsQuery = `
SELECT a.attname, pg_catalog.format_type(t.oid, -1), t.typname, COALESCE(e.typname, '')
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_type d ON d.oid = a.atttypid
JOIN pg_catalog.pg_type t ON t.oid = CASE d.typtype WHEN 'd' THEN d.typbasetype ELSE d.oid END
LEFT JOIN pg_catalog.pg_type e ON e.oid = t.typelem AND t.typcategory = 'A'
WHERE a.attrelid = pg_catalog.to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped`

// learn looks the table up, and makes it for these rows when it is missing and
// the settings say so.
func (s *sink) learn(ctx context.Context, rows []pending) (table, error) {
	t, err := s.lookUp(ctx)
	if err != nil {
		return nil, s.explain(err)
	}
	if len(t) == 0 {
		plain := make([]sqltable.Row, len(rows))
		for i := range rows {
			plain[i] = rows[i].Row
		}
		statement := s.spec.CreateTable(s.name, s.spec.Infer(plain, typeOf))
		if !s.spec.Create {
			return nil, fmt.Errorf("table %s does not exist: write create: true, or make it, for instance with: %s", s.name, statement)
		}
		if t, err = s.create(ctx, statement); err != nil {
			return nil, err
		}
	}
	s.known.Store(&t)
	return t, nil
}

func (s *sink) lookUp(ctx context.Context) (table, error) {
	rows, err := s.pool.Query(ctx, columnsQuery, s.name.SQL())
	if err != nil {
		return nil, err
	}
	t := table{}
	var name, cast, typeName, elementName string
	_, err = pgx.ForEachRow(rows, []any{&name, &cast, &typeName, &elementName}, func() error {
		c := column{cast: cast, form: forms[typeName]}
		if elementName != "" {
			c.form, c.element = list, forms[elementName]
		}
		t[name] = c
		return nil
	})
	return t, err
}

func (s *sink) create(ctx context.Context, statement string) (table, error) {
	if _, err := s.pool.Exec(ctx, statement); err != nil && !madeMeanwhile(err) {
		return nil, fmt.Errorf("%w; the statement was: %s", s.explain(err), statement)
	}
	s.log.Info("made the table", "table", s.name.String(), "statement", statement)
	t, err := s.lookUp(ctx)
	if err != nil {
		return nil, s.explain(err)
	}
	if len(t) == 0 {
		return nil, fmt.Errorf("table %s was made, but is not there", s.name)
	}
	return t, nil
}

// madeMeanwhile: somebody else made the same table at the same moment. IF NOT
// EXISTS does not cover that: the loser sees a duplicate in a system catalog.
func madeMeanwhile(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Code == "42P07" || pg.Code == "42710" || pg.Code == "23505")
}

// encode brings a row to the texts that are sent. The error is permanent when
// the row is at fault, and not when the table is.
func (s *sink) encode(t table, r *pending) error {
	var missing []string
	r.texts = make([]*string, len(r.Columns))
	for i, name := range r.Columns {
		c, ok := t[name]
		if !ok {
			missing = append(missing, sqltable.AddColumn(s.name, sqltable.Column{Name: name, Type: typeOf(r.Values[i])}))
			continue
		}
		v := r.Values[i]
		if name == s.spec.Version && c.form == text {
			var err error
			if v, err = sqltable.TextVersion(v); err != nil {
				return fmt.Errorf("table %s: column %q: %w", s.name, name, err)
			}
		}
		encoded, err := c.encode(v)
		if err != nil {
			return event.Permanentf("table %s: column %q: %w", s.name, name, err)
		}
		r.texts[i] = encoded
	}
	if len(missing) > 0 {
		return fmt.Errorf("table %s lacks columns of the row: leave them out with a map step or the sink's columns, or add them: %s",
			s.name, strings.Join(missing, "; "))
	}
	return nil
}

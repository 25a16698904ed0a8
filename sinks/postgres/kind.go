// Package postgres is the sink that writes events as rows of a PostgreSQL
// table: an upsert where the settings name a key, otherwise an insert that a
// repeated delivery does not repeat.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/trotline/trotline/event"
	"github.com/trotline/trotline/sinks/sqltable"
)

// Settings are what a user writes under a sink of type postgres.
type Settings struct {
	DSN     event.Secret          `yaml:"dsn" required:"true" doc:"where the database is: postgres://user:password@host:5432/database?sslmode=require, or host=… user=… password=… dbname=…"`
	Table   string                `yaml:"table" required:"true" doc:"the table, or schema.table"`
	Columns map[string]event.Expr `yaml:"columns" doc:"the columns and an expression for each; left out, they are the top-level fields of the body"`
	Key     []string              `yaml:"key" doc:"the columns of a unique index or primary key: a second row with the same key updates the first; left out, the table needs a unique column delivery_id"`
	Version string                `yaml:"version" doc:"a column of the row: a row with a smaller version never overwrites one with a greater; needs key"`
	Create  bool                  `yaml:"create" doc:"make the table when it is missing, with columns that fit the first events"`
}

func (s *Settings) spec() *sqltable.Spec {
	return &sqltable.Spec{Table: s.Table, Columns: s.Columns, Key: s.Key, Version: s.Version, Create: s.Create}
}

// Validate implements [event.Validator].
func (s *Settings) Validate() []*event.FieldError {
	problems := s.spec().Validate()
	if s.DSN != "" {
		if _, err := poolConfig(s.DSN, 1); err != nil {
			problems = append(problems, &event.FieldError{
				Path: "dsn", Msg: err.Error(),
				Hint: "write postgres://user:password@host:5432/database?sslmode=require; characters such as @ / ? in the password are written %40 %2F %3F",
			})
		}
	}
	return problems
}

// Kind is the sort of sink that type: postgres names.
func Kind() event.SinkKind {
	return event.SinkKind{
		Name:      "postgres",
		Doc:       "writes each event as a row of a PostgreSQL table",
		Settings:  func() any { return &Settings{} },
		Batch:     200,
		LookupKey: func(settings any) []string { return event.SettingsOf[Settings](settings).Key },
		Open: func(ctx context.Context, settings any, o event.SinkOptions) (event.Sink, error) {
			return open(ctx, event.SettingsOf[Settings](settings), o)
		},
	}
}

func open(ctx context.Context, s *Settings, o event.SinkOptions) (*sink, error) {
	name, err := sqltable.ParseName(s.Table)
	if err != nil {
		return nil, fmt.Errorf("table: %w", err)
	}
	config, err := poolConfig(s.DSN, o.Concurrency)
	if err != nil {
		return nil, fmt.Errorf("dsn: %w", err)
	}
	// The pool connects on first need, so a server that is away does not fail it.
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("dsn: %w", err)
	}
	log := o.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &sink{spec: s.spec(), name: name, pool: pool, log: log}, nil
}

// connectTimeout is how long one host of the dsn may take to answer, unless it
// has a connect_timeout, so that a dead one leaves time to try the next.
const connectTimeout = 10 * time.Second

// poolConfig reads the dsn. The error never holds a piece of it: pgx hides the
// passwords it recognizes, and cannot recognize one in a text that is broken.
func poolConfig(dsn event.Secret, concurrency int) (*pgxpool.Config, error) {
	c, err := pgxpool.ParseConfig(dsn.Reveal())
	if err != nil {
		if path := (*fs.PathError)(nil); errors.As(err, &path) {
			return nil, fmt.Errorf("a file it names cannot be read: %w", path)
		}
		return nil, errors.New("not a connection string PostgreSQL understands")
	}
	c.MaxConns = int32(max(1, concurrency))
	if c.ConnConfig.ConnectTimeout == 0 {
		c.ConnConfig.ConnectTimeout = connectTimeout
	}
	for name, value := range map[string]string{
		"application_name": "trotline",
		"timezone":         "UTC", // what a time without a zone means
	} {
		if c.ConnConfig.RuntimeParams[name] == "" {
			c.ConnConfig.RuntimeParams[name] = value
		}
	}
	return c, nil
}

// Package sqlite is the sink that writes events as rows of a table in an SQLite
// file: an upsert where the settings name a key, otherwise an insert that a
// repeated delivery does not repeat.
package sqlite

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/trotline/trotline/event"
	"github.com/trotline/trotline/sinks/sqltable"
)

// Settings are what a user writes under a sink of type sqlite.
type Settings struct {
	Path    event.Path            `yaml:"path" required:"true" doc:"the database file; it and its folder are made when they are missing"`
	Table   string                `yaml:"table" required:"true" doc:"the table"`
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
	if name, err := sqltable.ParseName(s.Table); err == nil && name.Schema != "" {
		problems = append(problems, &event.FieldError{
			Path: "table", Msg: fmt.Sprintf("%q: an SQLite file has no schemas", s.Table), Hint: "write the table alone",
		})
	}
	return problems
}

// Kind is the sort of sink that type: sqlite names.
func Kind() event.SinkKind {
	return event.SinkKind{
		Name:      "sqlite",
		Doc:       "writes each event as a row of a table in an SQLite file",
		Settings:  func() any { return &Settings{} },
		Batch:     200,
		LookupKey: func(settings any) []string { return event.SettingsOf[Settings](settings).Key },
		Open: func(_ context.Context, settings any, o event.SinkOptions) (event.Sink, error) {
			return open(event.SettingsOf[Settings](settings), o)
		},
	}
}

func open(s *Settings, o event.SinkOptions) (*sink, error) {
	name, err := sqltable.ParseName(s.Table)
	if err != nil {
		return nil, fmt.Errorf("table: %w", err)
	}
	log := o.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &sink{spec: s.spec(), name: name, file: newFile(string(s.Path)), log: log}, nil
}

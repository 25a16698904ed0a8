package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	_ "modernc.org/sqlite" // the driver "sqlite", without cgo
)

// file is the database file and the one connection to it. SQLite lets one
// writer at a time do anything, so further connections would only wait for each
// other's locks.
type file struct {
	path string
	turn chan struct{} // holds a token while somebody works on the fields below
	db   *sql.DB       // nil while closed
	info os.FileInfo   // of the file that db has open
}

func newFile(path string) *file {
	return &file{path: path, turn: make(chan struct{}, 1)}
}

// use calls f with the database. After an error of f, and when the file was
// moved away or replaced, it is opened anew: SQLite would go on writing into a
// file that nobody can find any more.
func (f *file) use(ctx context.Context, work func(*sql.DB) error) error {
	select {
	case f.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-f.turn }()
	if f.db != nil && !f.inPlace() {
		_ = f.close() // what it held is gone with the file
	}
	if f.db == nil {
		if err := f.open(ctx); err != nil {
			return err
		}
	}
	if err := work(f.db); err != nil {
		_ = f.close() // whatever state the connection is in, the next batch begins afresh
		return err
	}
	return nil
}

func (f *file) inPlace() bool {
	info, err := os.Stat(f.path)
	return err == nil && os.SameFile(info, f.info)
}

func (f *file) open(ctx context.Context) error {
	if err := os.MkdirAll(filepath.Dir(f.path), 0o755); err != nil {
		return fmt.Errorf("the folder of the database cannot be made: %w", err)
	}
	db, err := sql.Open("sqlite", f.dsn())
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(1)
	if err := db.PingContext(ctx); err != nil {
		_ = db.Close()
		return err
	}
	info, err := os.Stat(f.path)
	if err != nil {
		_ = db.Close()
		return err
	}
	f.db, f.info = db, info
	return nil
}

func (f *file) close() error {
	db := f.db
	f.db, f.info = nil, nil
	if db == nil {
		return nil
	}
	return db.Close()
}

// dsn says how the file is opened. Synchronous FULL in WAL mode makes every
// commit durable before it returns (https://www.sqlite.org/pragma.html#pragma_synchronous);
// immediate transactions take the write lock first, where waiting for another
// process is safe; without double-quoted strings a misspelt column is an error
// and not a text.
func (f *file) dsn() string {
	u := url.URL{Scheme: "file", Path: filepath.ToSlash(f.path), RawQuery: url.Values{
		"_busy_timeout": {"10000"},
		"_journal_mode": {"WAL"},
		"_synchronous":  {"FULL"},
		"_foreign_keys": {"ON"},
		"_txlock":       {"immediate"},
		"_dqs":          {"0"},
		"_error_rc":     {"1"},
	}.Encode()}
	return u.String()
}

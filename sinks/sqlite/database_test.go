package sqlite

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/trotline/trotline/event"
	"github.com/trotline/trotline/event/eventtest"
)

// database is a file with a connection of the test's own.
type database struct {
	*testing.T
	path string
}

func newDatabase(t *testing.T) *database {
	folder := filepath.Join(t.TempDir(), "folder % with ? #")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	return newDatabaseAt(t, filepath.Join(folder, "a b.db"))
}

func newDatabaseAt(t *testing.T, path string) *database { return &database{t, path} }

func (db *database) with(f func(*sql.DB) error) {
	db.Helper()
	c, err := sql.Open("sqlite", newFile(db.path).dsn())
	if err != nil {
		db.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if err := f(c); err != nil {
		db.Fatal(err)
	}
}

func (db *database) exec(statement string) {
	db.Helper()
	db.with(func(c *sql.DB) error {
		_, err := c.Exec(statement)
		return err
	})
}

// text is what a query of one value gives; NULL is "".
func (db *database) text(query string) string {
	db.Helper()
	var text sql.NullString
	db.with(func(c *sql.DB) error { return c.QueryRow(query).Scan(&text) })
	return text.String
}

func (db *database) want(want, query string) {
	db.Helper()
	if got := db.text(query); got != want {
		db.Errorf("%s\n got %s\nwant %s", query, got, want)
	}
}

func (db *database) open(s Settings) *sink {
	db.Helper()
	s.Path = event.Path(db.path)
	for _, problem := range s.Validate() {
		db.Errorf("settings: %v", problem)
	}
	opened, err := Kind().Open(db.Context(), &s, event.SinkOptions{Name: "local", Concurrency: 4})
	if err != nil {
		db.Fatal(err)
	}
	db.Cleanup(func() { _ = opened.(event.Closer).Close(context.Background()) })
	return opened.(*sink)
}

// deliver delivers bodies as one batch and returns what became of each: "ok",
// "refused: …" or "failed: …". The deliveries are named after the bodies.
func (db *database) deliver(s event.Sink, bodies ...string) []string {
	db.Helper()
	batch := make([]*event.Delivery, len(bodies))
	for i, b := range bodies {
		batch[i] = eventtest.DeliveryJSON(b, b)
	}
	var ends []string
	for _, v := range s.Deliver(db.Context(), batch) {
		switch {
		case v.Err == nil:
			ends = append(ends, "ok")
		case event.IsPermanent(v.Err):
			ends = append(ends, "refused: "+v.Err.Error())
		default:
			ends = append(ends, "failed: "+v.Err.Error())
		}
	}
	return ends
}

func (db *database) mustDeliver(s event.Sink, bodies ...string) {
	db.Helper()
	for i, end := range db.deliver(s, bodies...) {
		if end != "ok" {
			db.Errorf("%s: %s", bodies[i], end)
		}
	}
}

func (db *database) wantEnd(end, start string, tells ...string) {
	db.Helper()
	if !strings.HasPrefix(end, start) {
		db.Errorf("ends %q, want %s", end, start)
	}
	for _, part := range tells {
		if !strings.Contains(end, part) {
			db.Errorf("%q does not tell %q", end, part)
		}
	}
}

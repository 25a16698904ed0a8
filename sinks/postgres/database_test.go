package postgres

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/trotline/trotline/event"
	"github.com/trotline/trotline/event/eventtest"
)

// database is an empty one, with a sink on it.
type database struct {
	*testing.T
	dsn string
}

func (db *database) exec(statement string) {
	db.Helper()
	db.with(func(c *pgx.Conn) error {
		_, err := c.PgConn().Exec(context.Background(), statement).ReadAll()
		return err
	})
}

// text is what a query of one value gives; NULL is "".
func (db *database) text(query string) string {
	db.Helper()
	var text *string
	db.with(func(c *pgx.Conn) error {
		return c.QueryRow(context.Background(), query).Scan(&text)
	})
	if text == nil {
		return ""
	}
	return *text
}

func (db *database) with(f func(*pgx.Conn) error) {
	db.Helper()
	c, err := pgx.Connect(context.Background(), db.dsn)
	if err != nil {
		db.Fatal(err)
	}
	defer func() { _ = c.Close(context.Background()) }()
	if err := f(c); err != nil {
		db.Fatal(err)
	}
}

func (db *database) want(want, query string) {
	db.Helper()
	if got := db.text(query); got != want {
		db.Errorf("%s\n got %s\nwant %s", query, got, want)
	}
}

func (db *database) open(s Settings) event.Sink {
	db.Helper()
	if s.DSN == "" {
		s.DSN = event.Secret(db.dsn)
	}
	for _, problem := range s.Validate() {
		db.Errorf("settings: %v", problem)
	}
	opened, err := Kind().Open(db.Context(), &s, event.SinkOptions{Name: "warehouse", Concurrency: 4})
	if err != nil {
		db.Fatal(err)
	}
	db.Cleanup(func() { _ = opened.(event.Closer).Close(context.Background()) })
	return opened
}

// deliver delivers bodies as one batch and returns what became of each: "ok",
// "refused: …" or "failed: …". The deliveries are named after the bodies.
func (db *database) deliver(s event.Sink, bodies ...string) []string {
	db.Helper()
	ctx, cancel := context.WithTimeout(db.Context(), 30*time.Second)
	defer cancel()
	batch := make([]*event.Delivery, len(bodies))
	for i, b := range bodies {
		batch[i] = eventtest.DeliveryJSON(b, b)
	}
	var ends []string
	for _, v := range s.Deliver(ctx, batch) {
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

// wantEnd checks the start of an end and that it tells all of these.
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

//go:build unix

package pgtest

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
)

func TestServerComesBackWithItsData(t *testing.T) {
	s := New(t)
	dsn := s.Database(t)
	query(t, dsn, "CREATE TABLE kept AS SELECT 1 AS n")
	s.Stop(t)
	if _, err := pgx.Connect(context.Background(), dsn); err == nil {
		t.Error("the stopped server takes connections")
	}
	s.Start(t)
	query(t, dsn, "INSERT INTO kept SELECT n + 1 FROM kept")
}

func query(t *testing.T, dsn, statements string) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(context.Background()) }()
	if _, err := c.PgConn().Exec(t.Context(), statements).ReadAll(); err != nil {
		t.Fatal(err)
	}
}

package postgres

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/trotline/trotline/event"
)

func testLookup(t *testing.T, db *database) {
	table := db.open(Settings{Table: "customers", Key: []string{"tenant", "id"}}).(event.Looker)
	if _, err := table.Lookup(t.Context(), []any{json.Number("7"), "a"}); err == nil || event.IsPermanent(err) || !strings.Contains(err.Error(), "does not exist") {
		t.Errorf("without a table: %v", err)
	}
	later := db.open(Settings{Table: "later", Key: []string{"id"}, Create: true}).(event.Looker)
	if got, err := later.Lookup(t.Context(), []any{"a"}); err != nil || string(got) != "null" {
		t.Errorf("before the first row: %s, %v", got, err)
	}
	db.exec(`CREATE TABLE customers (tenant int, id varchar(9), n numeric, at timestamptz, more jsonb, PRIMARY KEY (tenant, id));
		INSERT INTO customers VALUES (7, 'a', 10.10, '2026-01-02T03:04:05Z', '{"x": [1234567890123456789]}'), (7, '8', NULL, NULL, NULL)`)
	for _, c := range []struct {
		key  []any
		want string
	}{
		{[]any{json.Number("7"), "a"}, `{"tenant":7,"id":"a","n":10.10,"at":"2026-01-02T03:04:05+00:00","more":{"x": [1234567890123456789]}}`},
		{[]any{"7", json.Number("8")}, `{"tenant":7,"id":"8","n":null,"at":null,"more":null}`},
		{[]any{json.Number("8"), "a"}, `null`},
	} {
		if got, err := table.Lookup(t.Context(), c.key); err != nil || string(got) != c.want {
			t.Errorf("%v: got %s, %v; want %s", c.key, got, err, c.want)
		}
	}
	for _, key := range [][]any{{json.Number("7")}, {nil, "a"}, {"seven", "a"}} {
		if _, err := table.Lookup(t.Context(), key); !event.IsPermanent(err) {
			t.Errorf("%v: %v", key, err)
		}
	}

	// A table that has changed is looked at again.
	db.exec(`DROP TABLE customers; CREATE TABLE customers (tenant text, id text, PRIMARY KEY (tenant, id)); INSERT INTO customers VALUES ('seven', 'a')`)
	if got, err := table.Lookup(t.Context(), []any{"seven", "a"}); err != nil || string(got) != `{"tenant":"seven","id":"a"}` {
		t.Errorf("after the table has changed: %s, %v", got, err)
	}
}

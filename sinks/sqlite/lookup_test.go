package sqlite

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/trotline/trotline/event"
)

func TestLookup(t *testing.T) {
	db := newDatabase(t)
	sink := db.open(Settings{Table: "customers", Key: []string{"tenant", "id"}})
	table := event.Looker(sink)
	if _, err := table.Lookup(t.Context(), []any{json.Number("7"), "a"}); err == nil || event.IsPermanent(err) || !strings.Contains(err.Error(), "does not exist") {
		t.Errorf("without a table: %v", err)
	}
	if got, err := db.open(Settings{Table: "later", Key: []string{"id"}, Create: true}).Lookup(t.Context(), []any{"a"}); err != nil || string(got) != "null" {
		t.Errorf("before the first row: %s, %v", got, err)
	}
	db.exec(`CREATE TABLE customers (tenant INTEGER, id TEXT, name TEXT, n INTEGER, r REAL, b BLOB, at TIMESTAMP, PRIMARY KEY (id, tenant))`)
	db.exec(`INSERT INTO customers VALUES (7, 'a', 'Zoë', 1234567890123456789, 0.5, x'ff00', '2026-01-02 03:04:05'), (7, '8', NULL, NULL, 9e999, NULL, NULL)`)
	for _, c := range []struct {
		key  []any
		want string
	}{
		{[]any{json.Number("7"), "a"}, `{"at":"2026-01-02T03:04:05Z","b":"/wA=","id":"a","n":1234567890123456789,"name":"Zoë","r":0.5,"tenant":7}`},
		{[]any{"7", json.Number("8")}, `{"at":null,"b":null,"id":"8","n":null,"name":null,"r":null,"tenant":7}`},
		{[]any{json.Number("8"), "a"}, `null`},
	} {
		if got, err := table.Lookup(t.Context(), c.key); err != nil || string(got) != c.want {
			t.Errorf("%v: got %s, %v; want %s", c.key, got, err, c.want)
		}
	}
	for _, key := range [][]any{{json.Number("7")}, {nil, "a"}} {
		if _, err := table.Lookup(t.Context(), key); !event.IsPermanent(err) {
			t.Errorf("%v: %v", key, err)
		}
	}
}

package sqlite

import (
	"encoding/json"
	"math/big"
	"strconv"
	"testing"

	"github.com/trotline/trotline/event"
	"github.com/trotline/trotline/event/eventtest"
)

// A number that goes into a column without a type is the same number there, or
// its own text.
func FuzzNumber(f *testing.F) {
	for _, n := range []string{"0", "-0", "10.10", "1e3", "0.1", "9007199254740993", "9223372036854775808", "1e-400", "1E+400", "123456789.123456789", "5e-324", "100e-2"} {
		f.Add(n)
	}
	f.Fuzz(func(t *testing.T, n string) {
		var number json.Number
		if json.Unmarshal([]byte(n), &number) != nil || number == "" || len(n) > 40 {
			t.Skip("not a JSON number")
		}
		v, err := none.number(n)
		if err != nil {
			t.Fatal(err)
		}
		var got string
		switch v := v.(type) {
		case string:
			if v != n {
				t.Fatalf("%s became the text %s", n, v)
			}
			return
		case int64:
			got = strconv.FormatInt(v, 10)
		case float64:
			got = strconv.FormatFloat(v, 'g', -1, 64)
		}
		a, okA := new(big.Rat).SetString(n)
		b, okB := new(big.Rat).SetString(got)
		if !okA || !okB {
			t.Skip("beyond what can be compared exactly")
		}
		if a.Cmp(b) != 0 {
			t.Fatalf("%s became %s", n, got)
		}
	})
}

func TestAffinity(t *testing.T) {
	for declared, want := range map[string]affinity{
		"": none, "blob": none, "INT": numeric, "bigint": numeric, "POINT": numeric,
		"varchar(10)": text, "CLOB": text, "Text": text,
		"DOUBLE PRECISION": real, "float": real,
		"DECIMAL(10,2)": numeric, "DATETIME": numeric, "BOOLEAN": numeric, "JSON": numeric,
	} {
		if got := affinityOf(declared); got != want {
			t.Errorf("%q: %d, want %d", declared, got, want)
		}
	}
}

func TestValues(t *testing.T) {
	for _, test := range []struct{ column, value, want string }{
		{"INTEGER", `9007199254740993123`, "integer 9007199254740993123"},
		{"INTEGER", `100.0`, "integer 100"},
		{"INTEGER", `true`, "integer 1"},
		{"INTEGER", `1.5`, "real 1.5"},
		{"REAL", `7`, "real 7.0"},
		{"NUMERIC", `10.10`, "real 10.1"},
		{"NUMERIC", `0.12345678901234567890`, "real 0.12345678901234568"},
		{"TEXT", `10.10`, "text 10.10"},
		{"TEXT", `9007199254740993123`, "text 9007199254740993123"},
		{"TEXT", `true`, "text true"},
		{"TEXT", `{"id": 9007199254740993123, "price": 10.10}`, `text {"id":9007199254740993123,"price":10.10}`},
		{"", `10.10`, "real 10.1"},
		{"", `0.30000000000000004`, "real 0.30000000000000004"},
		{"", `0.12345678901234567890`, "text 0.12345678901234567890"},
		{"", `9007199254740993123`, "integer 9007199254740993123"},
		{"", `90071992547409931234567`, "text 90071992547409931234567"},
		{"", `1e999`, "text 1e999"},
		{"", `-0.0`, "real 0.0"},
		{"", `1.5e3`, "real 1500.0"},
		{"", `"007"`, "text 007"},
		{"", `false`, "integer 0"},
		{"", `null`, "null "},
		{"BLOB", `"text"`, "text text"},
		{"DATETIME", `"2026-03-14T15:09:26+02:00"`, "text 2026-03-14T15:09:26+02:00"},
		{"JSON", `[1, null]`, "text [1,null]"},
		{"TEXT", `"it's \"quoted\" ☂"`, `text it's "quoted" ☂`},
	} {
		t.Run(test.column+" "+test.value, func(t *testing.T) {
			db := newDatabase(t)
			db.exec(`CREATE TABLE v (delivery_id TEXT PRIMARY KEY, v ` + test.column + `)`)
			db.mustDeliver(db.open(Settings{Table: "v"}), `{"v": `+test.value+`}`)
			db.want("1 "+test.want, "SELECT count(*) || ' ' || typeof(v) || ' ' || coalesce(v, '') FROM v")
		})
	}
	t.Run("a NUL byte", func(t *testing.T) {
		db := newDatabase(t)
		db.mustDeliver(db.open(Settings{Table: "v", Create: true}), `{"v": "a\u0000b"}`)
		db.want("610062", "SELECT hex(v) FROM v")
	})
	t.Run("of expressions", func(t *testing.T) {
		db := newDatabase(t)
		db.exec(`CREATE TABLE x (delivery_id TEXT PRIMARY KEY, at, raw BLOB, doc TEXT, n INTEGER, names)`)
		s := db.open(Settings{Table: "x", Columns: map[string]event.Expr{
			"at": eventtest.Expr(eventtest.Time), "raw": eventtest.Expr([]byte{0, 0xff}),
			"doc": eventtest.Expr([]byte(`{"as": "it came" }`)), "n": eventtest.Expr(7), "names": eventtest.Expr([]string{"a", "b"}),
		}})
		db.mustDeliver(s, `1`)
		db.want(`2026-03-14T15:09:26.535897932Z 00FF {"as": "it came" } 7 ["a","b"]`,
			`SELECT at || ' ' || hex(raw) || ' ' || doc || ' ' || n || ' ' || names FROM x`)
	})
}

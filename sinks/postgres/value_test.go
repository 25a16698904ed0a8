package postgres

import (
	"testing"

	"github.com/trotline/trotline/event"
	"github.com/trotline/trotline/event/eventtest"
)

func testValues(t *testing.T, db *database) {
	for _, test := range []struct{ column, value, want string }{
		{"bigint", `9007199254740993123`, "9007199254740993123"},
		{"numeric", `10.10`, "10.10"},
		{"numeric", `123456789012345678901234567890.123456789`, "123456789012345678901234567890.123456789"},
		{"numeric(10,2)", `10.1`, "10.10"},
		{"bigint", `100.0`, "100"},
		{"int", `1e3`, "1000"},
		{"int", `"42"`, "42"},
		{"float8", `0.1`, "0.1"},
		{"money", `"12.50"`, "$12.50"},
		{"text", `10.10`, "10.10"},
		{"text", `9007199254740993123`, "9007199254740993123"},
		{"text", `true`, "true"},
		{"text", `{"a": [1, 10.10]}`, `{"a":[1,10.10]}`},
		{"text", `"it's \"quoted\" \\ and 'so' on $1 ☂"`, `it's "quoted" \ and 'so' on $1 ☂`},
		{"char(5)", `"abc"`, "abc"},
		{"varchar(3)", `"abc"`, "abc"},
		{"boolean", `true`, "true"},
		{"boolean", `false`, "false"},
		{"timestamptz", `"2026-03-14T15:09:26.535897+02:00"`, "2026-03-14 13:09:26.535897+00"},
		{"timestamp", `"2026-03-14T15:09:26.5+02:00"`, "2026-03-14 13:09:26.5"},
		{"timestamp", `"2026-03-14 15:09"`, "2026-03-14 15:09:00"},
		{"date", `"2026-03-14T23:09:26-02:00"`, "2026-03-14"},
		{"uuid", `"0F8FAD5B-D9CB-469F-A165-70867728950E"`, "0f8fad5b-d9cb-469f-a165-70867728950e"},
		{"jsonb", `{"id": 9007199254740993123, "price": 10.10}`, `{"id": 9007199254740993123, "price": 10.10}`},
		{"json", `{"z":1,"a":"<&>"}`, `{"a":"<&>","z":1}`},
		{"jsonb", `"text"`, `"text"`},
		{"jsonb", `[1, null]`, `[1, null]`},
		{"text[]", `["a", "b,c", "{\"}\\", "", null, "NULL"]`, `{a,"b,c","{\"}\\","",NULL,"NULL"}`},
		{"int[]", `[[1, 2], [3, 4.0]]`, `{{1,2},{3,4}}`},
		{"varchar(3)[]", `["abc"]`, `{abc}`},
		{"jsonb[]", `[{"a": 1}, [2]]`, `{"{\"a\": 1}",[2]}`},
		{"timestamp[]", `["2026-03-14T15:00:00+02:00"]`, `{"2026-03-14 13:00:00"}`},
		{"int[]", `"{1,2}"`, `{1,2}`},
		{"bytea", `"abc"`, `\x616263`},
		{"inet", `"192.0.2.1"`, "192.0.2.1/32"},
		{"color", `"red"`, "red"},
		{"three", `"abc"`, "abc"},
		{"bit(3)", `"101"`, "101"},
		{"int4range", `"[1,5)"`, "[1,5)"},
		{"text", `null`, ""},
		{"jsonb", `null`, ""},
	} {
		t.Run(test.column+" "+test.value, func(t *testing.T) {
			db := &database{t, db.dsn}
			db.exec(`DROP TABLE IF EXISTS v; DROP TYPE IF EXISTS color; DROP DOMAIN IF EXISTS three;
				CREATE TYPE color AS ENUM ('red'); CREATE DOMAIN three AS varchar(3);
				CREATE TABLE v (delivery_id text PRIMARY KEY, v ` + test.column + `)`)
			db.mustDeliver(db.open(Settings{Table: "v"}), `{"v": `+test.value+`}`)
			db.want("1 row "+test.want, "SELECT count(*) || ' row ' || coalesce(min(v::text), '') FROM v")
		})
	}
	t.Run("of expressions", func(t *testing.T) {
		db := &database{t, db.dsn}
		db.exec(`CREATE TABLE x (delivery_id uuid PRIMARY KEY, at timestamptz, local timestamp, raw bytea, doc json, n int, f float8, names text[])`)
		s := db.open(Settings{Table: "x", Columns: map[string]event.Expr{
			"at": eventtest.Expr(eventtest.Time), "local": eventtest.Expr(eventtest.Time),
			"raw": eventtest.Expr([]byte{0, 0xff}), "doc": eventtest.Expr([]byte(`{"as": "it came" }`)),
			"n": eventtest.Expr(7), "f": eventtest.Expr(0.25), "names": eventtest.Expr([]string{"a", "b"}),
		}})
		db.mustDeliver(s, `1`)
		db.want(`2026-03-14 15:09:26.535898+00 2026-03-14 15:09:26.535898 \x00ff {"as": "it came" } 7 0.25 {a,b}`,
			`SELECT concat_ws(' ', at, local, raw, doc, n, f, names) FROM x`)
	})
}

func testRefusedValues(t *testing.T, db *database) {
	for _, test := range []struct{ column, value string }{
		{"text", `"a\u0000b"`},
		{"jsonb", `{"a": "\u0000"}`},
		{"text[]", `["\u0000"]`},
		{"int", `1.5`},
		{"int", `1e400`},
		{"int", `3000000000`},
		{"int", `""`},
		{"int", `true`},
		{"numeric", `"abc"`},
		{"numeric(4,2)", `1000`},
		{"varchar(3)", `"abcd"`},
		{"three", `"abcd"`},
		{"char(3)", `"abcd"`},
		{"varchar(3)[]", `["abcd"]`},
		{"uuid", `"no"`},
		{"timestamptz", `""`},
		{"timestamptz", `1700000000`},
		{"boolean", `"perhaps"`},
		{"color", `"blue"`},
		{"int[]", `[1, "x"]`},
		{"tsquery", `"a & & b"`},
	} {
		t.Run(test.column+" "+test.value, func(t *testing.T) {
			db := &database{t, db.dsn}
			db.exec(`DROP TABLE IF EXISTS v; DROP TYPE IF EXISTS color; DROP DOMAIN IF EXISTS three;
				CREATE TYPE color AS ENUM ('red'); CREATE DOMAIN three AS varchar(3);
				CREATE TABLE v (delivery_id text PRIMARY KEY, v ` + test.column + `)`)
			ends := db.deliver(db.open(Settings{Table: "v"}), `{"v": null}`, `{"v": `+test.value+`}`)
			if ends[0] != "ok" {
				t.Errorf("the good row: %s", ends[0])
			}
			db.wantEnd(ends[1], "refused: ", "table v")
		})
	}
}

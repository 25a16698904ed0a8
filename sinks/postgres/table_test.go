package postgres

import (
	"fmt"
	"strings"
	"sync"
	"testing"
)

func testMissingTable(t *testing.T, db *database) {
	s := db.open(Settings{Table: "shop.orders", Key: []string{"order_id"}, Version: "updated_at"})
	body := `{"order_id": 7, "total": 1, "paid": true, "lines": [], "note": null, "updated_at": "2026-01-01T00:00:00Z"}`
	const statement = `CREATE TABLE IF NOT EXISTS "shop"."orders" ("order_id" numeric NOT NULL, "lines" jsonb, "note" text, "paid" boolean, "total" numeric, "updated_at" timestamptz, PRIMARY KEY ("order_id"))`
	db.wantEnd(db.deliver(s, body)[0], "failed: ", "table shop.orders does not exist", "create: true", statement)
	db.exec("CREATE SCHEMA shop;" + statement)
	db.mustDeliver(s, body)
}

func testCreate(t *testing.T, db *database) {
	s := db.open(Settings{Table: "orders", Create: true})
	db.mustDeliver(s, `{"total": 100, "note": null, "at": "2026-01-01T00:00:00Z"}`, `{"total": 99.50, "note": "x"}`, `{"total": 9007199254740993123}`)
	db.want("9007199254740993322.50 3", "SELECT sum(total) || ' ' || count(DISTINCT delivery_id) FROM orders")
	db.want("timestamp with time zone", "SELECT pg_typeof(at)::text FROM orders LIMIT 1")
	db.exec("DROP TABLE orders")
	db.mustDeliver(s, `{"other": 1}`)
	db.want("1", "SELECT other::text FROM orders")

	away := db.open(Settings{Table: "nowhere.orders", Create: true})
	db.wantEnd(db.deliver(away, `{"a": 1}`)[0], "failed: ", `schema "nowhere" does not exist`, "CREATE TABLE")
}

func testCreateRace(t *testing.T, db *database) {
	var wg sync.WaitGroup
	for i := range 8 {
		s := db.open(Settings{Table: "raced", Create: true})
		wg.Go(func() { db.mustDeliver(s, fmt.Sprintf(`{"n": %d}`, i)) })
	}
	wg.Wait()
	db.want("8", "SELECT count(*)::text FROM raced")
}

func testMissingColumn(t *testing.T, db *database) {
	db.exec(`CREATE TABLE orders (delivery_id text PRIMARY KEY, a int)`)
	s := db.open(Settings{Table: "orders"})
	for range 2 {
		ends := db.deliver(s, `{"a": 1}`, `{"a": 2, "new": "x"}`)
		if ends[0] != "ok" {
			t.Errorf("the row whose columns are there: %s", ends[0])
		}
		db.wantEnd(ends[1], "failed: ", `ALTER TABLE "orders" ADD COLUMN "new" text`)
	}
	db.exec(`ALTER TABLE orders ADD COLUMN new text`)
	db.mustDeliver(s, `{"a": 1}`, `{"a": 2, "new": "x"}`)
	db.want("2", "SELECT count(*)::text FROM orders")
}

func testMissingIndex(t *testing.T, db *database) {
	db.exec(`CREATE TABLE orders (id int, shop int)`)
	s := db.open(Settings{Table: "orders", Key: []string{"shop", "id"}})
	end := db.deliver(s, `{"id": 1, "shop": 1}`)[0]
	db.wantEnd(end, "failed: ", "needs a unique index")
	_, statement, _ := strings.Cut(end, "needs a unique index: ")
	db.exec(statement) // what the error says mends it
	db.mustDeliver(s, `{"id": 1, "shop": 1}`, `{"id": 1, "shop": 1}`)
}

func testTableChanges(t *testing.T, db *database) {
	db.exec(`CREATE TABLE orders (id int PRIMARY KEY, n int, gone int)`)
	s := db.open(Settings{Table: "orders", Key: []string{"id"}})
	db.mustDeliver(s, `{"id": 1, "n": 1, "gone": 1}`)
	db.exec(`ALTER TABLE orders ALTER COLUMN n TYPE text`)
	db.mustDeliver(s, `{"id": 2, "n": "many", "gone": 1}`)
	db.exec(`ALTER TABLE orders DROP COLUMN gone`)
	ends := db.deliver(s, `{"id": 3, "n": "x", "gone": 1}`, `{"id": 4, "n": "x"}`)
	db.wantEnd(ends[0], "failed: ", "ADD COLUMN")
	db.wantEnd(ends[1], "ok")
	db.exec(`DROP TABLE orders`)
	db.wantEnd(db.deliver(s, `{"id": 4, "n": "x"}`)[0], "failed: ", "does not exist", "CREATE TABLE")
	db.exec(`CREATE TABLE orders (id text PRIMARY KEY, n text)`)
	db.mustDeliver(s, `{"id": 4, "n": "x"}`)
}

func testNames(t *testing.T, db *database) {
	s := db.open(Settings{Table: `Sales.ord"ers; --`, Create: true, Key: []string{`Order "Id"`}})
	db.exec(`CREATE SCHEMA "Sales"`)
	body := `{"Order \"Id\"": 1, "select": "x", "target": "y", "source": "z", "ünïcode); DROP TABLE x": 1}`
	db.mustDeliver(s, body, body)
	db.want("1", `SELECT count(*)::text FROM "Sales"."ord""ers; --"`)
	db.wantEnd(db.deliver(s, `{"Order \"Id\"": 1, "": 1}`)[0], "refused: ", "needs a name")
}

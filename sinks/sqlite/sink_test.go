package sqlite

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/trotline/trotline/event"
	"github.com/trotline/trotline/event/eventtest"
)

// killedEnv names the database that a child of TestKilled writes to.
const killedEnv = "TROTLINE_TEST_KILLED_DB"

func TestMain(m *testing.M) {
	if path := os.Getenv(killedEnv); path != "" {
		writeUntilKilled(path)
		return
	}
	goleak.VerifyTestMain(m)
}

func TestConformance(t *testing.T) {
	for _, key := range [][]string{nil, {"id"}} {
		t.Run(fmt.Sprintf("key %v", key), func(t *testing.T) {
			eventtest.SinkSuite(t, eventtest.Sink{
				Kind:  Kind(),
				Keyed: true,
				Receiver: func(t *testing.T) eventtest.Receiver {
					db := newDatabase(t)
					db.exec(`CREATE TABLE orders (id TEXT UNIQUE, n INTEGER CHECK (n >= 0), delivery_id TEXT UNIQUE)`)
					folder, away := filepath.Dir(db.path), filepath.Dir(db.path)+".away"
					rename := func(t *testing.T, from, to string) {
						if err := os.Rename(from, to); err != nil && !os.IsNotExist(err) {
							t.Fatal(err)
						}
					}
					return eventtest.Receiver{
						Settings: &Settings{Path: event.Path(db.path), Table: "orders", Key: key},
						Arrived: func(t *testing.T) []string {
							return strings.Fields(newDatabaseAt(t, db.path).text("SELECT group_concat(id, ' ') FROM orders"))
						},
						// A file in the place of the folder: nothing can be opened there.
						Stop: func(t *testing.T) {
							rename(t, folder, away)
							if err := os.WriteFile(folder, nil, 0o600); err != nil {
								t.Fatal(err)
							}
						},
						Start: func(t *testing.T) {
							if err := os.Remove(folder); err != nil {
								t.Fatal(err)
							}
							rename(t, away, folder)
						},
					}
				},
				Bad: func() *event.Delivery { return eventtest.DeliveryJSON("bad", `{"id": "bad", "n": -1}`) },
			})
		})
	}
}

func TestUpsert(t *testing.T) {
	db := newDatabase(t)
	db.exec(`CREATE TABLE orders (order_id INTEGER PRIMARY KEY, customer TEXT DEFAULT 'nobody', total TEXT)`)
	s := db.open(Settings{Table: "orders", Key: []string{"order_id"}})
	for range 3 {
		db.mustDeliver(s, `{"order_id": 1, "customer": "ann", "total": 10.10}`, `{"order_id": 2, "customer": "bob", "total": 3}`)
	}
	db.mustDeliver(s, `{"order_id": 2, "customer": "eve"}`, `{"order_id": 1, "total": null}`, `{"order_id": 3}`, `{"order_id": 1, "total": 9007199254740993123}`)
	db.want(`1 ann 9007199254740993123, 2 eve 3, 3 nobody -`,
		`SELECT group_concat(order_id || ' ' || customer || ' ' || coalesce(total, '-'), ', ' ORDER BY order_id) FROM orders`)
	for _, end := range db.deliver(s, `{"order_id": null}`, `{"total": 1}`, `[1]`, `"text"`, `{"order_id":`, `{"order_id": 1, "ORDER_ID": 2}`, `{"order_id": "x"}`) {
		db.wantEnd(end, "refused: ", "table orders")
	}
}

func TestVersion(t *testing.T) {
	for _, create := range []string{
		"",
		`CREATE TABLE orders (id INTEGER PRIMARY KEY, state TEXT, v TEXT)`,
		`CREATE TABLE orders (id INTEGER PRIMARY KEY, state TEXT, v DATETIME)`,
	} {
		t.Run(create, func(t *testing.T) {
			db := newDatabase(t)
			if create != "" {
				db.exec(create)
			}
			s := db.open(Settings{Table: "orders", Key: []string{"id"}, Version: "v", Create: create == ""})
			var bodies []string
			for id := range 5 {
				for v := range 20 {
					// As text .5Z sorts before Z, and +02:00 before both.
					zone := []string{"Z", ".5Z", ".5+00:00"}[v%3]
					bodies = append(bodies, fmt.Sprintf(`{"id": %d, "state": "s%d", "v": "2026-01-01T00:00:%02d%s"}`, id, v, v/3, zone))
				}
			}
			rand.Shuffle(len(bodies), func(i, j int) { bodies[i], bodies[j] = bodies[j], bodies[i] })
			for chunk := range slices.Chunk(bodies, 7) {
				db.mustDeliver(s, chunk...)
			}
			db.want(`0 s19 1 s19 2 s19 3 s19 4 s19`, `SELECT group_concat(id || ' ' || state, ' ' ORDER BY id) FROM orders`)
			db.mustDeliver(s, `{"id": 0, "state": "unknown"}`, `{"id": 9, "state": "first"}`, `{"id": 9, "state": "second", "v": null}`)
			db.want(`s19 second`, `SELECT group_concat(state, ' ' ORDER BY id) FROM orders WHERE id IN (0, 9)`)
		})
	}
}

func TestNumberVersion(t *testing.T) {
	db := newDatabase(t)
	db.exec(`CREATE TABLE texts (id INTEGER PRIMARY KEY, v TEXT)`)
	s := db.open(Settings{Table: "texts", Key: []string{"id"}, Version: "v"})
	db.wantEnd(db.deliver(s, `{"id": 1, "v": 9}`)[0], "failed: ", "column of numbers")

	s = db.open(Settings{Table: "made", Key: []string{"id"}, Version: "v", Create: true})
	db.mustDeliver(s, `{"id": 1, "v": 9}`, `{"id": 1, "v": 10}`, `{"id": 1, "v": 9.5}`)
	db.want("10", "SELECT v FROM made")
	db.wantEnd(db.deliver(s, `{"id": 1, "v": 100000000000000000000}`)[0], "refused: ", "more digits")
}

func TestSameKeyTwice(t *testing.T) {
	db := newDatabase(t)
	plain := db.open(Settings{Table: "plain", Key: []string{"id"}, Create: true})
	versioned := db.open(Settings{Table: "versioned", Key: []string{"id"}, Version: "n", Create: true})
	batch := []string{`{"id": 1, "n": 1}`, `{"id": 2, "n": 1}`, `{"id": 1, "n": 3}`, `{"id": 1, "n": 2}`}
	db.mustDeliver(plain, batch...)
	db.mustDeliver(versioned, batch...)
	db.want("2 1", "SELECT group_concat(n, ' ' ORDER BY id) FROM plain")
	db.want("3 1", "SELECT group_concat(n, ' ' ORDER BY id) FROM versioned")
}

func TestRefusedRows(t *testing.T) {
	db := newDatabase(t)
	db.exec(`CREATE TABLE orders (delivery_id TEXT PRIMARY KEY, n INTEGER NOT NULL CHECK (n < 1000 OR n > 1e15), f REAL, other INTEGER UNIQUE)`)
	s := db.open(Settings{Table: "orders"})
	bad := map[int]string{
		3:  `{"n": null}`,
		4:  `{"n": 1000}`,
		50: `{"n": 99999999999999999999}`,
		51: `{"n": 1, "f": 9007199254740993}`,
		52: `{"n": 1, "f": 1e999}`,
		77: `{"n": 2, "other": 7}`,
		99: `[]`,
	}
	var bodies []string
	for i := range 100 {
		body, ok := bad[i]
		if !ok {
			body = fmt.Sprintf(`{"n": %d}`, i)
		}
		if i == 70 {
			body = `{"n": 1, "other": 7}`
		}
		bodies = append(bodies, body)
	}
	for range 2 {
		for i, end := range db.deliver(s, bodies...) {
			if bad[i] != "" {
				db.wantEnd(end, "refused: ", "table orders")
			} else if end != "ok" {
				t.Errorf("%s: %s", bodies[i], end)
			}
		}
	}
	db.want(strconv.Itoa(100-len(bad)), "SELECT count(*) FROM orders")
}

// What SQLite refuses only at the commit, or rolls everything back for, fails alone too.
func TestBatchRolledBack(t *testing.T) {
	for name, schema := range map[string]string{
		"deferred foreign key": `CREATE TABLE customers (id INTEGER PRIMARY KEY); INSERT INTO customers VALUES (1);
			CREATE TABLE orders (id INTEGER PRIMARY KEY, customer REFERENCES customers DEFERRABLE INITIALLY DEFERRED)`,
		"trigger": `CREATE TABLE orders (id INTEGER PRIMARY KEY, customer);
			CREATE TRIGGER t BEFORE INSERT ON orders WHEN NEW.customer = 2 BEGIN SELECT RAISE(ROLLBACK, 'not two'); END`,
	} {
		t.Run(name, func(t *testing.T) {
			db := newDatabase(t)
			db.exec(schema)
			s := db.open(Settings{Table: "orders", Key: []string{"id"}})
			ends := db.deliver(s, `{"id": 1, "customer": 1}`, `{"id": 2, "customer": 2}`, `{"id": 3, "customer": 1}`)
			db.wantEnd(ends[0], "ok")
			db.wantEnd(ends[1], "refused: ")
			db.wantEnd(ends[2], "ok")
			db.want("1 3", "SELECT group_concat(id, ' ' ORDER BY id) FROM orders")
		})
	}
}

func TestMissingTable(t *testing.T) {
	db := newDatabase(t)
	s := db.open(Settings{Table: "orders", Key: []string{"order_id"}, Version: "updated_at"})
	body := `{"order_id": 7, "total": 1, "paid": true, "lines": [], "note": "x", "updated_at": "2026-01-01T00:00:00Z"}`
	const statement = `CREATE TABLE IF NOT EXISTS "orders" ("order_id" NOT NULL, "lines" TEXT, "note" TEXT, "paid", "total", "updated_at" TEXT, PRIMARY KEY ("order_id"))`
	db.wantEnd(db.deliver(s, body)[0], "failed: ", "table orders: it does not exist", "create: true", statement)
	db.exec(statement)
	db.mustDeliver(s, body)
}

func TestCreate(t *testing.T) {
	db := newDatabase(t)
	s := db.open(Settings{Table: `ord"ers; --`, Create: true})
	db.mustDeliver(s, `{"total": 100, "note": null, "select": 1}`, `{"total": 99.50, "note": "x", "ünïcode); DROP TABLE x": 1}`)
	db.want("199.5 2", `SELECT sum(total) || ' ' || count(DISTINCT delivery_id) FROM "ord""ers; --"`)
	db.exec(`DROP TABLE "ord""ers; --"`)
	db.mustDeliver(s, `{"other": 1}`)
	db.want("1", `SELECT other FROM "ord""ers; --"`)
	db.wantEnd(db.deliver(s, `{"": 1}`)[0], "refused: ", "needs a name")
}

func TestMissingColumnAndIndex(t *testing.T) {
	db := newDatabase(t)
	db.exec(`CREATE TABLE orders (delivery_id TEXT, a INTEGER)`)
	s := db.open(Settings{Table: "orders"})
	end := db.deliver(s, `{"a": 1}`)[0]
	db.wantEnd(end, "failed: ", "needs a unique index")
	_, statement, _ := strings.Cut(end, "needs a unique index: ")
	db.exec(statement) // what the error says mends it

	ends := db.deliver(s, `{"a": 1}`, `{"a": 2, "new": "x"}`)
	db.wantEnd(ends[0], "ok")
	db.wantEnd(ends[1], "failed: ", `ALTER TABLE "orders" ADD COLUMN "new" TEXT`)
	db.exec(`ALTER TABLE orders ADD COLUMN new TEXT`)
	db.mustDeliver(s, `{"a": 1}`, `{"a": 2, "NEW": "x"}`, `{"A": 3}`)
	db.want("3", "SELECT count(*) FROM orders")
}

func TestValidate(t *testing.T) {
	for _, s := range []Settings{
		{Table: "main.orders"},
		{Table: "orders", Version: "v"},
	} {
		if problems := s.Validate(); len(problems) != 1 {
			t.Errorf("%#v: %v, want one problem", s, problems)
		}
	}
}

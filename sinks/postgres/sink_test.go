package postgres

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"github.com/trotline/trotline/event"
	"github.com/trotline/trotline/event/eventtest"
	"github.com/trotline/trotline/internal/pgtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestPostgres holds all that needs a server, which the subtests share; each has a database of its own.
func TestPostgres(t *testing.T) {
	server := pgtest.New(t)
	for _, test := range []struct {
		name string
		run  func(*testing.T, *database)
	}{
		{"upsert is idempotent", testUpsert},
		{"upsert writes only the columns of the row", testPartialUpsert},
		{"an older version never overwrites a newer one", testVersion},
		{"versions in a column of text", testTextVersion},
		{"the same key twice in a batch", testSameKeyTwice},
		{"keys that only the server knows to be equal", testEqualKeys},
		{"a bad row fails alone", testBadRows},
		{"values", testValues},
		{"values that no column holds", testRefusedValues},
		{"missing table", testMissingTable},
		{"create", testCreate},
		{"create in a race", testCreateRace},
		{"missing column", testMissingColumn},
		{"missing index", testMissingIndex},
		{"the table changes", testTableChanges},
		{"row-level security", testRowSecurity},
		{"a constraint that is checked at the commit", testDeferredConstraint},
		{"a trigger refuses", testTrigger},
		{"quoted names", testNames},
		{"a row is looked up", testLookup},
		{"deadlocks", testDeadlocks},
		{"every mode of execution", testExecModes},
		{"wrong password", testWrongPassword},
		{"cancelled while the server is busy", testCancelled},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.run(t, &database{t, server.Database(t)})
		})
	}
}

func testUpsert(t *testing.T, db *database) {
	db.exec(`CREATE TABLE orders (order_id bigint PRIMARY KEY, customer text, total numeric)`)
	s := db.open(Settings{Table: "orders", Key: []string{"order_id"}})
	for range 3 {
		db.mustDeliver(s, `{"order_id": 1, "customer": "ann", "total": 10.10}`, `{"order_id": 2, "customer": "bob", "total": 3}`)
	}
	db.mustDeliver(s, `{"order_id": 2, "customer": "eve", "total": 4}`)
	db.want(`1 ann 10.10, 2 eve 4`, `SELECT string_agg(concat_ws(' ', order_id, customer, total), ', ' ORDER BY order_id) FROM orders`)

	for _, end := range db.deliver(s, `{"order_id": null, "total": 1}`, `{"total": 1}`, `[1]`, `"text"`, `{"order_id":`) {
		db.wantEnd(end, "refused: ")
	}
	db.want("2", "SELECT count(*)::text FROM orders")
}

func testPartialUpsert(t *testing.T, db *database) {
	db.exec(`CREATE TABLE orders (id int PRIMARY KEY, a text DEFAULT 'default', b text)`)
	s := db.open(Settings{Table: "orders", Key: []string{"id"}})
	db.mustDeliver(s,
		`{"id": 1, "a": "1", "b": "1"}`,
		`{"id": 2, "b": "1"}`,
		`{"id": 1, "a": "2"}`,
		`{"id": 1, "b": null}`,
		`{"id": 2}`,
		`{"id": 1, "a": "3"}`,
	)
	db.want(`1 3 -, 2 default 1`, `SELECT string_agg(concat_ws(' ', id, a, coalesce(b, '-')), ', ' ORDER BY id) FROM orders`)
}

func testVersion(t *testing.T, db *database) {
	db.exec(`CREATE TABLE orders (id int PRIMARY KEY, state text, updated_at timestamptz)`)
	s := db.open(Settings{Table: "orders", Key: []string{"id"}, Version: "updated_at"})
	var bodies []string
	for id := range 5 {
		for v := range 20 {
			bodies = append(bodies, fmt.Sprintf(`{"id": %d, "state": "s%d", "updated_at": "2026-01-01T00:00:%02d.5+02:00"}`, id, v, v))
		}
	}
	rand.Shuffle(len(bodies), func(i, j int) { bodies[i], bodies[j] = bodies[j], bodies[i] })
	for chunk := range slices.Chunk(bodies, 7) {
		db.mustDeliver(s, chunk...)
	}
	db.want(`0 s19 1 s19 2 s19 3 s19 4 s19`, `SELECT string_agg(id || ' ' || state, ' ' ORDER BY id) FROM orders`)

	// A row without a version never replaces one that has one, but takes its place where there is none.
	db.mustDeliver(s, `{"id": 0, "state": "unknown"}`, `{"id": 9, "state": "first"}`, `{"id": 9, "state": "second", "updated_at": null}`)
	db.want(`s19 second`, `SELECT string_agg(state, ' ' ORDER BY id) FROM orders WHERE id IN (0, 9)`)
}

func testTextVersion(t *testing.T, db *database) {
	db.exec(`CREATE TABLE orders (id int PRIMARY KEY, updated_at text)`)
	s := db.open(Settings{Table: "orders", Key: []string{"id"}, Version: "updated_at"})
	db.mustDeliver(s, `{"id": 1, "updated_at": "2026-01-01T00:00:00.5Z"}`, `{"id": 1, "updated_at": "2026-01-01T00:00:00Z"}`, `{"id": 1, "updated_at": "2026-01-01T01:00:00+02:00"}`)
	db.want("2026-01-01T00:00:00.500000000Z", "SELECT updated_at FROM orders")
	db.wantEnd(db.deliver(s, `{"id": 1, "updated_at": 9}`)[0], "failed: ", "updated_at", "column of numbers")
}

func testSameKeyTwice(t *testing.T, db *database) {
	db.exec(`CREATE TABLE plain (id int PRIMARY KEY, n int); CREATE TABLE versioned (id int PRIMARY KEY, n int)`)
	s := db.open(Settings{Table: "plain", Key: []string{"id"}})
	db.mustDeliver(s, `{"id": 1, "n": 1}`, `{"id": 2, "n": 1}`, `{"id": 1, "n": 3}`, `{"id": 1, "n": 2}`)
	db.want("2 1", "SELECT string_agg(n::text, ' ' ORDER BY id) FROM plain")
	v := db.open(Settings{Table: "versioned", Key: []string{"id"}, Version: "n"})
	db.mustDeliver(v, `{"id": 1, "n": 1}`, `{"id": 2, "n": 1}`, `{"id": 1, "n": 3}`, `{"id": 1, "n": 2}`)
	db.want("3 1", "SELECT string_agg(n::text, ' ' ORDER BY id) FROM versioned")

	// The last row of a key is bad: the one before it stays.
	ends := db.deliver(s, `{"id": 3, "n": 1}`, `{"id": 3, "n": 2}`, `{"id": 3, "n": "bad"}`)
	db.wantEnd(ends[2], "refused: ")
	db.want("2", "SELECT n::text FROM plain WHERE id = 3")
}

func testEqualKeys(t *testing.T, db *database) {
	db.exec(`CREATE TABLE orders (id numeric PRIMARY KEY, n int)`)
	s := db.open(Settings{Table: "orders", Key: []string{"id"}})
	db.mustDeliver(s, `{"id": 1, "n": 1}`, `{"id": 1.0, "n": 2}`, `{"id": "1", "n": 3}`, `{"id": 1e0, "n": 4}`)
	db.want("1 4", "SELECT count(*) || ' ' || max(n) FROM orders")
}

func testBadRows(t *testing.T, db *database) {
	db.exec(`CREATE TABLE orders (delivery_id uuid PRIMARY KEY, n int NOT NULL CHECK (n < 1000), d date, short varchar(3))`)
	s := db.open(Settings{Table: "orders"})
	bad := map[int]string{
		3:  `{"n": "many"}`,
		4:  `{"n": null}`,
		5:  `{"n": 1000}`,
		50: `{"n": 99999999999}`,
		51: `{"n": 1.5}`,
		77: `{"n": 1, "d": "2026-02-30"}`,
		78: `{"n": 1, "short": "four"}`,
		79: `{"n": 1, "short": "a\u0000"}`,
		99: `[]`,
	}
	var bodies []string
	for i := range 100 {
		body, ok := bad[i]
		if !ok {
			body = fmt.Sprintf(`{"n": %d}`, i)
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
	db.want(fmt.Sprint(100-len(bad)), "SELECT count(*)::text FROM orders")
}

func testRowSecurity(t *testing.T, db *database) {
	db.exec(`CREATE ROLE writer LOGIN PASSWORD '` + pgtest.Password + `';
		CREATE TABLE orders (id int PRIMARY KEY, tenant text); GRANT ALL ON orders TO writer;
		ALTER TABLE orders ENABLE ROW LEVEL SECURITY; CREATE POLICY own ON orders USING (tenant = 'us')`)
	s := db.open(Settings{DSN: event.Secret(strings.Replace(db.dsn, "trotline:", "writer:", 1)), Table: "orders", Key: []string{"id"}})
	ends := db.deliver(s, `{"id": 1, "tenant": "us"}`, `{"id": 2, "tenant": "them"}`, `{"id": 3, "tenant": "us"}`)
	db.wantEnd(ends[0], "ok")
	db.wantEnd(ends[1], "failed: ", "row-level security")
	db.wantEnd(ends[2], "ok")
}

func testDeferredConstraint(t *testing.T, db *database) {
	db.exec(`CREATE TABLE customers (id int PRIMARY KEY); INSERT INTO customers VALUES (1);
		CREATE TABLE orders (id int PRIMARY KEY, customer int REFERENCES customers DEFERRABLE INITIALLY DEFERRED)`)
	s := db.open(Settings{Table: "orders", Key: []string{"id"}})
	ends := db.deliver(s, `{"id": 1, "customer": 1}`, `{"id": 2, "customer": 2}`, `{"id": 3, "customer": 1}`)
	db.wantEnd(ends[0], "ok")
	db.wantEnd(ends[1], "refused: ", "orders_customer_fkey")
	db.wantEnd(ends[2], "ok")
	db.want("1 3", "SELECT string_agg(id::text, ' ' ORDER BY id) FROM orders")
}

func testTrigger(t *testing.T, db *database) {
	db.exec(`CREATE TABLE orders (id int PRIMARY KEY);
		CREATE FUNCTION no_seven() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN IF NEW.id = 7 THEN RAISE EXCEPTION 'not seven'; END IF; RETURN NEW; END $$;
		CREATE TRIGGER no_seven BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION no_seven()`)
	s := db.open(Settings{Table: "orders", Key: []string{"id"}})
	ends := db.deliver(s, `{"id": 6}`, `{"id": 7}`, `{"id": 8}`)
	db.wantEnd(ends[0], "ok")
	db.wantEnd(ends[1], "refused: ", "not seven")
	db.wantEnd(ends[2], "ok")
}

func testDeadlocks(t *testing.T, db *database) {
	db.exec(`CREATE TABLE orders (id int PRIMARY KEY, n int, a int, b int)`)
	s := db.open(Settings{Table: "orders", Key: []string{"id"}})
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			for round := range 10 {
				var bodies []string
				for _, id := range rand.Perm(30) {
					extra := []string{``, `, "a": 1`, `, "b": 1`}[id%3]
					bodies = append(bodies, fmt.Sprintf(`{"id": %d, "n": %d%s}`, id, worker*100+round, extra))
				}
				db.mustDeliver(s, bodies...)
			}
		})
	}
	wg.Wait()
	db.want("30", "SELECT count(*)::text FROM orders")
}

// A pooler between us and the server may forbid prepared statements, which the dsn can say.
func testExecModes(t *testing.T, db *database) {
	db.exec(`CREATE TABLE orders (id bigint PRIMARY KEY, note text, doc jsonb)`)
	for i, mode := range []string{"cache_statement", "cache_describe", "describe_exec", "exec", "simple_protocol"} {
		t.Run(mode, func(t *testing.T) {
			db := &database{t, db.dsn + "&default_query_exec_mode=" + mode}
			s := db.open(Settings{Table: "orders", Key: []string{"id"}})
			ends := db.deliver(s, fmt.Sprintf(`{"id": %d, "note": "it's"}`, i), `{"id": "bad"}`, fmt.Sprintf(`{"id": %d, "doc": {"a": 1}}`, i))
			db.wantEnd(ends[0], "ok")
			db.wantEnd(ends[1], "refused: ")
			db.wantEnd(ends[2], "ok")
			db.want(`it's {"a": 1}`, fmt.Sprintf(`SELECT note || ' ' || doc FROM orders WHERE id = %d`, i))
		})
	}
}

func testWrongPassword(t *testing.T, db *database) {
	const wrong = "wr0ng-p4ssw0rd"
	s := db.open(Settings{DSN: event.Secret(strings.Replace(db.dsn, pgtest.Password, wrong, 1)), Table: "orders"})
	end := db.deliver(s, `{}`)[0]
	db.wantEnd(end, "failed: ", "check the user and the password in dsn")
	if strings.Contains(end, wrong) {
		t.Errorf("the error shows the password: %s", end)
	}
}

func testCancelled(t *testing.T, db *database) {
	db.exec(`CREATE TABLE orders (id int PRIMARY KEY)`)
	s := db.open(Settings{Table: "orders", Key: []string{"id"}})
	db.mustDeliver(s, `{"id": 1}`)
	db.with(func(c *pgx.Conn) error {
		if _, err := c.Exec(t.Context(), "BEGIN; LOCK TABLE orders"); err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		v := s.Deliver(ctx, []*event.Delivery{eventtest.DeliveryJSON("2", `{"id": 2}`)})[0]
		if !errors.Is(v.Err, context.DeadlineExceeded) || event.IsPermanent(v.Err) {
			t.Errorf("ends with %v", v.Err)
		}
		return nil
	})
	db.mustDeliver(s, `{"id": 2}`)
}

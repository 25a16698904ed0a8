//go:build unix

package chaos

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	_ "modernc.org/sqlite"

	"github.com/trotline/trotline/internal/rig"
)

// verdict is what became of a seed.
type verdict struct {
	plan     *plan
	befallen []fault
	sent     int // different events
	again    int // requests that had to be sent again
	accepted int
	lost     int // accepted events that are missing somewhere
	doubled  int // deliveries that came again, at receivers without keys
	disorder int // deliveries that came after a later one of their key
	dead     int
	took     time.Duration
	findings []string // what is wrong
}

// count is how many faults of some kinds befell it.
func (v *verdict) count(faults ...fault) (n int) {
	for _, f := range v.befallen {
		if slices.Contains(faults, f) {
			n++
		}
	}
	return n
}

func (v *verdict) find(format string, args ...any) {
	const most = 20
	switch len(v.findings) {
	case most:
		v.findings = append(v.findings, "…")
	default:
		if len(v.findings) < most {
			v.findings = append(v.findings, fmt.Sprintf(format, args...))
		}
	}
}

// holdings are how often each sink has each event.
type holdings map[string]map[order]int

// quiet is how long nothing must arrive until nothing more is expected: longer
// than a store takes that was frozen by a full disk, and than its engine takes
// to hand out again what was in hand before.
const quiet = 45 * time.Second

// settle waits until everything that is expected has arrived, or nothing more comes.
func (w *world) settle() (holdings, error) {
	accepted, _ := w.sender.orders()
	var held holdings
	var err error
	seen, left := -1, int(quiet/settlePeriod)
	rig.Within(w.t.Context(), time.Hour, func() bool {
		if left--; left%20 != 0 && left > 0 {
			return false
		}
		if held, err = w.holdings(); err != nil {
			return left <= 0
		}
		total := 0
		for _, of := range held {
			for _, n := range of {
				total += n
			}
		}
		if total != seen {
			seen, left = total, int(quiet/settlePeriod)
		}
		return left <= 0 || len(missing(held, accepted)) == 0
	})
	return held, err
}

const settlePeriod = 10 * time.Millisecond

// gap is an event that a sink does not have.
type gap struct {
	sink  string
	order order
}

const deadLetters = "dead letters"

var sinks = []string{hook, "rows", "archive", "till", crm, audit, ledger, deadLetters}

func missing(held holdings, accepted map[order]time.Time) (gaps []gap) {
	for o := range accepted {
		for _, sink := range sinks {
			wanted := o.wanted(sink)
			if sink == deadLetters {
				wanted = o.dies()
			}
			if wanted && held[sink][o] == 0 {
				gaps = append(gaps, gap{sink, o})
			}
		}
	}
	return gaps
}

// judge compares what is there with what was accepted.
func (w *world) judge(v *verdict, held holdings) {
	accepted, sent := w.sender.orders()
	v.sent, v.accepted, v.again = len(sent), len(accepted), w.sender.again
	lost := make(map[order]bool)
	for _, g := range missing(held, accepted) {
		lost[g.order] = true
		v.find("%s was accepted and is not at %s", g.order.id(), g.sink)
	}
	v.lost = len(lost)
	for _, sink := range sinks {
		for o, times := range held[sink] {
			if _, ours := sent[o]; !ours {
				v.find("%s is at %s and was never sent", o.id(), sink)
			}
			if sink == deadLetters && !o.dies() || sink != deadLetters && !o.wanted(sink) {
				v.find("%s is at %s, where it does not belong", o.id(), sink)
			}
			keyed := sink == "rows" || sink == "till"
			once := sink == deadLetters && !w.undone(o)
			if (keyed || once) && times > 1 {
				v.find("%s is at %s %d times", o.id(), sink, times)
			}
		}
	}
	for _, of := range held[deadLetters] {
		v.dead += of
	}
	if log := w.engine.Logged(); strings.Contains(log, "files of the store are damaged") && strings.Contains(log, "lost\",\"stream") {
		v.find("the engine misses what it never confirmed, or has lost what it did: see its log")
	}
	w.judgeDoubles(v)
	w.judgeEdits(v)
	w.judgeOrder(v)
}

// judgeDoubles wants a reason for each delivery that came again.
func (w *world) judgeDoubles(v *verdict) {
	for _, name := range receivers {
		first := make(map[string]time.Time)
		for _, a := range w.receivers[name].all() {
			before, again := first[a.key]
			if !again {
				first[a.key] = a.at
				continue
			}
			v.doubled++
			if w.reason(a.event, before, a.at) == nil {
				v.find("%s came to %s at %s and again at %s, and nothing explains it", a.event, name, w.troubles.since(before), w.troubles.since(a.at))
			}
		}
	}
}

func (w *world) reason(event string, first, again time.Time) *trouble {
	o, _ := orderOf(w.plan.seed, event)
	return w.troubles.reason(w.sender.sent[o], first, again)
}

// undone tells whether a power cut may have undone an event: one that was not
// accepted yet comes again as another event, which dies again, and maybe by other rules.
func (w *world) undone(o order) bool {
	return w.troubles.between(cut, w.sender.sent[o], w.sender.accepted[o])
}

// judgeEdits wants each event handled by one generation in all pipelines.
func (w *world) judgeEdits(v *verdict) {
	first := make(map[string]arrival)
	for _, name := range receivers {
		for _, a := range w.receivers[name].all() {
			before, known := first[a.event]
			if !known {
				first[a.event] = a
				continue
			}
			if o, _ := orderOf(w.plan.seed, a.event); before.edit != a.edit && !w.undone(o) {
				v.find("%s was handled by the rules of edit %d (%s) and, at %s, of edit %d (%s)",
					a.event, before.edit, w.troubles.since(before.at), name, a.edit, w.troubles.since(a.at))
			}
		}
	}
}

// judgeOrder wants the events of each key to have arrived in their order; a
// delivery that came again counts where it came first.
func (w *world) judgeOrder(v *verdict) {
	last, known := make(map[string]order), make(map[string]bool)
	for _, a := range w.receivers[ledger].all() {
		o, ours := orderOf(w.plan.seed, a.event)
		if !ours || known[a.key] {
			continue
		}
		known[a.key] = true
		if before, ok := last[o.key()]; ok && before.n > o.n {
			v.disorder++
			v.find("%s came after %s, of the same key", o.id(), before.id())
		}
		last[o.key()] = o
	}
}

// holdings asks every sink what it has.
func (w *world) holdings() (holdings, error) {
	held := make(holdings)
	for _, name := range receivers {
		held[name] = make(map[order]int)
		for _, a := range w.receivers[name].all() {
			w.hold(held, name, a.event)
		}
	}
	if err := w.rows(held, "rows", "sqlite", readOnly(filepath.Join(w.data, "rows.db"))); err != nil {
		return held, err
	}
	driver, dsn := "sqlite", readOnly(filepath.Join(w.data, "till.db"))
	if w.postgres != nil {
		driver, dsn = "pgx", w.postgres.DSN()
	}
	if err := w.rows(held, "till", driver, dsn); err != nil {
		return held, err
	}
	if err := w.lines(held); err != nil {
		return held, err
	}
	return held, w.letters(held)
}

func (w *world) hold(held holdings, sink, id string) {
	o, ours := orderOf(w.plan.seed, id)
	if !ours {
		o = order{seed: w.plan.seed, conn: -1} // never sent
	}
	if held[sink] == nil {
		held[sink] = make(map[order]int)
	}
	held[sink][o]++
}

func readOnly(path string) string { return "file:" + path + "?mode=ro&_pragma=busy_timeout(5000)" }

// rows reads the ids of a table. A table that is not there yet is empty.
func (w *world) rows(held holdings, sink, driver, dsn string) error {
	ctx, cancel := context.WithTimeout(w.t.Context(), 30*time.Second)
	defer cancel()
	add := func(id string) { w.hold(held, sink, id) }
	if driver == "pgx" {
		return postgresIDs(ctx, dsn, add)
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		return err
	}
	defer db.Close()
	rows, err := db.QueryContext(ctx, "SELECT id FROM orders")
	if err != nil {
		return fmt.Errorf("read %s: %w", sink, err)
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return err
		}
		add(id)
	}
	return rows.Err()
}

func postgresIDs(ctx context.Context, dsn string, add func(string)) error {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	rows, err := conn.Query(ctx, "SELECT id FROM orders")
	if err != nil {
		return err
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	for _, id := range ids {
		add(id)
	}
	return err
}

// lines reads the archive.
func (w *world) lines(held holdings) error {
	f, err := os.Open(w.archive())
	if err != nil {
		return err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var line struct{ ID string }
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			return fmt.Errorf("a line of the archive is no JSON: %w", err)
		}
		w.hold(held, "archive", line.ID)
	}
	return lines.Err()
}

// letters reads the dead letters.
func (w *world) letters(held holdings) error {
	for after := uint64(0); ; {
		answer, err := http.Get("http://" + w.admin + "/api/dead?limit=1000&after=" + strconv.FormatUint(after, 10))
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		var page struct {
			Letters []struct {
				Sequence uint64
				Sink     string
				Reason   string
				Event    struct{ ID string }
			}
		}
		if err := json.NewDecoder(answer.Body).Decode(&page); err != nil {
			return fmt.Errorf("read the dead letters: %w", err)
		}
		for _, l := range page.Letters {
			if l.Sink != crm || l.Reason != "refused" {
				return fmt.Errorf("%s became a dead letter at %s: %s", l.Event.ID, l.Sink, l.Reason)
			}
			w.hold(held, deadLetters, l.Event.ID)
			after = l.Sequence
		}
		if len(page.Letters) < 1000 {
			return nil
		}
	}
}

//go:build unix

package chaos

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/trotline/trotline/internal/pgtest"
	"github.com/trotline/trotline/internal/rig"
)

// world is an engine with all that it speaks to, and what has befallen them.
type world struct {
	t         *testing.T
	plan      *plan
	folder    string
	disk      *rig.Disk // nil where none can be mounted, and with a NATS server of its own
	data      string    // the folder of the store and of the sinks' files
	engine    rig.Process
	clock     *rig.Clock // the engine's
	door      string
	admin     string
	nats      *rig.Process // nil when the store is embedded
	natsURL   string
	postgres  *pgtest.Server // nil without
	receivers map[string]*receiver
	sender    *sender

	edits    int
	befallen []fault
	full     bool // the disk is
	fullTill time.Time
	unfilled func() // ends the trouble of the full disk
	troubles troubles
}

const (
	diskSize = 512 << 20
	// thawTime is how long a store may take to be written again after the disk was full.
	thawTime = time.Minute
)

func newWorld(t *testing.T, p *plan) *world {
	t.Helper()
	w := &world{t: t, plan: p, folder: t.TempDir(), door: rig.FreeAddr(t), admin: rig.FreeAddr(t), clock: rig.NewClock(t), receivers: make(map[string]*receiver)}
	w.data = w.folder
	switch {
	case p.external:
		w.startNATS()
	case rig.CanMount():
		w.disk = rig.NewDisk(t, diskSize)
		w.data = w.disk.Mount
	}
	if p.postgres {
		w.postgres = pgtest.New(t)
	}
	for _, name := range receivers {
		w.receivers[name] = newReceiver(t, name, rig.FreeAddr(t), p.seed)
	}
	w.engine = rig.Process{
		Program: binary, Args: []string{"run", w.file()}, Folder: w.folder, Log: filepath.Join(w.folder, "log"), Env: append([]string{w.clock.Env()}, planted...),
		Ready: func() bool { return rig.Answers("http://" + w.admin + "/healthz") },
	}
	w.sender = &sender{plan: p, door: w.door, start: w.engine.AwaitUp}
	w.write(w.config())
	t.Cleanup(w.engine.Kill)
	return w
}

func (w *world) file() string { return filepath.Join(w.folder, "pipelines.yaml") }

// write puts a configuration in the file, as editors do: a new file takes the old one's name.
func (w *world) write(text string) {
	next := w.file() + ".next"
	if err := errors.Join(os.WriteFile(next, []byte(text), 0o600), os.Rename(next, w.file())); err != nil {
		w.t.Fatal(err)
	}
}

// config is the configuration after so many edits. Each stamps its number into the events.
func (w *world) config() string {
	store := fmt.Sprintf("embedded: {dir: %q, max_disk: 256MiB}", filepath.Join(w.data, "data"))
	if w.plan.external {
		store = "url: " + w.natsURL
	}
	till := fmt.Sprintf("type: sqlite, path: %q", filepath.Join(w.data, "till.db"))
	if w.postgres != nil {
		till = fmt.Sprintf("type: postgres, dsn: %q", w.postgres.DSN())
	}
	retry := "retry: {initial: 50ms, max: 1s}"
	text := fmt.Sprintf(`
server:
  listen: %q
  admin: {listen: %q}
nats: {%s}
sources:
  shop:
    path: /hooks/shop
    verify: {hmac: {header: %s, prefix: "sha256=", secrets: [%s]}}
    id: body.id
sinks:
  rows: {type: sqlite, path: %q, table: orders, key: [id], create: true, %[7]s}
  till: {%[8]s, table: orders, key: [id], create: true, %[7]s}
  archive: {type: file, path: %[9]q, format: event, %[7]s}
`, w.door, w.admin, store, signature, secret, filepath.Join(w.data, "rows.db"), retry, till, w.archive())
	for _, name := range receivers {
		text += fmt.Sprintf("  %s: {type: http, url: \"http://%s/?edit=%d\", timeout: 3s, %s}\n", name, w.receivers[name].addr, w.edits, retry)
	}
	row := "map: {id: body.id, n: body.n, amount: body.amount}"
	text += fmt.Sprintf(`
pipelines:
  orders:
    from: shop
    steps:
      - filter: body.n %% 10 != 9
      - set: {edit: %[1]d}
    routes:
      - name: all
        to: [hook, {sink: rows, %[2]s}, archive]
      - name: big
        when: body.amount >= 100
        chain: [{sink: till, %[2]s}, crm]
  audit:
    from: shop
    steps:
      - set: {edit: %[1]d}
    to: [audit]
  ledger:
    from: shop
    steps:
      - set: {edit: %[1]d}
    to: [ledger]
    order_by: body.key
`, w.edits+1, row)
	return text
}

func (w *world) archive() string { return filepath.Join(w.data, "archive.jsonl") }

func (w *world) startNATS() {
	addr := rig.FreeAddr(w.t)
	_, port, _ := strings.Cut(addr, ":")
	w.natsURL = "nats://" + addr
	monitor := rig.FreeAddr(w.t)
	_, monitorPort, _ := strings.Cut(monitor, ":")
	w.nats = &rig.Process{
		Program: natsServer, Folder: w.folder, Log: filepath.Join(w.folder, "nats.log"),
		Args:  []string{"-a", "127.0.0.1", "-p", port, "-m", monitorPort, "-js", "-sd", filepath.Join(w.folder, "nats")},
		Ready: func() bool { return rig.Answers("http://" + monitor + "/healthz") },
	}
	// 20 KiB bodies stay below its largest message, a megabyte; Trotline wants to be told so.
	conf := filepath.Join(w.folder, "nats.conf")
	if err := os.WriteFile(conf, []byte("max_payload: 8MB\n"), 0o600); err != nil {
		w.t.Fatal(err)
	}
	w.nats.Args = append(w.nats.Args, "-c", conf)
	if err := w.nats.Start(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(w.nats.Kill)
}

// run goes through the plan under load, and then lets everything recover.
func (w *world) run() error {
	if err := w.engine.Start(w.t.Context()); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(w.t.Context())
	defer stop()
	var beside sync.WaitGroup
	beside.Go(func() { w.sender.send(ctx) })
	start := time.Now()
	w.troubles.start = start
	for _, s := range w.plan.steps {
		time.Sleep(s.at - time.Since(start))
		if err := w.befall(s); err != nil {
			stop()
			beside.Wait()
			return fmt.Errorf("%s: %w", s, err)
		}
	}
	time.Sleep(w.plan.lasts - time.Since(start))
	for _, r := range w.receivers {
		r.recover()
	}
	stop()
	beside.Wait()
	return nil
}

// befall has a step of the plan happen.
func (w *world) befall(s step) error {
	if w.disk == nil && slices.Contains([]fault{cut, fill, free}, s.fault) {
		return nil // no image of a disk can be mounted here
	}
	w.befallen = append(w.befallen, s.fault)
	switch s.fault {
	case kill:
		return w.crash(s.fault, func() error {
			w.engine.Kill()
			time.Sleep(s.lasts)
			return nil
		})
	case stop:
		return w.stop()
	case freeze:
		return w.freeze(&w.engine, s)
	case cut:
		return w.crash(s.fault, w.cutPower)
	case fill:
		w.full = true
		w.unfilled = w.troubles.begin(s.fault)
		return w.disk.Fill(0)
	case free:
		w.full, w.fullTill = false, time.Now()
		defer w.unfilled()
		if err := w.disk.Free(); err != nil {
			return err
		}
		return w.restart()
	case jump, setRight:
		return w.setClock(s)
	case edit:
		w.edits++
		w.write(w.config())
		return nil
	case badEdit:
		w.write(w.config() + "\n  nonsense: [\n")
		return w.restoreFile()
	case database:
		w.postgres.Stop(w.t)
		time.Sleep(s.lasts)
		w.postgres.Start(w.t)
		return nil
	case killNATS:
		return w.crash(s.fault, func() error {
			w.nats.Kill()
			time.Sleep(s.lasts)
			return w.nats.Start(w.t.Context())
		})
	case freezeNATS:
		return w.freeze(w.nats, s)
	}
	w.receivers[s.on].suffer(s.fault, s.lasts)
	return nil
}

// crash has something happen that the engine, or its store, cannot prepare for.
func (w *world) crash(f fault, happen func() error) error {
	ended := w.troubles.begin(f)
	err := happen()
	if err == nil {
		err = w.restart()
	}
	ended()
	return err
}

// restart starts the engine if it does not run. On a full disk it may refuse.
func (w *world) restart() error {
	if w.engine.Running() {
		return nil
	}
	err := w.engine.Start(w.t.Context())
	if err != nil && w.full {
		return nil
	}
	return err
}

// stop ends the engine in order, as a deployment does.
func (w *world) stop() error {
	if !w.engine.Running() {
		return nil
	}
	if err := w.engine.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	if !w.engine.Ended(w.t.Context(), time.Minute) {
		return errors.New("it has not ended a minute after SIGTERM")
	}
	// A store that a full disk has frozen is not written to its end, and says so.
	thawed := !w.full && time.Since(w.fullTill) > thawTime
	if code := w.engine.ExitCode(); code != 0 && thawed {
		return fmt.Errorf("exit code %d after SIGTERM:\n%s", code, w.engine.LastLines(20))
	}
	return w.restart()
}

// cutPower takes the disk away, and gives back what it held.
func (w *world) cutPower() error {
	if err := w.engine.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	return w.disk.CutPower(w.engine.Kill)
}

func (w *world) freeze(p *rig.Process, s step) error {
	ended := w.troubles.begin(s.fault)
	defer ended()
	if err := p.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	time.Sleep(s.lasts)
	return p.Signal(syscall.SIGCONT)
}

// setClock makes the engine's clock wrong, or right.
func (w *world) setClock(s step) error {
	defer w.troubles.begin(s.fault)()
	return w.clock.Set(s.by)
}

// restoreFile mends a broken file once the engine has refused it.
func (w *world) restoreFile() error {
	refused := func() float64 { return rig.Metric(w.admin, "trotline_config_reloads_total", `result="refused"`) }
	before := refused()
	rig.Within(w.t.Context(), time.Second, func() bool { return refused() > before })
	w.write(w.config())
	return nil
}

package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// damages are what a bad disk, or somebody who tidies up, does to the files of a
// store, by what becomes of it.
var damages = []struct {
	name string
	glob string // below the folder of the streams
	do   func(path string) error
}{
	{"the events' last block is gone", "trotline_events/msgs/*.blk", os.Remove},
	{"the events' last block is cut short", "trotline_events/msgs/*.blk", cutShort},
	{"bytes of the events are others", "trotline_events/msgs/*.blk", flipBytes},
	{"the events' index is gone", "trotline_events/msgs/index.db", os.Remove},
	{"the events' index is garbage", "trotline_events/msgs/index.db", fillWithGarbage},
	{"the events' settings are gone", "trotline_events/meta.inf", os.Remove},
	{"the events' settings are garbage", "trotline_events/meta.inf", fillWithGarbage},
	{"the sum of the events' settings is gone", "trotline_events/meta.sum", os.Remove},
	{"the events are gone", "trotline_events", os.RemoveAll},
	{"a pipeline's state is gone", "trotline_events/obs/p_orders/o.dat", os.Remove},
	{"a pipeline's state is empty", "trotline_events/obs/p_orders/o.dat", empty},
	{"a pipeline's state is garbage", "trotline_events/obs/p_orders/o.dat", fillWithGarbage},
	{"a pipeline's settings are garbage", "trotline_events/obs/p_orders/meta.inf", fillWithGarbage},
	{"the pipelines' consumers are gone", "trotline_events/obs", os.RemoveAll},

	{"the deliveries' last block is gone", "trotline_work/msgs/*.blk", os.Remove},
	{"the deliveries' last block is cut short", "trotline_work/msgs/*.blk", cutShort},
	{"bytes of the deliveries are others", "trotline_work/msgs/*.blk", flipBytes},
	{"the deliveries' index is garbage", "trotline_work/msgs/index.db", fillWithGarbage},
	{"the deliveries' settings are gone", "trotline_work/meta.inf", os.Remove},
	{"the deliveries are gone", "trotline_work", os.RemoveAll},
	{"a sink's state is empty", "trotline_work/obs/s_later/o.dat", empty},
	{"a sink's state is garbage", "trotline_work/obs/s_later/o.dat", fillWithGarbage},

	{"the dead letters are gone", "trotline_dead", os.RemoveAll},
	{"the dead letters are cut short", "trotline_dead/msgs/*.blk", cutShort},

	{"our notes are gone", "trotline_control", os.RemoveAll},
	{"our notes are cut short", "trotline_control/msgs/*.blk", cutShort},
	{"bytes of our notes are others", "trotline_control/msgs/*.blk", flipBytes},
	{"our notes' settings are gone", "trotline_control/meta.inf", os.Remove},
	{"the inventory is gone", "../../../inventory", os.Remove},
	{"the inventory is garbage", "../../../inventory", fillWithGarbage},
	{"all of it is gone", ".", os.RemoveAll},
}

// TestDamagedStore damages the files of a store and starts on them. It either
// starts, and says what is lost if anything is, or it refuses and says how to go
// on. Nothing is lost, or delivered again, without a word, and there is no stack trace.
func TestDamagedStore(t *testing.T) {
	slow(t)
	for _, end := range []struct {
		name   string
		signal syscall.Signal
	}{{"stopped", syscall.SIGTERM}, {"killed", syscall.SIGKILL}} {
		t.Run(end.name, func(t *testing.T) {
			s := newDamagedStore(t, end.signal)
			for _, d := range damages {
				t.Run(d.name, func(t *testing.T) { s.check(t, d.glob, d.do) })
			}
		})
	}
}

// damagedStore is an engine whose data folder is damaged again and again, each
// time from the same state: one sink has every event, the other has none yet.
type damagedStore struct {
	*engine
	done, later *receiver
	whole       string // the data folder as it was before
	ids         map[string]bool
	killed      bool
}

func newDamagedStore(t *testing.T, end syscall.Signal) *damagedStore {
	t.Helper()
	s := &damagedStore{done: newReceiver(t), later: newReceiver(t), killed: end == syscall.SIGKILL}
	s.engine = newEngine(t, sources+fmt.Sprintf(`
sinks:
  done: {type: http, url: %q}
  later: {type: http, url: %q, retry: {initial: 1s, max: 1s, jitter: 0}}
  never: {type: http, url: %q, retry: {attempts: 1}}
pipelines:
  orders:
    from: shop
    routes:
      - {name: all, to: [done, later]}
      - {name: few, when: body.n == 7, to: [never]}
`, s.done.url("/"), s.later.url("/"), s.later.url("/never")))
	s.later.answers(func(arrival) int { return http.StatusServiceUnavailable })
	s.start()
	load := &sender{door: s.door, name: "damage", conns: 4, total: 400}
	load.send(t.Context())
	s.ids = load.ids()
	await(t, 20*time.Second, "one sink has everything, the other has tried", func() bool {
		return s.done.count() == len(s.ids) && s.metric("trotline_retried_total") >= float64(len(s.ids))
	})
	stored := time.Now()
	await(t, 20*time.Second, "what is stored is no news", func() bool { return time.Since(stored) > time.Second })
	s.signal(end)
	s.wait(30 * time.Second)
	s.whole = s.data
	return s
}

func (s *damagedStore) check(t *testing.T, glob string, do func(string) error) {
	s.t = t
	data := filepath.Join(t.TempDir(), "data")
	if err := os.CopyFS(data, os.DirFS(s.whole)); err != nil {
		t.Fatal(err)
	}
	streams := filepath.Join(data, "jetstream", "$G", "streams")
	found, err := filepath.Glob(filepath.Join(streams, glob))
	if err != nil {
		t.Fatal(err)
	}
	if len(found) == 0 && s.killed {
		t.Skip("a store that was killed has none")
	}
	if len(found) == 0 {
		t.Fatalf("there is no %s", glob)
	}
	slices.Sort(found)
	if err := do(found[len(found)-1]); err != nil {
		t.Fatal(err)
	}
	s.keepData(data)
	if err := os.Remove(s.process.Log); err != nil {
		t.Fatal(err)
	}
	already := len(s.done.all())
	s.later.answers(nil)
	s.later.forget()
	t.Cleanup(s.kill)
	err = s.tryStart(t.Context())
	if log := s.log(); strings.Contains(log, "goroutine ") {
		t.Fatalf("a stack trace:\n%s", log)
	}
	if err != nil {
		if !strings.Contains(s.log(), "backup") {
			t.Errorf("it does not start, and does not say how to go on:\n%s", s.lastLines(10))
		}
		return
	}
	s.judge(t, already)
}

// judge compares what arrives with what the log says.
func (s *damagedStore) judge(t *testing.T, already int) {
	last := time.Now()
	holdsWithin(t.Context(), time.Minute, func() bool {
		if at := s.later.last(); at.After(last) {
			last = at
		}
		return len(s.later.missing(s.ids)) == 0 || time.Since(last) > quiet
	})
	missing, again := s.later.missing(s.ids), len(s.done.all())-already
	told := strings.Contains(s.log(), "damaged")
	t.Logf("%d deliveries are missing, %d came again, told: %v", len(missing), again, told)
	if !told && len(missing) > 0 {
		t.Errorf("%d deliveries are lost without a word, such as %s", len(missing), missing[0])
	}
	if !told && again > 0 && !s.killed {
		t.Errorf("%d deliveries came again without a word", again)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	load := &sender{door: s.door, name: fmt.Sprintf("after-%d", time.Now().UnixNano()), conns: 1, total: 20}
	load.send(ctx)
	if n := load.count(); n != 20 {
		t.Errorf("afterwards %d of 20 requests were accepted: %v", n, load.failed())
	}
	if !holdsWithin(ctx, 20*time.Second, func() bool { return len(s.later.missing(load.ids())) == 0 }) {
		t.Errorf("afterwards events do not arrive: %v", s.later.missing(load.ids()))
	}
}

// forget makes the receiver as if nothing had arrived.
func (r *receiver) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.arrivals = nil
	clear(r.events)
	clear(r.keys)
}

func cutShort(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	return os.Truncate(path, info.Size()*2/3)
}

func empty(path string) error { return os.Truncate(path, 0) }

func flipBytes(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	for part := 1; part < 8; part++ { // one of them hits what matters
		data[len(data)*part/8] ^= 0xff
	}
	return os.WriteFile(path, data, 0o600)
}

func fillWithGarbage(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	return errors.Join(os.Truncate(path, 0), os.WriteFile(path, []byte(strings.Repeat("garbage ", int(info.Size())/8+1)), 0o600))
}

package bus

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"
)

// Whatever happened before a power cut, and whatever of the streams' files it
// leaves: every event that was confirmed and not handled is given to the
// pipeline, in the order of acceptance, under the generation it was accepted
// under; none is stored twice, and all are still known.
func TestAnyPowerCut(t *testing.T) {
	seeds := uint64(1)
	if os.Getenv("TROTLINE_LONG") == "1" {
		seeds = 100
	}
	for seed := range seeds {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			v := &victim{t: t, random: rand.New(rand.NewPCG(seed, 0)), confirmed: make(map[string]uint64), handled: make(map[string]bool)}
			dir := t.TempDir()
			for v.cuts = range 5 {
				v.start(dir)
				v.check()
				dir = v.live()
			}
			v.start(dir)
			v.check()
		})
	}
}

// victim is a store that suffers power cuts, and what it has promised.
type victim struct {
	t         *testing.T
	random    *rand.Rand
	bus       *Bus
	consumer  *Consumer
	cuts      int
	sent      int // events so far; their numbers tell their order
	edits     uint64
	confirmed map[string]uint64 // the generation each was accepted under
	handled   map[string]bool

	mu    sync.Mutex
	disks []disk // the states the files have been in since the barrier has passed
}

// disk is the files of the data folder, but for the journal.
type disk map[string][]byte

func (v *victim) start(dir string) {
	v.t.Helper()
	v.bus = open(v.t, dir, small)
	if v.bus.generation == 0 {
		start(v.t, v.bus)
	}
	var err error
	v.consumer, err = v.bus.EventsConsumer(soon(v.t), "orders", EventsConsumerOptions{Sources: []string{"shop"}, AckWait: time.Second})
	if err != nil {
		v.t.Fatal(err)
	}
}

// live does this and that, and returns the data folder as a power cut has left it.
func (v *victim) live() (left string) {
	b := v.bus
	v.watchDisk()
	for range 4 + v.random.IntN(8) {
		switch v.random.IntN(7) {
		default:
			v.add(1 + v.random.IntN(150))
		case 0:
			v.handle(v.random.IntN(150))
		case 1:
			b.save(soon(v.t))
		case 2:
			b.diskTight.Store(true)
			b.trim(soon(v.t))
		case 3:
			cutTo(v.t, b, v.edit())
		}
		v.mu.Lock()
		v.disks = append(v.disks, v.look())
		v.mu.Unlock()
	}
	if v.random.IntN(2) == 0 {
		left = v.left()
	} else { // in the middle of an edit
		generation := v.edit()
		if err := b.PutGeneration(soon(v.t), Generation{Number: generation}); err != nil {
			v.t.Fatal(err)
		}
		v.add(1 + v.random.IntN(150))
		if _, err := b.Cut(soon(v.t), generation, func(uint64) { left = v.left() }); err != nil {
			v.t.Fatal(err)
		}
	}
	shut(v.t, b)
	return left
}

// watchDisk notes what the disk has for sure whenever the barrier passes.
func (v *victim) watchDisk() {
	b := v.bus
	b.save(soon(v.t))
	if err := b.Barrier(soon(v.t)); err != nil { // after it no round is under way
		v.t.Fatal(err)
	}
	v.disks = []disk{v.look()}
	b.barrier.mu.Lock()
	defer b.barrier.mu.Unlock()
	b.flush = func() error {
		v.mu.Lock()
		defer v.mu.Unlock()
		v.disks = []disk{v.look()}
		return nil
	}
}

// edit is the number of a new generation; the first one is put in force by start.
func (v *victim) edit() uint64 {
	v.edits++
	return 1 + v.edits
}

// add appends events, most of them small.
func (v *victim) add(n int) {
	v.t.Helper()
	var pending []*Pending
	first := v.sent
	for range n {
		e := order(v.sent)
		if v.random.IntN(60) == 0 {
			e.Body = bodyOf(v.random.IntN(400 << 10))
			e.Original = e.Body
		}
		pending = append(pending, v.bus.Append(e, v.bus.generation))
		v.sent++
	}
	if err := WaitAll(soon(v.t), pending); err != nil {
		v.t.Fatal(err)
	}
	for n := first; n < v.sent; n++ {
		v.confirmed[order(n).ID] = v.bus.generation
	}
}

// handle takes what the pipeline is given next, up to n events.
func (v *victim) handle(n int) {
	v.t.Helper()
	info, err := v.consumer.Info(soon(v.t))
	if err != nil {
		v.t.Fatal(err)
	}
	messages := take(v.t, v.consumer, min(n, int(info.Pending)))
	for _, m := range messages {
		v.handled[v.idOf(m)] = true
	}
	ackAll(v.t, v.bus, messages)
}

func (v *victim) idOf(m *Message) string {
	v.t.Helper()
	e, err := m.Event()
	if err != nil {
		v.t.Fatal(err)
	}
	return e.ID
}

// look reads the files as they are.
func (v *victim) look() disk {
	d := make(disk)
	dir := v.bus.folder.dir
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		var text []byte
		if err == nil && !entry.IsDir() && path != journalPath(dir) {
			text, err = os.ReadFile(path)
			d[path[len(dir):]] = text
		}
		if errors.Is(err, fs.ErrNotExist) {
			delete(d, path[len(dir):])
			return nil // removed meanwhile
		}
		return err
	})
	if err != nil {
		v.t.Error(err)
	}
	return d
}

// left makes a folder of what a power cut leaves at this moment: the files that
// were there at some moment since the barrier has passed, each as it was then or
// at any other such moment, and the journal as it is.
func (v *victim) left() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.disks = append(v.disks, v.look())
	dir := v.t.TempDir()
	any := func() disk { return v.disks[v.random.IntN(len(v.disks))] }
	files := any()
	for _, path := range slices.Sorted(maps.Keys(files)) {
		text, ok := any()[path]
		if !ok {
			text = files[path]
		}
		if err := errors.Join(os.MkdirAll(filepath.Dir(dir+path), 0o700), os.WriteFile(dir+path, text, 0o600)); err != nil {
			v.t.Fatal(err)
		}
	}
	journal, err := os.ReadFile(journalPath(v.bus.folder.dir))
	if err == nil {
		err = os.WriteFile(journalPath(dir), bytes.Clone(journal), 0o600)
	}
	if err != nil {
		v.t.Fatal(err)
	}
	return dir
}

// check compares the store with what it has promised.
func (v *victim) check() {
	v.t.Helper()
	v.checkStream()
	given := make(map[string]bool)
	for {
		info, err := v.consumer.Info(soon(v.t))
		if err != nil {
			v.t.Fatal(err)
		}
		if info.Pending+info.AckPending == 0 {
			break
		}
		messages := take(v.t, v.consumer, 1)
		for _, m := range messages {
			given[v.idOf(m)] = true
		}
		ackAll(v.t, v.bus, messages)
	}
	for id := range v.confirmed {
		if !given[id] && !v.handled[id] {
			v.t.Errorf("after %d cuts: %s was accepted and is not given to the pipeline", v.cuts, id)
		}
		v.handled[id] = true
	}
	if v.sent > 0 {
		e := order(v.random.IntN(v.sent))
		if ack, err := v.bus.Append(e, v.bus.generation).Wait(soon(v.t)); err != nil || !ack.Duplicate {
			v.t.Errorf("after %d cuts: %s is not known any more (%v)", v.cuts, e.ID, err)
		}
	}
}

func (v *victim) checkStream() {
	v.t.Helper()
	generations, err := v.bus.Generations(soon(v.t))
	if err != nil {
		v.t.Fatal(err)
	}
	slices.SortFunc(generations, func(a, b Generation) int { return cmp.Compare(b.Number, a.Number) })
	stored := make(map[string]uint64)
	backwards, before := 0, ""
	err = v.bus.Events(soon(v.t), EventFilter{}, func(s *Stored) bool {
		id := s.Event.ID
		if first, twice := stored[id]; twice {
			v.t.Errorf("after %d cuts: %s is stored at %d and at %d", v.cuts, id, first, s.Sequence)
		}
		stored[id] = s.Sequence
		i := slices.IndexFunc(generations, func(g Generation) bool { return g.Cut > 0 && g.Cut < s.Sequence })
		if i < 0 || generations[i].Number != v.confirmed[id] {
			v.t.Errorf("after %d cuts: %s was accepted under generation %d and stands at %d, where the cuts are %v", v.cuts, id, v.confirmed[id], s.Sequence, generations)
		}
		if number(id) < number(before) {
			backwards++
		}
		before = id
		return true
	})
	if err != nil {
		v.t.Fatal(err)
	}
	if backwards > v.cuts {
		v.t.Errorf("after %d cuts: the events go back %d times", v.cuts, backwards)
	}
}

// number is that of an order.
func number(id string) (n int) {
	_, _ = fmt.Sscanf(id, "order-%d", &n)
	return n
}

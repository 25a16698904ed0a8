package bus

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/trotline/trotline/event"
)

// controlFolder is where the control stream is in the data folder.
var controlFolder = filepath.Join("jetstream", "$G", "streams", "trotline_control")

// small makes a journal that is soon full.
func small(o *Options) { o.MaxDisk = minDisk }

// A power cut can take from a stream whatever the barrier has not passed; the
// journal has it. The cut is made of two copies of the data folder: the streams
// from before, the journal from after.
func TestPowerCutIsMadeGood(t *testing.T) {
	for _, c := range []struct {
		name   string
		newest []string // what else the power cut left as it was after: consumers may have come to the disk before the stream
	}{
		{"the stream is older", nil},
		{"the stream is older than its consumers", []string{"obs"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			b := open(t, dir)
			start(t, b)
			consumer := consume(t, b, "orders", EventsConsumerOptions{})
			add(t, b, orders(1, 50)...)
			ackAll(t, b, take(t, consumer, 50))
			b.save(soon(t))
			before := copyFolder(t, dir)
			add(t, b, orders(51, 200)...)
			ackAll(t, b, take(t, consumer, 70))
			replace(t, before, copyFolder(t, dir), "journal")
			shut(t, b) // writes down how far the consumer is
			for _, name := range c.newest {
				replace(t, before, dir, filepath.Join("jetstream", "$G", "streams", "trotline_events", name))
			}
			b = open(t, before)
			consumer = consume(t, b, "orders", EventsConsumerOptions{})
			takeOrders(t, consumer, 51, 200)
			none(t, consumer)
			if ack := add(t, b, order(170))[0]; !ack.Duplicate {
				t.Error("an event that was put back is not remembered")
			}
		})
	}
}

// What was put back once is not put back again, even if nothing else happens.
func TestJournalIsEmptyAfterwards(t *testing.T) {
	before := journalAhead(t)
	for range 2 {
		b := open(t, before)
		if n := countEvents(t, b); n != 20 {
			t.Fatalf("the stream has %d events, want 20", n)
		}
		again := copyFolder(t, before) // as a kill -9 would leave it
		shut(t, b)
		before = again
	}
}

// A half is written over only when the barrier has passed it.
func TestJournalGoesRound(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir, small)
	start(t, b)
	add(t, b, orders(1, 5000)...)
	if b.journal.turn < 3 {
		t.Fatalf("the journal is in its turn %d only", b.journal.turn)
	}
	records := recordsOf(t, b.journal)
	last := records[len(records)-1]
	if e, _, err := decodeEvent(last.message.Header, last.message.Data); err != nil || e.ID != "order-5000" {
		t.Errorf("the journal ends with %v, %v", e, err)
	}
	if first := records[0].sequence; first > last.durable+1 {
		t.Errorf("the journal begins with %d, and everything is durable only up to %d", first, last.durable)
	}
	if n := countEvents(t, b); n != 5000 {
		t.Errorf("%d events are stored, want 5000", n)
	}
}

// What a write that was cut short leaves is no record, nor is what an earlier turn left.
func TestJournalEndsAtWhatIsNotWhole(t *testing.T) {
	path := journalPath(t.TempDir())
	if err := makeJournal(path, minDisk); err != nil {
		t.Fatal(err)
	}
	j, err := openJournal(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := j.close(); err != nil {
			t.Error(err)
		}
	}()
	j.barrier = func() error { j.durable.Store(1 << 40); return nil }
	random := rand.New(rand.NewPCG(1, 2))
	var sequence uint64
	round := func(n int) {
		t.Helper()
		var batch []*Pending
		for range n {
			sequence++
			m := &nats.Msg{Subject: "trotline.events.shop", Header: nats.Header{"A": {"b"}}, Data: bytes.Repeat([]byte{0xff}, random.IntN(9000))}
			batch = append(batch, &Pending{message: m, ack: Ack{Sequence: sequence}})
		}
		if err := j.write(batch); err != nil {
			t.Fatal(err)
		}
	}
	holds := func(from, to uint64) {
		t.Helper()
		records := recordsOf(t, j)
		if records[0].sequence > from || records[len(records)-1].sequence != to {
			t.Fatalf("the journal holds %d to %d; want %d or before to %d", records[0].sequence, records[len(records)-1].sequence, from, to)
		}
		for i, r := range records {
			if r.sequence != records[0].sequence+uint64(i) {
				t.Fatalf("after %d comes %d", records[i-1].sequence, r.sequence)
			}
		}
	}
	for range 100 {
		round(1 + random.IntN(20))
		holds(sequence, sequence)
	}
	whole, end := sequence, j.at
	round(3)
	if _, err := j.file.WriteAt(aligned(pageSize), j.at-pageSize); err != nil {
		t.Fatal(err)
	}
	records := recordsOf(t, j)
	if last := records[len(records)-1].sequence; last < whole || last >= sequence {
		t.Errorf("after a write that was cut short (from %d on) the journal ends with %d; %d was whole, %d was not", end, last, whole, sequence)
	}
	if err := j.clear(); err != nil {
		t.Fatal(err)
	}
	if records := recordsOf(t, j); len(records) != 0 {
		t.Errorf("an empty journal holds %d records", len(records))
	}
}

// An event larger than a journal should hold waits for the barrier.
func TestLargeEventsGoAround(t *testing.T) {
	b := open(t, t.TempDir(), small)
	start(t, b)
	large := order(1)
	large.Body = event.NewBody(event.Text, bytes.Repeat([]byte("x"), 1<<20))
	large.Original = large.Body
	add(t, b, large, order(2))
	records := recordsOf(t, b.journal)
	if len(records) != 1 || countEvents(t, b) != 2 {
		t.Errorf("the journal holds %d records and the stream %d events; want 1 and 2", len(records), countEvents(t, b))
	}
}

// A journal that cannot be written is the end of accepting.
func TestJournalFailureIsForGood(t *testing.T) {
	b := open(t, t.TempDir())
	start(t, b)
	add(t, b, order(1))
	if err := b.journal.close(); err != nil {
		t.Fatal(err)
	}
	for n := 2; n < 4; n++ {
		if _, err := b.Append(order(n), 1).Wait(soon(t)); !errors.Is(err, ErrUnavailable) {
			t.Fatalf("an event the disk did not take was answered with %v", err)
		}
	}
	if err := b.Healthy(); err == nil || !strings.Contains(err.Error(), "restart") {
		t.Errorf("Healthy says %v", err)
	}
}

// What a run with durability: disk left in the journal is put back whatever the next run is to be.
func TestJournalOfAnotherDurability(t *testing.T) {
	b := open(t, journalAhead(t), func(o *Options) { o.Durable = false })
	if n := countEvents(t, b); n != 20 {
		t.Errorf("the stream has %d events, want 20", n)
	}
}

// The checkpoint may have come to the disk before the events it speaks of. They
// are put back with lower sequences here, because a marker is lost.
func TestCheckpointAheadOfTheStream(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir)
	start(t, b)
	consumer := consume(t, b, "orders", EventsConsumerOptions{})
	add(t, b, orders(1, 10)...)
	ackAll(t, b, take(t, consumer, 10))
	b.save(soon(t))
	before := copyFolder(t, dir)
	if _, err := b.publisher.send(&nats.Msg{Subject: b.names.cutSubject(), Data: []byte("{}")}).Wait(soon(t)); err != nil {
		t.Fatal(err)
	}
	add(t, b, orders(11, 30)...)
	ackAll(t, b, take(t, consumer, 15))
	b.save(soon(t))
	after := copyFolder(t, dir)
	shut(t, b)
	replace(t, before, after, "journal")
	replace(t, before, after, controlFolder)

	for range 2 { // what was put back and not handled is there after the next start too
		b = open(t, before)
		again := copyFolder(t, before)
		takeOrders(t, consume(t, b, "orders", EventsConsumerOptions{}), 11, 30)
		shut(t, b)
		before = again
	}
}

// A start that cannot put everything back leaves the journal as it is.
func TestJournalOutlivesAFailedStart(t *testing.T) {
	before := journalAhead(t)
	records := journalOf(t, before, func(j *journal, records []entry) {
		j.begin(records[len(records)-1].turn + 1)
		nowhere := &nats.Msg{Subject: "nowhere", Data: []byte("no stream takes it")}
		if err := j.write([]*Pending{{message: nowhere, ack: Ack{Sequence: 1000}}}); err != nil {
			t.Fatal(err)
		}
	})
	if b, err := tryOpen(t, before); err == nil {
		shut(t, b)
		t.Fatal("it started without what it could not put back")
	}
	after := journalOf(t, before, func(*journal, []entry) {})
	if len(records) != 20 || len(after) != 21 {
		t.Errorf("the journal held %d records and one more, after the start that failed it holds %d", len(records), len(after))
	}
}

// What an earlier run has left behind the first pages is not taken for records of this one.
func TestJournalForgetsEarlierRuns(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir)
	start(t, b)
	for _, o := range orders(1, 10) { // a round for each, and so a page
		add(t, b, o)
	}
	shut(t, b)
	b = open(t, dir)
	add(t, b, order(11))
	records := recordsOf(t, b.journal)
	if len(records) != 1 {
		t.Errorf("the journal holds %d records, want the one of this run", len(records))
	}
}

// journalAhead is a data folder whose journal holds the orders 1 to 20, and whose
// streams are from before them.
func journalAhead(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	b := open(t, dir)
	start(t, b)
	before := copyFolder(t, dir)
	add(t, b, orders(1, 20)...)
	replace(t, before, copyFolder(t, dir), "journal")
	return before
}

func recordsOf(t testing.TB, j *journal) []entry {
	t.Helper()
	records, err := j.read()
	if err != nil {
		t.Fatal(err)
	}
	return records
}

// takeOrders wants a consumer to be given some orders next, in their order.
func takeOrders(t testing.TB, c *Consumer, from, to int) {
	t.Helper()
	var ids, want []string
	for _, m := range take(t, c, to-from+1) {
		e, err := m.Event()
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, e.ID)
	}
	for _, o := range orders(from, to) {
		want = append(want, o.ID)
	}
	if !slices.Equal(ids, want) {
		t.Fatalf("the pipeline is given %v, want orders %d to %d", ids, from, to)
	}
}

// journalOf hands the journal in a folder to a function, and returns the records it had.
func journalOf(t *testing.T, dir string, change func(*journal, []entry)) []entry {
	t.Helper()
	j, err := openJournal(journalPath(dir))
	if err != nil {
		t.Fatal(err)
	}
	records := recordsOf(t, j)
	change(j, records)
	if err := j.close(); err != nil {
		t.Fatal(err)
	}
	return records
}

func ackAll(t testing.TB, b *Bus, messages []*Message) {
	t.Helper()
	for _, m := range messages {
		m.Ack()
	}
	for _, c := range b.consumers.list() {
		c.heard(soon(t))
	}
}

func countEvents(t testing.TB, b *Bus) (n int) {
	t.Helper()
	if err := b.Events(soon(t), EventFilter{}, func(*Stored) bool { n++; return true }); err != nil {
		t.Fatal(err)
	}
	return n
}

// copyFolder is what a crash at this moment would leave.
func copyFolder(t testing.TB, dir string) string {
	t.Helper()
	to := t.TempDir()
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return to
}

// replace puts a part of one folder in the place of the same part of another.
func replace(t testing.TB, in, from, name string) {
	t.Helper()
	if err := os.RemoveAll(filepath.Join(in, name)); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(from, name))
	if err != nil {
		t.Fatal(err)
	}
	if info.IsDir() {
		err = os.CopyFS(filepath.Join(in, name), os.DirFS(filepath.Join(from, name)))
	} else {
		err = os.Rename(filepath.Join(from, name), filepath.Join(in, name))
	}
	if err != nil {
		t.Fatal(err)
	}
}

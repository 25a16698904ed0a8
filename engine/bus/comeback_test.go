package bus

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// A delivery that is done with stays so after a kill -9, also when the server
// has thrown away the file that says so.
func TestWhatIsDoneStaysDone(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir)
	q, err := b.LaneQueue(soon(t), "crm")
	if err != nil {
		t.Fatal(err)
	}
	sent := 0
	hand := func(n int) (messages []*Message) {
		t.Helper()
		pending := make([]*Pending, n)
		for i := range n {
			e := order(sent)
			e.Stamp = fmt.Sprint("stamp-", sent)
			pending[i] = b.Hand(&Work{Event: e, Generation: 1, Sink: "crm", Pipeline: "orders", Route: "all", Lane: true, Key: e.Stamp})
			sent++
		}
		if err := WaitAll(soon(t), pending); err != nil {
			t.Fatal(err)
		}
		for len(messages) < n {
			more, err := q.Fetch(soon(t))
			if err != nil {
				t.Fatal(err)
			}
			messages = append(messages, more...)
		}
		return messages
	}
	msgs := filepath.Join(dir, "jetstream", "$G", "streams", "trotline_work", "msgs")
	// Those around the end of the first file are done with once there is a second.
	var inHand []*Message
	for !exists(filepath.Join(msgs, "2.blk")) {
		for len(inHand) > 100 {
			inHand[0].Ack()
			inHand = inHand[1:]
		}
		inHand = append(inHand, hand(50)...)
	}
	second := firstSequence(t, filepath.Join(msgs, "2.blk"))
	for _, m := range inHand {
		if m.Sequence() != second-1 { // the last one of the first file
			m.Ack()
		}
	}
	// Everything in the second file is done with.
	for !exists(filepath.Join(msgs, "4.blk")) {
		for _, m := range hand(50) {
			m.Ack()
		}
	}
	waits := func(q *LaneQueue) ConsumerInfo {
		info, err := q.Info(soon(t))
		if err != nil {
			t.Fatal(err)
		}
		return info
	}
	eventually(t, "all but one are done with", func() bool { return waits(q).AckPending == 1 })
	eventually(t, "the second file is gone", func() bool { return !exists(filepath.Join(msgs, "2.blk")) })

	eventually(t, "where the stream begins is written down", func() bool {
		firsts, err := b.savedFirsts(soon(t))
		return err == nil && firsts[b.names.work()].Sequence == second-1
	})
	b = open(t, killed(t, dir))
	if q, err = b.LaneQueue(soon(t), "crm"); err != nil {
		t.Fatal(err)
	}
	if n := waits(q).Pending; n != 1 {
		t.Errorf("%d deliveries wait, want the one that was not done with", n)
	}
}

// firstSequence is that of the first message in a file of a stream.
func firstSequence(t *testing.T, path string) uint64 {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for at := 0; at < len(data); at += int(binary.LittleEndian.Uint32(data[at:]) &^ headersBit) {
		sequence := binary.LittleEndian.Uint64(data[at+4:])
		if sequence&sequenceBits == sequence {
			return sequence
		}
	}
	t.Fatalf("%s has no message", path)
	return 0
}

// killed is a copy of a data folder as a kill -9 would leave it at this moment.
func killed(t *testing.T, dir string) string {
	t.Helper()
	left := filepath.Join(t.TempDir(), "data")
	if err := os.CopyFS(left, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return left
}

// Deliveries that a kill brings back are known by their consumer's floor, also
// where an older one of another sink still waits.
func TestWhatIsBelowTheFloorStaysDone(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir)
	start(t, b)
	q, err := b.LaneQueue(soon(t), "crm")
	if err != nil {
		t.Fatal(err)
	}
	for n := range 6 {
		w := &Work{Event: order(n), Generation: 1, Sink: "crm", Pipeline: "orders", Route: "all", Lane: true, Key: "k"}
		if n == 0 {
			w.Sink = "slow"
		}
		if _, err := b.Hand(w).Wait(soon(t)); err != nil {
			t.Fatal(err)
		}
	}
	got := take(t, q.consumer, 5)
	back := copyFolder(t, dir) // where all of them are there
	for _, m := range got {
		m.Ack()
	}
	settled(t, q.consumer)
	shut(t, b)
	replace(t, back, dir, filepath.Join("jetstream", "$G", "streams", "trotline_work", "obs"))

	b = open(t, back)
	if q, err = b.LaneQueue(soon(t), "crm"); err != nil {
		t.Fatal(err)
	}
	none(t, q.consumer)
	if info, err := b.state(soon(t), b.names.work()); err != nil || info.State.Msgs != 1 {
		t.Errorf("%d deliveries are there, %v; want that of the other sink", info.State.Msgs, err)
	}
}

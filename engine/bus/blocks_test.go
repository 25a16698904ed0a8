package bus

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// storedBlock is a block of some events, as the server writes it.
func storedBlock(t testing.TB) (path string, data []byte) {
	t.Helper()
	dir := t.TempDir()
	b := open(t, dir)
	start(t, b)
	for n := 1; n <= 20; n++ {
		add(t, b, order(n))
	}
	if err := b.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(dir, "jetstream", "$G", "streams", "trotline_events", "msgs", "1.blk")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return path, data
}

// Bytes all over a block are damaged in turn. One record is cut out, and all
// others stay.
func TestDamagedBlock(t *testing.T) {
	_, data := storedBlock(t)
	read := func(data []byte) (whole []byte, cuts []cut) {
		b, err := newBlock("trotline_events", "1.blk", data)
		if err != nil {
			t.Fatal(err)
		}
		return b.records()
	}
	if whole, cuts := read(data); len(cuts) > 0 || !bytes.Equal(whole, data) {
		t.Fatalf("a block in order has cuts: %v", cuts)
	}
	for at := 0; at < len(data); at += 7 {
		damaged := bytes.Clone(data)
		damaged[at] ^= 0xff
		whole, cuts := read(damaged)
		if len(cuts) == 0 { // only the last record may look as if its write had been interrupted
			if b, _ := newBlock("trotline_events", "1.blk", damaged); !b.torn(lastRecord(t, data), len(data)) {
				t.Fatalf("byte %d: nothing is found", at)
			}
			continue
		}
		if len(cuts) != 1 || len(whole) < len(data)-cuts[0].bytes {
			t.Fatalf("byte %d: %d of %d bytes are left, cuts %v", at, len(whole), len(data), cuts)
		}
		if c := cuts[0]; c.before != 0 && c.before-c.after != 2 {
			t.Fatalf("byte %d: more than one message is cut out, between %d and %d", at, c.after, c.before)
		}
		if again, more := read(whole); len(more) > 0 || !bytes.Equal(again, whole) {
			t.Fatalf("byte %d: what is left has cuts: %v", at, more)
		}
	}
}

// lastRecord is where the last record of a block begins.
func lastRecord(t *testing.T, data []byte) (last int) {
	t.Helper()
	b, err := newBlock("trotline_events", "1.blk", data)
	if err != nil {
		t.Fatal(err)
	}
	for at := 0; at < len(data); {
		length, _ := b.record(at)
		last, at = at, at+length
	}
	return last
}

// A write that a crash interrupted is no damage.
func TestTornBlock(t *testing.T) {
	_, data := storedBlock(t)
	last := lastRecord(t, data)
	for end := last; end <= len(data); end++ {
		for _, zeros := range []int{0, 1, 4096} {
			b, err := newBlock("trotline_events", "1.blk", append(bytes.Clone(data[:end]), make([]byte, zeros)...))
			if err != nil {
				t.Fatal(err)
			}
			if _, cuts := b.records(); len(cuts) > 0 {
				t.Fatalf("cut off at %d of %d with %d zeros: %v", end-last, len(data)-last, zeros, cuts)
			}
		}
	}
}

// FuzzBlock reads what no server wrote. What is left of it reads as it is.
func FuzzBlock(f *testing.F) {
	_, data := storedBlock(f)
	f.Add(data)
	f.Add(data[:len(data)/2])
	f.Add([]byte("cmp"))
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := newBlock("trotline_events", "1.blk", data)
		if err != nil {
			t.Fatal(err)
		}
		whole, cuts := b.records()
		if len(cuts) == 0 && !bytes.Equal(whole, data) {
			t.Fatal("a block without cuts was changed")
		}
		left, err := newBlock("trotline_events", "1.blk", whole)
		if err != nil {
			t.Fatal(err)
		}
		if _, more := left.records(); len(cuts) > 0 && len(more) > 0 {
			t.Fatalf("what is left has cuts: %v", more)
		}
	})
}

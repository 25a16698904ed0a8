package bus

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
)

// journal is where an accepted event stands on the disk until the events stream
// does. A round of the barrier makes everything in the data folder durable:
// files, folders, the filesystem's own log. That is more than a sender should
// wait for. Overwriting a file that has its place on the disk already is a
// single write. So an event is written into the stream first, as ever, then here,
// and its sender has the answer; the barrier, which the stages keep going,
// follows. After a power cut what the stream lacks is put back from here
// (see restore).
//
// The file is two halves, written in turn. A half is written over once the
// barrier has passed everything in it. Its records are numbered by the half's
// turn, so that what is left of an earlier one is told apart.
//
// One goroutine writes: that of the journal's own barrier.
type journal struct {
	file    *os.File
	half    int64         // the size of a half
	barrier func() error  // a round of it: makes the events stream durable
	turn    uint64        // of the half that is written
	start   int64         // where that half begins
	at      int64         // where the next block goes
	last    [2]uint64     // the last sequence in each half
	block   []byte        // what is to be written next
	scratch []byte        // a record's head
	stored  atomic.Uint64 // the last sequence the events stream has confirmed
	durable atomic.Uint64 // the barrier has passed everything up to here
}

const (
	journalMax = 32 << 20
	// journalShare is the part of max_disk a journal may take.
	journalShare = 32
	// blockSize is what is written at once at the most. Each round begins a page of
	// its own: a write that is cut short does not harm what an earlier one has written.
	blockSize = 256 << 10
	pageSize  = 4 << 10
)

// recordHead is what stands before a record's text: its length and checksum,
// its half's turn, its sequence, and the sequence up to which the stream was
// durable. Records begin at multiples of eight.
const recordHead = 4 + 4 + 8 + 8 + 8

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func journalPath(dir string) string { return filepath.Join(dir, "journal") }

// makeJournal makes an empty journal. It is there whole, or not at all.
func makeJournal(path string, maxDisk int64) error {
	size := min(journalMax, maxDisk/journalShare) / (2 * blockSize) * (2 * blockSize)
	file, err := openDirect(path + ".new")
	if err == nil {
		err = errors.Join(fill(file, size), file.Close())
	}
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		return errors.Join(err, os.RemoveAll(path+".new"))
	}
	return nil
}

// fill gives a file its place on the disk. Blocks that are only reserved would
// be noted in the filesystem's log when they are written first.
func fill(file *os.File, size int64) error {
	empty := aligned(blockSize)
	for at := int64(0); at < size; at += blockSize {
		if _, err := file.WriteAt(empty, at); err != nil {
			return err
		}
	}
	return file.Sync()
}

func openJournal(path string) (*journal, error) {
	file, err := openDirect(path)
	if err != nil {
		return nil, fmt.Errorf("cannot open the journal: %w", err)
	}
	info, err := file.Stat()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("cannot open the journal: %w", err), file.Close())
	}
	return &journal{
		file: file, half: info.Size() / 2 / blockSize * blockSize,
		block: aligned(blockSize)[:0], scratch: make([]byte, 0, 4<<10),
	}, nil
}

// fits tells whether a message of so many bytes may stand in the journal. A
// larger one waits for the barrier, as all do where there is no journal.
func (j *journal) fits(size int) bool { return j != nil && int64(size) < j.half/4 }

// write makes a round: what is in it is durable when it returns.
func (j *journal) write(round []*Pending) error {
	for _, p := range round {
		if err := j.record(p.message, p.ack.Sequence); err != nil {
			return err
		}
	}
	if err := j.flush(); err != nil {
		return err
	}
	return syncData(j.file)
}

// record writes one message.
func (j *journal) record(m *nats.Msg, sequence uint64) error {
	head := appendHead(append(j.scratch[:0], zeros[:recordHead]...), m)
	j.scratch = head
	length := len(head) - recordHead + len(m.Data)
	if j.at+int64(len(j.block))+int64(recordHead+length+8) > j.start+j.half {
		if err := j.next(); err != nil {
			return err
		}
	}
	binary.LittleEndian.PutUint32(head[0:], uint32(length))
	binary.LittleEndian.PutUint64(head[8:], j.turn)
	binary.LittleEndian.PutUint64(head[16:], sequence)
	binary.LittleEndian.PutUint64(head[24:], j.durable.Load())
	sum := crc32.Update(0, castagnoli, head[8:])
	binary.LittleEndian.PutUint32(head[4:], crc32.Update(sum, castagnoli, m.Data))
	j.last[j.turn%2] = sequence
	for _, part := range [...][]byte{head, m.Data, padding(length, 8)} {
		if err := j.append(part); err != nil {
			return err
		}
	}
	return nil
}

// padding fills up to a multiple.
func padding(length, multiple int) []byte {
	return zeros[:(multiple-length%multiple)%multiple]
}

var zeros [pageSize]byte

// append adds to the block, and writes it when it is full.
func (j *journal) append(part []byte) error {
	for len(part) > 0 {
		n := min(len(part), blockSize-len(j.block))
		j.block = append(j.block, part[:n]...)
		part = part[n:]
		if len(j.block) == blockSize {
			if err := j.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

// flush writes what is left of the block, up to the end of its page.
func (j *journal) flush() error {
	j.block = append(j.block, padding(len(j.block), pageSize)...)
	if len(j.block) == 0 {
		return nil
	}
	if _, err := j.file.WriteAt(j.block, j.at); err != nil {
		return err
	}
	j.at += int64(len(j.block))
	j.block = j.block[:0]
	return nil
}

// next goes on in the other half, once nothing in it is needed any more.
func (j *journal) next() error {
	if err := j.flush(); err != nil {
		return err
	}
	if j.durable.Load() < j.last[(j.turn+1)%2] {
		if err := j.barrier(); err != nil {
			return err
		}
	}
	j.begin(j.turn + 1)
	return nil
}

func (j *journal) begin(turn uint64) {
	j.turn = turn
	j.start = int64(turn%2) * j.half
	j.at = j.start
}

// clear leaves an empty journal: everything is durable elsewhere. Behind the
// first page of each half old records stay, so the turns begin with a number
// that none of them has.
func (j *journal) clear() error {
	j.block = j.block[:0] // after a failure something is left
	for _, start := range []int64{0, j.half} {
		if _, err := j.file.WriteAt(append(j.block, zeros[:]...), start); err != nil {
			return err
		}
	}
	j.begin(uint64(time.Now().UnixNano()))
	return syncData(j.file)
}

func (j *journal) close() error { return j.file.Close() }

// appendHead writes everything of a message but its data.
func appendHead(b []byte, m *nats.Msg) []byte {
	b = appendText(b, m.Subject)
	b = binary.AppendUvarint(b, uint64(len(m.Header)))
	for name, values := range m.Header {
		b = appendText(appendText(b, name), values[0])
	}
	return b
}

func appendText(b []byte, text string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

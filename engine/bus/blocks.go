package bus

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/minio/highwayhash"
	"github.com/nats-io/nats.go"
)

// A block is a file of a stream: one record for each message, with a checksum
// (nats-server, filestore.go). The server looks at the checksums only when it
// has lost its index. Otherwise a damaged sequence makes it count up to it until
// it has all the memory there is, and a message it cannot read stays unread. So
// the blocks are looked through before it opens them. What was handed over is read
// on the way, since a message that was removed stands in its block for a while.
const (
	messageHead  = 22 // length, sequence, time, length of the subject
	messageSum   = 8
	messageMost  = 32 << 20
	headersBit   = 1 << 31                             // of the length: the record has headers
	sequenceBits = 1<<62 - 1                           // the others say that the message was removed
	likelyGap    = 1 << 24                             // no block holds more messages
	damagedName  = "damaged"                           // the folder damaged blocks are kept in
	compressed   = "cmp"                               // what the server puts at the start of a block it has compressed
	streamsGlob  = "jetstream/$G/streams/*/msgs/*.blk" // below the data folder
)

// mendBlocks cuts damaged records out of the blocks and says so. The damaged
// blocks are kept.
func (b *Bus) mendBlocks() error {
	paths, err := filepath.Glob(filepath.Join(b.folder.dir, filepath.FromSlash(streamsGlob)))
	if err != nil {
		return err
	}
	for _, path := range paths {
		if err := b.mendBlock(path); err != nil {
			return fmt.Errorf("cannot mend the damaged file %s of the store (%w); put the data folder's backup in its place, or move the folder away to begin with an empty one", path, err)
		}
	}
	return nil
}

func (b *Bus) mendBlock(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	stream := filepath.Base(filepath.Dir(filepath.Dir(path)))
	block, err := newBlock(stream, filepath.Base(path), data)
	if err != nil {
		return err
	}
	if h := b.handOvers[stream]; h != nil {
		block.told = func(sequence uint64, headers []byte) { h.foundInFile(headerOf(headers, nats.MsgIdHdr), sequence) }
	}
	whole, cuts := block.records()
	if len(cuts) == 0 {
		return nil
	}
	kept, err := b.keepDamaged(stream, path, data)
	if err != nil {
		return err
	}
	for _, c := range cuts {
		b.log.Error("files of the store are damaged: a part of a file was cut out; the messages in it are lost",
			"stream", stream, "between", fmt.Sprintf("%d and %d", c.after, c.before), "bytes", c.bytes, "file", path, "kept", kept,
			"next", "what is left goes on. To have the rest back, stop, put the data folder's backup in its place and start")
	}
	if err := writeDurable(path, whole); err != nil {
		return err
	}
	// It speaks of the block as it was; the server makes it again.
	err = os.Remove(filepath.Join(filepath.Dir(path), "index.db"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// keepDamaged saves a damaged block.
func (b *Bus) keepDamaged(stream, path string, data []byte) (kept string, err error) {
	folder := filepath.Join(b.folder.dir, damagedName)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return "", err
	}
	f, err := os.CreateTemp(folder, stream+"-*-"+filepath.Base(path))
	if err != nil {
		return "", err
	}
	_, err = f.Write(data)
	return f.Name(), errors.Join(err, f.Close())
}

// block is the content of a block.
type block struct {
	data []byte
	sum  hash.Hash64
	told func(sequence uint64, headers []byte) // of each record in order, whose headers are nil if it has none; nil: nobody is
}

// cut is a part of a block that cannot be read.
type cut struct {
	after, before uint64 // the sequences around it; before is 0 when nothing follows
	bytes         int
}

func newBlock(stream, name string, data []byte) (*block, error) {
	number := strings.TrimSuffix(name, ".blk")
	key := sha256.Sum256([]byte(stream + "-" + number))
	sum, err := highwayhash.New64(key[:])
	return &block{data: data, sum: sum}, err
}

// records is all that can be read of the block, and what was cut out.
func (b *block) records() (whole []byte, cuts []cut) {
	if bytes.HasPrefix(b.data, []byte(compressed)) {
		return b.data, nil
	}
	var last uint64
	start := 0 // of what is in order and not yet in whole
	for at := 0; at < len(b.data); {
		if length, sequence := b.record(at); length > 0 {
			if b.told != nil {
				b.told(sequence, b.headers(at))
			}
			at, last = at+length, max(last, sequence)
			continue
		}
		whole = append(whole, b.data[start:at]...)
		next, sequence := b.next(at+1, last)
		if !b.torn(at, next) {
			cuts = append(cuts, cut{last, sequence, next - at})
		}
		at, start = next, next
	}
	if len(cuts) == 0 {
		return b.data, nil
	}
	return append(whole, b.data[start:]...), cuts
}

// record is the length of the record at a place, and its sequence; 0 if there is none in order.
func (b *block) record(at int) (length int, sequence uint64) {
	rest := b.data[at:]
	if len(rest) < messageHead+messageSum {
		return 0, 0
	}
	word := binary.LittleEndian.Uint32(rest)
	length, subject := int(word&^headersBit), int(binary.LittleEndian.Uint16(rest[20:]))
	content := messageHead + subject
	if word&headersBit != 0 {
		content += 4
	}
	if length > len(rest) || length > messageMost || content+messageSum > length {
		return 0, 0
	}
	if word&headersBit != 0 && !headersFit(rest[content-4:length-messageSum]) {
		return 0, 0 // their length has no part in the sum
	}
	b.sum.Reset()
	_, _ = b.sum.Write(rest[4:20]) // a hash takes everything
	_, _ = b.sum.Write(rest[messageHead : messageHead+subject])
	_, _ = b.sum.Write(rest[content : length-messageSum])
	if !bytes.Equal(b.sum.Sum(nil), rest[length-messageSum:length]) {
		return 0, 0
	}
	return length, binary.LittleEndian.Uint64(rest[4:]) & sequenceBits
}

// headers are those of the record in order at a place; nil if it has none.
func (b *block) headers(at int) []byte {
	rest := b.data[at:]
	if binary.LittleEndian.Uint32(rest)&headersBit == 0 {
		return nil
	}
	rest = rest[messageHead+int(binary.LittleEndian.Uint16(rest[20:])):]
	return rest[4 : 4+binary.LittleEndian.Uint32(rest)]
}

// headerOf is the value of one of a message's headers; "" if it has none of that name.
func headerOf(headers []byte, name string) string {
	_, rest, found := bytes.Cut(headers, []byte("\r\n"+name+": "))
	if !found {
		return ""
	}
	value, _, _ := bytes.Cut(rest, []byte("\r\n"))
	return string(value)
}

// headersFit tells whether headers, with their length before them, are as long as it says.
func headersFit(rest []byte) bool {
	length := binary.LittleEndian.Uint32(rest)
	return uint64(length) <= uint64(len(rest)-4) && bytes.HasSuffix(rest[:4+length], []byte("\r\n\r\n"))
}

// next is where the next record in order begins after one of a sequence, and its
// own sequence; the end of the block if there is none.
func (b *block) next(from int, last uint64) (at int, sequence uint64) {
	most := last + likelyGap
	if last == 0 {
		most = sequenceBits >> 16 // the first of a block may be any
	}
	for at = from; at+messageHead <= len(b.data); at++ {
		if binary.LittleEndian.Uint64(b.data[at+4:])&sequenceBits > most {
			continue // spares the sum of what only looks like a record
		}
		if length, sequence := b.record(at); length > 0 {
			return at, sequence
		}
	}
	return len(b.data), 0
}

// torn tells whether what cannot be read is the end of a write that a crash
// interrupted: shorter than it should be, or with zeros for what was not
// written. Nobody was told that it was stored, and the server cuts it off.
func (b *block) torn(at, next int) bool {
	if next < len(b.data) {
		return false
	}
	rest := b.data[at:]
	if len(rest) < messageHead+messageSum || rest[len(rest)-1] == 0 {
		return true
	}
	length := int(binary.LittleEndian.Uint32(rest) &^ headersBit)
	return length < messageHead+messageSum || length > len(rest)
}

package file

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"strings"
)

// longestTail bounds how much is read in search of the last line's beginning.
// No event is as long.
const longestTail = 256 << 20

var errNotLines = errors.New("does not end as a file of JSON lines does, and is left alone: name another path, or end its last line")

// repair makes a file end with a whole line. A crash can leave a part of a line
// that was never confirmed, or zeros where the length reached the disk before
// the bytes did; it is cut off, and its length returned. A line that lacks its
// end alone is given one. A file that does not look like ours is not touched.
func repair(f *os.File) (dropped int64, err error) {
	if dropped, err = dropZeros(f); err != nil || dropped > 0 {
		return dropped, err
	}
	tail, err := lastLine(f)
	if err != nil || len(tail) == 0 {
		return 0, err
	}
	if strings.IndexByte(`{["`, tail[0]) >= 0 && json.Valid(tail) {
		if _, err := f.Write([]byte("\n")); err != nil {
			return 0, err
		}
		return 0, f.Sync()
	}
	if strings.IndexByte("{[\"-0123456789tfn\x00", tail[0]) < 0 {
		return 0, errNotLines
	}
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	if err := f.Truncate(info.Size() - int64(len(tail))); err != nil {
		return 0, err
	}
	return int64(len(tail)), f.Sync()
}

// longestBatch bounds how much is read in search of zeros: what one sync makes durable is shorter.
const longestBatch = 32 << 20

// dropZeros cuts off the line of the first zero at the end of a file, and all
// that follows: a power cut may leave the last pages of a write without the
// first. None of it was confirmed, for a sync makes everything before it durable.
func dropZeros(f *os.File) (dropped int64, err error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	end := make([]byte, min(info.Size(), longestBatch))
	if _, err := f.ReadAt(end, info.Size()-int64(len(end))); err != nil {
		return 0, err
	}
	zero := bytes.IndexByte(end, 0)
	if zero < 0 || bytes.IndexByte(end[zero:], '\n') < 0 {
		return 0, nil // what has no end is for the search of the last line
	}
	line := bytes.LastIndexByte(end[:zero], '\n') + 1
	if strings.IndexByte("{[\"-0123456789tfn\x00", end[line]) < 0 {
		return 0, errNotLines
	}
	if err := f.Truncate(info.Size() - int64(len(end)-line)); err != nil {
		return 0, err
	}
	return int64(len(end) - line), f.Sync()
}

// lastLine is what follows the last newline.
func lastLine(f *os.File) ([]byte, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	end := info.Size()
	var newline [1]byte
	if end == 0 {
		return nil, nil
	}
	if _, err := f.ReadAt(newline[:], end-1); err != nil {
		return nil, err
	}
	for length := int64(64 << 10); newline[0] != '\n'; length *= 4 {
		tail := make([]byte, min(length, end))
		if _, err := f.ReadAt(tail, end-int64(len(tail))); err != nil {
			return nil, err
		}
		if i := bytes.LastIndexByte(tail, '\n'); i >= 0 {
			return tail[i+1:], nil
		}
		if int64(len(tail)) == end {
			return tail, nil
		}
		if length >= longestTail {
			return nil, errNotLines
		}
	}
	return nil, nil
}

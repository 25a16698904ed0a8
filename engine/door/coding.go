package door

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
	"github.com/trotline/trotline/event"
)

// maxCodings is how many content codings a body may have, one over the other.
const maxCodings = 2

// codings are the content codings a body may come in (RFC 9110, section 8.4.1).
// Each reads what the other one wrote, at most limit bytes of it.
var codings = map[string]func(r io.Reader, limit int64) (io.ReadCloser, error){
	"gzip":    func(r io.Reader, _ int64) (io.ReadCloser, error) { return gzip.NewReader(r) },
	"x-gzip":  func(r io.Reader, _ int64) (io.ReadCloser, error) { return gzip.NewReader(r) },
	"deflate": func(r io.Reader, _ int64) (io.ReadCloser, error) { return inflate(r) },
	"br":      func(r io.Reader, _ int64) (io.ReadCloser, error) { return io.NopCloser(brotli.NewReader(r)), nil },
	"zstd":    unzstd,
}

// acceptEncoding tells a sender what it may use instead (RFC 9110, section 15.5.16).
const acceptEncoding = "gzip, deflate, br, zstd"

// inflate reads what RFC 9110 calls deflate, which has a zlib header, and what
// many senders take it for, which has none.
func inflate(r io.Reader) (io.ReadCloser, error) {
	b := bufio.NewReader(r)
	head, err := b.Peek(2)
	if err == nil && head[0]&0x0f == 8 && (int(head[0])<<8|int(head[1]))%31 == 0 {
		return zlib.NewReader(b)
	}
	return flate.NewReader(b), nil
}

// maxWindow is the largest window a zstd frame may ask for (RFC 9659, section 3).
const maxWindow = 8 << 20

func unzstd(r io.Reader, limit int64) (io.ReadCloser, error) {
	d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderMaxMemory(uint64(max(limit, maxWindow))))
	if err != nil {
		return nil, err
	}
	return d.IOReadCloser(), nil
}

// codingsOf are the codings of a request's body, the last one first; none is nil.
func codingsOf(h http.Header) ([]string, error) {
	var list []string
	for _, value := range h["Content-Encoding"] {
		for name := range strings.SplitSeq(value, ",") {
			name = strings.ToLower(strings.TrimSpace(name))
			if name == "" || name == "identity" {
				continue
			}
			if codings[name] == nil {
				return nil, notTaken("The Content-Encoding %.100q is not taken.", name)
			}
			list = append(list, name)
		}
	}
	if len(list) > maxCodings {
		return nil, notTaken("A body in more than %d content codings is not taken.", maxCodings)
	}
	slices.Reverse(list)
	return list, nil
}

func notTaken(format string, args ...any) error {
	refusal := event.Refuse(http.StatusUnsupportedMediaType, "content_encoding", format, args...)
	refusal.Header = http.Header{"Accept-Encoding": {acceptEncoding}}
	return refusal
}

// decoder undoes the codings of a body when it is called, into memory that the
// visit gives back. Only as many bodies are decoded at once as there are
// processors: a decoder has a window of megabytes.
func (d *Door) decoder(into *held, body []byte, names []string, limit int64) func() ([]byte, error) {
	return func() ([]byte, error) {
		d.decoders <- struct{}{}
		defer func() { <-d.decoders }()
		into.release() // of an earlier attempt, by rules no longer in force
		*into = held{from: into.from}
		err := into.decode(body, names, limit)
		return into.bytes, err
	}
}

// decode undoes a body's codings. What comes out of each counts against the
// limit as it comes, so that no bomb goes off, not even inside another one.
func (h *held) decode(body []byte, names []string, limit int64) error {
	if len(body) == 0 {
		return nil
	}
	var r io.Reader = bytes.NewReader(body)
	for _, name := range names {
		decoder, err := codings[name](r, limit)
		if err != nil {
			return undecodable(name, limit, err)
		}
		defer decoder.Close()
		r = &capped{decoder, limit}
	}
	if err := h.fill(r, int64(len(body)), limit+1); err != nil {
		return undecodable(names[0], limit, err)
	}
	return nil
}

// capped refuses to read more than so many bytes.
type capped struct {
	from io.Reader
	left int64
}

var errCapped = errors.New("more than the limit")

func (c *capped) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	if c.left -= int64(n); c.left < 0 {
		return 0, errCapped
	}
	return n, err
}

func undecodable(name string, limit int64, err error) error {
	var refusal *event.Refusal
	switch {
	case errors.As(err, &refusal):
		return refusal
	case errors.Is(err, errCapped), errors.Is(err, zstd.ErrDecoderSizeExceeded):
		return tooLarge(limit)
	}
	return event.Refuse(http.StatusBadRequest, "content_encoding", "The body is not what its Content-Encoding %s says.", name)
}

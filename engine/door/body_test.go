package door

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/trotline/trotline/event"
)

func TestReadBody(t *testing.T) {
	text := strings.Repeat("0123456789", 20_000) // 200 kB: several times the first read
	for _, tt := range []struct {
		name   string
		length int64
		limit  int64
		status int // 0 is read
	}{
		{"known length", int64(len(text)), 1 << 20, 0},
		{"known length at the limit", int64(len(text)), int64(len(text)), 0},
		{"unknown length", -1, 1 << 20, 0},
		{"unknown length at the limit", -1, int64(len(text)), 0},
		{"unknown length above the limit", -1, int64(len(text)) - 1, 413},
		{"unknown length far above the limit", -1, 100, 413},
	} {
		for reader, wrap := range map[string]func(io.Reader) io.Reader{
			"whole": func(r io.Reader) io.Reader { return r }, "halves": iotest.HalfReader, "end with data": iotest.DataErrReader,
		} {
			t.Run(tt.name+"/"+reader, func(t *testing.T) {
				g := newSemaphore(1 << 30)
				h := held{from: g}
				r := &http.Request{ContentLength: tt.length, Body: io.NopCloser(wrap(strings.NewReader(text)))}
				err := h.read(r, tt.limit)
				var refusal *event.Refusal
				if ok := errors.As(err, &refusal); tt.status != 0 && (!ok || refusal.Status != tt.status) || tt.status == 0 && err != nil {
					t.Fatalf("got %v, want status %d", err, tt.status)
				}
				if err == nil && string(h.bytes) != text {
					t.Errorf("read %d bytes that are not what was sent", len(h.bytes))
				}
				if held := g.held.Load(); held != int64(cap(h.bytes)) || held > tt.limit+1 {
					t.Errorf("holds %d for %d bytes, the limit is %d", held, cap(h.bytes), tt.limit)
				}
				h.release()
				if left := g.held.Load(); left != 0 {
					t.Errorf("%d bytes are not given back", left)
				}
			})
		}
	}
}

func TestAClaimedLengthTakesNoMemory(t *testing.T) {
	g := newSemaphore(1 << 30)
	h := held{from: g}
	err := h.read(&http.Request{ContentLength: 64 << 20, Body: io.NopCloser(iotest.ErrReader(io.ErrUnexpectedEOF))}, 64<<20)
	var refusal *event.Refusal
	if !errors.As(err, &refusal) || refusal.Reason != "incomplete" {
		t.Errorf("got %v, want that the body is incomplete", err)
	}
	if held := g.held.Load(); held > firstRead {
		t.Errorf("a body that never came holds %d bytes", held)
	}
}

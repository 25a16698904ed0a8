package door

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
	"github.com/trotline/trotline/event"
)

// packers write what the door unpacks, by the names of the codings; flate is
// the deflate without a header.
var packers = map[string]func(w io.Writer) io.WriteCloser{
	"gzip":    func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) },
	"deflate": func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) },
	"flate":   func(w io.Writer) io.WriteCloser { f, _ := flate.NewWriter(w, 5); return f },
	"br":      func(w io.Writer) io.WriteCloser { return brotli.NewWriter(w) },
	"zstd":    func(w io.Writer) io.WriteCloser { z, _ := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1)); return z },
}

// packed is n bytes of a text, again and again, packed in each of the codings.
func packed(t testing.TB, text string, n int64, codings ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w, closers := io.Writer(&b), []io.Closer{}
	for i := len(codings) - 1; i >= 0; i-- {
		c := packers[codings[i]](w)
		w, closers = c, append([]io.Closer{c}, closers...)
	}
	if text != "" {
		chunk := []byte(strings.Repeat(text, 64<<10/len(text)+1))
		for left := n; left > 0; left -= int64(len(chunk)) {
			if _, err := w.Write(chunk[:min(left, int64(len(chunk)))]); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, c := range closers {
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

// unpacking makes an event of a body without its codings.
var unpacking = sourceFunc(func(r *event.Request) (*event.Receipt, error) {
	raw, err := r.Content()
	if err != nil {
		return nil, err
	}
	b := event.NewBody(event.Binary, raw)
	return &event.Receipt{Event: &event.Event{ID: r.Header.Get("X-Id"), Source: "shop", Stamp: r.Stamp, Body: b, Original: b}}, nil
})

func TestContentEncoding(t *testing.T) {
	store := newMemory(1)
	d, addr := listen(t, Options{Store: store, Table: table(t, 1, Settings{}, Route{MaxBody: 1 << 20, Receiver: unpacking})})
	const text, limit = "0123456789", 1 << 20
	members := packed(t, "", 0, "gzip")
	tests := []struct {
		name, encoding string
		body           []byte
		status         int
		size           int // of what is stored
	}{
		{name: "none", body: []byte(text), status: 202, size: 10},
		{name: "identity", encoding: "Identity,", body: []byte(text), status: 202, size: 10},
		{name: "gzip", encoding: "gzip", body: packed(t, text, 10, "gzip"), status: 202, size: 10},
		{name: "x-gzip", encoding: "X-GZIP", body: packed(t, text, 10, "gzip"), status: 202, size: 10},
		{name: "deflate", encoding: "deflate", body: packed(t, text, 10, "deflate"), status: 202, size: 10},
		{name: "deflate without a header", encoding: "deflate", body: packed(t, text, 10, "flate"), status: 202, size: 10},
		{name: "brotli", encoding: "br", body: packed(t, text, 10, "br"), status: 202, size: 10},
		{name: "zstd", encoding: "zstd", body: packed(t, text, 10, "zstd"), status: 202, size: 10},
		{name: "two, in their order", encoding: "gzip, br", body: packed(t, text, 10, "gzip", "br"), status: 202, size: 10},
		{name: "nothing", encoding: "gzip", status: 202},

		{name: "gzip at the limit", encoding: "gzip", body: packed(t, text, limit, "gzip"), status: 202, size: limit},
		{name: "brotli at the limit", encoding: "br", body: packed(t, text, limit, "br"), status: 202, size: limit},
		{name: "zstd at the limit", encoding: "zstd", body: packed(t, text, limit, "zstd"), status: 202, size: limit},
		{name: "gzip above the limit", encoding: "gzip", body: packed(t, text, limit+1, "gzip"), status: 413},
		{name: "deflate above the limit", encoding: "deflate", body: packed(t, text, limit+1, "deflate"), status: 413},
		{name: "brotli above the limit", encoding: "br", body: packed(t, text, limit+1, "br"), status: 413},
		{name: "zstd above the limit", encoding: "zstd", body: packed(t, text, limit+1, "zstd"), status: 413},
		{name: "a bomb", encoding: "gzip", body: packed(t, "\x00", 64<<20, "gzip"), status: 413},
		{name: "a bomb of brotli", encoding: "br", body: packed(t, "\x00", 64<<20, "br"), status: 413},
		{name: "a bomb of zstd", encoding: "zstd", body: packed(t, "\x00", 64<<20, "zstd"), status: 413},
		{name: "a bomb in a bomb", encoding: "gzip, gzip", body: packed(t, "\x00", 64<<20, "gzip", "gzip"), status: 413},
		{name: "a bomb of which nothing is left", encoding: "gzip, gzip", body: packed(t, string(members), 8<<20, "gzip"), status: 413},

		{name: "not gzip", encoding: "gzip", body: []byte("hello"), status: 400},
		{name: "not deflate", encoding: "deflate", body: []byte("hello"), status: 400},
		{name: "not brotli", encoding: "br", body: []byte("hello"), status: 400},
		{name: "not zstd", encoding: "zstd", body: []byte("hello"), status: 400},
		{name: "gzip cut off", encoding: "gzip", body: packed(t, text, 1000, "gzip")[:20], status: 400},
		{name: "zstd cut off", encoding: "zstd", body: packed(t, text, 1000, "zstd")[:15], status: 400},
		{name: "gzip with a wrong sum", encoding: "gzip", body: append(packed(t, text, 10, "gzip")[:25], "00000000"...), status: 400},
		{name: "a window of 128 MiB", encoding: "zstd", body: []byte("\x28\xb5\x2f\xfd\x00\x88\x01\x00\x00"), status: 400},
		{name: "unknown", encoding: "compress", body: []byte(text), status: 415},
		{name: "one of them unknown", encoding: "gzip, lzma", body: []byte(text), status: 415},
		{name: "too many", encoding: "gzip, gzip, gzip", body: []byte(text), status: 415},
	}
	c := client(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if len(tt.body) > limit {
				t.Fatalf("the body takes %d bytes itself", len(tt.body))
			}
			r := post(t, "http://"+addr+"/hooks/shop", string(tt.body), "X-Id", tt.name)
			if tt.encoding != "" {
				r.Header.Set("Content-Encoding", tt.encoding)
			}
			status, header, answer := do(t, c, r)
			if status != tt.status {
				t.Fatalf("answered %d %s, want %d", status, answer, tt.status)
			}
			if status == 415 && header.Get("Accept-Encoding") != acceptEncoding {
				t.Errorf("Accept-Encoding is %q", header.Get("Accept-Encoding"))
			}
			if status == 202 {
				if raw, _ := store.get(tt.name).Body.Raw(); len(raw) != tt.size || !strings.HasPrefix(string(raw), text[:min(10, tt.size)]) {
					t.Errorf("stored %d bytes, want %d", len(raw), tt.size)
				}
			}
			if left := d.bodies.held.Load(); left != 0 {
				t.Errorf("%d bytes are not given back", left)
			}
		})
	}
}

// An edit between the decoding and the store: the body is decoded again, by the limit in force then.
func TestContentEncodingAcrossAnEdit(t *testing.T) {
	decoded, swapped := make(chan struct{}), make(chan struct{})
	before := sourceFunc(func(r *event.Request) (*event.Receipt, error) {
		receipt, err := unpacking(r)
		close(decoded)
		<-swapped
		return receipt, err
	})
	d, addr := listen(t, Options{Store: newMemory(2), Table: table(t, 1, Settings{}, Route{MaxBody: 1000, Receiver: before})})
	r := post(t, "http://"+addr+"/hooks/shop", string(packed(t, "a", 900, "gzip")), "X-Id", "1", "Content-Encoding", "gzip")
	go func() {
		<-decoded
		d.Swap(table(t, 2, Settings{}, Route{MaxBody: 500, Receiver: unpacking}))
		close(swapped)
	}()
	if status, _, answer := do(t, client(t), r); status != http.StatusRequestEntityTooLarge {
		t.Errorf("answered %d %s", status, answer)
	}
	if left := d.bodies.held.Load(); left != 0 {
		t.Errorf("%d bytes are not given back", left)
	}
}

func FuzzDecode(f *testing.F) {
	for name := range packers {
		f.Add(name, packed(f, "0123456789", 100, name))
	}
	f.Add("gzip,zstd", packed(f, "0", 1000, "gzip", "zstd"))
	f.Add("deflate", []byte{0x78, 0x9c})
	f.Fuzz(func(t *testing.T, encoding string, body []byte) {
		names, err := codingsOf(http.Header{"Content-Encoding": {encoding}})
		if err != nil || names == nil {
			return
		}
		const limit = 4 << 10
		h := held{from: newSemaphore(1 << 20)}
		err = h.decode(body, names, limit)
		var refusal *event.Refusal
		if err != nil && !errors.As(err, &refusal) {
			t.Errorf("the error is %v, no refusal", err)
		}
		if len(h.bytes) > limit+1 || err == nil && len(h.bytes) > limit {
			t.Errorf("%d bytes came out", len(h.bytes))
		}
	})
}

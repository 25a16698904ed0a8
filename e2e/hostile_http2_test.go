package e2e

import (
	"bytes"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// peer is a client of HTTP/2 that writes whatever frames it likes.
type peer struct {
	net.Conn
	*http2.Framer
	block   bytes.Buffer
	encoder *hpack.Encoder
}

// http2 opens a connection, and begins it as it should be.
func (f *fortress) http2() *peer {
	f.t.Helper()
	p := &peer{Conn: f.dial("h2")}
	p.Framer = http2.NewFramer(p.Conn, p.Conn)
	p.AllowIllegalWrites, p.AllowIllegalReads = true, true
	p.encoder = hpack.NewEncoder(&p.block)
	_, _ = p.Write([]byte(http2.ClientPreface)) // what fails is seen when the answers are read
	_ = p.WriteSettings()
	return p
}

// encode is a header block.
func (p *peer) encode(fields ...string) []byte {
	p.block.Reset()
	for i := 0; i < len(fields); i += 2 {
		_ = p.encoder.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]}) // into memory
	}
	return bytes.Clone(p.block.Bytes())
}

// head are the fields every request has, and more.
func head(more ...string) []string {
	return append([]string{":method", "POST", ":scheme", "https", ":authority", "hooks.example.com", ":path", "/hooks/shop"}, more...)
}

// open begins a request, and ends it unless more is to come.
func (p *peer) open(stream uint32, ended bool, fields ...string) error {
	return p.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: p.encode(fields...), EndHeaders: true, EndStream: ended})
}

// frame writes any frame at all.
func (p *peer) frame(kind, flags byte, stream uint32, payload []byte) error {
	return p.WriteRawFrame(http2.FrameType(kind), http2.Flags(flags), stream, payload)
}

// outcome reads to the end of the connection, and says once each what came:
// statuses, errors of streams, the error of the connection; "cut" is an end
// without a word.
func (p *peer) outcome() string {
	decoder := hpack.NewDecoder(4096, nil)
	var seen []string
	say := func(format string, args ...any) {
		if word := fmt.Sprintf(format, args...); !slices.Contains(seen, word) {
			seen = append(seen, word)
		}
	}
	for {
		f, err := p.ReadFrame()
		if err != nil {
			break
		}
		var code http2.ErrCode
		switch f := f.(type) {
		case *http2.HeadersFrame:
			fields, _ := decoder.DecodeFull(f.HeaderBlockFragment())
			for _, field := range fields {
				if field.Name == ":status" {
					say("%s", field.Value)
				}
			}
		case *http2.RSTStreamFrame:
			code = f.ErrCode
		case *http2.GoAwayFrame:
			code = f.ErrCode
		}
		if code != http2.ErrCodeNo {
			say("%s", code)
		}
	}
	if len(seen) == 0 {
		return "cut"
	}
	return strings.Join(seen, " ")
}

// many is enough of something to be a flood.
const many = 50_000

// flood writes until it is enough, or the connection ends.
func flood(n int, write func(i int) error) {
	for i := range n {
		if write(i) != nil {
			return
		}
	}
}

// misframed are attacks of a few frames, and what the connection ends with.
func misframed() []struct {
	name   string
	attack func(p *peer)
	want   string
} {
	u32 := func(n uint32) []byte { return []byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)} }
	setting := func(id byte, value uint32) []byte { return append([]byte{0, id}, u32(value)...) }
	const data, headers, priority, rst, settings, push, ping, goaway, window, continuation = 0, 1, 2, 3, 4, 5, 6, 7, 8, 9
	const end, endHeaders, padded = 1, 4, 8
	bad := func(fields ...string) func(*peer) {
		return func(p *peer) { p.open(1, true, fields...) }
	}
	return []struct {
		name   string
		attack func(p *peer)
		want   string
	}{
		{"a request without a signature", func(p *peer) { p.open(1, true, head()...) }, "401"},
		{"a frame that is too large", func(p *peer) { p.Write([]byte{0xff, 0xff, 0xff, data, 0, 0, 0, 0, 1}) }, "FRAME_SIZE_ERROR"},
		{"headers of no stream", func(p *peer) { p.frame(headers, end|endHeaders, 0, p.encode(head()...)) }, "PROTOCOL_ERROR"},
		{"data of no stream", func(p *peer) { p.frame(data, end, 0, []byte("x")) }, "PROTOCOL_ERROR"},
		{"data of a stream that was never opened", func(p *peer) { p.frame(data, end, 7, []byte("x")) }, "PROTOCOL_ERROR|STREAM_CLOSED"},
		{"a stream of the server's", func(p *peer) { p.open(2, true, head()...) }, "PROTOCOL_ERROR"},
		{"a stream that is past", func(p *peer) { p.open(5, true, head()...); p.open(3, true, head()...) }, "PROTOCOL_ERROR|401 PROTOCOL_ERROR"},
		{"a stream twice", func(p *peer) { p.open(1, true, head()...); p.open(1, true, head()...) }, "STREAM_CLOSED|PROTOCOL_ERROR|401 STREAM_CLOSED|401 PROTOCOL_ERROR"},
		{"a push", func(p *peer) { p.frame(push, endHeaders, 1, append(u32(2), p.encode(head()...)...)) }, "PROTOCOL_ERROR"},
		{"a continuation of nothing", func(p *peer) { p.frame(continuation, endHeaders, 1, nil) }, "PROTOCOL_ERROR"},
		{"another frame within a header", func(p *peer) {
			p.frame(headers, 0, 1, p.encode(head()...))
			p.frame(ping, 0, 0, make([]byte, 8))
		}, "PROTOCOL_ERROR"},
		{"another stream's continuation", func(p *peer) {
			p.frame(headers, 0, 1, p.encode(head()...))
			p.frame(continuation, endHeaders, 3, nil)
		}, "PROTOCOL_ERROR"},
		{"a reset of nothing", func(p *peer) { p.frame(rst, 0, 9, u32(8)) }, "PROTOCOL_ERROR"},
		{"a reset of a wrong size", func(p *peer) { p.frame(rst, 0, 1, u32(8)[:3]) }, "FRAME_SIZE_ERROR"},
		{"a window for nothing", func(p *peer) { p.frame(window, 0, 9, u32(1)) }, "PROTOCOL_ERROR"},
		{"a window by nothing", func(p *peer) { p.frame(window, 0, 0, u32(0)) }, "PROTOCOL_ERROR"},
		{"a window beyond numbers", func(p *peer) { flood(3, func(int) error { return p.frame(window, 0, 0, u32(1<<31-1)) }) }, "FLOW_CONTROL_ERROR"},
		{"a window of a wrong size", func(p *peer) { p.frame(window, 0, 0, u32(1)[:2]) }, "FRAME_SIZE_ERROR"},
		{"settings of a wrong size", func(p *peer) { p.frame(settings, 0, 0, make([]byte, 7)) }, "FRAME_SIZE_ERROR"},
		{"settings of a stream", func(p *peer) { p.frame(settings, 0, 1, nil) }, "PROTOCOL_ERROR"},
		{"an answer to settings that says something", func(p *peer) { p.frame(settings, 1, 0, setting(3, 1)) }, "FRAME_SIZE_ERROR"},
		{"a push setting that is none", func(p *peer) { p.frame(settings, 0, 0, setting(2, 2)) }, "PROTOCOL_ERROR"},
		{"a window setting beyond numbers", func(p *peer) { p.frame(settings, 0, 0, setting(4, 1<<31)) }, "FLOW_CONTROL_ERROR"},
		{"a frame size setting that is too small", func(p *peer) { p.frame(settings, 0, 0, setting(5, 1)) }, "PROTOCOL_ERROR"},
		{"a ping of a wrong size", func(p *peer) { p.frame(ping, 0, 0, make([]byte, 7)) }, "FRAME_SIZE_ERROR"},
		{"a ping of a stream", func(p *peer) { p.frame(ping, 0, 1, make([]byte, 8)) }, "PROTOCOL_ERROR"},
		{"a priority of a wrong size", func(p *peer) { p.frame(priority, 0, 1, make([]byte, 4)) }, "FRAME_SIZE_ERROR"},
		{"padding beyond the frame", func(p *peer) { p.frame(headers, end|endHeaders|padded, 1, append([]byte{255}, p.encode(head()...)...)) }, "PROTOCOL_ERROR"},
		{"a header field that is not in the table", func(p *peer) { p.frame(headers, end|endHeaders, 1, []byte{0xff, 0xff, 0x7f}) }, "COMPRESSION_ERROR"},
		{"a header field beyond numbers", func(p *peer) { p.frame(headers, end|endHeaders, 1, bytes.Repeat([]byte{0xff}, 40)) }, "COMPRESSION_ERROR"},
		{"a header field that is cut off", func(p *peer) { p.frame(headers, end|endHeaders, 1, []byte{0x40, 0x7f}) }, "COMPRESSION_ERROR"},
		{"a table beyond what was offered", func(p *peer) { p.frame(headers, end|endHeaders, 1, []byte{0x3f, 0xe1, 0xff, 0x7f}) }, "COMPRESSION_ERROR"},
		{"a Huffman code that is none", func(p *peer) {
			p.frame(headers, end|endHeaders, 1, []byte{0x00, 0x84, 0xff, 0xff, 0xff, 0xff, 0x01, 'x'})
		}, "COMPRESSION_ERROR"},

		{"no path", bad(":method", "POST", ":scheme", "https", ":authority", "x"), "PROTOCOL_ERROR"},
		{"an empty path", bad(":method", "POST", ":scheme", "https", ":authority", "x", ":path", ""), "PROTOCOL_ERROR|400"},
		{"a path that is none", bad(":method", "POST", ":scheme", "https", ":authority", "x", ":path", "hooks/shop"), "PROTOCOL_ERROR|400"},
		{"a path with a blank", bad(":method", "POST", ":scheme", "https", ":authority", "x", ":path", "/hooks/shop HTTP/1.1"), "PROTOCOL_ERROR|400|404"},
		{"no method", bad(":scheme", "https", ":authority", "x", ":path", "/hooks/shop"), "PROTOCOL_ERROR"},
		{"two methods", bad(head(":method", "GET")...), "PROTOCOL_ERROR"},
		{"a method with a blank", bad(":method", "PO ST", ":scheme", "https", ":authority", "x", ":path", "/hooks/shop"), "PROTOCOL_ERROR|400|405"},
		{"an unknown pseudo field", bad(head(":hello", "x")...), "PROTOCOL_ERROR"},
		{"an answer's pseudo field", bad(head(":status", "200")...), "PROTOCOL_ERROR"},
		{"a pseudo field behind the others", bad("x", "y", ":method", "POST", ":scheme", "https", ":authority", "x", ":path", "/hooks/shop"), "PROTOCOL_ERROR"},
		{"a name in capitals", bad(head("X-Hello", "x")...), "PROTOCOL_ERROR"},
		{"a name with a line break", bad(head("x\r\ny", "z")...), "PROTOCOL_ERROR"},
		{"a value with a line break", bad(head("x", "y\r\nz: a")...), "PROTOCOL_ERROR"},
		{"a value with a NUL", bad(head("x", "\x00")...), "PROTOCOL_ERROR"},
		{"chunks", bad(head("transfer-encoding", "chunked")...), "PROTOCOL_ERROR|400|401"},
		{"a connection's own field", bad(head("connection", "close")...), "PROTOCOL_ERROR|400|401"},
		{"an upgrade", bad(head("upgrade", "h2c")...), "PROTOCOL_ERROR|400|401"},
		{"CONNECT", bad(":method", "CONNECT", ":authority", "hooks.example.com:443"), "404|400|PROTOCOL_ERROR"},
		{"CONNECT to another protocol", bad(":method", "CONNECT", ":protocol", "websocket", ":scheme", "https", ":authority", "x", ":path", "/hooks/shop"), "PROTOCOL_ERROR|400|405"},
		{"two lengths", bad(head("content-length", "1", "content-length", "2")...), "PROTOCOL_ERROR|400|401"},
		{"a length that is none", bad(head("content-length", "-1")...), "PROTOCOL_ERROR|400|401"},
		{"a body beyond its length", func(p *peer) {
			p.open(1, false, head("content-length", "1")...)
			p.WriteData(1, true, []byte("hello"))
		}, "PROTOCOL_ERROR|400 PROTOCOL_ERROR|400"},
		{"a body short of its length", func(p *peer) {
			p.open(1, false, head("content-length", "9")...)
			p.WriteData(1, true, []byte("hello"))
		}, "PROTOCOL_ERROR|400 PROTOCOL_ERROR|400"},
		{"a body beyond the limit", func(p *peer) {
			p.open(1, false, head()...)
			flood(8, func(int) error { return p.WriteData(1, false, make([]byte, 16<<10)) })
		}, "413"},
		{"a body that does not go on", func(p *peer) { p.open(1, false, head()...); p.WriteData(1, false, []byte("{")) }, "408|400|cut"},
		{"a header that does not end", func(p *peer) { p.frame(headers, 0, 1, p.encode(head()...)) }, "cut|PROTOCOL_ERROR"},
		{"a long value", bad(head("x", strings.Repeat("a", 100_000))...), "431|COMPRESSION_ERROR"},
		{"a value told many times", func(p *peer) { // four bytes on the wire are four thousand in memory
			fields := head()
			for range 200 {
				fields = append(fields, "x", strings.Repeat("a", 3500))
			}
			p.open(1, true, fields...)
		}, "431|ENHANCE_YOUR_CALM|PROTOCOL_ERROR|COMPRESSION_ERROR"},
		{"many fields", func(p *peer) {
			fields := head()
			for i := range 300 {
				fields = append(fields, fmt.Sprintf("x-%d", i), "a")
			}
			p.open(1, true, fields...)
		}, "431"},
		{"a field many times", bad(head(strings.Split(strings.Repeat("x\x00a\x00", 300), "\x00")[:600]...)...), "431"},
		{"more streams than there may be", func(p *peer) {
			flood(500, func(i int) error { return p.open(uint32(2*i+1), false, head()...) })
		}, "REFUSED_STREAM 408|REFUSED_STREAM"},
	}
}

// TestHostileHTTP2 breaks the protocol in every way of a few frames.
func TestHostileHTTP2(t *testing.T) {
	slow(t)
	f := newFortress(t, true, hostileSources)
	f.while(func() {
		var all sync.WaitGroup
		for _, m := range misframed() {
			p := f.http2()
			all.Go(func() { m.attack(p) })
			all.Go(func() { // to the end, which some of them come to only when time is up
				if got := p.outcome(); !slices.ContainsFunc(strings.Split(m.want, "|"), func(want string) bool {
					// What comes after an answer, to a sender that goes on, is another matter.
					return got == want || want[0] == '4' && strings.HasPrefix(got, want+" ")
				}) {
					t.Errorf("%s: %s, want %s", m.name, got, m.want)
				}
			})
		}
		all.Wait()
	})
	f.onlyGood()
}

// TestHostileHTTP2Floods sends as much of everything as it can, all at once.
func TestHostileHTTP2Floods(t *testing.T) {
	slow(t)
	f := newFortress(t, true, hostileSources)
	floods := map[string]func(p *peer){
		"rapid reset": func(p *peer) {
			block := p.encode(head("content-length", "0")...)
			flood(many, func(i int) error {
				id := uint32(2*i + 1)
				if err := p.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block, EndHeaders: true, EndStream: true}); err != nil {
					return err
				}
				return p.WriteRSTStream(id, http2.ErrCodeCancel)
			})
		},
		"rapid reset of bodies": func(p *peer) {
			flood(many, func(i int) error {
				if err := p.open(uint32(2*i+1), false, head()...); err != nil {
					return err
				}
				return p.WriteRSTStream(uint32(2*i+1), http2.ErrCodeCancel)
			})
		},
		"resets that the server is made to send": func(p *peer) {
			flood(many, func(i int) error {
				if err := p.open(uint32(2*i+1), false, head()...); err != nil {
					return err
				}
				return p.WriteWindowUpdate(uint32(2*i+1), 1<<31-1)
			})
		},
		"continuations": func(p *peer) {
			_ = p.frame(1, 0, 1, p.encode(head()...))
			field := bytes.Repeat(append([]byte{0, 1, 'x', 100}, bytes.Repeat([]byte{'a'}, 100)...), 150)
			flood(many, func(int) error { return p.frame(9, 0, 1, field) })
		},
		"empty continuations": func(p *peer) {
			_ = p.frame(1, 0, 1, p.encode(head()...))
			flood(many, func(int) error { return p.frame(9, 0, 1, nil) })
		},
		"settings": func(p *peer) { flood(many, func(int) error { return p.WriteSettings() }) },
		"pings":    func(p *peer) { flood(many, func(int) error { return p.WritePing(false, [8]byte{}) }) },
		"priorities": func(p *peer) {
			flood(many, func(i int) error { return p.WritePriority(uint32(2*i+1), http2.PriorityParam{}) })
		},
		"windows": func(p *peer) { flood(many, func(int) error { return p.WriteWindowUpdate(0, 1) }) },
		"empty data": func(p *peer) {
			_ = p.open(1, false, head()...)
			flood(many, func(int) error { return p.WriteData(1, false, nil) })
		},
		"data of one byte, padded": func(p *peer) {
			_ = p.open(1, false, head()...)
			flood(many, func(int) error { return p.WriteDataPadded(1, false, []byte("a"), make([]byte, 200)) })
		},
		"frames of an unknown kind": func(p *peer) { flood(many, func(int) error { return p.frame(200, 0, 0, make([]byte, 100)) }) },
		"requests": func(p *peer) {
			flood(many, func(i int) error { return p.open(uint32(2*i+1), true, head()...) })
		},
		"requests whose answers are not read": func(p *peer) {
			_ = p.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0})
			flood(many, func(i int) error { return p.open(uint32(2*i+1), true, head()...) })
		},
		"large headers": func(p *peer) {
			flood(2000, func(i int) error { return p.open(uint32(2*i+1), false, head("x", strings.Repeat("a", 16_000))...) })
		},
	}
	f.while(func() {
		var all sync.WaitGroup
		for range 4 {
			for _, attack := range floods {
				p := f.http2()
				all.Go(func() {
					attack(p)
					p.Close()
				})
			}
		}
		all.Wait()
	})
	f.onlyGood()
}

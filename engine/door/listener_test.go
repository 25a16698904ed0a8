package door

import (
	"io"
	"net/http"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"
)

func TestOneConnectionTooManyIsClosed(t *testing.T) {
	o := &seen{}
	d, addr := listen(t, Options{Store: newMemory(1), Observer: o, Table: table(t, 1, Settings{}, Route{}),
		Limits: Limits{Connections: 2}})
	const request = "POST /hooks/shop HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
	first, answers := dial(t, addr)
	send(t, first, request)
	if got := status(t, answers); got != 202 {
		t.Fatalf("answered %d", got)
	}
	dial(t, addr)
	third, r := dial(t, addr)
	if _, err := r.ReadByte(); err == nil {
		t.Error("the third connection is served")
	}
	third.Close()
	if n := o.count("refused  connections 503"); n != 1 {
		t.Errorf("counted %d times", n)
	}

	send(t, first, request)
	if got := status(t, answers); got != 202 {
		t.Errorf("meanwhile the first connection is answered %d", got)
	}
	send(t, first, "POST /hooks/shop HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
	if _, err := io.Copy(io.Discard, answers); err != nil {
		t.Fatal(err)
	}
	for d.connections.Load() > 1 { // the place is free a moment after the connection is closed
		runtime.Gosched()
	}
	fourth, r := dial(t, addr)
	send(t, fourth, request)
	if got := status(t, r); got != 202 {
		t.Errorf("in the place that is free again: answered %d", got)
	}
}

func TestProxyProtocol(t *testing.T) {
	const v2 = "\r\n\r\n\x00\r\nQUIT\n"
	loopback := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	tests := []struct {
		name, header string
		trusted      []netip.Prefix
		want         string // the address, "" is cut or refused
	}{
		{"version 1", "PROXY TCP4 198.51.100.1 203.0.113.1 56324 443\r\n", loopback, "198.51.100.1"},
		{"version 1, IPv6", "PROXY TCP6 2001:db8::1 2001:db8::2 56324 443\r\n", loopback, "2001:db8::1"},
		{"version 1, unknown", "PROXY UNKNOWN\r\n", loopback, "127.0.0.1"},
		{"version 2", v2 + "\x21\x11\x00\x0c\xc6\x33\x64\x01\xcb\x00\x71\x01\xdc\x04\x01\xbb", loopback, "198.51.100.1"},
		{"version 2, a proxy's own check", v2 + "\x20\x00\x00\x00", loopback, "127.0.0.1"},
		{"none", "", loopback, "127.0.0.1"},
		{"a broken one", "PROXY TCP4 nonsense\r\n", loopback, ""},
		{"too long", "PROXY TCP4 " + strings.Repeat("1", 200) + "\r\n", loopback, ""},
		{"two", "PROXY TCP4 198.51.100.1 203.0.113.1 1 2\r\nPROXY TCP4 198.51.100.2 203.0.113.1 1 2\r\n", loopback, ""},
		{"of a stranger", "PROXY TCP4 198.51.100.1 203.0.113.1 56324 443\r\n", []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, ""},
		{"where nobody is trusted", "PROXY TCP4 198.51.100.1 203.0.113.1 56324 443\r\n", nil, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			store := newMemory(1)
			_, addr := listen(t, Options{Store: store, Table: table(t, 1, Settings{TrustedProxies: tt.trusted}, Route{})})
			conn, r := dial(t, addr)
			send(t, conn, tt.header+"POST /hooks/shop HTTP/1.1\r\nHost: x\r\nX-Id: it\r\nContent-Length: 2\r\n\r\nok")
			resp, err := http.ReadResponse(r, nil)
			if tt.want == "" {
				if err == nil && resp.StatusCode != http.StatusBadRequest || store.get("it") != nil {
					t.Errorf("answered %v, %v", resp, err)
				}
				return
			}
			if err != nil || resp.StatusCode != http.StatusAccepted {
				t.Fatalf("answered %v, %v", resp, err)
			}
			if got := store.get("it").Request.Info().RemoteIP; got != tt.want {
				t.Errorf("it came from %s, want %s", got, tt.want)
			}
		})
	}
}

// TestProxyProtocolThenForwardedFor: two proxies in a row, the nearer one
// without HTTP; and an answer that comes before the whole request is still read.
func TestProxyProtocolThenForwardedFor(t *testing.T) {
	store := newMemory(1)
	trusted := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8")}
	_, addr := listen(t, Options{Store: store, Table: table(t, 1, Settings{TrustedProxies: trusted}, Route{MaxBody: 10})})
	conn, r := dial(t, addr)
	send(t, conn, "PROXY TCP4 10.0.0.1 203.0.113.1 56324 443\r\n"+
		"POST /hooks/shop HTTP/1.1\r\nHost: x\r\nX-Id: it\r\nX-Forwarded-For: 127.0.0.1, 198.51.100.1\r\nContent-Length: 2\r\n\r\nok")
	if got := status(t, r); got != 202 {
		t.Fatalf("answered %d", got)
	}
	if got := store.get("it").Request.Info().RemoteIP; got != "198.51.100.1" {
		t.Errorf("it came from %s", got)
	}
	go io.WriteString(conn, "POST /hooks/shop HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n"+strings.Repeat("a", 1_000_000))
	if got := status(t, r); got != 413 {
		t.Errorf("answered %d", got)
	}
}

func TestASilentProxyHoldsUpNobody(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	_, addr := listen(t, Options{Store: newMemory(1), Table: table(t, 1, Settings{TrustedProxies: trusted}, Route{}),
		Limits: Limits{HeaderTimeout: 50 * time.Millisecond}})
	silent, answers := dial(t, addr)
	send(t, silent, "PRO")
	if got, _, _ := do(t, client(t), post(t, "http://"+addr+"/hooks/shop", "x")); got != 202 {
		t.Errorf("meanwhile: answered %d", got)
	}
	if answer, err := io.ReadAll(answers); err != nil || strings.Contains(string(answer), "202") {
		t.Errorf("answered %s, %v", answer, err)
	}
}

package door

import (
	"net/http"
	"net/netip"
	"testing"
)

// behindProxies is a table that believes 10.0.0.0/8 in its Forwarded headers.
func behindProxies(t testing.TB) *Table {
	return table(t, 1, Settings{Forwarded: true, TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}})
}

func TestForwarded(t *testing.T) {
	tests := []struct {
		name  string
		lines []string
		want  string
	}{
		{"none", nil, "10.0.0.1"},
		{"an address", []string{"for=198.51.100.1"}, "198.51.100.1"},
		{"in any case, among others", []string{"By=10.0.0.1; FOR=198.51.100.1;proto=https"}, "198.51.100.1"},
		{"with a port", []string{`for="198.51.100.1:443"`}, "198.51.100.1"},
		{"IPv6", []string{`for="[2001:db8::1]:443"`}, "2001:db8::1"},
		{"IPv6 without a port", []string{`for="[2001:db8::1]"`}, "2001:db8::1"},
		{"two proxies", []string{"for=198.51.100.1, for=10.0.0.2"}, "198.51.100.1"},
		{"several headers", []string{"for=127.0.0.1", "for=198.51.100.1", "for=10.0.0.2"}, "198.51.100.1"},
		{"what the sender wrote itself", []string{"for=127.0.0.1, for=198.51.100.1"}, "198.51.100.1"},
		{"unknown", []string{"for=unknown"}, "10.0.0.1"},
		{"a hidden one", []string{"for=_hidden, for=10.0.0.2"}, "10.0.0.2"},
		{"an element without it", []string{"for=198.51.100.1, proto=https"}, "10.0.0.1"},
		{"separators in quotes", []string{`for=127.0.0.1;host="a,for=b;c\"", for=198.51.100.1`}, "198.51.100.1"},
		{"an open quote of the sender's", []string{`host=", for=198.51.100.1`}, "10.0.0.1"},
		{"an open quote of the sender's on a line of its own", []string{`host="`, `for=198.51.100.1`}, "198.51.100.1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := &http.Request{RemoteAddr: "10.0.0.1:1234", Header: http.Header{"Forwarded": tt.lines, "X-Forwarded-For": {"127.0.0.2"}}}
			if got := behindProxies(t).remoteIP(r).String(); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

// FuzzForwarded: whatever a sender writes, it is nobody but itself, or the proxy it came through.
func FuzzForwarded(f *testing.F) {
	for _, seed := range []string{"", "for=127.0.0.1", `for="`, `for="\`, `a="b,c;d`, `;;,,==""`, `for="[::1]:1";by=x, for=10.0.0.3`} {
		f.Add(seed)
	}
	made := behindProxies(f)
	f.Fuzz(func(t *testing.T, written string) {
		for _, lines := range [][]string{{written + ", for=198.51.100.1"}, {written, "for=198.51.100.1"}} {
			r := &http.Request{RemoteAddr: "10.0.0.1:1234", Header: http.Header{"Forwarded": lines}}
			if got := made.remoteIP(r).String(); got != "198.51.100.1" && got != "10.0.0.1" {
				t.Errorf("%q makes it %s", lines, got)
			}
		}
	})
}

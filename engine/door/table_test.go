package door

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"
)

func TestNewTableRefuses(t *testing.T) {
	tests := []struct {
		name   string
		routes []Route
		want   string
	}{
		{"no slash", []Route{{Source: "a", Path: "hooks"}}, `source a: the path "hooks" must begin with /`},
		{"half a brace", []Route{{Source: "a", Path: "/hooks/{x"}}, `"{x" is not a {name}`},
		{"text beside a brace", []Route{{Source: "a", Path: "/hooks/x{y}"}}, `"x{y}" is not a {name}`},
		{"an empty name", []Route{{Source: "a", Path: "/hooks/{}"}}, `"{}" is not a {name}`},
		{"the same path", []Route{{Source: "a", Path: "/x"}, {Source: "b", Path: "/x"}}, "source b: the path /x takes what the source a takes at /x"},
		{"the same path by other names", []Route{{Source: "a", Path: "/{x}/y"}, {Source: "b", Path: "/{z}/y"}}, "takes what the source a takes at /{x}/y"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for i := range tt.routes {
				tt.routes[i].Receiver = named("x")
			}
			_, err := NewTable(1, Settings{}, tt.routes)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("the error is %v, want %s", err, tt.want)
			}
		})
	}
	if _, err := NewTable(1, Settings{}, []Route{{Source: "a", Path: "/"}}); err == nil {
		t.Error("a route without a receiver is taken")
	}
}

func TestMatchGoesBackToANameWhereAFixedPartLeadsNowhere(t *testing.T) {
	made := table(t, 1, Settings{}, Route{Source: "fixed", Path: "/a/b/c"}, Route{Source: "named", Path: "/{x}/b/d"}, Route{Source: "root", Path: "/"})
	for path, want := range map[string]string{"/a/b/c": "fixed", "/a/b/d": "named", "/": "root", "/a/b": "", "/a/b/e": ""} {
		r, err := http.NewRequest(http.MethodPost, "http://x"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if found, _ := made.match(r.URL); found != nil {
			got = found.Source
		}
		if got != want {
			t.Errorf("%s leads to %q, want %q", path, got, want)
		}
	}
}

func TestRemoteIP(t *testing.T) {
	tests := []struct {
		name, peer string
		forwarded  []string
		want       string
	}{
		{"nobody else", "203.0.113.7:1234", nil, "203.0.113.7"},
		{"a stranger's word", "203.0.113.7:1234", []string{"198.51.100.1"}, "203.0.113.7"},
		{"a proxy", "10.0.0.1:1234", []string{"198.51.100.1"}, "198.51.100.1"},
		{"a proxy without the header", "10.0.0.1:1234", nil, "10.0.0.1"},
		{"two proxies", "10.0.0.1:1234", []string{"198.51.100.1, 10.0.0.2"}, "198.51.100.1"},
		{"what the sender wrote itself", "10.0.0.1:1234", []string{"127.0.0.1, 198.51.100.1, 10.0.0.2"}, "198.51.100.1"},
		{"several headers", "10.0.0.1:1234", []string{"127.0.0.1", "198.51.100.1", "10.0.0.2"}, "198.51.100.1"},
		{"a proxy as the sender", "10.0.0.1:1234", []string{"10.0.0.9"}, "10.0.0.9"},
		{"nonsense ends the walk", "10.0.0.1:1234", []string{"198.51.100.1, unknown, 10.0.0.2"}, "10.0.0.2"},
		{"with a port", "10.0.0.1:1234", []string{"198.51.100.1:443"}, "198.51.100.1"},
		{"IPv6", "[fd00::1]:1234", []string{"2001:db8::1"}, "2001:db8::1"},
		{"IPv6 with brackets and a port", "[fd00::1]:1234", []string{"[2001:db8::1]:443"}, "2001:db8::1"},
		{"IPv6 with brackets", "[fd00::1]:1234", []string{"[2001:db8::1]"}, "2001:db8::1"},
		{"IPv4 in IPv6", "[::ffff:10.0.0.1]:1234", []string{"::ffff:198.51.100.1"}, "198.51.100.1"},
		{"a zone", "[fe80::1%eth0]:1234", nil, "fe80::1"},
		{"no address", "@", nil, "invalid IP"},
	}
	made := table(t, 1, Settings{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := &http.Request{RemoteAddr: tt.peer, Header: http.Header{"X-Forwarded-For": tt.forwarded}}
			if got := made.remoteIP(r).String(); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestPublicURL(t *testing.T) {
	tests := []struct{ table, route, want string }{
		{"", "", "http://example.com/hooks/shop?a=%20b"},
		{"https://hooks.example.com/", "", "https://hooks.example.com/hooks/shop?a=%20b"},
		{"https://hooks.example.com", "https://other.example.com/base", "https://other.example.com/base/hooks/shop?a=%20b"},
	}
	for _, tt := range tests {
		made := table(t, 1, Settings{PublicURL: tt.table}, Route{PublicURL: tt.route})
		r, err := http.NewRequest(http.MethodPost, "http://example.com/hooks/shop?a=%20b", nil)
		if err != nil {
			t.Fatal(err)
		}
		v := &visit{route: made.static["/hooks/shop"]}
		if got := v.publicURL(r); got != tt.want {
			t.Errorf("got %s, want %s", got, tt.want)
		}
	}
}

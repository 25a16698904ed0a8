package door

import (
	"net/http"
	"testing"
	"time"

	"github.com/trotline/trotline/event"
)

func TestCORS(t *testing.T) {
	refusing := sourceFunc(func(*event.Request) (*event.Receipt, error) { return nil, event.Refuse(400, "decode", "") })
	o := &seen{}
	_, addr := listen(t, Options{Store: newMemory(1), Observer: o, Table: table(t, 1, Settings{},
		Route{Source: "some", Path: "/some", MaxBody: 10, CORS: &CORS{
			Origins: []string{"https://shop.example.com", "https://*.example.org", "http://localhost:3000"},
			Headers: []string{"X-Api-Key"}, MaxAge: time.Hour}},
		Route{Source: "every", Path: "/every", Methods: []string{"POST", "PUT"}, CORS: &CORS{Origins: []string{"*"}}},
		Route{Source: "refusing", Path: "/refusing", Receiver: refusing, CORS: &CORS{Origins: []string{"*"}}},
		Route{Source: "none", Path: "/none"},
		Route{Source: "probed", Path: "/probed", Methods: []string{"POST", "OPTIONS"}, CORS: &CORS{Origins: []string{"*"}}},
	)})
	const shop = "https://shop.example.com"
	preflight := func(origin string) http.Header {
		return http.Header{"Origin": {origin}, "Access-Control-Request-Method": {"POST"}, "Access-Control-Request-Headers": {"content-type"}}
	}
	tests := []struct {
		name, method, path string
		header             http.Header
		body               string
		status             int
		want               map[string]string // "" is that it is not there
		seen               string
	}{
		{"a page", "POST", "/some", http.Header{"Origin": {shop}}, "x", 202,
			map[string]string{"Access-Control-Allow-Origin": shop, "Vary": "Origin", "Access-Control-Expose-Headers": "Retry-After", "Access-Control-Allow-Methods": ""}, "accepted some"},
		{"a page below a domain", "POST", "/some", http.Header{"Origin": {"https://a.b.example.org"}}, "x", 202, map[string]string{"Access-Control-Allow-Origin": "https://a.b.example.org"}, ""},
		{"a page on a port", "POST", "/some", http.Header{"Origin": {"http://localhost:3000"}}, "x", 202, map[string]string{"Access-Control-Allow-Origin": "http://localhost:3000"}, ""},
		{"no page", "POST", "/some", nil, "x", 202, map[string]string{"Access-Control-Allow-Origin": "", "Vary": ""}, ""},
		{"a page of any origin", "POST", "/every", http.Header{"Origin": {"null"}}, "x", 202, map[string]string{"Access-Control-Allow-Origin": "*", "Vary": ""}, ""},
		{"a refusal can be read", "POST", "/refusing", http.Header{"Origin": {shop}}, "x", 400, map[string]string{"Access-Control-Allow-Origin": "*"}, "refused refusing decode 400"},
		{"a body too large, too", "POST", "/some", http.Header{"Origin": {shop}}, "01234567890", 413, map[string]string{"Access-Control-Allow-Origin": shop}, ""},
		{"a wrong method, too", "GET", "/some", http.Header{"Origin": {shop}}, "", 405, map[string]string{"Access-Control-Allow-Origin": shop, "Allow": "POST"}, ""},
		{"a page of another origin", "POST", "/some", http.Header{"Origin": {"https://evil.example.com"}}, "x", 403, map[string]string{"Access-Control-Allow-Origin": ""}, "refused some origin 403"},
		{"the domain itself", "POST", "/some", http.Header{"Origin": {"https://example.org"}}, "x", 403, nil, ""},
		{"a domain that ends alike", "POST", "/some", http.Header{"Origin": {"https://evilexample.org"}}, "x", 403, nil, ""},
		{"another scheme", "POST", "/some", http.Header{"Origin": {"http://shop.example.com"}}, "x", 403, nil, ""},
		{"another port", "POST", "/some", http.Header{"Origin": {shop + ":8443"}}, "x", 403, nil, ""},
		{"a page where none is asked for", "POST", "/none", http.Header{"Origin": {shop}}, "x", 202, map[string]string{"Access-Control-Allow-Origin": ""}, ""},

		{"preflight", "OPTIONS", "/some", preflight(shop), "", 204, map[string]string{"Access-Control-Allow-Origin": shop, "Vary": "Origin",
			"Access-Control-Allow-Methods": "POST", "Access-Control-Allow-Headers": "Content-Type, X-Api-Key", "Access-Control-Max-Age": "3600"}, ""},
		{"preflight of any origin", "OPTIONS", "/every", preflight(shop), "", 204, map[string]string{"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Methods": "POST, PUT", "Access-Control-Allow-Headers": "Content-Type", "Access-Control-Max-Age": "600"}, ""},
		{"preflight of another origin", "OPTIONS", "/some", preflight("https://evil.example.com"), "", 403, map[string]string{"Access-Control-Allow-Origin": ""}, ""},
		{"preflight where no page may", "OPTIONS", "/none", preflight(shop), "", 405, map[string]string{"Access-Control-Allow-Origin": ""}, ""},
		{"options that is none", "OPTIONS", "/some", http.Header{"Origin": {shop}}, "", 405, nil, ""},
		{"preflight goes before options", "OPTIONS", "/probed", preflight(shop), "", 204, map[string]string{"Access-Control-Allow-Methods": "OPTIONS, POST"}, ""},
	}
	c := client(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := post(t, "http://"+addr+tt.path, tt.body)
			r.Method = tt.method
			if tt.header != nil {
				r.Header = tt.header
			}
			before := o.count(tt.seen)
			status, header, answer := do(t, c, r)
			if status != tt.status {
				t.Fatalf("status is %d, want %d (%s)", status, tt.status, answer)
			}
			for name, value := range tt.want {
				if got := header.Get(name); got != value {
					t.Errorf("%s is %q, want %q", name, got, value)
				}
			}
			if tt.seen != "" && o.count(tt.seen) != before+1 {
				t.Errorf("the observer was not told %q", tt.seen)
			}
		})
	}
}

package admin

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/trotline/trotline/event"
)

func TestGuard(t *testing.T) {
	behind := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	for _, c := range []struct {
		name   string
		token  event.Secret
		method string
		host   string
		header http.Header
		want   int
	}{
		{"loopback address", "", "GET", "127.0.0.1:8081", nil, 204},
		{"another loopback address", "", "GET", "127.4.5.6:8081", nil, 204},
		{"loopback of IPv6", "", "GET", "[::1]:8081", nil, 204},
		{"localhost", "", "POST", "LOCALHOST:8081", nil, 204},
		{"localhost without a port", "", "GET", "localhost", nil, 204},
		{"a name that was made to resolve to loopback", "", "GET", "evil.example:8081", nil, 403},
		{"a name that begins like loopback", "", "GET", "127.0.0.1.evil.example", nil, 403},
		{"no name", "", "GET", "", nil, 403},
		{"a form of another site", "", "POST", "127.0.0.1:8081", http.Header{"Sec-Fetch-Site": {"cross-site"}}, 403},
		{"a page of another port", "", "POST", "127.0.0.1:8081", http.Header{"Origin": {"http://127.0.0.1:9999"}}, 403},
		{"a sandboxed page", "", "DELETE", "127.0.0.1:8081", http.Header{"Origin": {"null"}}, 403},
		{"our own page", "", "POST", "127.0.0.1:8081", http.Header{"Origin": {"http://127.0.0.1:8081"}}, 204},
		{"reading from another site is left to the browser", "", "GET", "127.0.0.1:8081", http.Header{"Sec-Fetch-Site": {"cross-site"}}, 204},
		{"no token", "s3cret", "GET", "127.0.0.1:8081", nil, 401},
		{"the token", "s3cret", "GET", "hooks.example.com", http.Header{"Authorization": {"Bearer s3cret"}}, 204},
		{"the scheme in another case", "s3cret", "POST", "hooks.example.com", http.Header{"Authorization": {"bearer s3cret"}}, 204},
		{"a part of the token", "s3cret", "GET", "hooks.example.com", http.Header{"Authorization": {"Bearer s3cre"}}, 401},
		{"another scheme", "s3cret", "GET", "hooks.example.com", http.Header{"Authorization": {"Basic s3cret"}}, 401},
		{"an empty token", "s3cret", "GET", "hooks.example.com", http.Header{"Authorization": {"Bearer "}}, 401},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest(c.method, "/api/status", nil)
			r.Host = c.host
			for name, values := range c.header {
				r.Header[name] = values
			}
			w := httptest.NewRecorder()
			guard(c.token, behind).ServeHTTP(w, r)
			if w.Code != c.want {
				t.Errorf("answered %d, not %d: %s", w.Code, c.want, w.Body)
			}
		})
	}
}

func TestParseTime(t *testing.T) {
	now := time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"2026-02-01T10:00:00Z":      time.Date(2026, 2, 1, 10, 0, 0, 0, time.UTC),
		"2026-02-01T10:00:00+01:00": time.Date(2026, 2, 1, 9, 0, 0, 0, time.UTC),
		"2026-02-01":                time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC),
		"15m":                       now.Add(-15 * time.Minute),
		"7d":                        now.Add(-7 * 24 * time.Hour),
	} {
		if got, err := ParseTime(text, now); err != nil || !got.Equal(want) {
			t.Errorf("ParseTime(%q) is %v, %v, not %v", text, got, err, want)
		}
	}
	if _, err := ParseTime("yesterday", now); err == nil {
		t.Error("yesterday is taken for a time")
	}
}

func TestQueryRefusesWhatItDoesNotKnow(t *testing.T) {
	for _, text := range []string{"pipelin=orders", "sink=a&sink=b", "limit=0", "limit=many", "since=soon"} {
		r := httptest.NewRequest(http.MethodGet, "/?"+text, nil)
		q := query{values: r.URL.Query()}
		q.known("pipeline", "sink", "limit", "since")
		q.limit()
		q.time("since", time.Now())
		if q.err == nil {
			t.Errorf("%s was taken", text)
		}
	}
}

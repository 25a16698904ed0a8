package httpsink

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/trotline/trotline/event"
	"github.com/trotline/trotline/event/eventtest"
)

func TestStatus(t *testing.T) {
	const delivered, refused, failed = "delivered", "refused", "failed"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var status int
		_, _ = fmt.Sscan(r.URL.Query().Get("status"), &status)
		w.Header().Set("Location", "/elsewhere")
		w.Header().Set("X-Reason", "because")
		w.WriteHeader(status)
		if status >= 200 && status != 204 && status != 304 {
			fmt.Fprint(w, "the reason")
		}
	}))
	defer server.Close()
	for status, want := range map[int]string{
		200: delivered, 201: delivered, 202: delivered, 204: delivered, 299: delivered,
		300: refused, 301: refused, 302: refused, 304: refused, 307: refused, 308: refused,
		400: refused, 401: refused, 403: refused, 404: refused, 409: refused, 410: refused, 413: refused, 422: refused, 451: refused,
		408: failed, 425: failed, 429: failed,
		500: failed, 501: failed, 502: failed, 503: failed, 504: failed, 507: failed, 599: failed,
		600: failed, 999: failed,
	} {
		v := attempt(t, fmt.Sprintf("%s/?status=%d", server.URL, status))
		got := failed
		switch {
		case v.Err == nil:
			got = delivered
		case event.IsPermanent(v.Err):
			got = refused
		}
		if got != want {
			t.Errorf("%d is %s, want %s (%v)", status, got, want, v.Err)
		}
		if v.Err != nil && !strings.Contains(v.Err.Error(), fmt.Sprint(server.Listener.Addr(), " answered ", status)) {
			t.Errorf("the error of %d is %v", status, v.Err)
		}
		if v.Answer.Status != status || v.Answer.Header["x-reason"] != "because" {
			t.Errorf("the answer to %d is %+v", status, v.Answer)
		}
	}
	if err := attempt(t, server.URL+"/?status=302").Err; err == nil || !strings.Contains(err.Error(), "redirects are not followed") {
		t.Errorf("a redirect: %v", err)
	}
}

// The settings say what else is tried again, and what is not.
func TestStatusesOfTheSettings(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var status int
		_, _ = fmt.Sscan(r.URL.Query().Get("status"), &status)
		w.Header().Set("Retry-After", "30")
		w.WriteHeader(status)
	}))
	defer server.Close()
	for status, refused := range map[int]bool{404: false, 410: true, 409: false, 302: false, 501: true, 503: false, 429: true, 400: true} {
		s := start(t, &Settings{
			URL: eventtest.Template(fmt.Sprintf("%s/?status=%d", server.URL, status)), Method: "POST",
			RetryOn: statuses(t, "404", "409-410", "3xx"), RefuseOn: statuses(t, "501", "410", "429"),
		})
		err := s.Deliver(t.Context(), []*event.Delivery{eventtest.Numbered(1)})[0].Err
		if err == nil || event.IsPermanent(err) != refused {
			t.Errorf("%d is refused: %v, want %v (%v)", status, event.IsPermanent(err), refused, err)
		}
		if !refused && event.RetryDelay(err) != 30*time.Second {
			t.Errorf("%d is tried again after %v", status, event.RetryDelay(err))
		}
	}
}

func statuses(t *testing.T, texts ...string) (rules []event.AnswerRule) {
	t.Helper()
	for _, text := range texts {
		rule, ok := event.ParseStatus(text)
		if !ok {
			t.Fatalf("%q is no status", text)
		}
		rules = append(rules, rule)
	}
	return rules
}

// Expressions look at the whole answer, at that of a 2xx and at none at all too.
func TestExpressionsOfTheSettings(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var status int
		_, _ = fmt.Sscan(r.URL.Query().Get("status"), &status)
		if status == 0 {
			panic(http.ErrAbortHandler)
		}
		w.Header().Set("X-Code", r.URL.Query().Get("code"))
		w.WriteHeader(status)
		_, _ = io.WriteString(w, strings.Repeat(" ", 5000)+r.URL.Query().Get("code"))
	}))
	defer server.Close()
	// busy holds on answers whose body and header say so; on "odd" it fails.
	says := func(code string) event.AnswerRule {
		return event.AnswerRule{Expr: eventtest.ExprFunc("body == "+code, func(_ *event.Event, r event.Results) (any, error) {
			a := r.Answered()
			if a.Header["x-code"] == "odd" {
				return nil, &event.StepError{Expression: "body == " + code, Err: errors.New("it is odd")}
			}
			return strings.TrimSpace(string(a.Body)) == code && a.Header["x-code"] == code || a.Status == 0 && strings.Contains(a.Error, code), nil
		})}
	}
	for _, c := range []struct {
		query   string
		retry   string
		refuse  string
		want    outcome
		faulted bool
	}{
		{"status=200&code=ok", "busy", "gone", delivered, false},
		{"status=200&code=busy", "busy", "gone", again, false},
		{"status=200&code=gone", "busy", "gone", refused, false},
		{"status=400&code=busy", "busy", "gone", again, false},
		{"status=503&code=gone", "busy", "gone", refused, false},
		{"status=503&code=gone", "gone", "gone", refused, false},
		{"status=0", "busy", "gone", again, false},
		{"status=0", "busy", "EOF", refused, false},
		{"status=200&code=odd", "busy", "gone", refused, true},
		{"status=404&code=odd", "busy", "gone", refused, true},
		{"status=503&code=odd", "busy", "gone", again, true},
	} {
		s := start(t, &Settings{
			URL: eventtest.Template(server.URL + "/?" + c.query), Method: "POST",
			RetryOn: []event.AnswerRule{says(c.retry)}, RefuseOn: []event.AnswerRule{says(c.refuse)},
		})
		v := s.Deliver(t.Context(), []*event.Delivery{eventtest.Numbered(1)})[0]
		got := again
		switch {
		case v.Err == nil:
			got = delivered
		case event.IsPermanent(v.Err):
			got = refused
		}
		var step *event.StepError
		if got != c.want || errors.As(v.Err, &step) != c.faulted {
			t.Errorf("%+v: %v", c, v.Err)
		}
		if v.Err != nil && len(v.Answer.Body) > maxExcerpt {
			t.Errorf("%+v: %d bytes of the answer are kept", c, len(v.Answer.Body))
		}
	}
}

// An attempt that ends with the engine is no word of the receiver's.
func TestAStopIsNotJudged(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // a server looks for an end behind a body alone
		cancel()
		<-r.Context().Done()
	}))
	defer server.Close()
	always := []event.AnswerRule{{Expr: eventtest.Expr(true)}}
	s := start(t, &Settings{URL: eventtest.Template(server.URL), Method: "POST", RefuseOn: always})
	if err := s.Deliver(ctx, []*event.Delivery{eventtest.Numbered(1)})[0].Err; err == nil || event.IsPermanent(err) {
		t.Errorf("got %v", err)
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 3, 14, 15, 9, 26, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"": 0, "0": 0, "120": 2 * time.Minute, " 7 ": 7 * time.Second, "-1": 0, "1.5": 0, "soon": 0,
		"86401": 24 * time.Hour, "99999999999999999999999": 24 * time.Hour,
		now.Add(90 * time.Second).Format(http.TimeFormat): 90 * time.Second,
		now.Add(-time.Hour).Format(http.TimeFormat):       0,
		now.AddDate(1, 0, 0).Format(http.TimeFormat):      24 * time.Hour,
		now.Add(time.Minute).Format(time.RFC850):          time.Minute,
	} {
		if got := retryAfter(value, now); got != want {
			t.Errorf("%q is %v, want %v", value, got, want)
		}
	}
}

// Both forms of the header, from a receiver, with each status that is tried again.
func TestRetryAfterOfReceiver(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Retry-After", r.URL.Query().Get("after"))
		w.WriteHeader(map[string]int{"/429": 429, "/503": 503, "/500": 500, "/404": 404}[r.URL.Path])
	}))
	defer server.Close()
	date := strings.ReplaceAll(time.Now().Add(time.Hour).UTC().Format(http.TimeFormat), " ", "%20")
	for path, least := range map[string]time.Duration{
		"/429?after=30": 30 * time.Second, "/503?after=30": 30 * time.Second, "/500?after=30": 30 * time.Second,
		"/429?after=" + date: 59 * time.Minute, "/503?after=" + date: 59 * time.Minute,
		"/429?after=": 0, "/404?after=30": 0,
	} {
		err := attempt(t, server.URL+path).Err
		if got := event.RetryDelay(err); err == nil || got < least || got > least+time.Minute {
			t.Errorf("%s: wait %v, want %v (%v)", path, got, least, err)
		}
	}
}

func TestAnswerBody(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var status, size, length int
		_, _ = fmt.Sscanf(r.URL.Path, "/%d/%d/%d", &status, &size, &length)
		if length >= 0 {
			w.Header().Set("Content-Length", fmt.Sprint(size))
		}
		w.WriteHeader(status)
		for chunk := bytes.Repeat([]byte("x"), 1000); size > 0; size -= len(chunk) {
			if _, err := w.Write(chunk[:min(size, len(chunk))]); err != nil {
				return
			}
		}
	}))
	defer server.Close()
	for _, c := range []struct{ status, size, want int }{
		{200, 0, 0}, {200, 10, 10}, {200, 5000, 5000},
		{200, event.MaxAnswer, event.MaxAnswer}, {200, event.MaxAnswer + 1, event.MaxAnswer},
		{200, 50 << 20, event.MaxAnswer},
		{404, 100, 100}, {404, 50 << 20, maxExcerpt}, {500, 1 << 20, maxExcerpt},
	} {
		for _, length := range []int{0, -1} { // with a Content-Length, and in chunks
			v := attempt(t, fmt.Sprintf("%s/%d/%d/%d", server.URL, c.status, c.size, length))
			if (v.Err == nil) != (c.status == 200) || len(v.Answer.Body) != c.want {
				t.Errorf("%+v: %d bytes are kept, %v", c, len(v.Answer.Body), v.Err)
			}
		}
	}
}

// An answer that breaks off, wherever it does, is no delivery and is tried again.
func TestCutShort(t *testing.T) {
	for _, said := range []string{
		"", "HTTP/1.1 200", "HTTP/1.1 200 OK\r\nContent-", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n",
		"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 1<<20), "SSH-2.0-OpenSSH_9.6\r\n",
	} {
		address := speak(t, func(c net.Conn) { fmt.Fprint(c, said) })
		if err := attempt(t, "http://"+address).Err; err == nil || event.IsPermanent(err) {
			t.Errorf("after %.40q: %v", said, err)
		}
	}
}

// A receiver that takes its time costs no more than the context allows, and is tried again.
func TestSlow(t *testing.T) {
	for name, said := range map[string]string{
		"nothing is said": "",
		"the body stops":  "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345",
	} {
		t.Run(name, func(t *testing.T) {
			over := make(chan struct{})
			address := speak(t, func(c net.Conn) {
				fmt.Fprint(c, said)
				<-over
			})
			s := start(t, &Settings{URL: eventtest.Template("http://" + address), Method: "POST"})
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			begun := time.Now()
			verdicts := s.Deliver(ctx, []*event.Delivery{eventtest.Numbered(1), eventtest.Numbered(2)})
			close(over)
			for _, v := range verdicts {
				if !errors.Is(v.Err, context.DeadlineExceeded) || event.IsPermanent(v.Err) {
					t.Errorf("verdict %v", v.Err)
				}
			}
			if took := time.Since(begun); took > within {
				t.Errorf("it took %v", took)
			}
		})
	}
}

// Deliveries one after the other share a connection, whatever is answered.
func TestKeepAlive(t *testing.T) {
	var connections atomic.Int32
	n := 0
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n++
		w.WriteHeader([]int{200, 404, 503}[n%3])
		_, _ = w.Write(make([]byte, []int{0, 100, event.MaxAnswer + 1000}[n/3%3]))
	}))
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			connections.Add(1)
		}
	}
	server.Start()
	defer server.Close()
	s := start(t, &Settings{URL: eventtest.Template(server.URL), Method: "POST"})
	for i := range 30 {
		s.Deliver(t.Context(), []*event.Delivery{eventtest.Numbered(i)})
	}
	if c := connections.Load(); c != 1 {
		t.Errorf("%d connections", c)
	}
}

// A kept-alive connection that the receiver has closed meanwhile costs no attempt.
func TestStaleConnection(t *testing.T) {
	r := newReceiver(t)
	s := start(t, &Settings{URL: eventtest.Template("http://" + r.address), Method: "POST"})
	for i := range 20 {
		if v := s.Deliver(t.Context(), []*event.Delivery{eventtest.Numbered(i)})[0]; v.Err != nil {
			t.Fatal(v.Err)
		}
		r.server.CloseClientConnections()
	}
	if n := len(r.arrived(t)); n != 20 {
		t.Errorf("%d requests arrived", n)
	}
}

// attempt delivers an event to this URL.
func attempt(t *testing.T, url string) event.Verdict {
	t.Helper()
	s := start(t, &Settings{URL: eventtest.Template(url), Method: "POST"})
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	return s.Deliver(ctx, []*event.Delivery{eventtest.Numbered(1)})[0]
}

// speak listens, reads each request to its end, lets say answer it, and hangs up.
func speak(t *testing.T, say func(net.Conn)) (address string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if r, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
				_, _ = io.Copy(io.Discard, r.Body)
				say(c)
			}
			c.Close()
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-done
	})
	return l.Addr().String()
}

func FuzzRetryAfter(f *testing.F) {
	for _, seed := range []string{"120", "-1", "Sat, 14 Mar 2026 15:09:26 GMT", "99999999999999999999"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		if d := retryAfter(value, time.Now()); d < 0 || d > maxRetryAfter {
			t.Errorf("%q is %v", value, d)
		}
	})
}

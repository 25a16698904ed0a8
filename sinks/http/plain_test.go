package httpsink

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/trotline/trotline/event"
	"github.com/trotline/trotline/event/eventtest"
)

// Whichever client takes a request, the receiver is told the same.
func TestSameOnTheWire(t *testing.T) {
	got := make(chan []string, 1)
	address := converse(t, "[::1]:0", func(p *peer) {
		for {
			r, lines := p.listen()
			if r == nil {
				return
			}
			got <- lines
			p.say("HTTP/1.1 204 No Content\r\n\r\n")
		}
	})
	headers := func(pairs ...string) map[string]event.Template {
		h := map[string]event.Template{}
		for i := 0; i < len(pairs); i += 2 {
			h[pairs[i]] = eventtest.Template(pairs[i+1])
		}
		return h
	}
	empty := &event.Event{ID: "event", Body: event.NewBody(event.Text, nil)}
	for _, c := range []struct {
		name, url, method string
		headers           map[string]event.Template
		e                 *event.Event
	}{
		{"a body", "http://" + address + "/a%2Fb?c=d&e=%20#f", "POST", nil, eventtest.EventJSON(`{"n": 1}`)},
		{"a body beyond any buffer", "http://" + address, "PUT", nil, eventtest.EventJSON(`"` + strings.Repeat("x", maxPlainBody-2) + `"`)},
		{"no body", "http://" + address, "POST", nil, empty},
		{"no body to delete", "http://" + address, "DELETE", nil, empty},
		{"a name and a password", "http://me:secret@" + address, "PATCH", nil, empty},
		{"headers", "http://" + address + "?", "POST", headers("X-B", "1", "x-a", " ü ", "Expect", "100-continue", "Accept-Encoding", "br"), empty},
		{"a user agent", "http://" + address, "POST", headers("User-Agent", " me "), empty},
		{"no user agent", "http://" + address, "POST", headers("User-Agent", ""), empty},
		{"a host", "http://" + address, "POST", headers("Host", "elsewhere.example:81"), empty},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := start(t, &Settings{URL: eventtest.Template(c.url), Method: c.method, Headers: c.headers}).(*sink)
			var lines [2][]string
			for i, client := range []http.RoundTripper{s.client, s.client.transport} {
				r, err := s.request(t.Context(), &event.Delivery{ID: "d-1", Event: c.e, Attempt: 1})
				must(t, err)
				if !s.client.takes(r) {
					t.Fatal("is not for the plain client")
				}
				resp, err := client.RoundTrip(r)
				must(t, err)
				resp.Body.Close()
				lines[i] = <-got
			}
			if !reflect.DeepEqual(lines[0], lines[1]) {
				t.Errorf("plain     %q\ntransport %q", lines[0], lines[1])
			}
		})
	}
}

// What is not plain goes over the transport.
func TestTakes(t *testing.T) {
	s := start(t, &Settings{URL: eventtest.Template("http://a.example"), Method: "POST"}).(*sink)
	s.client.transport.Proxy = func(r *http.Request) (*url.URL, error) {
		if strings.HasPrefix(r.URL.Host, "far") {
			return url.Parse("http://proxy.example")
		}
		return nil, nil
	}
	for _, c := range []struct {
		url  string
		host string
		size int
		want bool
	}{
		{"http://a.example/", "", maxPlainBody, true},
		{"http://a.example/", "", maxPlainBody + 1, false},
		{"HTTP://[::1]:8080/", "", 1, true},
		{"https://a.example/", "", 1, false},
		{"http://far.example/", "", 1, false},
		{"http://bücher.example/", "", 1, false},
		{"http://[fe80::1%25eth0]/", "", 1, false},
		{"http://a.example/", "B-2.example:81", 1, true},
		{"http://a.example/", "bücher.example", 1, false},
		{"http://a.example/", "b.example\r\nX: y", 1, false},
	} {
		r, err := http.NewRequest(http.MethodPost, c.url, strings.NewReader(strings.Repeat("x", c.size)))
		must(t, err)
		r.Host = c.host
		if s.client.takes(r) != c.want {
			t.Errorf("takes %s with %d bytes for %q: %v", c.url, c.size, c.host, !c.want)
		}
	}
}

func TestAddress(t *testing.T) {
	for text, want := range map[string]string{
		"http://a.example": "a.example:80", "http://a.example:/x": "a.example:80", "http://a.example:8080/": "a.example:8080",
		"http://me:x@a.example/": "a.example:80", "http://[::1]/": "[::1]:80", "http://[::1]:81/": "[::1]:81",
	} {
		u, err := parseURL(text)
		must(t, err)
		if got := address(u); got != want {
			t.Errorf("%s is at %s, want %s", text, got, want)
		}
	}
}

// A connection is used again only where nothing is left of the answer before.
func TestAnswers(t *testing.T) {
	const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
	for _, c := range []struct {
		name, said string
		status     int
		err        string // "" is none
		again      bool   // the connection carries the next request
	}{
		{"a length", ok, 200, "", true},
		{"chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", 200, "", true},
		{"chunks and trailers", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: A\r\n\r\n2\r\nok\r\n0\r\nA: b\r\n\r\n", 200, "", true},
		{"no body", "HTTP/1.1 204 No Content\r\n\r\n", 204, "", true},
		{"a length without a body", "HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n", 304, "answered 304", true},
		{"what goes before", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + ok, 200, "", true},
		{"an old receiver that keeps it", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok", 200, "", true},
		{"an old receiver", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, "", false},
		{"a goodbye", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", 200, "", false},
		{"a second answer at once", ok + ok, 200, "", false},
		{"more than its length", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\noktober", 200, "", false},
		{"more than none", "HTTP/1.1 204 No Content\r\n\r\noops", 204, "", false},
		{"more than is read", fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", 1<<20, strings.Repeat("x", 1<<20)), 200, "", false},
		{"another protocol", "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n", 101, "answered 101", false},
		{"a long header", "HTTP/1.1 200 OK\r\nA: " + strings.Repeat("x", maxHeader) + "\r\n\r\n", 0, "longer than 64 KiB", false},
		{"a prelude without an end", strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", maxHeader/25+1), 0, "longer than 64 KiB", false},
		{"bad chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", 200, "broke off", false},
		{"a chunk too short", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nok\r\n0\r\n\r\n", 200, "broke off", false},
		{"two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok", 0, "Content-Length", false},
		{"no HTTP", "220 mail.example ESMTP\r\n", 0, "malformed", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			connections := make(chan int, 2)
			address := converse(t, "127.0.0.1:0", func(p *peer) {
				for said := c.said; ; said = ok {
					if r, _ := p.listen(); r == nil {
						return
					}
					connections <- p.n
					p.say(said)
				}
			})
			s := start(t, &Settings{URL: eventtest.Template("http://" + address), Method: "POST"})
			v := s.Deliver(t.Context(), []*event.Delivery{eventtest.Numbered(1)})[0]
			if v.Answer.Status != c.status || (v.Err == nil) != (c.err == "") || v.Err != nil && !strings.Contains(v.Err.Error(), c.err) {
				t.Errorf("status %d, %v", v.Answer.Status, v.Err)
			}
			s.Deliver(t.Context(), []*event.Delivery{eventtest.Numbered(2)})
			if first, second := <-connections, <-connections; (first == second) != c.again {
				t.Errorf("connections %d and %d", first, second)
			}
		})
	}
}

// What a receiver says while nobody has asked is the answer to nothing.
func TestUnasked(t *testing.T) {
	said := make(chan struct{})
	address := converse(t, "127.0.0.1:0", func(p *peer) {
		for {
			if r, _ := p.listen(); r == nil {
				return
			}
			p.say("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
			<-said
			p.say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
			said <- struct{}{}
		}
	})
	s := start(t, &Settings{URL: eventtest.Template("http://" + address), Method: "POST"})
	for i := range 3 {
		if v := s.Deliver(t.Context(), []*event.Delivery{eventtest.Numbered(i)})[0]; v.Answer.Status != 503 {
			t.Errorf("answer %d is %d, %v", i, v.Answer.Status, v.Err)
		}
		said <- struct{}{}
		<-said
	}
}

// A request that a kept-alive connection did not answer at all is sent once more, over a new one.
func TestUnanswered(t *testing.T) {
	const ok = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
	for _, c := range []struct {
		name     string
		answers  [][]string // by connection, by request; then it is closed
		requests int        // for the second delivery
		want     string
	}{
		{"just closing", [][]string{{ok, ""}, {ok}}, 2, ""},
		{"and so is the next", [][]string{{ok, ""}, {""}, {ok}}, 2, "EOF"},
		{"an answer has begun", [][]string{{ok, "HTTP/1.1 200 OK\r\n"}, {ok}}, 1, "EOF"},
		{"an answer's body breaks off", [][]string{{ok, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no"}, {ok}}, 1, "broke off"},
		{"no HTTP", [][]string{{ok, "x"}, {ok}}, 1, "no answer"},
	} {
		t.Run(c.name, func(t *testing.T) {
			keys := make(chan string, 4)
			address := converse(t, "127.0.0.1:0", func(p *peer) {
				for _, answer := range c.answers[p.n] {
					r, _ := p.listen()
					if r == nil {
						return
					}
					keys <- r.Header.Get("Idempotency-Key")
					p.say(answer)
				}
			})
			s := start(t, &Settings{URL: eventtest.Template("http://" + address), Method: "POST"})
			must(t, s.Deliver(t.Context(), []*event.Delivery{eventtest.Numbered(1)})[0].Err)
			first := <-keys
			err := s.Deliver(t.Context(), []*event.Delivery{eventtest.Numbered(2)})[0].Err
			if (err == nil) != (c.want == "") || err != nil && (!strings.Contains(err.Error(), c.want) || event.IsPermanent(err)) {
				t.Errorf("error %v", err)
			}
			for range c.requests {
				if key := <-keys; key == first {
					t.Errorf("the first delivery came again")
				}
			}
			if len(keys) > 0 {
				t.Errorf("%d requests too many", len(keys))
			}
		})
	}
}

// Who answers before the request is read, and hangs up, is heard.
func TestEarlyAnswer(t *testing.T) {
	for _, c := range []struct {
		name string
		size int // of a header, which may be longer than any buffer
		body int
	}{{"a header that nobody reads", 32 << 20, 1}, {"the longest body", 1, maxPlainBody - 10}} {
		t.Run(c.name, func(t *testing.T) {
			answered := make(chan struct{})
			address := converse(t, "127.0.0.1:0", func(p *peer) {
				_, _ = p.Read(make([]byte, 1))
				p.say("HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Length: 0\r\n\r\n")
				if c.body > 1 {
					<-answered // and does not hang up either
				}
			})
			s := start(t, &Settings{
				URL: eventtest.Template("http://" + address), Method: "POST",
				Headers: map[string]event.Template{"X": eventtest.Template(strings.Repeat("x", c.size))},
			})
			v := s.Deliver(t.Context(), []*event.Delivery{eventtest.DeliveryJSON("d", `"`+strings.Repeat("x", c.body)+`"`)})[0]
			close(answered)
			if v.Answer.Status != 431 {
				t.Errorf("status %d, %v", v.Answer.Status, v.Err)
			}
		})
	}
}

// Whatever a delivery waits for, its context ends it, and the connection is closed.
func TestContextEnds(t *testing.T) {
	for _, c := range []struct {
		name   string
		kept   bool // by a delivery before
		said   string
		header int
	}{
		{"as it is written", false, "", 32 << 20},
		{"before an answer", false, "", 1},
		{"before an answer on a kept connection", true, "", 1},
		{"within a header", false, "HTTP/1.1 200 OK\r\nA: ", 1},
		{"within a body", false, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345", 1},
	} {
		for _, why := range []error{context.Canceled, context.DeadlineExceeded} {
			t.Run(fmt.Sprint(c.name, ", ", why), func(t *testing.T) {
				reached, closed := make(chan struct{}), make(chan struct{})
				address := converse(t, "127.0.0.1:0", func(p *peer) {
					if c.kept {
						p.listen()
						p.say("HTTP/1.1 204 No Content\r\n\r\n")
					}
					if c.header == 1 {
						p.listen()
						p.say(c.said)
					}
					close(reached)
					<-closed
					_, _ = io.Copy(io.Discard, p.reader) // to its end
				})
				s := start(t, &Settings{
					URL: eventtest.Template("http://" + address), Method: "POST",
					Headers: map[string]event.Template{"X": eventtest.Template(strings.Repeat("x", c.header))},
				})
				if c.kept {
					must(t, s.Deliver(t.Context(), []*event.Delivery{eventtest.Numbered(1)})[0].Err)
				}
				ctx, cancel := context.WithTimeout(t.Context(), within)
				if errors.Is(why, context.DeadlineExceeded) {
					ctx, cancel = context.WithTimeout(t.Context(), 30*time.Millisecond)
				}
				defer cancel()
				verdicts := make(chan event.Verdict, 1)
				go func() { verdicts <- s.Deliver(ctx, []*event.Delivery{eventtest.Numbered(2)})[0] }()
				if errors.Is(why, context.Canceled) {
					<-reached
					cancel()
				}
				if v := <-verdicts; !errors.Is(v.Err, why) || event.IsPermanent(v.Err) {
					t.Errorf("verdict %v", v.Err)
				}
				close(closed)
			})
		}
	}
}

func TestContextEndsTheDialling(t *testing.T) {
	s := start(t, &Settings{URL: eventtest.Template("http://127.0.0.1:1"), Method: "POST"}).(*sink)
	ctx, cancel := context.WithCancel(t.Context())
	s.client.transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
		cancel()
		<-ctx.Done()
		return nil, &net.OpError{Op: "dial", Err: errors.New("operation was canceled")}
	}
	if v := s.Deliver(ctx, []*event.Delivery{eventtest.Numbered(1)})[0]; !errors.Is(v.Err, context.Canceled) {
		t.Errorf("verdict %v", v.Err)
	}
}

// An answer is never another request's, however many of them are given up.
func TestAnswersBelong(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, r.Header.Get("Idempotency-Key"))
	}))
	defer server.Close()
	s := start(t, &Settings{URL: eventtest.Template(server.URL), Method: "POST"})
	var group sync.WaitGroup
	for worker := range 8 {
		group.Go(func() {
			for i := range 300 {
				d := eventtest.Numbered(worker*1000 + i)
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rand.IntN(1000))*time.Microsecond)
				v := s.Deliver(ctx, []*event.Delivery{d})[0]
				cancel()
				if belongs := string(v.Answer.Body) == d.ID; !belongs && !errors.Is(v.Err, context.DeadlineExceeded) {
					t.Errorf("%s: %s, %v", d.ID, v.Answer.Body, v.Err)
				}
			}
		})
	}
	group.Wait()
}

// peer is a receiver's end of a connection.
type peer struct {
	net.Conn
	reader *bufio.Reader
	n      int // the how many-th it is
}

// listen reads a request, nil if the connection ends before one, and its sorted lines.
func (p *peer) listen() (r *http.Request, lines []string) {
	var said strings.Builder
	r, err := http.ReadRequest(bufio.NewReader(io.TeeReader(p.reader, &said)))
	if err != nil {
		return nil, nil
	}
	_, _ = io.Copy(io.Discard, r.Body)
	return r, sorted(said.String())
}

func (p *peer) say(text string) { fmt.Fprint(p, text) }

// converse listens, lets talk speak on each connection, one after the other or at once, and then hangs up.
func converse(t *testing.T, at string, talk func(*peer)) (address string) {
	l, err := net.Listen("tcp", at)
	must(t, err)
	var group sync.WaitGroup
	group.Go(func() {
		for n := 0; ; n++ {
			c, err := l.Accept()
			if err != nil {
				return
			}
			group.Go(func() {
				defer c.Close()
				talk(&peer{c, bufio.NewReader(c), n})
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		group.Wait()
	})
	return l.Addr().String()
}

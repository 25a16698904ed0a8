package door

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"github.com/trotline/trotline/event"
)

// header is an expression that gives a header; it has no value without one.
type header string

func (h header) Eval(e *event.Event, _ event.Results) (any, error) {
	if e.Body != nil {
		return nil, errors.New("it sees a body")
	}
	if value := e.Request.Info().Header.Get(string(h)); value != "" {
		return value, nil
	}
	return nil, errors.New("it is empty")
}

func (h header) Text() string { return string(h) }

// twice is a rate that no test lives to see refilled.
var twice = event.Rate{Count: 2, Per: 24 * time.Hour}

func TestRate(t *testing.T) {
	for _, tt := range []struct {
		name    string
		rate    Rate
		clients [][]string // each one's headers; a client's third request is too much
	}{
		{"per source", Rate{Limit: twice}, [][]string{{"X-Tenant", "a"}}},
		{"per ip", Rate{Limit: twice, PerIP: true}, [][]string{
			{"X-Forwarded-For", "192.0.2.1"}, {"X-Forwarded-For", "192.0.2.2"},
			{"X-Forwarded-For", "2001:db8:0:1::1"}, {"X-Forwarded-For", "2001:db8:0:2::1"},
		}},
		{"per expression", Rate{Limit: twice, Per: header("X-Tenant")}, [][]string{
			{"X-Tenant", "a"}, {"X-Tenant", "b"}, {}, // those without one share a limit
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := &seen{}
			_, addr := listen(t, Options{Store: newMemory(1), Observer: o, Table: table(t, 1,
				Settings{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}},
				Route{Rate: &tt.rate}, Route{Source: "other", Path: "/hooks/other", Rate: &tt.rate})})
			c := client(t)
			for i, client := range tt.clients {
				for n, want := range []int{202, 202, 429} {
					got, h, body := do(t, c, post(t, "http://"+addr+"/hooks/shop", "x", client...))
					if got != want {
						t.Errorf("client %d, request %d: answered %d %s", i+1, n+1, got, body)
					}
					if wait, _ := strconv.Atoi(h.Get("Retry-After")); want == 429 && (wait < 43_000 || wait > 43_200) {
						t.Errorf("it may come again after %s", h.Get("Retry-After"))
					}
				}
			}
			if n := o.count("refused shop rate 429"); n != len(tt.clients) {
				t.Errorf("counted %d times", n)
			}
			if got, _, _ := do(t, c, post(t, "http://"+addr+"/hooks/other", "x", tt.clients[0]...)); got != 202 {
				t.Errorf("another source is answered %d", got)
			}
		})
	}
}

func TestRateOutlivesAnEdit(t *testing.T) {
	store := newMemory(1)
	shop := func(generation uint64, r Rate) *Table {
		return table(t, generation, Settings{}, Route{Rate: &r})
	}
	d, addr := listen(t, Options{Store: store, Table: shop(1, Rate{Limit: twice})})
	c := client(t)
	ask := func(want int, when string) {
		t.Helper()
		if got, _, _ := do(t, c, post(t, "http://"+addr+"/hooks/shop", "x")); got != want {
			t.Errorf("%s: answered %d, want %d", when, got, want)
		}
	}
	ask(202, "first")
	ask(202, "second")
	store.cut(d, shop(2, Rate{Limit: twice}))
	ask(429, "after an edit of something else")
	store.cut(d, shop(3, Rate{Limit: event.Rate{Count: 3, Per: 24 * time.Hour}}))
	ask(202, "after another rate is set")
	store.cut(d, table(t, 4, Settings{}, Route{}))
	ask(202, "without a rate")
}

func TestBucketsFillAgainAndAreBounded(t *testing.T) {
	made := table(t, 1, Settings{}, Route{Rate: &Rate{Limit: event.Rate{Count: 10, Per: time.Second}, PerIP: true}})
	b, start := newBuckets(1000), time.Now()
	take := func(ip netip.Addr, after time.Duration) time.Duration {
		return b.take(&visit{start: start.Add(after), route: made.routes[0], remote: ip}, &http.Request{})
	}
	first := netip.MustParseAddr("192.0.2.1")
	for n := range 10 {
		if wait := take(first, 0); wait != 0 {
			t.Errorf("request %d has to wait for %v", n+1, wait)
		}
	}
	if wait := take(first, 0); wait != 100*time.Millisecond {
		t.Errorf("the eleventh has to wait for %v", wait)
	}
	if wait := take(first, 100*time.Millisecond); wait != 0 {
		t.Errorf("and then for %v", wait)
	}
	for n := range 10_000 {
		take(netip.AddrFrom4([4]byte{10, 0, byte(n >> 8), byte(n)}), 0)
		take(first, 100*time.Millisecond)
	}
	if n := b.recent.Len(); n != 1000 {
		t.Errorf("%d clients are remembered", n)
	}
	if wait := take(first, 100*time.Millisecond); wait == 0 {
		t.Error("the busiest client is forgotten")
	}
}

func TestConcurrency(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	slow := sourceFunc(func(*event.Request) (*event.Receipt, error) {
		entered <- struct{}{}
		<-leave
		return &event.Receipt{}, nil
	})
	o := &seen{}
	shop := func(generation uint64, most int) *Table {
		return table(t, generation, Settings{}, Route{Concurrency: most, Receiver: slow}, Route{Source: "other", Path: "/hooks/other"})
	}
	d, addr := listen(t, Options{Store: newMemory(1), Observer: o, Table: shop(1, 1)})
	c := client(t)
	answers := make(chan int, 3)
	begin := func() {
		go func() {
			answer, err := c.Do(post(t, "http://"+addr+"/hooks/shop", "x"))
			if err != nil {
				t.Error(err)
				answers <- 0
				return
			}
			answer.Body.Close()
			answers <- answer.StatusCode
		}()
	}
	refused := func(when string) {
		t.Helper()
		got, h, body := do(t, c, post(t, "http://"+addr+"/hooks/shop", "x"))
		if got != 503 || h.Get("Retry-After") != "1" {
			t.Errorf("%s: answered %d %v %s", when, got, h, body)
		}
	}
	begin()
	<-entered
	refused("one at once, and one is there")
	if got, _, _ := do(t, c, post(t, "http://"+addr+"/hooks/other", "x")); got != 202 {
		t.Errorf("another source is answered %d", got)
	}
	d.Swap(shop(2, 2))
	begin()
	<-entered
	refused("two at once, and one is there from before the edit")
	close(leave)
	for range 2 {
		if got := <-answers; got != 200 {
			t.Errorf("answered %d", got)
		}
	}
	begin()
	<-entered
	if got := <-answers; got != 200 {
		t.Errorf("afterwards: answered %d", got)
	}
	if n := o.count("refused shop busy 503"); n != 2 {
		t.Errorf("counted %d times", n)
	}
	if err := d.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
}

func BenchmarkRate(b *testing.B) {
	made := table(b, 1, Settings{}, Route{Rate: &Rate{Limit: event.Rate{Count: 1, Per: time.Second}, PerIP: true}})
	for _, clients := range []int{1, 100_000} {
		b.Run(fmt.Sprint(clients), func(b *testing.B) {
			held := newBuckets(clients)
			v, r := &visit{start: time.Now(), route: made.routes[0]}, &http.Request{}
			b.ReportAllocs()
			for n := 0; b.Loop(); n++ {
				n := n % clients
				v.remote = netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)})
				held.take(v, r)
			}
		})
	}
}

package httpsink

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/trotline/trotline/event"
	"github.com/trotline/trotline/event/eventtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// receiver is an HTTP server that can be taken down and up at one address.
type receiver struct {
	address string
	server  *httptest.Server

	mu   sync.Mutex
	keys []string
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{address: "127.0.0.1:0"}
	r.start(t)
	r.address = r.server.Listener.Addr().String()
	t.Cleanup(func() { r.server.Close() })
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if _, err := io.Copy(io.Discard, req.Body); err != nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keys = append(r.keys, req.Header.Get("Idempotency-Key"))
}

func (r *receiver) start(t *testing.T) {
	l, err := net.Listen("tcp", r.address)
	must(t, err)
	r.server = httptest.NewUnstartedServer(r)
	r.server.Listener.Close()
	r.server.Listener = l
	r.server.Start()
}

func (r *receiver) stop(*testing.T) { r.server.Close() }

func (r *receiver) arrived(*testing.T) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.keys...)
}

func TestSuite(t *testing.T) {
	eventtest.SinkSuite(t, eventtest.Sink{
		Kind: Kind(),
		Receiver: func(t *testing.T) eventtest.Receiver {
			r := newReceiver(t)
			return eventtest.Receiver{
				Settings: &Settings{
					URL: eventtest.Template("http://" + r.address + "/hook"), Method: "POST",
					Headers: map[string]event.Template{"X-Note": field("note")},
					Auth:    &Auth{Bearer: "t0ps3cret"},
				},
				Arrived: r.arrived, Stop: r.stop, Start: r.start,
			}
		},
		Bad:    func() *event.Delivery { return eventtest.Delivery("bad", map[string]any{"note": "a\r\nInjected: b"}) },
		Secret: "t0ps3cret",
	})
}

func TestRequest(t *testing.T) {
	type request struct {
		method, uri, host, body string
		header                  http.Header
	}
	got := make(chan request, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- request{r.Method, r.RequestURI, r.Host, string(body), r.Header}
	}))
	defer server.Close()
	address := server.Listener.Addr().String()

	touched := eventtest.EventJSON(`{"n": 1}`).WithBody(event.BodyOf(map[string]any{"n": 2}))
	received := eventtest.EventJSON(`{ "id": 1234567890123456789 }`)
	received.Request = event.Keep(event.RequestInfo{Header: http.Header{"Content-Type": {"application/vnd.shop+json"}}})
	text := eventtest.Event(nil).WithBody(event.NewBody(event.Text, []byte("hello")))
	strange := eventtest.EventJSON(`{}`)
	strange.ID = "a\r\nb%"
	again := eventtest.EventJSON(`{}`)
	again.Replay = "r-1"

	for _, c := range []struct {
		name string
		set  Settings
		e    *event.Event
		want request
	}{
		{
			"what came goes out as it came",
			Settings{URL: eventtest.Template("http://" + address + "/a%2Fb?c=d#e"), Method: "POST"}, received,
			request{"POST", "/a%2Fb?c=d", address, `{ "id": 1234567890123456789 }`, http.Header{
				"Content-Type": {"application/vnd.shop+json"}, "User-Agent": {"Trotline"},
				"Trotline-Event-Id": {"event"}, "Trotline-Attempt": {"3"},
			}},
		},
		{
			"a replay is marked", Settings{URL: eventtest.Template("http://" + address), Method: "POST"}, again,
			request{"POST", "/", address, `{}`, http.Header{"Trotline-Replay": {"r-1"}}},
		},
		{
			"what a step made is JSON", Settings{URL: eventtest.Template("http://" + address), Method: "PUT"}, touched,
			request{"PUT", "/", address, `{"n":2}`, http.Header{"Content-Type": {"application/json"}}},
		},
		{
			"text", Settings{URL: eventtest.Template("http://" + address), Method: "PATCH"}, text,
			request{"PATCH", "/", address, "hello", http.Header{"Content-Type": {"text/plain; charset=utf-8"}}},
		},
		{
			"its own body, and headers over ours",
			Settings{
				URL:    eventtest.TemplateFunc("http://…/{{ body.n }}", render("http://"+address+"/%s", "n")),
				Method: "DELETE",
				Body: &event.Mapping{Fields: []event.MappedField{
					{Name: "text", Value: &event.Mapping{Expr: eventtest.Field("n")}},
					{Name: "by", Value: &event.Mapping{Value: "trotline"}},
				}},
				Headers: map[string]event.Template{
					"host": eventtest.Template("elsewhere.example"), "content-type": eventtest.Template("application/slack"),
					"x-n": field("n"), "user-agent": eventtest.Template("me"),
				},
				Auth: &Auth{Basic: &Basic{User: "me", Password: "pässword"}},
			},
			touched,
			request{"DELETE", "/2", "elsewhere.example", `{"by":"trotline","text":2}`, http.Header{
				"Content-Type": {"application/slack"}, "X-N": {"2"}, "User-Agent": {"me"},
				"Authorization": {"Basic bWU6cMOkc3N3b3Jk"},
			}},
		},
		{
			"a name and password in the URL",
			Settings{URL: eventtest.Template("http://me:p%40ss@" + address), Method: "POST"}, touched,
			request{"POST", "/", address, `{"n":2}`, http.Header{"Authorization": {"Basic bWU6cEBzcw=="}}},
		},
		{
			"a bearer", Settings{URL: eventtest.Template("http://" + address), Method: "POST", Auth: &Auth{Bearer: "tok"}}, touched,
			request{"POST", "/", address, `{"n":2}`, http.Header{"Authorization": {"Bearer tok"}}},
		},
		{
			"an id that is no header", Settings{URL: eventtest.Template("http://" + address), Method: "POST"}, strange,
			request{"POST", "/", address, `{}`, http.Header{"Trotline-Event-Id": {"a%0D%0Ab%25"}}},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := &event.Delivery{ID: "delivery-1", Event: c.e, Attempt: 3}
			if v := start(t, &c.set).Deliver(t.Context(), []*event.Delivery{d})[0]; v.Err != nil {
				t.Fatal(v.Err)
			}
			r := <-got
			for name, want := range c.want.header {
				if !reflect.DeepEqual(r.header[name], want) {
					t.Errorf("%s is %q, want %q", name, r.header[name], want)
				}
			}
			for _, name := range []string{"Idempotency-Key", "Webhook-Id"} {
				if r.header.Get(name) != "delivery-1" {
					t.Errorf("%s is %q", name, r.header.Get(name))
				}
			}
			r.header, c.want.header = nil, nil
			if !reflect.DeepEqual(r, c.want) {
				t.Errorf("got  %+v\nwant %+v", r, c.want)
			}
		})
	}
}

// What an event makes impossible is refused at once and says why, without a request.
func TestImpossible(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a request was made") }))
	defer server.Close()
	good := eventtest.Template(server.URL)
	failing := eventtest.TemplateFunc("{{ body.x }}", func(*event.Event, event.Results) (string, error) {
		return "", &event.StepError{Expression: "body.x", Err: errors.New("is absent")}
	})
	dynamic := func(text string) event.Template {
		return eventtest.TemplateFunc("{{ body.url }}", func(*event.Event, event.Results) (string, error) { return text, nil })
	}
	for _, c := range []struct {
		name string
		set  Settings
		body *event.Body
		want string
	}{
		{"no URL", Settings{URL: dynamic("http://a b/")}, nil, "url: is not a URL"},
		{"another scheme", Settings{URL: dynamic("file:///etc/passwd")}, nil, "url: must begin with http:// or https://"},
		{"no host", Settings{URL: dynamic("http:///path")}, nil, "url: has no host"},
		{"a line break", Settings{URL: dynamic(server.URL + "/\r\nX: y")}, nil, "url: is not a URL"},
		{"a failing url", Settings{URL: failing}, nil, "url: body.x: is absent"},
		{"a failing header", Settings{URL: good, Headers: map[string]event.Template{"x-a": failing}}, nil, "the header X-A: body.x: is absent"},
		{"a failing body", Settings{URL: good, Body: &event.Mapping{Expr: eventtest.FailingExpr("body.x", errors.New("is absent"))}}, nil, "body: body.x: is absent"},
		{"a body that is no JSON", Settings{URL: good}, event.BodyOf(func() {}), "the event's body: cannot be written as JSON"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.set.Method = "POST"
			d := eventtest.Delivery("e", map[string]any{})
			if c.body != nil {
				d.Event.Body = c.body
			}
			err := start(t, &c.set).Deliver(t.Context(), []*event.Delivery{d})[0].Err
			if err == nil || !event.IsPermanent(err) || !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("error %v, want %s", err, c.want)
			}
		})
	}
}

func TestSettings(t *testing.T) {
	url := eventtest.Template("https://a.example/")
	headers := func(name, value string) Settings {
		return Settings{URL: url, Headers: map[string]event.Template{name: eventtest.Template(value)}}
	}
	for _, c := range []struct {
		set  Settings
		want string
	}{
		{Settings{URL: url}, ""},
		{Settings{URL: eventtest.Template("crm.example.com/x")}, "url: must begin with http:// or https:// (write https://host/path)"},
		{Settings{URL: eventtest.Template("https://me:s3cret@:x/")}, "url: is not a URL (write https://host/path)"},
		{headers("X-A", "b"), ""},
		{headers("X A", "b"), `headers.X A: "X A" is not the name of a header`},
		{headers("X-A", "s3cret\n"), "headers.X-A: the value holds a line break or another control character"},
		{headers("content-length", "1"), "headers.content-length: Content-Length is for the connection to set (leave it out)"},
		{Settings{URL: url, Auth: &Auth{}}, "auth: needs one way to prove who we are (write bearer: or basic:)"},
		{Settings{URL: url, Auth: &Auth{Bearer: "x", Basic: &Basic{User: "y"}}}, "auth: needs one way to prove who we are (write bearer: or basic:)"},
		{Settings{URL: url, Auth: &Auth{Bearer: "s3cret\n"}}, "auth.bearer: the token holds a control character (is there a line break at its end?)"},
		{Settings{URL: url, Auth: &Auth{Basic: &Basic{User: "a:b"}}}, "auth.basic.user: a name must not hold a colon (RFC 7617)"},
		{Settings{URL: url, Auth: &Auth{Bearer: "x"}, Headers: map[string]event.Template{"authorization": url}},
			"headers.authorization: auth sets this header as well (leave out one of the two)"},
		{Settings{URL: url, TLS: &TLS{CertFile: "x"}}, "tls: cert_file and key_file belong together (add the other one)"},
	} {
		var got []string
		for _, problem := range c.set.Validate() {
			got = append(got, problem.Error())
		}
		if strings.Join(got, "; ") != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

// A receiver that repeats what it was told in something that is no HTTP does not bring it into an error.
func TestNoSecretInErrors(t *testing.T) {
	const secret = "s3cret-t0ken"
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Read(make([]byte, 4096))
			fmt.Fprintf(c, "GARBAGE %s /hooks/%s Bearer %s\r\n\r\n", secret, secret, secret)
			c.Close()
		}
	}()
	for _, set := range []*Settings{
		{URL: eventtest.Template("http://" + l.Addr().String()), Auth: &Auth{Bearer: secret}},
		{URL: eventtest.Template("http://" + l.Addr().String()), Auth: &Auth{Basic: &Basic{User: "me", Password: secret}}},
		{URL: eventtest.Template("http://me:" + secret + "@" + l.Addr().String())},
		{URL: eventtest.Template("http://" + l.Addr().String()), Headers: map[string]event.Template{"X-Api-Key": eventtest.Template(secret)}},
		{URL: eventtest.Template("http://me:" + secret + "@127.0.0.1:1/" + secret)},
		{URL: eventtest.TemplateFunc("…", func(*event.Event, event.Results) (string, error) {
			return "http://me:" + secret + "@127.0.0.1:x/", nil
		})},
	} {
		set.Method = "POST"
		err := start(t, set).Deliver(t.Context(), []*event.Delivery{eventtest.Numbered(1)})[0].Err
		if err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("error %v", err)
		}
	}
}

// start is an open sink that the end of the test closes.
func start(t testing.TB, set *Settings) event.Sink {
	t.Helper()
	s, err := Kind().Open(t.Context(), set, event.SinkOptions{Name: "test", Concurrency: 4})
	must(t, err)
	t.Cleanup(func() {
		if err := s.(event.Closer).Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return s
}

// field is the template {{ body.<name> }}; it is "-" where the body has no such field.
func field(name string) event.Template {
	return eventtest.TemplateFunc("{{ body."+name+" }}", render("%s", name))
}

func render(format, name string) func(*event.Event, event.Results) (string, error) {
	return func(e *event.Event, _ event.Results) (string, error) {
		v, err := eventtest.Field(name).Eval(e, nil)
		if v == nil {
			v = "-"
		}
		return fmt.Sprintf(format, fmt.Sprint(v)), err
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// within fails the test when what should happen soon does not.
const within = 10 * time.Second

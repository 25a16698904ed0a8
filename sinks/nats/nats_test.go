package natssink

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"github.com/trotline/trotline/event"
	"github.com/trotline/trotline/event/eventtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	password = "s3cret-passw0rd"
	within   = 20 * time.Second
)

// receiver is a NATS server that can be taken down and up at one address. The
// user "sink" may publish anything but forbidden.>; "reader" may do everything.
type receiver struct {
	address string
	store   string
	server  *server.Server
	reader  *nats.Conn
	heard   *nats.Subscription // to heard.>
	got     []string           // the ids of what it has heard
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{store: t.TempDir(), address: "127.0.0.1:0"}
	r.start(t)
	t.Cleanup(func() { r.stop(t) })
	r.address = r.server.Addr().String()
	_, err := r.js(t).CreateStream(t.Context(), jetstream.StreamConfig{Name: "STORED", Subjects: []string{"stored.>"}, MaxMsgSize: 4096})
	must(t, err)
	return r
}

func (r *receiver) start(t *testing.T) {
	t.Helper()
	host, port, err := net.SplitHostPort(r.address)
	must(t, err)
	number, err := net.LookupPort("tcp", port)
	must(t, err)
	if number == 0 {
		number = server.RANDOM_PORT
	}
	r.server, err = server.NewServer(&server.Options{
		Host: host, Port: number, JetStream: true, StoreDir: r.store, NoSigs: true, NoLog: true, MaxPayload: 64 << 10,
		Users: []*server.User{
			{Username: "reader", Password: password},
			{Username: "sink", Password: password, Permissions: &server.Permissions{
				Publish: &server.SubjectPermission{Deny: []string{"forbidden.>"}},
			}},
		},
	})
	must(t, err)
	r.server.Start()
	if !r.server.ReadyForConnections(within) {
		t.Fatal("the server does not start")
	}
	r.reader, err = nats.Connect("nats://reader:" + password + "@" + r.server.Addr().String())
	must(t, err)
	r.heard, err = r.reader.SubscribeSync("heard.>")
	must(t, err)
	must(t, r.reader.Flush())
}

func (r *receiver) stop(t *testing.T) {
	if !r.server.Running() {
		return
	}
	r.listen(t)
	r.reader.Close()
	r.server.Shutdown()
	r.server.WaitForShutdown()
}

// listen returns the ids of all that was published to heard.> so far. What the
// server has taken it has sent on to the reader before it answers his ping.
func (r *receiver) listen(t *testing.T) []string {
	t.Helper()
	if r.reader.IsConnected() {
		must(t, r.reader.Flush())
		for n, _, _ := r.heard.Pending(); n > 0; n, _, _ = r.heard.Pending() {
			m, err := r.heard.NextMsg(within)
			must(t, err)
			r.got = append(r.got, m.Header.Get("Nats-Msg-Id"))
		}
	}
	return r.got
}

func (r *receiver) url() string { return "nats://sink:" + password + "@" + r.address }

func (r *receiver) js(t *testing.T) jetstream.JetStream {
	js, err := jetstream.New(r.reader)
	must(t, err)
	return js
}

// stored are the messages in the stream.
func (r *receiver) stored(t *testing.T) []*jetstream.RawStreamMsg {
	t.Helper()
	stream, err := r.js(t).Stream(t.Context(), "STORED")
	must(t, err)
	var messages []*jetstream.RawStreamMsg
	for seq := range stream.CachedInfo().State.LastSeq {
		m, err := stream.GetMsg(t.Context(), seq+1)
		must(t, err)
		messages = append(messages, m)
	}
	return messages
}

// settings publish to the subject that the event names, or to this one.
func (r *receiver) settings(stream bool, subject string) *Settings {
	return &Settings{URL: event.Secret(r.url()), JetStream: stream, Subject: subjectOr(subject)}
}

func TestSuiteJetStream(t *testing.T) {
	eventtest.SinkSuite(t, eventtest.Sink{
		Kind: Kind(),
		Receiver: func(t *testing.T) eventtest.Receiver {
			r := newReceiver(t)
			return eventtest.Receiver{
				Settings: r.settings(true, "stored.orders"),
				Arrived: func(t *testing.T) []string {
					var ids []string
					for _, m := range r.stored(t) {
						ids = append(ids, m.Header.Get("Nats-Msg-Id"))
					}
					return ids
				},
				Stop: r.stop, Start: r.start,
			}
		},
		Bad:    func() *event.Delivery { return to("bad", "a subject with spaces") },
		Keyed:  true,
		Secret: password,
	})
}

func TestSuiteCore(t *testing.T) {
	eventtest.SinkSuite(t, eventtest.Sink{
		Kind: Kind(),
		Receiver: func(t *testing.T) eventtest.Receiver {
			r := newReceiver(t)
			return eventtest.Receiver{
				Settings: r.settings(false, "heard.orders"),
				Arrived:  r.listen,
				Stop:     r.stop, Start: r.start,
			}
		},
		Bad:    func() *event.Delivery { return to("bad", "wild.*") },
		Secret: password,
	})
}

func TestMessage(t *testing.T) {
	r := newReceiver(t)
	set := r.settings(true, "stored.orders")
	set.Headers = map[string]event.Template{"X-Shop": eventtest.Template("one")}
	s := start(t, set)

	made := eventtest.Numbered(1)
	made.Event = made.Event.WithBody(event.BodyOf(map[string]any{"n": 1}))
	made.Event.ID, made.Event.Type = "a b\r\n", ""
	came := eventtest.DeliveryJSON("came", `{ "id": 1234567890123456789 }`)
	came.Event.Request = event.Keep(event.RequestInfo{Header: http.Header{"Content-Type": {"application/vnd.shop+json"}}})
	for _, v := range s.Deliver(t.Context(), []*event.Delivery{made, came}) {
		must(t, v.Err)
	}
	messages := r.stored(t)
	for i, want := range []struct {
		body   string
		header nats.Header
	}{
		{`{"n":1}`, nats.Header{
			"Nats-Msg-Id": {made.ID}, "X-Shop": {"one"}, "content-type": {"application/json"},
			"ce-specversion": {"1.0"}, "ce-id": {"a%20b%0D%0A"}, "ce-source": {"shop"}, "ce-type": {"webhook"}, "ce-time": {"2026-03-14T15:09:26.535897932Z"},
		}},
		{`{ "id": 1234567890123456789 }`, nats.Header{
			"Nats-Msg-Id": {came.ID}, "X-Shop": {"one"}, "content-type": {"application/vnd.shop+json"},
			"ce-specversion": {"1.0"}, "ce-id": {"came"}, "ce-source": {"shop"}, "ce-type": {"order.paid"}, "ce-time": {"2026-03-14T15:09:26.535897932Z"},
		}},
	} {
		m := messages[i]
		if m.Subject != "stored.orders" || string(m.Data) != want.body || !reflect.DeepEqual(m.Header, want.header) {
			t.Errorf("message %d: %s %s\n%v\nwant %v", i, m.Subject, m.Data, m.Header, want.header)
		}
	}
}

// What cannot be published fails alone, for good or not as its reason has it.
func TestFailures(t *testing.T) {
	r := newReceiver(t)
	big := to("big", "stored.x")
	big.Event.Body = event.NewBody(event.Binary, make([]byte, 5000))
	huge := to("huge", "stored.x")
	huge.Event.Body = event.NewBody(event.Binary, make([]byte, 70<<10))
	hugeCore := to("huge", "heard.x")
	hugeCore.Event.Body = huge.Event.Body
	for _, c := range []struct {
		name      string
		stream    bool
		d         *event.Delivery
		permanent bool
		want      string
	}{
		{"too large for the stream", true, big, true, "message size exceeds maximum allowed"},
		{"too large for the server", true, huge, true, "maximum payload exceeded"},
		{"too large for the server", false, hugeCore, true, "maximum payload exceeded"},
		{"no stream", true, to("e", "nobody.x"), false, "make a stream that takes this subject"},
		{"not allowed", false, to("e", "forbidden.x"), false, `permissions violation`},
		{"an empty part", true, to("e", "a..b"), true, "has an empty part"},
		{"empty", false, to("e", ""), true, "is empty"},
		{"a wildcard", true, to("e", "stored.>"), true, "is a wildcard"},
		{"a line break", false, to("e", "heard.x\r\nPUB y 0\r\n\r\n"), true, "a control character"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := start(t, r.settings(c.stream, map[bool]string{true: "stored.x", false: "heard.x"}[c.stream]))
			verdicts := s.Deliver(t.Context(), []*event.Delivery{eventtest.Numbered(1), c.d, eventtest.Numbered(2)})
			for _, i := range []int{0, 2} {
				if verdicts[i].Err != nil {
					t.Errorf("the good ones beside it: %v", verdicts[i].Err)
				}
			}
			err := verdicts[1].Err
			if err == nil || event.IsPermanent(err) != c.permanent || !strings.Contains(strings.ToLower(err.Error()), c.want) {
				t.Errorf("error %v", err)
			}
			if err != nil && strings.Contains(err.Error(), password) {
				t.Errorf("the error shows the password: %v", err)
			}
		})
	}
}

// A publish that is not allowed is never answered by a stream; the error names the reason.
func TestForbiddenStream(t *testing.T) {
	r := newReceiver(t)
	s := start(t, r.settings(true, "forbidden.x"))
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	err := s.Deliver(ctx, []*event.Delivery{eventtest.Numbered(1)})[0].Err
	if !errors.Is(err, context.DeadlineExceeded) || event.IsPermanent(err) || !strings.Contains(err.Error(), "Permissions Violation") {
		t.Errorf("error %v", err)
	}
}

// A wrong password, or no server, is for Deliver to say, and never shown.
func TestCannotConnect(t *testing.T) {
	r := newReceiver(t)
	for _, c := range []struct{ name, url, want string }{
		{"a wrong password", "nats://sink:wr0ng-" + password + "@" + r.address, "uthorization"},
		{"a token", "nats://" + password + "@" + r.address, "uthorization"},
		{"nobody there", "nats://sink:" + password + "@127.0.0.1:1", "connection refused"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := start(t, &Settings{URL: event.Secret(c.url), JetStream: true, Subject: eventtest.Template("stored.x")})
			// The reason is known once the connection has been tried again.
			for until := time.Now().Add(within); ; runtime.Gosched() {
				err := s.Deliver(t.Context(), []*event.Delivery{eventtest.Numbered(1)})[0].Err
				if err == nil || event.IsPermanent(err) || strings.Contains(err.Error(), password) {
					t.Fatalf("error %v", err)
				}
				if strings.Contains(err.Error(), c.want) {
					break
				}
				if time.Now().After(until) {
					t.Fatalf("the error does not tell why: %v", err)
				}
			}
		})
	}
}

// Credentials that cannot be read are a fault of the configuration.
func TestBadCredentials(t *testing.T) {
	r := newReceiver(t)
	none, bad := filepath.Join(t.TempDir(), "none.creds"), filepath.Join(t.TempDir(), "bad.creds")
	must(t, os.WriteFile(bad, []byte(password), 0o600))
	for _, path := range []string{none, bad} {
		_, err := Kind().Open(t.Context(), &Settings{
			URL: event.Secret(r.url()), CredentialsFile: event.Path(path), JetStream: true, Subject: eventtest.Template("stored.x"),
		}, event.SinkOptions{Name: "test"})
		if err == nil || !strings.HasPrefix(err.Error(), "credentials_file: ") || strings.Contains(err.Error(), password) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestSettings(t *testing.T) {
	subject := eventtest.Template("a.b")
	for _, c := range []struct {
		set  Settings
		want string
	}{
		{Settings{URL: "nats://a:4222, tls://b", Subject: subject}, ""},
		{Settings{URL: "a:4222", Subject: subject}, ""},
		{Settings{URL: "http://" + password + "@a", Subject: subject}, "url: a URL begins with http://, which NATS does not speak (write nats://host:4222)"},
		{Settings{URL: "nats://x:" + password + "@a:b", Subject: subject}, "url: is not a URL, or not several with commas between them (write nats://host:4222)"},
		{Settings{URL: "nats://", Subject: subject}, "url: a URL has no host (write nats://host:4222)"},
		{Settings{URL: "a", Subject: eventtest.Template("a.*")}, "subject: the subject is a wildcard (write words with dots between them: orders.new)"},
		{Settings{URL: "a", Subject: subject, Headers: map[string]event.Template{"a b": subject}}, `headers.a b: "a b" is not the name of a header`},
		{Settings{URL: "a", Subject: subject, Headers: map[string]event.Template{"": subject}}, `headers.: a header has no name`},
		{Settings{URL: "a", Subject: subject, Headers: map[string]event.Template{"a": eventtest.Template("b\nc")}}, `headers.a: the value holds a line break or another control character`},
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

func BenchmarkDeliver(b *testing.B) {
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: b.TempDir(), NoSigs: true, NoLog: true})
	must(b, err)
	s.Start()
	defer s.WaitForShutdown()
	defer s.Shutdown()
	conn, err := nats.Connect(s.ClientURL())
	must(b, err)
	defer conn.Close()
	js, err := jetstream.New(conn)
	must(b, err)
	_, err = js.CreateStream(b.Context(), jetstream.StreamConfig{Name: "STORED", Subjects: []string{"stored.>"}})
	must(b, err)
	sink, err := Kind().Open(b.Context(), &Settings{URL: event.Secret(s.ClientURL()), JetStream: true, Subject: eventtest.Template("stored.x")}, event.SinkOptions{Name: "bench"})
	must(b, err)
	defer sink.(event.Closer).Close(b.Context())
	batch := make([]*event.Delivery, 100)
	for i := 0; b.Loop(); i++ {
		for j := range batch {
			batch[j] = eventtest.Numbered(i*len(batch) + j)
		}
		for _, v := range sink.Deliver(b.Context(), batch) {
			must(b, v.Err)
		}
	}
	b.ReportMetric(float64(b.N*len(batch))/b.Elapsed().Seconds(), "deliveries/s")
}

// start is an open sink that the end of the test closes.
func start(t *testing.T, set *Settings) event.Sink {
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

// to is a delivery that names its own subject.
func to(id, subject string) *event.Delivery {
	return eventtest.Delivery(id, map[string]any{"subject": subject})
}

// subjectOr is the subject that the event's body was received with, or this one.
func subjectOr(subject string) event.Template {
	return eventtest.TemplateFunc("{{ original.subject ?? … }}", func(e *event.Event, _ event.Results) (string, error) {
		v, err := e.Original.Value()
		if err != nil {
			return "", err
		}
		if object, ok := v.(map[string]any); ok && object["subject"] != nil {
			return fmt.Sprint(object["subject"]), nil
		}
		return subject, nil
	})
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

package bus

import (
	"bytes"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/trotline/trotline/event"
)

var testNames = names{"trotline"}

// throughNATS is what becomes of a message's headers on the way through the
// client library: it writes them as lines and reads them again.
func throughNATS(t testing.TB, m *nats.Msg) nats.Header {
	t.Helper()
	var b bytes.Buffer
	b.WriteString("NATS/1.0\r\n")
	for k, vs := range m.Header {
		for _, v := range vs {
			if strings.ContainsAny(k+v, "\r\n\x00") || v != strings.Trim(v, " \t") {
				t.Fatalf("the header %q: %q does not survive NATS", k, v)
			}
			b.WriteString(k + ": " + v + "\r\n")
		}
	}
	b.WriteString("\r\n")
	h, err := nats.DecodeHeadersMsg(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// sameEvent compares events by what they mean.
func sameEvent(t testing.TB, got, want *event.Event) {
	t.Helper()
	for _, c := range []struct {
		what      string
		got, want *event.Body
	}{{"body", got.Body, want.Body}, {"original", got.Original, want.Original}} {
		g, err := c.got.Raw()
		if err != nil {
			t.Fatal(err)
		}
		w, err := c.want.Raw()
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(g, w) || c.got.Format() != c.want.Format() {
			t.Errorf("the %s is %s %q, want %s %q", c.what, c.got.Format(), g, c.want.Format(), w)
		}
	}
	g, w := *got, *want
	if !g.Time.Equal(w.Time) {
		t.Errorf("the time is %v, want %v", g.Time, w.Time)
	}
	g.Body, g.Original, g.Time = nil, nil, time.Time{}
	w.Body, w.Original, w.Time = nil, nil, time.Time{}
	gotRequest, wantRequest := *g.Request.Info(), *w.Request.Info()
	maps.DeleteFunc(wantRequest.Header, func(_ string, v []string) bool { return len(v) == 0 })
	if !reflect.DeepEqual(gotRequest, wantRequest) {
		t.Errorf("the request is\n%+v, want\n%+v", gotRequest, wantRequest)
	}
	for name, values := range wantRequest.Header {
		if first := got.Request.Header(name); first != values[0] {
			t.Errorf("the header %s of the request is %q, want %q", name, first, values[0])
		}
	}
	if absent := got.Request.Header("X-Absent"); absent != "" {
		t.Errorf("a header that was not sent is %q", absent)
	}
	g.Request, w.Request = nil, nil
	if !reflect.DeepEqual(g, w) {
		t.Errorf("the event is\n%+v, want\n%+v", g, w)
	}
}

func TestEventRoundTrip(t *testing.T) {
	plain := order(1)
	odd := order(2)
	odd.ID, odd.Type, odd.Element = "Zürich \"5%\"\r\nNats-Msg-Id: x\x00\xff", "", "2/1"
	odd.Request = event.Keep(event.RequestInfo{
		Method: "POST", Path: " /a%2Fb ", RemoteIP: "2001:db8::1",
		Header: http.Header{"X-Odd": {"", " ", "%41", "caf\xe9", "a\tb"}, "Nats-Msg-Id": {"mine"}, "X%Y": {"1"}},
		Query:  url.Values{"q": {"a b", "", "&="}, "": {"x"}},
		Params: map[string]string{"shop": "a/b %"},
	})
	mapped := order(3).WithBody(event.BodyOf(map[string]any{"total": 1, "name": "ü"}))
	form := order(4)
	form.Body = event.NewBody(event.Form, []byte("a=1&b=2"))
	form.Original = form.Body
	empty := order(5)
	empty.Body = event.NewBody(event.Binary, nil)
	empty.Original = empty.Body
	big := order(6)
	big.Request = event.Keep(event.RequestInfo{Header: http.Header{"X-Big": {strings.Repeat("é", 20_000)}, "X-Small": {"1", "2"}}})
	reformatted := order(7)
	reformatted.Body = event.NewBody(event.Text, []byte(`{}`))
	reformatted.Original = event.NewBody(event.JSON, []byte(`{}`))

	for _, e := range []*event.Event{plain, odd, mapped, form, empty, big, reformatted} {
		t.Run(e.Stamp, func(t *testing.T) {
			m, err := testNames.encodeEvent(e, 7)
			if err != nil {
				t.Fatal(err)
			}
			if size := headerSize(m); size > maxHeaders {
				t.Errorf("the headers take %d bytes, JetStream allows %d", size, maxHeaders)
			}
			got, generation, err := decodeEvent(throughNATS(t, m), m.Data)
			if err != nil {
				t.Fatal(err)
			}
			if generation != 7 {
				t.Errorf("generation %d, want 7", generation)
			}
			sameEvent(t, got, e)
		})
	}
}

func headerSize(m *nats.Msg) int {
	n := len("NATS/1.0\r\n\r\n")
	for k, vs := range m.Header {
		for _, v := range vs {
			n += len(k) + len(v) + 4
		}
	}
	return n
}

func TestEventIsACloudEvent(t *testing.T) {
	e := order(1)
	e.ID = "Euro € \U0001F600"
	m, err := testNames.encodeEvent(e, 1)
	if err != nil {
		t.Fatal(err)
	}
	// The example of the CloudEvents HTTP binding 1.0.2, section 3.1.3.2.
	for name, want := range map[string]string{
		"ce-specversion": "1.0", "ce-id": "Euro%20%E2%82%AC%20%F0%9F%98%80", "ce-source": "shop", "ce-type": "new_order",
		"ce-time": "2026-01-02T03:04:05.000000006Z", "content-type": "application/json",
	} {
		if got := m.Header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	raw, _ := e.Body.Raw()
	if !bytes.Equal(m.Data, raw) {
		t.Error("the data of an event is not its body")
	}
	if m.Subject != "trotline.events.shop" {
		t.Errorf("the subject is %s", m.Subject)
	}
	if m.Header.Get(nats.MsgIdHdr) != "" {
		t.Error("an event has a Msg-Id: JetStream would remember it too")
	}
}

func TestWorkRoundTrip(t *testing.T) {
	replayed := order(1).WithBody(event.BodyOf("mapped"))
	replayed.Replay = "r-1"
	w := &Work{
		Event: replayed, Sequence: 1 << 60, Generation: 9,
		Sink: "crm", Pipeline: "orders", Route: "big", Hop: -1, After: "warehouse", Final: true,
		Results: event.Results{"warehouse": {Status: 201, Header: map[string]string{"location": "/7"}, Body: bytes.Repeat([]byte{0, 255}, 32<<10)}},
	}
	m, err := testNames.encodeWork(w, 0)
	if err != nil {
		t.Fatal(err)
	}
	if m.Subject != "trotline.work.crm.orders.big.9" {
		t.Errorf("the subject is %s", m.Subject)
	}
	header := throughNATS(t, m)
	for range 2 { // a message may be read twice
		got, err := decodeWork(header, m.Data)
		if err != nil {
			t.Fatal(err)
		}
		sameEvent(t, got.Event, w.Event)
		got.Event, got.Results = w.Event, maps.Clone(got.Results)
		if !reflect.DeepEqual(got, w) {
			t.Errorf("read %+v, want %+v", got, w)
		}
	}
}

func TestDeadRoundTrip(t *testing.T) {
	d := &Dead{
		Event: order(1), Generation: 3, Pipeline: "orders", Route: "big", Sink: "crm", Step: "map", Hop: 2, After: "warehouse", Final: true,
		Reason: "refused", Error: "line one\nline two", Expression: `body.x == "ü"`, Value: "\x00", Status: 422,
		Answer: []byte("no"), Attempts: 3, FirstAttempt: time.Unix(1, 2).UTC(), LastAttempt: time.Unix(3, 4).UTC(),
		Results: event.Results{"warehouse": {Status: 200}},
		History: []Attempt{{Number: 2, Time: time.Unix(2, 3).UTC(), Status: 503, Error: "busy", Answer: []byte("\xff")}, {Number: 3, Time: time.Unix(3, 4).UTC(), Error: "gone"}},
	}
	m, err := testNames.encodeDead(d, 0)
	if err != nil {
		t.Fatal(err)
	}
	got, err := decodeDead(throughNATS(t, m), m.Data, 5, time.Unix(9, 0).UTC())
	if err != nil {
		t.Fatal(err)
	}
	sameEvent(t, got.Event, d.Event)
	want := *d
	want.Sequence, want.Number, want.Time, want.Event = 5, 5, time.Unix(9, 0).UTC(), got.Event
	if !reflect.DeepEqual(got, &want) {
		t.Errorf("read %+v, want %+v", got, &want)
	}
}

func TestDeadTextsAreCut(t *testing.T) {
	long := strings.Repeat("\n", 1<<20)
	d := &Dead{Event: order(1), Reason: "step", Error: long, Expression: long, Value: long, Answer: []byte(long)}
	d.Event.Request = event.Keep(event.RequestInfo{Header: http.Header{"X-Big": {strings.Repeat("é", 3_000)}}})
	m, err := testNames.encodeDead(d, 0)
	if err != nil {
		t.Fatal(err)
	}
	if size := headerSize(m); size > maxHeaders {
		t.Errorf("the headers take %d bytes, JetStream allows %d", size, maxHeaders)
	}
	got, err := decodeDead(throughNATS(t, m), m.Data, 1, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Error) != maxText || len(got.Answer) != maxAnswer {
		t.Errorf("%d bytes of the error and %d of the answer are kept", len(got.Error), len(got.Answer))
	}
}

func TestLongIDIsRefused(t *testing.T) {
	e := order(1)
	e.ID = strings.Repeat("x", maxNames+1)
	if _, err := testNames.encodeEvent(e, 1); err == nil {
		t.Error("an id that does not fit the headers was taken")
	}
}

// Messages that others write into our streams are errors, never panics.
func TestForeignMessages(t *testing.T) {
	for name, header := range map[string]nats.Header{
		"no headers":    nil,
		"no format":     {ceSpecVersion: {"1.0"}, ceID: {"1"}},
		"bad time":      {ceSpecVersion: {"1.0"}, hdrTrotline: {"format=json"}, ceTime: {"today"}},
		"bad parts":     {ceSpecVersion: {"1.0"}, hdrTrotline: {"format=json&parts=body:99"}, ceTime: {"2026-01-02T03:04:05Z"}},
		"negative part": {ceSpecVersion: {"1.0"}, hdrTrotline: {"format=json&parts=body:-1"}, ceTime: {"2026-01-02T03:04:05Z"}},
		"parts short":   {ceSpecVersion: {"1.0"}, hdrTrotline: {"format=json&parts=body:1"}, ceTime: {"2026-01-02T03:04:05Z"}},
	} {
		t.Run(name, func(t *testing.T) {
			if _, _, err := decodeEvent(header, []byte("{}")); err == nil {
				t.Error("it was read as an event")
			}
			if _, err := decodeWork(header, []byte("{}")); err == nil {
				t.Error("it was read as a delivery")
			}
			if _, err := decodeDead(header, []byte("{}"), 1, time.Time{}); err == nil {
				t.Error("it was read as a dead letter")
			}
		})
	}
}

func FuzzEventRoundTrip(f *testing.F) {
	f.Add("id", "type", "0", "/p", "X-A", "v1", "v2", "q", "qv", []byte("{}"), []byte("[]"), byte(0))
	f.Add("\r\n", "%", "", "", "X%", " ", "\x00", "", "=&", []byte{}, []byte(nil), byte(4))
	f.Fuzz(func(t *testing.T, id, kind, element, path, name, v1, v2, qk, qv string, body, original []byte, format byte) {
		e := order(1)
		e.ID, e.Type, e.Element = id, kind, element
		if len(escapeAttribute(id))+len(escapeAttribute(kind)) > maxNames {
			t.Skip()
		}
		if name == "" {
			name = "X"
		}
		e.Request = event.Keep(event.RequestInfo{
			Path: path, Header: http.Header{name: {v1, v2}}, Query: url.Values{qk: {qv}}, Params: map[string]string{qk: v1},
		})
		e.Body = event.NewBody(event.Formats[int(format)%len(event.Formats)], body)
		e.Original = event.NewBody(event.JSON, original)
		w := &Work{Event: e, Sink: qk, Pipeline: qv, Route: v1, Hop: int(format)}
		m, err := testNames.encodeWork(w, 0)
		if err != nil {
			t.Fatal(err)
		}
		got, err := decodeWork(throughNATS(t, m), m.Data)
		if err != nil {
			t.Fatal(err)
		}
		sameEvent(t, got.Event, e)
		if got.Sink != w.Sink || got.Pipeline != w.Pipeline || got.Route != w.Route || got.Hop != w.Hop {
			t.Errorf("read %+v, want %+v", got, w)
		}
		if !slices.Equal(strings.Split(m.Subject, "."), strings.Split(testNames.workSubject(w), ".")) || strings.ContainsAny(m.Subject, " \r\n*>") {
			t.Errorf("the subject is %q", m.Subject)
		}
	})
}

func FuzzDecode(f *testing.F) {
	f.Add("format=json&parts=body:2,original.json:0&hop=1 method=POST&h.X=1", "{}")
	f.Fuzz(func(t *testing.T, text, data string) {
		h := nats.Header{ceSpecVersion: {"1.0"}, ceTime: {"2026-01-02T03:04:05Z"}, hdrTrotline: {text}}
		if e, _, err := decodeEvent(h, []byte(data)); err == nil && (e.Body == nil || e.Request.Info() == nil) {
			t.Error("an event without a body or a request")
		}
		_, _ = decodeWork(h, []byte(data))
		_, _ = decodeDead(h, []byte(data), 1, time.Time{})
	})
}

package expression

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/trotline/trotline/event"
)

var testTime = time.Date(2026, 3, 14, 15, 9, 26, 535_000_000, time.UTC)

func testEnv(name string) (string, bool) {
	v, ok := map[string]string{"LIMIT": "100", "SECRET": "s3cr3t-value", "EMPTY": ""}[name]
	return v, ok
}

const testBody = `{
	"event": "new_order", "amount": 250, "price": 10.10, "ratio": 0.5, "id": 1234567890123456789, "huge": 12345678901234567890,
	"name": "Zoë", "ok": true, "no": false, "nothing": null, "empty": "", "text": "12.5", "when": "2026-01-02T03:04:05Z", "unix": 1767323045,
	"items": [{"price": 10.10, "qty": 2, "sku": "b"}, {"price": 5, "qty": 1, "sku": "a"}, {"price": 5.0, "qty": 3, "sku": "c"}],
	"numbers": [3, 1, 2], "words": ["b", "a"], "mixed": [1, "a"], "nested": {"a": {"b": 1}, "1": "one"}, "list": []
}`

func testEvent() *event.Event {
	body := event.NewBody(event.JSON, []byte(testBody))
	return &event.Event{
		ID: "ev-1", Source: "shop", Type: "order.paid", Time: testTime, Stamp: "stamp-1",
		Request: event.Keep(event.RequestInfo{
			Method: "POST", Path: "/hooks/shop", RemoteIP: "192.0.2.1",
			Header: http.Header{"X-Foo": {"one", "two"}, "Content-Type": {"application/json"}},
			Query:  url.Values{"x": {"1", "2"}},
			Params: map[string]string{"tenant": "acme"},
		}),
		Body: body, Original: event.NewBody(event.JSON, []byte(`{"first": 1}`)),
	}
}

func compileTest(t *testing.T, text string, s event.Scope) event.Expr {
	t.Helper()
	x, err := New(testEnv).Expr(text, s)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return x
}

// TestUntouched checks that a number keeps its own type where nobody calculates.
func TestUntouched(t *testing.T) {
	got, err := compileTest(t, `body.price`, event.Scope{}).Eval(testEvent(), nil)
	if err != nil || got != json.Number("10.10") {
		t.Errorf("got %#v, %v", got, err)
	}
}

func TestErrorValue(t *testing.T) {
	long := strings.Repeat("é", 5000)
	for _, c := range []struct{ text, body, want string }{
		{`body.a > 1`, `{"a": "x"}`, `"x"`},
		{`1 > body.a`, `{"a": "x"}`, `"x"`},
		{`body.a > 1`, `{}`, `null`},
		{`upper(body.a)`, `{"a": {"b": [1.50]}}`, `{"b":[1.50]}`},
		{`body.a > 1`, `{"a": "` + long + `"}`, `"ééé`},
		{`float(env.SECRET + body.a)`, `{"a": "x"}`, `***`},
		{`let k = env.SECRET; body.a > k`, `{"a": 1}`, `***`},
	} {
		e := testEvent()
		e.Body = event.NewBody(event.JSON, []byte(c.body))
		_, err := compileTest(t, c.text, event.Scope{}).Eval(e, nil)
		var s *event.StepError
		if !errors.As(err, &s) {
			t.Fatalf("%s: %v", c.text, err)
		}
		if !strings.HasPrefix(s.Value, c.want) || len(s.Value) > maxShown {
			t.Errorf("%s: value %s, want %s", c.text, s.Value, c.want)
		}
		if strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("%s: the error shows the secret: %v", c.text, err)
		}
	}
}

func TestBrokenBody(t *testing.T) {
	e := testEvent()
	e.Body = event.NewBody(event.JSON, []byte(`{`))
	_, err := compileTest(t, `body.a == 1`, event.Scope{}).Eval(e, nil)
	if err == nil || !strings.Contains(err.Error(), "the body cannot be decoded") {
		t.Errorf("got %v", err)
	}
	// what does not ask for the body does not decode it
	if got, err := compileTest(t, `id`, event.Scope{}).Eval(e, nil); err != nil || got != "ev-1" {
		t.Errorf("got %v, %v", got, err)
	}
}

// TestAnyBody checks bodies that are no objects.
func TestAnyBody(t *testing.T) {
	for _, body := range []string{`"text"`, `12`, `[1]`, `null`, ``, `true`} {
		e := testEvent()
		e.Body = event.NewBody(event.JSON, []byte(body))
		if got, err := compileTest(t, `body.a.b == nil and body["x"] == nil`, event.Scope{}).Eval(e, nil); err != nil || got != true {
			t.Errorf("%s: got %v, %v", body, got, err)
		}
	}
	bare := &event.Event{Stamp: "s"}
	for _, text := range []string{`body`, `headers.x`, `query.x`, `params.x`, `original`} {
		if got, err := compileTest(t, text, event.Scope{}).Eval(bare, nil); err != nil || got != nil {
			t.Errorf("%s of an event without anything: got %v, %v", text, got, err)
		}
	}
}

func TestWant(t *testing.T) {
	for _, c := range []struct {
		text string
		want event.Want
		gave any    // nil: an error
		msg  string // of the error
	}{
		{`body.ok`, event.Bool, true, ""},
		{`body.event`, event.Bool, nil, `it gives a text, not true or false`},
		{`body.absent`, event.Bool, nil, `it gives nil, not true or false`},
		{`body.event`, event.String, "new_order", ""},
		{`body.price`, event.String, "10.10", ""},
		{`body.id`, event.String, "1234567890123456789", ""},
		{`body.amount + 1`, event.String, "251", ""},
		{`body.ratio + 1`, event.String, "1.5", ""},
		{`body.ok`, event.String, "true", ""},
		{`body.absent`, event.String, nil, `it gives nil, not a text`},
		{`body.empty`, event.String, nil, `it gives an empty text`},
		{`body.items`, event.String, nil, `it gives a list, not a text`},
		{`received_at.AddDate(0,0,1)`, event.String, nil, `it gives a time, not a text`},
		{`body.words`, event.List, []any{"b", "a"}, ""},
		{`body.list`, event.List, []any{}, ""},
		{`split("a b", " ")`, event.List, []any{"a", "b"}, ""},
		{`body.absent`, event.List, nil, `it gives nil, not a list`},
		{`body.event`, event.List, nil, `it gives a text, not a list`},
	} {
		t.Run(c.text+" as "+string(c.want), func(t *testing.T) {
			got, err := compileTest(t, c.text, event.Scope{Want: c.want}).Eval(testEvent(), nil)
			if c.gave == nil {
				if err == nil || !strings.Contains(err.Error(), c.msg) {
					t.Errorf("got %v, %v; want %s", got, err, c.msg)
				}
				return
			}
			if err != nil || !reflect.DeepEqual(got, c.gave) {
				t.Errorf("got %#v, %v", got, err)
			}
		})
	}
}

func TestAnswer(t *testing.T) {
	scope := event.Scope{Answer: true, Want: event.Bool}
	full := event.Answer{Status: 409, Header: map[string]string{"retry-after": "5", "content-type": "application/json"}, Body: []byte(`{"error": {"code": "busy"}}`)}
	none := event.Answer{Error: "no answer from x: EOF"}
	for _, c := range []struct {
		text   string
		answer event.Answer
		want   bool
	}{
		{`status == 409 && body.error.code == "busy"`, full, true},
		{`status >= 500`, full, false},
		{`headers["Retry-After"] == "5" && headers.Missing == nil`, full, true},
		{`"retry-after" in headers`, full, true},
		{`error == ""`, full, true},
		{`status == 0 && error contains "EOF" && body == nil && headers.x == nil`, none, true},
		{`body contains "try later"`, event.Answer{Status: 200, Body: []byte("please try later")}, true},
	} {
		x, err := New(os.LookupEnv).Expr(c.text, scope)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		holds, err := event.AnswerRule{Expr: x}.Holds(&event.Delivery{Event: testEvent()}, c.answer)
		if err != nil || holds != c.want {
			t.Errorf("%s: got %v, %v", c.text, holds, err)
		}
	}
	for text, want := range map[string]string{
		`id == "x"`:     "id is not there: this looks at what the receiver answered (there are status, headers, body and error)",
		`status`:        "it gives a number, and true or false is wanted",
		`statuss > 1`:   `unknown name statuss (did you mean status? a literal text is quoted twice: "'statuss'")`,
		`status == "5"`: "",
	} {
		if _, err := New(os.LookupEnv).Expr(text, scope); err == nil || want != "" && err.Error() != want {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestResults(t *testing.T) {
	results := event.Results{
		"crm": {Status: 201, Header: map[string]string{"location": "/1", "content-type": "application/json"}, Body: []byte(`{"id": 12345678901234567}`)},
		"old": {Header: map[string]string{"content-type": "text/plain"}, Body: []byte(`12`)},
		"cut": {Status: 200, Body: []byte(`{"id": `)},
		"bad": {Status: 422, Error: "it answered 422", Reason: "refused"},
	}
	scope := event.Scope{Results: []string{"crm", "old", "cut", "bad", "none"}}
	for _, c := range []struct{ text, want string }{
		{`results.crm.status`, `201`},
		{`results.crm.headers.Location`, `"/1"`},
		{`results["crm"].headers["LOCATION"]`, `"/1"`},
		{`results.crm.headers`, `{"content-type":"application/json","location":"/1"}`},
		{`results.crm.body.id`, `12345678901234567`},
		{`results.crm`, `{"body":{"id":12345678901234567},"headers":{"content-type":"application/json","location":"/1"},"status":201}`},
		{`results.old.body`, `"12"`},
		{`results.old.status`, `null`},
		{`results.cut.body`, `"{\"id\": "`},
		{`results.none.body.x`, `null`},
		{`keys(results)`, `["bad","crm","cut","old"]`},
		{`results.crm.error`, `null`},
		{`results.bad.reason + ": " + results.bad.error`, `"refused: it answered 422"`},
		{`results.bad`, `{"body":null,"error":"it answered 422","headers":{},"reason":"refused","status":422}`},
		{`map(["crm"], results[#].status)`, `[201]`},
	} {
		got, err := compileTest(t, c.text, scope).Eval(testEvent(), results)
		b, _ := event.EncodeJSON(got)
		if err != nil || string(b) != c.want {
			t.Errorf("%s: got %s, %v; want %s", c.text, b, err, c.want)
		}
	}
}

func TestText(t *testing.T) {
	const text = ` body.a == 1 and now() != nil`
	if x := compileTest(t, text, event.Scope{}); x.Text() != text {
		t.Errorf("Text is %q", x.Text())
	}
}

// TestBodiesFromSteps checks bodies whose values are Go's own.
func TestBodiesFromSteps(t *testing.T) {
	e := testEvent()
	e.Body = event.BodyOf(map[string]any{
		"n": int64(3), "u": uint64(1 << 63), "f": float32(0.5), "s": []string{"a"}, "m": map[string]int{"x": 1}, "b": []byte("hi"),
	})
	for _, c := range []struct{ text, want string }{
		{`body.n + 1`, `4`},
		{`body.n in [3]`, `true`},
		{`body.u > 1`, `true`},
		{`body.f == 0.5`, `true`},
		{`body.s[0]`, `"a"`},
		{`body.s == ["a"]`, `true`},
		{`map(body.s, upper(#))`, `["A"]`},
		{`body.m.x + body.m["x"]`, `2`},
		{`body.m == {x: 1}`, `true`},
		{`keys(body.m)`, `["x"]`},
		{`hex(body.b)`, `"6869"`},
		{`body.b.x`, `null`},
		{`string(body.u)`, `"9223372036854775808"`},
	} {
		got, err := compileTest(t, c.text, event.Scope{}).Eval(e, nil)
		b, _ := event.EncodeJSON(got)
		if err != nil || string(b) != c.want {
			t.Errorf("%s: got %s, %v; want %s", c.text, b, err, c.want)
		}
	}
}

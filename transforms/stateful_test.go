package transforms

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/trotline/trotline/event"
	"github.com/trotline/trotline/event/eventtest"
)

// remembering runs a stateful step as the engine does, and again from its notes alone.
type remembering struct {
	t      *testing.T
	step   event.Stateful
	closed time.Time
	values map[string]any
	notes  map[string][][]byte
}

func remember(t *testing.T, name string, settings any) *remembering {
	t.Helper()
	step, ok := open(t, name, settings).(event.Stateful)
	if !ok {
		t.Fatalf("%s is not stateful", name)
	}
	return &remembering{t: t, step: step, values: map[string]any{}, notes: map[string][][]byte{}}
}

// take hands an event in, received so long after the first, and gives what goes on.
func (r *remembering) take(after time.Duration, body string) string {
	r.t.Helper()
	e := eventtest.EventJSON(body)
	e.Time = e.Time.Truncate(time.Hour).Add(after)
	key, err := r.step.Key(e, r.closed)
	if err != nil {
		return faultText(r.t, err)
	}
	d, err := r.step.Decide(key, r.values[key], e)
	if err != nil {
		return faultText(r.t, err)
	}
	if d.Note != nil {
		r.notes[key] = append(r.notes[key], d.Note)
		if r.values[key], err = r.step.Noted(r.values[key], d.Note); err != nil {
			r.t.Fatal(err)
		}
	}
	out, err := r.step.Follow(e, d.Word)
	if err != nil {
		return faultText(r.t, err)
	}
	if len(out) == 0 {
		return "-"
	}
	raw, _ := out[0].Body.Raw()
	return string(raw)
}

func faultText(t *testing.T, err error) string {
	t.Helper()
	var s *event.StepError
	if !errors.As(err, &s) {
		t.Fatalf("%v is no StepError", err)
	}
	return "error: " + s.Err.Error()
}

// close closes the only window, also as it is made of its notes, and of its one note.
func (r *remembering) close() string {
	r.t.Helper()
	if len(r.values) != 1 {
		r.t.Fatalf("there are %d windows", len(r.values))
	}
	var text string
	for key, value := range r.values {
		var again any
		for _, note := range r.notes[key] {
			var err error
			if again, err = r.step.Noted(again, note); err != nil {
				r.t.Fatal(err)
			}
		}
		note, err := r.step.Note(value)
		if err != nil {
			r.t.Fatal(err)
		}
		whole, err := r.step.Noted(nil, note)
		if err != nil {
			r.t.Fatal(err)
		}
		for i, v := range []any{value, again, whole} {
			e, err := r.step.(event.Windowing).Close(v, "w")
			if err != nil {
				return faultText(r.t, err)
			}
			got := "-"
			if e != nil {
				raw, _ := e.Body.Raw()
				got = string(raw)
			}
			if i > 0 && got != text {
				r.t.Errorf("the window is %s, and %s from what was stored", text, got)
			}
			text = got
		}
	}
	return text
}

func TestDedupe(t *testing.T) {
	r := remember(t, "dedupe", &dedupeSettings{Key: expr(t, "body.id", event.String), Window: event.Duration(time.Hour)})
	for _, c := range []struct {
		after time.Duration
		body  string
		want  string
	}{
		{0, `{"id":1}`, `{"id":1}`},
		{time.Second, `{"id":1}`, "-"},
		{time.Second, `{"id":2}`, `{"id":2}`},
		{time.Hour - 1, `{"id":1}`, "-"},
		{time.Hour, `{"id":1}`, `{"id":1}`},
		{time.Hour + 1, `{"id":1}`, "-"},
		{0, `{}`, "error: it gives nil, not a text"},
	} {
		if got := r.take(c.after, c.body); !strings.HasPrefix(got, c.want) {
			t.Errorf("%s after %v gives %s, want %s", c.body, c.after, got, c.want)
		}
	}
}

func TestLatest(t *testing.T) {
	for _, c := range []struct {
		older string
		steps string
	}{
		{"drop", `1>1 3>3 2>- 3>3 10>10 9>- 10.0>10.0 12345678901234567890>12345678901234567890 12345678901234567889>-`},
		{"drop", `"2026-01-01T10:00:00Z">"2026-01-01T10:00:00Z" "2026-01-01T10:30:00+01:00">- "2026-01-01T12:00:00+01:00">"2026-01-01T12:00:00+01:00"`},
		{"drop", `"a">"a" "b">"b" "a">- 1>error:`},
		{"drop", `true>error: null>error:`},
	} {
		r := remember(t, "latest", &latestSettings{Key: expr(t, "body.id", event.String), Version: expr(t, "body.v", event.Any), Older: c.older})
		for step := range strings.FieldsSeq(c.steps) {
			version, want, _ := strings.Cut(step, ">")
			if want != "-" && want != "error:" {
				want = fmt.Sprintf(`{"id":1,"v":%s}`, want)
			}
			if got := r.take(0, fmt.Sprintf(`{"id":1,"v":%s}`, version)); !strings.HasPrefix(got, want) {
				t.Errorf("%s: %s gives %s", c.steps, step, got)
			}
		}
	}
	r := remember(t, "latest", &latestSettings{Key: expr(t, "body.id", event.String), Version: expr(t, "body.v", event.Any), Older: "mark"})
	for _, c := range [][2]string{{`{"id":1,"v":2}`, `{"id":1,"older":false,"v":2}`}, {`{"id":1,"v":1}`, `{"id":1,"older":true,"v":1}`}, {`{"id":1,"v":2}`, `{"id":1,"older":false,"v":2}`}} {
		if got := r.take(0, c[0]); got != c[1] {
			t.Errorf("%s gives %s, want %s", c[0], got, c[1])
		}
	}
}

func figures(t *testing.T, texts map[string]string) map[string]event.Aggregate {
	t.Helper()
	all := make(map[string]event.Aggregate)
	for name, text := range texts {
		function, inner, _ := strings.Cut(strings.TrimSuffix(text, ")"), "(")
		a := event.Aggregate{Function: function, Text: text}
		if inner != "" {
			a.Of = expr(t, inner, event.Any)
		}
		all[name] = a
	}
	return all
}

func TestWindowFigures(t *testing.T) {
	settings := &windowSettings{
		Key: expr(t, "body.k", event.String), Every: event.Duration(time.Minute),
		Aggregate: figures(t, map[string]string{
			"all": "count()", "big": "count(body.n > 2)", "sum": "sum(body.n)", "avg": "avg(body.n)", "min": "min(body.n)",
			"max": "max(body.n)", "ids": "collect(body.id)", "kinds": "distinct(body.kind)", "first": "min(body.at)",
		}),
	}
	r := remember(t, "window", settings)
	for i, body := range []string{
		`{"k":"a","n":10.10,"id":"x","kind":1,"at":"2026-01-01T10:00:00Z"}`,
		`{"k":"a","n":-0.1,"id":{"y":1.0},"kind":1,"at":"2026-01-01T10:00:00+02:00"}`,
		`{"k":"a","n":12345678901234567890,"id":null,"kind":"1","at":"2026-01-02T10:00:00Z"}`,
	} {
		if got := r.take(time.Duration(i)*time.Second, body); got != "-" {
			t.Errorf("%s goes on as %s", body, got)
		}
	}
	for body, want := range map[string]string{
		`{"k":"a"}`:                        "error: it gives no number",
		`{"k":"a","n":3}`:                  "error: it gives neither a number nor a time nor a text",
		`{"n":3}`:                          "error: it gives nil, not a text",
		`{"k":"a","n":"3","at":"x"}`:       "error: ",
		`{"k":"a","n":3,"kind":1,"at":17}`: "error: it gives a number, and gave a time for this window before",
	} {
		if got := r.take(0, body); !strings.HasPrefix(got, want) {
			t.Errorf("%s gives %s, want %s", body, got, want)
		}
	}
	want := `{"all":3,"avg":4115226300411522600,"big":2,"count":3,"first":"2026-01-01T08:00:00Z","from":"2026-03-14T15:00:00Z",` +
		`"ids":["x",{"y":1.0},null],"key":"a","kinds":2,"max":12345678901234567890,"min":-0.1,"sum":12345678901234567900,"to":"2026-03-14T15:01:00Z"}`
	got := r.close()
	want = strings.ReplaceAll(want, "2026-01-01T08:00:00Z", "2026-01-01T10:00:00+02:00")
	if got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

func TestWindowKeys(t *testing.T) {
	minute := event.Duration(time.Minute)
	at := func(r *remembering, e *event.Event) string {
		key, err := r.step.Key(e, r.closed)
		if err != nil {
			return err.Error()
		}
		seconds, _, _ := strings.Cut(key, "/")
		return seconds
	}
	e := eventtest.EventJSON(`{"at":"2026-03-14T15:05:30Z"}`)
	e.Time = time.Date(2026, 3, 14, 15, 9, 26, 0, time.UTC)

	received := remember(t, "window", &windowSettings{Every: minute, By: expr(t, "received_at", event.Any)})
	if got, want := at(received, e), fmt.Sprint(e.Time.Truncate(time.Minute).Unix()); got != want {
		t.Errorf("the window of the minute begins at %s, want %s", got, want)
	}
	received.closed = e.Time.Truncate(time.Minute).Add(time.Minute)
	if got, want := at(received, e), fmt.Sprint(received.closed.Unix()); got != want {
		t.Errorf("an event received as its window was closed goes to %s, want the next one, %s", got, want)
	}

	happened := remember(t, "window", &windowSettings{Every: minute, By: expr(t, "body.at", event.Any)})
	if got, want := at(happened, e), fmt.Sprint(time.Date(2026, 3, 14, 15, 5, 0, 0, time.UTC).Unix()); got != want {
		t.Errorf("the window by the event's own time begins at %s, want %s", got, want)
	}
	happened.closed = time.Date(2026, 3, 14, 15, 6, 0, 0, time.UTC)
	if got := at(happened, e); !strings.Contains(got, "it is late") {
		t.Errorf("a late event goes to %s", got)
	}
	for body, want := range map[string]string{`{}`: "it gives nil, not a time", `{"at":"noon"}`: "RFC 3339", `{"at":7}`: "parse_time()"} {
		if got := at(happened, eventtest.EventJSON(body)); !strings.Contains(got, want) {
			t.Errorf("%s: %s", body, got)
		}
	}
}

func TestWindowWhen(t *testing.T) {
	for when, want := range map[string]string{
		"body.count > 1": `"count":2`, "body.count > 2": "-", "body.other > 1": "error: body.other is nil",
	} {
		r := remember(t, "window", &windowSettings{Count: 2, When: expr(t, when, event.Bool)})
		r.take(0, `{}`)
		r.take(time.Second, `{}`)
		if got := r.close(); !strings.Contains(got, want) {
			t.Errorf("%s gives %s, want %s", when, got, want)
		}
		for _, v := range r.values {
			if !r.step.(event.Windowing).Full(v) {
				t.Error("a window of two with two events is not full")
			}
		}
	}
}

func TestWindowLimits(t *testing.T) {
	r := remember(t, "window", &windowSettings{Count: 1 << 20, Aggregate: figures(t, map[string]string{"all": "collect(body)"})})
	text := `"` + strings.Repeat("x", 1<<18) + `"`
	for i := range 4 {
		if got := r.take(0, text); (got == "-") != (i < 3) {
			t.Errorf("value %d: %.100s", i, got)
		}
	}
}

func TestStateNames(t *testing.T) {
	name := func(step string, settings any) string { return remember(t, step, settings).step.State() }
	minute, hour := event.Duration(time.Minute), event.Duration(time.Hour)
	id := expr(t, "body.id", event.String)
	if name("dedupe", &dedupeSettings{Key: id, Window: minute}) != name("dedupe", &dedupeSettings{Key: id, Window: hour}) {
		t.Error("another window makes dedupe forget")
	}
	if name("window", &windowSettings{Every: minute}) == name("window", &windowSettings{Every: hour}) {
		t.Error("windows of another length go on with the open ones")
	}
	if name("window", &windowSettings{Every: minute, Late: minute}) != name("window", &windowSettings{Every: minute}) {
		t.Error("waiting longer makes other windows")
	}
}

func TestDelay(t *testing.T) {
	e := eventtest.EventJSON(`{"at":"2026-03-14T16:00:00+01:00"}`)
	for _, c := range []struct {
		settings *delaySettings
		want     string
	}{
		{&delaySettings{For: event.Duration(time.Minute)}, "2026-03-14T15:10:26.535897932Z"},
		{&delaySettings{Until: expr(t, "body.at", event.Any)}, "2026-03-14T15:00:00Z"},
		{&delaySettings{Until: expr(t, `received_at + duration("2h")`, event.Any)}, "2026-03-14T17:09:26.535897932Z"},
		{&delaySettings{Until: expr(t, "body.none", event.Any)}, "it gives nil, not a time"},
		{&delaySettings{Until: expr(t, "17", event.Any)}, "parse_time()"},
	} {
		until, err := open(t, "delay", c.settings).(event.Waiter).Until(e)
		if got := until.Format(time.RFC3339Nano); err == nil && got != c.want || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %s, %v, want %s", got, err, c.want)
		}
	}
	checkBody(t, open(t, "delay", &delaySettings{For: 1}), `{"a": 1}`, `{"a": 1}`)
}

package transforms

import (
	"bytes"
	"errors"
	"log/slog"
	"reflect"
	"strings"
	"testing"

	"github.com/trotline/trotline/event"
	"github.com/trotline/trotline/event/eventtest"
	"github.com/trotline/trotline/transforms/expression"
)

var lang = expression.New(func(string) (string, bool) { return "", false })

func expr(t *testing.T, text string, want event.Want) event.Expr {
	t.Helper()
	x, err := lang.Expr(text, event.Scope{Want: want})
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return x
}

// tree makes a mapping: strings are expressions, pairs are fields, lists are lists.
func tree(t *testing.T, v any) *event.Mapping {
	t.Helper()
	switch v := v.(type) {
	case string:
		return &event.Mapping{Expr: expr(t, v, event.Any)}
	case fields:
		m := &event.Mapping{Fields: []event.MappedField{}}
		for i := 0; i < len(v); i += 2 {
			m.Fields = append(m.Fields, event.MappedField{Name: v[i].(string), Value: tree(t, v[i+1])})
		}
		return m
	case []any:
		m := &event.Mapping{Items: []*event.Mapping{}}
		for _, item := range v {
			m.Items = append(m.Items, tree(t, item))
		}
		return m
	}
	return &event.Mapping{Value: v}
}

type fields []any

func kindNamed(t *testing.T, name string) event.TransformKind {
	t.Helper()
	for _, k := range All() {
		if k.Name == name {
			return k
		}
	}
	t.Fatalf("there is no step %s", name)
	return event.TransformKind{}
}

func open(t *testing.T, name string, settings any) event.Transform {
	t.Helper()
	return openLogging(t, slog.New(slog.DiscardHandler), name, settings)
}

func openLogging(t *testing.T, log *slog.Logger, name string, settings any) event.Transform {
	t.Helper()
	step, err := kindNamed(t, name).Open(settings, event.TransformOptions{Log: log})
	if err != nil {
		t.Fatal(err)
	}
	return step
}

// bodies applies a step to a JSON body and gives the bodies that come out of it.
func bodies(t *testing.T, step event.Transform, body string) ([]string, error) {
	t.Helper()
	e := eventtest.EventJSON(body)
	before, _ := event.Decode(event.JSON, []byte(body))
	out, err := step.Apply(t.Context(), e)
	if now, _ := e.Body.Value(); !reflect.DeepEqual(now, before) {
		t.Errorf("the step has changed the body it was given to %v", now)
	}
	if err != nil {
		var s *event.StepError
		if !errors.As(err, &s) {
			t.Errorf("%v is no StepError", err)
		}
		return nil, err
	}
	var texts []string
	for _, o := range out {
		raw, err := o.Body.Raw()
		if err != nil {
			t.Fatal(err)
		}
		if o.Original != e.Original || o.Stamp != e.Stamp || o.Source != e.Source {
			t.Error("the step has lost what belongs to the event")
		}
		texts = append(texts, string(raw))
	}
	return texts, nil
}

func checkBody(t *testing.T, step event.Transform, body, want string) {
	t.Helper()
	got, err := bodies(t, step, body)
	if err != nil || len(got) != 1 || got[0] != want {
		t.Errorf("%s\n got %s, %v\nwant %s", body, got, err, want)
	}
}

func checkError(t *testing.T, step event.Transform, body, want string) {
	t.Helper()
	got, err := bodies(t, step, body)
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%s\n got %s, %v\nwant %s", body, got, err, want)
	}
}

func TestKinds(t *testing.T) {
	seen := map[string]bool{}
	for _, k := range All() {
		if seen[k.Name] || k.Name == "" || k.Doc == "" || k.Open == nil {
			t.Errorf("bad kind %+v", k)
		}
		seen[k.Name] = true
		t.Run(k.Name, func(t *testing.T) { eventtest.Settings(t, k.Settings) })
	}
}

func TestFilter(t *testing.T) {
	step := open(t, "filter", &filterSettings{Keep: expr(t, `body.event == "new_order" && body.amount >= 100`, event.Bool)})
	checkBody(t, step, `{"event": "new_order", "amount": 100.00}`, `{"event": "new_order", "amount": 100.00}`)
	if got, err := bodies(t, step, `{"event": "new_order", "amount": 99}`); err != nil || got != nil {
		t.Errorf("got %v, %v", got, err)
	}
	checkError(t, step, `{"event": "new_order"}`, "body.amount is nil")
}

func TestMap(t *testing.T) {
	step := open(t, "map", &mapSettings{Tree: tree(t, fields{
		"order_id", "body.id", "total", "float(body.amount)", "price", "body.price", "at", "received_at",
		"list", []any{"body.id", 1, true}, "nested", fields{"event", `"new"`, "none", "body.none.x"},
	})})
	checkBody(t, step, `{"id": 1234567890123456789, "amount": "12.5", "price": 10.10}`,
		`{"at":"2026-03-14T15:09:26.535897932Z","list":[1234567890123456789,1,true],"nested":{"event":"new","none":null},`+
			`"order_id":1234567890123456789,"price":10.10,"total":12.5}`)
	checkError(t, step, `{"amount": "x"}`, "body.amount is no number")
	checkBody(t, open(t, "map", &mapSettings{Tree: tree(t, "body.inner")}), `{"inner": [1.0]}`, `[1.0]`)
}

func TestSet(t *testing.T) {
	step := open(t, "set", &setSettings{Tree: tree(t, fields{
		"kind", `"order"`, "customer", fields{"vip", "body.total > 100"}, "address.city.name", "body.city", "tags", []any{"source"}, "old", "body.kind",
	})})
	checkBody(t, step, `{"total": 200.50, "city": "Ulm", "kind": "x", "customer": {"name": "Zoë", "vip": 0}, "address": {"zip": "89073"}}`,
		`{"address":{"city":{"name":"Ulm"},"zip":"89073"},"city":"Ulm","customer":{"name":"Zoë","vip":true},"kind":"order","old":"x","tags":["shop"],"total":200.50}`)
	checkError(t, step, `{}`, "body.total is nil")
	checkError(t, step, `{"total": 1, "customer": "Zoë"}`, "customer is no object, so no field of it can be set")

	one := open(t, "set", &setSettings{Tree: tree(t, fields{"a", "1"})})
	checkBody(t, one, ``, `{"a":1}`)
	checkBody(t, one, `null`, `{"a":1}`)
	checkError(t, one, `"text"`, "the body is no object")
	checkError(t, one, `[1]`, "the body is no object")
	checkError(t, one, `{`, "the body cannot be decoded")

	for name, m := range map[string]*event.Mapping{
		"set wants fields":                     tree(t, "body"),
		`"a..b" is no path: a name is missing`: tree(t, fields{"a..b", "1"}),
		`"" is no path: a name is missing`:     tree(t, fields{"a", fields{"", "1"}}),
	} {
		problems := (&setSettings{Tree: m}).Validate()
		if len(problems) != 1 || !strings.Contains(problems[0].Error(), name) {
			t.Errorf("got %v, want %s", problems, name)
		}
	}
}

func TestUnset(t *testing.T) {
	step := open(t, "unset", &unsetSettings{Paths: []string{"secret", "customer.email", "items.card.cvc", "no.such.field"}})
	checkBody(t, step, `{"secret": 1, "a": 1.0, "customer": {"email": "x", "name": "y"}, "items": [{"card": {"cvc": 1, "n": 2}}, 3, {"card": 4}]}`,
		`{"a":1.0,"customer":{"name":"y"},"items":[{"card":{"n":2}},3,{"card":4}]}`)
	for _, same := range []string{`{"a": 1,  "b": [ ]}`, `[ 1 ]`, `"secret"`, `null`, ``} {
		checkBody(t, step, same, same)
	}
	checkBody(t, step, `[{"secret": 1}, 2]`, `[{},2]`)
	checkError(t, step, `{`, "the body cannot be decoded")

	problems := (&unsetSettings{Paths: []string{"", "a..b", "a.", "body.x", "ok"}}).Validate()
	if len(problems) != 4 || !strings.Contains(problems[3].Error(), "write x") {
		t.Errorf("got %v", problems)
	}
}

func TestSplit(t *testing.T) {
	step := open(t, "split", &splitSettings{List: expr(t, "body.items ?? body", event.List)})
	e := eventtest.EventJSON(`{"items": [{"n": 1.0}, [2, 3], "x"]}`)
	parts, err := step.Apply(t.Context(), e)
	if err != nil || len(parts) != 3 {
		t.Fatalf("got %v, %v", parts, err)
	}
	for i, want := range []struct{ id, element, body string }{{"event/0", "0", `{"n":1.0}`}, {"event/1", "1", `[2,3]`}, {"event/2", "2", `"x"`}} {
		raw, err := parts[i].Body.Raw()
		if parts[i].ID != want.id || parts[i].Element != want.element || string(raw) != want.body || err != nil {
			t.Errorf("part %d is %s, %s, %s, %v", i, parts[i].ID, parts[i].Element, raw, err)
		}
		if parts[i].Original != e.Original {
			t.Errorf("part %d has lost the body as it was received", i)
		}
	}
	again, err := step.Apply(t.Context(), parts[1])
	if err != nil || len(again) != 2 || again[1].ID != "event/1/1" || again[1].Element != "1/1" {
		t.Errorf("split again: %v, %v", again, err)
	}
	if e.ID != "event" || e.Element != "" {
		t.Error("the event itself was changed")
	}
	if got, err := bodies(t, step, `{"items": []}`); err != nil || got != nil {
		t.Errorf("an empty list gives %v, %v", got, err)
	}
	checkError(t, step, `{"a": 1}`, "it gives an object, not a list")
	checkError(t, step, "["+strings.Repeat("0,", maxElements)+"0]", "split into at most 100000")
}

func TestLog(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(slog.NewJSONHandler(&out, &slog.HandlerOptions{Level: slog.LevelInfo}))
	message, err := lang.Template("order {{ body.id }}\nforged", event.Scope{})
	if err != nil {
		t.Fatal(err)
	}
	for _, level := range []string{"warn", "debug"} {
		step := openLogging(t, log, "log", &logSettings{Message: message, Level: level})
		checkBody(t, step, `{"id": 7, "card": "never-shown"}`, `{"id": 7, "card": "never-shown"}`)
		checkError(t, step, `{}`, "body.id")
	}
	line := out.String()
	for _, want := range []string{`"level":"WARN"`, `"msg":"order 7\nforged"`, `"event":"event"`, `"source":"shop"`} {
		if !strings.Contains(line, want) {
			t.Errorf("the line lacks %s: %s", want, line)
		}
	}
	if strings.Contains(line, "never-shown") || strings.Count(line, "\n") != 1 {
		t.Errorf("the log says too much: %s", line)
	}
}

func shape(names ...string) *event.Shape {
	s := &event.Shape{Fields: map[string]*event.Shape{}}
	for _, n := range names {
		s.Fields[n] = nil
	}
	return s
}

func TestShapes(t *testing.T) {
	nested := shape("a")
	nested.Fields["c"] = shape("name", "email")
	for _, c := range []struct {
		step     string
		settings any
		before   *event.Shape
		want     string
	}{
		{"map", &mapSettings{Tree: tree(t, fields{"x", "1", "y", fields{"z", "1"}})}, nil, "{x y{z}}"},
		{"map", &mapSettings{Tree: tree(t, "body.x")}, shape("x"), "?"},
		{"set", &setSettings{Tree: tree(t, fields{"x", "1"})}, nil, "?"},
		{"set", &setSettings{Tree: tree(t, fields{"x", "1", "c", fields{"vip", "1"}, "n.m", "1"})}, nested, "{a c{email name vip} n{m} x}"},
		{"set", &setSettings{Tree: tree(t, fields{"a.b", "1"})}, nested, "{a c{email name}}"},
		{"set", &setSettings{Tree: tree(t, fields{"c", "1"})}, nested, "{a c}"},
		{"unset", &unsetSettings{Paths: []string{"a", "c.email", "x.y"}}, nested, "{c{name}}"},
		{"unset", &unsetSettings{Paths: []string{"a"}}, nil, "?"},
		{"split", &splitSettings{}, nested, "?"},
	} {
		if got := draw(kindNamed(t, c.step).Shape(c.before, c.settings)); got != c.want {
			t.Errorf("%s of %s gives %s, want %s", c.step, draw(c.before), got, c.want)
		}
	}
	if draw(nested) != "{a c{email name}}" {
		t.Errorf("a step has changed the shape it was given to %s", draw(nested))
	}
	for _, name := range []string{"filter", "validate", "log"} {
		if kindNamed(t, name).Shape != nil {
			t.Errorf("%s leaves the body as it is, but has a Shape", name)
		}
	}
}

func draw(s *event.Shape) string {
	if s == nil {
		return "?"
	}
	var parts []string
	for _, n := range s.Names() {
		if s.Fields[n] != nil {
			n += draw(s.Fields[n])
		}
		parts = append(parts, n)
	}
	return "{" + strings.Join(parts, " ") + "}"
}

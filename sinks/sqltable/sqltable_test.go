package sqltable

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trotline/trotline/event"
	"github.com/trotline/trotline/event/eventtest"
)

func TestRow(t *testing.T) {
	failing := eventtest.FailingExpr("body.x.y", errors.New("x is a text"))
	for name, test := range map[string]struct {
		spec Spec
		body string
		want string // the row, or the error
	}{
		"body":                      {Spec{Key: []string{"id"}}, `{"id": 9007199254740993, "b": 10.10, "a": null}`, "a=, b=10.10, id=9007199254740993"},
		"without a key":             {Spec{}, `{"a": 1}`, "a=1, delivery_id=<id>"},
		"the sender's delivery_id":  {Spec{}, `{"delivery_id": "mine"}`, "delivery_id=<id>"},
		"delivery_id as the key":    {Spec{Key: []string{"delivery_id"}}, `{"delivery_id": "mine"}`, "delivery_id=mine"},
		"columns":                   {Spec{Columns: map[string]event.Expr{"n": eventtest.Field("a"), "c": eventtest.Expr(true)}, Key: []string{"n"}}, `{"a": 1}`, "c=true, n=1"},
		"columns of any body":       {Spec{Columns: map[string]event.Expr{"c": eventtest.Expr("x")}}, `[1]`, "c=x, delivery_id=<id>"},
		"an expression that fails":  {Spec{Columns: map[string]event.Expr{"c": failing}}, `{}`, `column "c": body.x.y: x is a text`},
		"a value that is no JSON":   {Spec{Columns: map[string]event.Expr{"c": eventtest.Expr(func() {})}}, `{}`, `column "c": cannot be written`},
		"key absent":                {Spec{Key: []string{"id"}}, `{"a": 1}`, `no value for its key column "id"`},
		"key nil":                   {Spec{Key: []string{"a", "id"}}, `{"a": 1, "id": null}`, `no value for its key column "id"`},
		"a list":                    {Spec{}, `[1]`, "not an object"},
		"nothing":                   {Spec{}, ``, "not an object"},
		"broken":                    {Spec{}, `{`, "cannot be decoded"},
		"a field without a name":    {Spec{}, `{"": 1}`, "needs a name"},
		"a NUL in the field's name": {Spec{}, `{"a\u0000": 1}`, "NUL"},
	} {
		t.Run(name, func(t *testing.T) {
			d := eventtest.DeliveryJSON("1", test.body)
			row, err := test.spec.Row(d)
			if err != nil {
				if !event.IsPermanent(err) || !strings.Contains(err.Error(), test.want) {
					t.Errorf("%v, want %s", err, test.want)
				}
				return
			}
			var parts []string
			for i, c := range row.Columns {
				text, err := Text(row.Values[i])
				if err != nil {
					t.Fatal(err)
				}
				parts = append(parts, c+"="+text)
			}
			if got, want := strings.Join(parts, ", "), strings.ReplaceAll(test.want, "<id>", d.ID); got != want {
				t.Errorf("%s, want %s", got, want)
			}
		})
	}
}

// The row is the sink's own: an event is never changed.
func TestRowLeavesTheBody(t *testing.T) {
	body := map[string]any{"a": json.Number("1")}
	if _, err := (&Spec{}).Row(eventtest.Delivery("1", body)); err != nil {
		t.Fatal(err)
	}
	if len(body) != 1 {
		t.Errorf("the body became %v", body)
	}
}

func TestOnConflict(t *testing.T) {
	for _, test := range []struct {
		spec    Spec
		columns []string
		want    string
	}{
		{Spec{}, []string{"a", DeliveryID}, `ON CONFLICT ("delivery_id") DO NOTHING`},
		{Spec{Key: []string{"k"}}, []string{"k"}, `ON CONFLICT ("k") DO NOTHING`},
		{Spec{Key: []string{"k", `l"`}}, []string{"a", "b", "k", `l"`}, `ON CONFLICT ("k", "l""") DO UPDATE SET "a" = excluded."a", "b" = excluded."b"`},
		{Spec{Key: []string{"k"}, Version: "v"}, []string{"k", "v"},
			`ON CONFLICT ("k") DO UPDATE SET "v" = excluded."v" WHERE target."v" IS NULL OR excluded."v" >= target."v"`},
	} {
		if got := test.spec.OnConflict(test.columns); got != test.want {
			t.Errorf("got  %s\nwant %s", got, test.want)
		}
	}
}

func TestInfer(t *testing.T) {
	spec := Spec{Key: []string{"z", "y"}, Version: "v"}
	rows := []Row{
		{Columns: []string{"a", "y"}, Values: []any{nil, "1"}},
		{Columns: []string{"a", "z"}, Values: []any{true, "1"}},
	}
	columns := spec.Infer(rows, func(v any) string {
		switch v.(type) {
		case nil:
			return "unknown"
		case bool:
			return "boolean"
		}
		return "text"
	})
	if want := []Column{{"z", "text"}, {"y", "text"}, {"a", "boolean"}, {"v", "unknown"}}; !slices.Equal(columns, want) {
		t.Errorf("%v, want %v", columns, want)
	}
}

func TestSortableTime(t *testing.T) {
	inOrder := []string{
		"2025-12-31T23:59:59.999999999Z", "2026-01-01T01:00:00+01:00", "2026-01-01T00:00:00.5Z",
		"2025-12-31T23:00:01-01:00", "2026-01-01T00:00:01.000000001Z",
	}
	var last string
	for _, text := range inOrder {
		v, err := TextVersion(text)
		if err != nil {
			t.Fatal(err)
		}
		if v.(string) <= last {
			t.Errorf("%s becomes %s, not after %s", text, v, last)
		}
		last = v.(string)
	}
	if v, _ := TextVersion("01JQ"); v != "01JQ" {
		t.Errorf("a version that is no time became %v", v)
	}
	if _, err := TextVersion(json.Number("9")); !errors.Is(err, ErrNumberAsText) {
		t.Errorf("a number: %v", err)
	}
}

func TestParseTime(t *testing.T) {
	for text, want := range map[string]bool{
		"2026-03-14T15:09:26Z": true, "2026-03-14T15:09:26.5+02:00": true,
		"2026-03-14": false, "2026-03-14T15:09:26": false, "2026-03-14 15:09:26Z": false,
		"2026-02-30T00:00:00Z": false, "": false, "2026-03-14T15:09:26Z and more": false,
	} {
		if _, ok := ParseTime(text); ok != want {
			t.Errorf("%q: %v, want %v", text, ok, want)
		}
	}
}

func TestPlain(t *testing.T) {
	for _, test := range []struct{ in, want any }{
		{7, json.Number("7")}, {uint8(7), json.Number("7")}, {0.25, json.Number("0.25")},
		{time.Minute, json.Number("60000000000")}, {json.Number("10.10"), json.Number("10.10")},
		{nil, nil}, {"x", "x"},
	} {
		if got, err := Plain(test.in); err != nil || got != test.want {
			t.Errorf("%v: %v (%T), %v", test.in, got, got, err)
		}
	}
}

func FuzzName(f *testing.F) {
	f.Add("orders")
	f.Add("shop.orders")
	f.Add(`a"b.c`)
	f.Fuzz(func(t *testing.T, text string) {
		name, err := ParseName(text)
		if err != nil {
			return
		}
		if name.String() != text {
			t.Errorf("%q was read as %q", text, name)
		}
		inner := strings.TrimSuffix(strings.TrimPrefix(Quote(name.Table), `"`), `"`)
		if strings.Contains(strings.ReplaceAll(inner, `""`, ""), `"`) {
			t.Errorf("%q ends its quotes early", Quote(name.Table))
		}
	})
}

package transforms

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/trotline/trotline/event"
	"github.com/trotline/trotline/event/eventtest"
)

const orderSchema = `{
	"type": "object",
	"required": ["id", "amount"],
	"additionalProperties": false,
	"properties": {
		"id": {"type": "integer", "minimum": 1},
		"amount": {"type": "number", "exclusiveMinimum": 0, "maximum": 1000.5},
		"email": {"type": "string", "format": "email"},
		"at": {"type": "string", "format": "date-time"},
		"code": {"type": "string", "pattern": "^[A-Z]+$", "maxLength": 3},
		"state": {"enum": ["new", "paid"]},
		"items": {"type": "array", "items": {"$ref": "#/$defs/item"}, "minItems": 1},
		"either": {"anyOf": [{"type": "string"}, {"type": "null"}]}
	},
	"$defs": {"item": {"type": "object", "required": ["sku"], "properties": {"sku": {"type": "string"}, "a/b": {"type": "string"}}}}
}`

func validating(t *testing.T, onFail string) event.Transform {
	t.Helper()
	return open(t, "validate", &validateSettings{Schema: event.File{Path: "/etc/order.json", Data: []byte(orderSchema)}, OnFail: onFail})
}

func TestValidate(t *testing.T) {
	step := validating(t, "dead")
	for _, good := range []string{
		`{"id": 1234567890123456789, "amount": 10.10}`,
		`{"id": 1.0, "amount": 1e2, "email": "a@b.example", "at": "2026-01-02T03:04:05Z", "code": "AB", "state": "new", "items": [{"sku": "x"}], "either": null}`,
	} {
		checkBody(t, step, good, good)
	}
	for _, c := range []struct{ body, want string }{
		{`{"id": 1, "amount": "12"}`, `/amount: want number, got string`},
		{`{"id": 1.5, "amount": 1}`, `/id: want integer, got number`},
		{`{"amount": 1}`, `/id: is missing`},
		{`{}`, `/id: is missing; /amount: is missing`},
		{`[]`, `/: want object, got array`},
		{``, `/: want object, got null`},
		{`{"id": 0, "amount": 1}`, `/id: want at least 1`},
		{`{"id": 1, "amount": 0}`, `/amount: want more than 0`},
		{`{"id": 1, "amount": 1001}`, `/amount: want at most 1000.5`},
		{`{"id": 1, "amount": 1, "email": "nobody"}`, `/email: is no valid email`},
		{`{"id": 1, "amount": 1, "at": "yesterday"}`, `/at: is no valid date-time`},
		{`{"id": 1, "amount": 1, "code": "abcd"}`, `/code: `},
		{`{"id": 1, "amount": 1, "state": "old"}`, `/state: value must be one of 'new', 'paid'`},
		{`{"id": 1, "amount": 1, "more": 1}`, `/: has fields that are not allowed: more`},
		{`{"id": 1, "amount": 1, "items": [{"sku": "a"}, {"sku": 1, "a/b": 2}]}`, `/items/1/sku: want string, got number`},
		{`{"id": 1, "amount": 1, "items": [{"sku": "a", "a/b": 2}]}`, `/items/0/a~1b: want string, got number`},
		{`{"id": 1, "amount": 1, "either": 1}`, `/either: fits none of the alternatives of anyOf`},
		{`{"id": 1e999999, "amount": 1}`, `/id: the number is too large to be checked`},
		{`{"id": 1, "amount": 1e-99999999999999999999}`, `/amount: the number is too large to be checked`},
		{`{"id": ` + strings.Repeat("9", 2000) + `, "amount": 1}`, `/id: the number is too large to be checked`},
		{`{`, `the body cannot be decoded`},
	} {
		checkError(t, step, c.body, c.want)
	}
	many := `{"id": 1, "amount": 1, "items": [` + strings.Repeat(`{},`, 30) + `{}]}`
	checkError(t, step, many, "and 21 more")
}

func TestValidateShowsTheValue(t *testing.T) {
	_, err := bodies(t, validating(t, "dead"), `{"id": 1, "amount": "`+strings.Repeat("ü", 500)+`"}`)
	var s *event.StepError
	if !errors.As(err, &s) || !strings.HasPrefix(s.Value, `"ü`) || len(s.Value) > 210 {
		t.Errorf("got %v", err)
	}
}

func TestValidateDrop(t *testing.T) {
	step := validating(t, "drop")
	for _, bad := range []string{`{"id": 1}`, `{`, `{"id": 1e999999, "amount": 1}`} {
		if got, err := bodies(t, step, bad); err != nil || got != nil {
			t.Errorf("%s: got %v, %v", bad, got, err)
		}
	}
	checkBody(t, step, `{"id": 1, "amount": 1}`, `{"id": 1, "amount": 1}`)
}

// TestValidateMadeBody checks a body that a step has made of values of Go.
func TestValidateMadeBody(t *testing.T) {
	e := eventtest.Event(map[string]any{"id": 7, "amount": 1.5, "at": time.Now(), "items": []map[string]string{{"sku": "x"}}})
	if _, err := validating(t, "dead").Apply(t.Context(), e); err != nil {
		t.Error(err)
	}
}

// TestFieldsTwice: what a schema has looked at is what every reader sees.
func TestFieldsTwice(t *testing.T) {
	step := open(t, "validate", &validateSettings{Schema: event.File{Path: "s.json", Data: []byte(`{}`)}, OnFail: "dead"})
	for _, c := range []struct {
		format     event.Format
		body, want string
	}{
		{event.JSON, `{"a": 1, "a": 2}`, "/a"},
		{event.JSON, `{"a": 1, "\u0061": 1}`, "/a"},
		{event.JSON, `{"a": {"b": [[], {"c": 1}, {"x~/": {}, "y": "x~/", "x~/": 2}]}}`, "/a/b/2/x~0~1"},
		{event.JSON, `[{"a": 1}, {"a": "a"}, {"a": ["a", "a"], "b": {"a": 1}, "A": 1}]`, ""},
		{event.NDJSON, "{\"a\": 1}\n\n{\"a\": 1, \"a\": 1}\n", "/1/a"},
		{event.NDJSON, "{\"a\": 1}\n{\"a\": 1}\n", ""},
		{event.Form, "a=1&a=2", ""},
	} {
		_, err := step.Apply(t.Context(), &event.Event{Body: event.NewBody(c.format, []byte(c.body))})
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", c.body, err)
		case c.want != "" && (err == nil || err.Error() != c.want+": is there more than once"):
			t.Errorf("%s: got %v, want %s", c.body, err, c.want)
		}
	}
}

func FuzzRepeated(f *testing.F) {
	for _, seed := range []string{`{"a": {"b": [1, {"c": 1, "c": 2}]}}`, `[{"a": 1}, {"\u0061": 1, "a": 2}]`, "{}\n{\"a\":1}\n"} {
		f.Add(seed, true)
		f.Add(seed, false)
	}
	f.Fuzz(func(t *testing.T, text string, lines bool) {
		format := event.JSON
		if lines {
			format = event.NDJSON
		}
		b := event.NewBody(format, []byte(text))
		v, err := b.Value()
		if err != nil {
			return
		}
		place, found := repeated(b)
		if path := strings.Split(place, "/"); found && path[0] != "" {
			t.Errorf("%q: the place is %q", text, place)
		}
		once, err := event.EncodeJSON(v)
		if err != nil {
			t.Fatal(err)
		}
		if place, again := repeated(event.NewBody(event.JSON, once)); again {
			t.Errorf("%q holds each field once, and is said to repeat %q", once, place)
		}
		if !found && strings.Count(text, ":") != strings.Count(string(once), ":") {
			t.Errorf("%q has lost a field, and none is said to be repeated", text)
		}
	})
}

func TestBrokenSchemas(t *testing.T) {
	for _, c := range []struct{ schema, want string }{
		{`{"type": "objekt"}`, `s.json: /type: `},
		{`{"properties": {"a": {"minimum": "1"}}}`, `s.json: /properties/a/minimum: want number, got string`},
		{"{\n  \"type\": \"object\",\n}", `s.json: line 3, column 1: it is no JSON`},
		{`{"type": "object"} x`, `something follows the schema`},
		{``, `it is no JSON`},
		{`[]`, `s.json: `},
		{`{"pattern": "["}`, `s.json: /pattern: `},
		{`{"$ref": "http://example.com/x.json"}`, `it refers to http://example.com/x.json, and nothing is loaded from elsewhere`},
		{`{"$ref": "https://example.com/x.json#/a"}`, `it refers to https://example.com/x.json, and nothing is loaded`},
		{`{"$ref": "other.json"}`, `it refers to other.json, and nothing is loaded from elsewhere`},
		{`{"$ref": "file:///etc/passwd"}`, `it refers to file:///etc/passwd, and nothing is loaded`},
		{`{"$ref": "#/$defs/none"}`, `/$defs/none`},
		{`{"$schema": "https://example.com/draft"}`, `nothing is loaded from elsewhere`},
	} {
		_, err := validateKind.Open(&validateSettings{Schema: event.File{Path: "s.json", Data: []byte(c.schema)}}, event.TransformOptions{})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s\n got %v\nwant %s", c.schema, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), "trotline:") {
			t.Errorf("%s: the error names an inner URL: %v", c.schema, err)
		}
	}
}

func TestOlderDrafts(t *testing.T) {
	schema := `{"$schema": "http://json-schema.org/draft-07/schema#", "$id": "https://example.com/o", "definitions": {"p": {"type": "string", "format": "email"}}, "properties": {"a": {"$ref": "#/definitions/p"}}}`
	step := open(t, "validate", &validateSettings{Schema: event.File{Path: "s.json", Data: []byte(schema)}})
	checkBody(t, step, `{"a": "x@y.example"}`, `{"a": "x@y.example"}`)
	checkError(t, step, `{"a": "x"}`, "/a: is no valid email")
}

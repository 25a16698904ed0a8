package event

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

// follow is Lookup by way of the whole value.
func follow(v any, path []string) any {
	for _, name := range path {
		object, _ := v.(map[string]any)
		v = object[name]
	}
	return v
}

func TestLookup(t *testing.T) {
	for _, body := range []string{
		`{}`, `[]`, `"text"`, `17`, `null`, ``, ` {"a" : 1 } `,
		`{"a":1,"a":2}`, `{"a":{"b":1},"a":{"c":2}}`, `{"a":{"b":1},"a":3}`,
		`{"\u0061":"escaped name"}`, `{"a":"esc\"aped \u00e9"}`, `{"ä":1,"a":{"ä":{"b":[1,2,{"c":3}]}}}`,
		`{"z":[{"a":1}],"a":{"z":"}{][,:","b":{"c":10.10}}}`, `{"a":{"b":null}}`, `{"a":{"b":{}}}`, `{"a":{"b":[]}}`,
		`{"a":12345678901234567890.1e5,"b":true,"c":false}`, "{\n\t\"a\" :\r\n [ 1 , 2 ] ,\n\"b\":\"\\\\\"}", "{\"a\":\"\xff\"}",
		`{"a":1`, `{"a" 1}`, `{a:1}`, `nul`, `{"a":1}{`, `{"a":"` + "\n" + `"}`,
	} {
		for _, path := range []string{"a", "b", "c", "a.b", "a.b.c", "a.z", "ä", "a.ä.b", ""} {
			checkLookup(t, body, path)
		}
	}
}

func checkLookup(t *testing.T, body, path string) {
	t.Helper()
	names := strings.Split(path, ".")
	if path == "" {
		names = nil
	}
	got, err := NewBody(JSON, []byte(body)).Lookup(names...)
	whole, wholeErr := NewBody(JSON, []byte(body)).Value()
	if (err == nil) != (wholeErr == nil) {
		t.Errorf("%q %s: error %v, decoded whole %v", body, path, err, wholeErr)
		return
	}
	if err == nil && !reflect.DeepEqual(got, follow(whole, names)) {
		t.Errorf("%q %s: got %#v, decoded whole %#v", body, path, got, follow(whole, names))
	}
}

func TestLookupDecodesWholeInTheEnd(t *testing.T) {
	b := NewBody(JSON, []byte(`{"a":{"b":1}}`))
	for range 2 * maxLookups {
		if v, err := b.Lookup("a", "b"); err != nil || v != json.Number("1") {
			t.Fatalf("got %v, %v", v, err)
		}
	}
	if !b.decoded.Load() {
		t.Error("the body was never decoded whole")
	}
}

func FuzzLookup(f *testing.F) {
	f.Add(`{"a":{"b":[1,"x"]},"a":2}`, "a.b")
	f.Add(`{"\u0061":{"b":"\\"}}`, "a.b")
	f.Fuzz(func(t *testing.T, body, path string) { checkLookup(t, body, path) })
}

func BenchmarkLookup(b *testing.B) {
	raw := []byte(`{"event":"new_order","amount":120.50,"items":[` + strings.Repeat(`{"sku":"A-1","qty":1,"name":"something to buy"},`, 18) + `{}],"id":"O-1"}`)
	b.ReportAllocs()
	for b.Loop() {
		body := NewBody(JSON, raw)
		if v, _ := body.Lookup("id"); v != "O-1" {
			b.Fatal(v)
		}
	}
}

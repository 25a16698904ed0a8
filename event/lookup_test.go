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
	// Bytes that are wrongly said to be checked may give anything, but no panic.
	trusted, trustedErr := NewCheckedBody(JSON, []byte(body)).Lookup(names...)
	if wholeErr == nil && (trustedErr != nil || !reflect.DeepEqual(trusted, got)) {
		t.Errorf("%q %s: of a checked body got %#v (%v), decoded whole %#v", body, path, trusted, trustedErr, got)
	}
}

// Somebody else may have written what is read from the store.
func TestCheckedBodyThatIsNotValid(t *testing.T) {
	for _, text := range []string{`{`, `{"a":`, `{"a":"`, `{"a":1`, `{"a":1,`, `{"a":x}`, `{"a":{"b":[}}`, `{"a":1]`, `{"z"}`, `{a":1}`, strings.Repeat(`{"a":`, maxDepth+1)} {
		b := NewCheckedBody(JSON, []byte(text))
		if err := b.Check(); err != nil {
			t.Errorf("%.40q was checked again: %v", text, err)
		}
		got, err := b.Lookup("a", "b")
		_, want := NewBody(JSON, []byte(text)).Value()
		if got != nil || err == nil || err.Error() != want.Error() {
			t.Errorf("%.40q: got %v and error %v, want the error %v", text, got, err, want)
		}
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
	for _, c := range []struct {
		name string
		body func(Format, []byte) *Body
	}{{"unchecked", NewBody}, {"checked", NewCheckedBody}} {
		b.Run(c.name, func(b *testing.B) {
			raw := benchmarkTexts()["order"]
			b.ReportAllocs()
			for b.Loop() {
				if v, _ := c.body(JSON, raw).Lookup("id"); v != "O-1" {
					b.Fatal(v)
				}
			}
		})
	}
	b.Run("three fields", func(b *testing.B) {
		raw := benchmarkTexts()["order"]
		for b.Loop() {
			body := NewCheckedBody(JSON, raw)
			for _, name := range []string{"id", "event", "amount"} {
				if _, err := body.Lookup(name); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
}

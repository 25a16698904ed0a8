package event

import (
	"bytes"
	"encoding/json"
	"net/url"
	"testing"
	"time"
)

func TestBodyWriteJSON(t *testing.T) {
	for _, c := range []struct {
		name   string
		format Format
		raw    string
		want   string // "" is an error
	}{
		{"pretty JSON becomes one line", JSON, "{\n  \"id\": 1234567890123456789,\n \"price\": 10.10\n}\n", `{"id":1234567890123456789,"price":10.10}`},
		{"one line stays", JSON, "\r\n\t{ \"id\" : 1.0,\t\"a\":[ ] } \n", "{ \"id\" : 1.0,\t\"a\":[ ] }"},
		{"a carriage return is a break", JSON, "{\r\"a\": \"\\r\\n\"}", `{"a":"\r\n"}`},
		{"order and HTML stay", JSON, `{"b":"<&>","a":1}`, `{"b":"<&>","a":1}`},
		{"nothing", JSON, " ", `null`},
		{"broken", JSON, `{"a":`, ""},
		{"two values", JSON, `{} {}`, ""},
		{"a form", Form, "b=2&a=x&a=y", `{"a":["x","y"],"b":"2"}`},
		{"lines", NDJSON, "{\"a\":1}\n{\"a\":2.50}\n", `[{"a":1},{"a":2.50}]`},
		{"text", Text, "two\nlines \"<quoted>\"", `"two\nlines \"<quoted>\""`},
		{"text that is none", Text, "\xff", ""},
		{"binary", Binary, "\x00\xff\n", `"AP8K"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := bytes.NewBufferString("before ")
			err := NewBody(c.format, []byte(c.raw)).WriteJSON(w)
			if (err == nil) != (c.want != "") {
				t.Fatalf("error %v", err)
			}
			if got := w.String(); got != "before "+c.want {
				t.Errorf("wrote %s, want %s", got, c.want)
			}
		})
	}
}

func TestDeliveryWriteJSON(t *testing.T) {
	d := &Delivery{ID: "d-1", Event: &Event{
		ID: "a\n1", Source: "shop", Type: "order.paid",
		Time: time.Date(2026, 3, 14, 15, 9, 26, 0, time.UTC),
		Body: NewBody(JSON, []byte("{ \"n\": 1.0 }")),
	}}
	var w bytes.Buffer
	if err := d.WriteJSON(&w); err != nil {
		t.Fatal(err)
	}
	want := `{"id":"a\n1","source":"shop","type":"order.paid","time":"2026-03-14T15:09:26Z","delivery_id":"d-1","body":{ "n": 1.0 }}`
	if w.String() != want {
		t.Errorf("wrote %s\nwant  %s", w.String(), want)
	}
	w.Reset()
	d.Event.Replay = "r-1"
	want = `{"id":"a\n1","source":"shop","type":"order.paid","time":"2026-03-14T15:09:26Z","delivery_id":"d-1","replay":"r-1","body":{ "n": 1.0 }}`
	if err := d.WriteJSON(&w); err != nil || w.String() != want {
		t.Errorf("wrote %s, %v\nwant  %s", w.String(), err, want)
	}
	d.Event.Body = NewBody(JSON, []byte("{"))
	if err := d.WriteJSON(&w); err == nil || w.String() != want {
		t.Errorf("after a broken body (%v) there is %s", err, w.String())
	}
}

func TestHeaderValue(t *testing.T) {
	for text, want := range map[string]string{
		"":                  "",
		"order-1/created":   "order-1/created",
		"a b":               "a%20b",
		"x\r\nInjected: 1":  "x%0D%0AInjected:%201",
		"100%":              "100%25",
		"Ä":                 "%C3%84",
		`say "hi"` + "\x7f": "say%20%22hi%22%7F",
	} {
		if got := HeaderValue(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}

// Whatever a sender writes becomes one line of valid JSON, or an error that leaves nothing behind.
func FuzzBodyWriteJSON(f *testing.F) {
	for i, seed := range []string{`{"a": 1}`, "a=b&a=c", "{}\n[]\n", "text\u2028", "\xff\x00"} {
		f.Add(uint8(i), []byte(seed))
	}
	f.Fuzz(func(t *testing.T, format uint8, raw []byte) {
		var w, trusted bytes.Buffer
		f := Formats[int(format)%len(Formats)]
		err := NewBody(f, raw).WriteJSON(&w)
		switch {
		case err != nil && w.Len() > 0:
			t.Errorf("error %v after %q", err, w.Bytes())
		case err == nil && (!json.Valid(w.Bytes()) || bytes.ContainsAny(w.Bytes(), "\r\n")):
			t.Errorf("wrote %q", w.Bytes())
		}
		// Of bytes that are wrongly said to be checked a line comes all the same.
		trustedErr := NewCheckedBody(f, raw).WriteJSON(&trusted)
		switch {
		case err == nil && (trustedErr != nil || !bytes.Equal(trusted.Bytes(), w.Bytes())):
			t.Errorf("of a checked body wrote %q (%v), else %q", trusted.Bytes(), trustedErr, w.Bytes())
		case trustedErr != nil && trusted.Len() > 0, bytes.ContainsAny(trusted.Bytes(), "\r\n"):
			t.Errorf("of a checked body wrote %q (%v)", trusted.Bytes(), trustedErr)
		}
	})
}

func BenchmarkBodyWriteJSON(b *testing.B) {
	for name, text := range benchmarkTexts() {
		b.Run(name, func(b *testing.B) {
			var w bytes.Buffer
			for b.Loop() {
				w.Reset()
				if err := NewCheckedBody(JSON, text).WriteJSON(&w); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// Whatever an id holds, it goes into a header and comes out again.
func FuzzHeaderValue(f *testing.F) {
	f.Add("a b%\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		value := HeaderValue(text)
		for i := range len(value) {
			if value[i] <= ' ' || value[i] > '~' {
				t.Fatalf("%q becomes %q", text, value)
			}
		}
		if back, err := url.PathUnescape(value); err != nil || back != text {
			t.Errorf("%q becomes %q, and that %q (%v)", text, value, back, err)
		}
	})
}

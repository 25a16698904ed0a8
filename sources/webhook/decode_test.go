package webhook

import (
	"reflect"
	"strings"
	"testing"

	"github.com/trotline/trotline/event"
	"github.com/trotline/trotline/sources/webhook/verify"
)

func TestDecode(t *testing.T) {
	object := map[string]any{"a": "1"}
	tests := []struct {
		name, decode, contentType, body string
		format                          event.Format
		value                           any
		refused                         string
	}{
		{name: "json", contentType: "application/json", body: `{"a":"1"}`, format: event.JSON, value: object},
		{name: "json with a charset", contentType: "Application/JSON; charset=utf-8", body: `{"a":"1"}`, format: event.JSON, value: object},
		{name: "a json type", contentType: "application/cloudevents+json", body: `{"a":"1"}`, format: event.JSON, value: object},
		{name: "a broken type", contentType: "application/json; charset", body: `{"a":"1"}`, format: event.JSON, value: object},
		{name: "json that is none", contentType: "application/json", body: `{"a":`, refused: "400 decode"},
		{name: "json and more", contentType: "application/json", body: `{} {}`, refused: "400 decode"},
		{name: "json that is empty", contentType: "application/json", body: ``, format: event.JSON},
		{name: "json that is a text", contentType: "application/json", body: `"x"`, format: event.JSON, value: "x"},
		{name: "pretty json", contentType: "application/json", body: "{\n \"a\": \"1\"\n}", format: event.JSON, value: object},
		{name: "json too deep", contentType: "application/json", body: strings.Repeat("[", 300) + strings.Repeat("]", 300), refused: "400 decode"},
		{name: "json of too many values", contentType: "application/json", body: "[" + strings.Repeat("0,", 250_000) + "0]", refused: "400 decode"},
		{name: "form", contentType: "application/x-www-form-urlencoded", body: "a=1", format: event.Form, value: object},
		{name: "a broken form", contentType: "application/x-www-form-urlencoded", body: "a=%zz", refused: "400 decode"},
		{name: "ndjson", contentType: "application/x-ndjson", body: "{\"a\":\"1\"}\n", format: event.NDJSON, value: []any{object}},
		{name: "jsonl", contentType: "application/jsonl", body: "{\"a\":\"1\"}", format: event.NDJSON, value: []any{object}},
		{name: "ndjson too deep", contentType: "application/x-ndjson", body: "1\n" + strings.Repeat("[", 300) + strings.Repeat("]", 300), refused: "400 decode"},
		{name: "xml", contentType: "application/xml", body: "<a>1</a>", format: event.XML, value: object},
		{name: "an xml type", contentType: "application/soap+xml; charset=utf-8", body: "<a>1</a>", format: event.XML, value: object},
		{name: "xml as text", contentType: "text/xml", body: "<a>1</a>", format: event.XML, value: object},
		{name: "broken xml", contentType: "text/xml", body: "<a>1", refused: "400 decode"},
		{name: "csv", contentType: "text/csv; header=present", body: "a\n1\n", format: event.CSV, value: []any{object}},
		{name: "broken csv", contentType: "text/csv", body: "a\n1,2\n", refused: "400 decode"},
		{name: "multipart", contentType: "multipart/form-data; boundary=b", body: multipartA1, format: event.Multipart, value: object},
		{name: "multipart without its boundary said", decode: "multipart", contentType: "multipart/form-data", body: multipartA1, format: event.Multipart, value: object},
		{name: "multipart with another boundary", contentType: "multipart/form-data; boundary=c", body: multipartA1, refused: "400 decode"},
		{name: "broken multipart", contentType: "multipart/form-data; boundary=b", body: multipartA1[:50], refused: "400 decode"},
		{name: "another multipart", contentType: "multipart/mixed; boundary=b", body: "x", format: event.Binary, value: []byte("x")},
		{name: "broken ndjson", contentType: "application/x-ndjson", body: "{\n\"a\":\"1\"}", refused: "400 decode"},
		{name: "text", contentType: "text/plain", body: "hello", format: event.Text, value: "hello"},
		{name: "text of bytes", contentType: "text/plain", body: "\xff", refused: "400 decode"},
		{name: "another type", contentType: "application/pdf", body: "{}", format: event.Binary, value: []byte("{}")},
		{name: "no type, json", body: `{"a":"1"}`, format: event.JSON, value: object},
		{name: "no type, none", body: "%PDF", format: event.Binary, value: []byte("%PDF")},
		{name: "no type, empty", body: "", format: event.JSON},
		{name: "told json", decode: "json", contentType: "text/plain", body: `{"a":"1"}`, format: event.JSON, value: object},
		{name: "told json, is none", decode: "json", contentType: "text/plain", body: "hello", refused: "400 decode"},
		{name: "told binary", decode: "binary", contentType: "application/json", body: "{", format: event.Binary, value: []byte("{")},
		{name: "told text", decode: "text", contentType: "application/json", body: "{", format: event.Text, value: "{"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := request(tt.body)
			if tt.contentType != "" {
				r.Header.Set("Content-Type", tt.contentType)
			}
			decode := tt.decode
			if decode == "" {
				decode = "auto"
			}
			e, refused := receive(t, opened(t, &Settings{Decode: decode}), r)
			if refused != tt.refused {
				t.Fatalf("got %q, want %q", refused, tt.refused)
			}
			if tt.refused != "" {
				return
			}
			value, err := e.Body.Value()
			if err != nil || e.Body.Format() != tt.format || !reflect.DeepEqual(value, tt.value) {
				t.Errorf("got %s %#v %v, want %s %#v", e.Body.Format(), value, err, tt.format, tt.value)
			}
			if raw, err := e.Original.Raw(); err != nil || string(raw) != tt.body {
				t.Errorf("the bytes are %q, want %q", raw, tt.body)
			}
		})
	}
}

const multipartA1 = "--b\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--b--\r\n"

func TestContentType(t *testing.T) {
	for _, tt := range []struct{ decode, payload, want string }{
		{"auto", `{"a":1}`, "application/json"},
		{"", "\n<a/>", "application/xml"},
		{"auto", "a=1", ""},
		{"form", "a=1", "application/x-www-form-urlencoded"},
		{"csv", "a\n1\n", "text/csv; charset=utf-8"},
		{"cloudevents", `{"id":"1"}`, "application/cloudevents+json"},
		{"cloudevents", ` [{"id":"1"}]`, "application/cloudevents-batch+json"},
	} {
		if got := ContentType(&Settings{Decode: tt.decode}, []byte(tt.payload)); got != tt.want {
			t.Errorf("%s %s: got %q, want %q", tt.decode, tt.payload, got, tt.want)
		}
	}
}

func TestCharset(t *testing.T) {
	utf16 := func(bom, text string) string {
		b := []byte(bom)
		for _, c := range text {
			b = append(b, byte(c), byte(c>>8))
		}
		return string(b)
	}
	tests := []struct {
		name, contentType, body string
		raw, kept               string // what is stored, and the Content-Type beside it
		refused                 string
	}{
		{name: "utf-8", contentType: "text/plain; charset=utf-8", body: "ä", raw: "ä", kept: "text/plain; charset=utf-8"},
		{name: "utf-8 by another name", contentType: `text/plain; charset="UTF8"`, body: "ä", raw: "ä", kept: `text/plain; charset="UTF8"`},
		{name: "latin 1", contentType: "text/plain; charset=ISO-8859-1", body: "\xe4", raw: "ä", kept: "text/plain; charset=utf-8"},
		{name: "json in windows-1252", contentType: "application/json; charset=windows-1252", body: "{\"a\":\"\x80\"}", raw: `{"a":"€"}`, kept: "application/json; charset=utf-8"},
		{name: "json in shift_jis", contentType: "application/json; charset=Shift_JIS; v=1", body: "\"\x93\xfa\"", raw: `"日"`, kept: "application/json; charset=utf-8; v=1"},
		{name: "csv in latin 1", contentType: "text/csv; charset=latin1", body: "\xe4\n1\n", raw: "ä\n1\n", kept: "text/csv; charset=utf-8"},
		{name: "utf-16", contentType: "application/json; charset=utf-16", body: utf16("", `"ä"`), raw: `"ä"`, kept: "application/json; charset=utf-8"},
		{name: "utf-16 by its mark", contentType: "application/json", body: utf16("\xff\xfe", `"ä"`), raw: `"ä"`, kept: "application/json"},
		{name: "a mark of utf-8", contentType: "application/json", body: "\xef\xbb\xbf{}", raw: "{}", kept: "application/json"},
		{name: "a mark goes first", contentType: "text/csv; charset=latin1", body: "\xef\xbb\xbfä\n", raw: "ä\n", kept: "text/csv; charset=utf-8"},
		{name: "a form in latin 1", contentType: "application/x-www-form-urlencoded; charset=iso-8859-1", body: "a=%E4+1&b&c=", raw: "a=%C3%A4+1&b&c=", kept: "application/x-www-form-urlencoded; charset=utf-8"},
		{name: "a form that says nothing", contentType: "application/x-www-form-urlencoded", body: "a=%E4", refused: "400 decode"},
		{name: "a broken form in latin 1", contentType: "application/x-www-form-urlencoded; charset=iso-8859-1", body: "a=%E", refused: "400 decode"},
		{name: "xml that declares latin 1", contentType: "text/xml", body: "<?xml version='1.0' encoding='iso-8859-1'?><a>\xe4</a>", raw: "<?xml version='1.0' encoding='UTF-8'?><a>ä</a>", kept: "text/xml"},
		{name: "xml whose content type goes first", contentType: "text/xml; charset=utf-8", body: `<?xml version="1.0" encoding="iso-8859-1"?><a>ä</a>`, raw: `<?xml version="1.0" encoding="iso-8859-1"?><a>ä</a>`, kept: "text/xml; charset=utf-8"},
		{name: "xml that declares utf-8", contentType: "text/xml", body: `<?xml version="1.0" encoding="utf-8"?><a>ä</a>`, raw: `<?xml version="1.0" encoding="utf-8"?><a>ä</a>`, kept: "text/xml"},
		{name: "xml of an unknown encoding", contentType: "text/xml", body: `<?xml version="1.0" encoding="x"?><a/>`, refused: "415 charset"},
		{name: "bytes stay", contentType: "application/pdf; charset=latin1", body: "\xe4", raw: "\xe4", kept: "application/pdf; charset=latin1"},
		{name: "unknown", contentType: "text/plain; charset=klingon", body: "x", refused: "415 charset"},
		{name: "no longer known", contentType: "text/plain; charset=iso-2022-kr", body: "x", refused: "415 charset"},
		{name: "not what it says", contentType: "text/plain; charset=shift_jis", body: "\x81", refused: "400 charset"},
		{name: "not what its mark says", contentType: "text/plain", body: "\xff\xfe\x00", refused: "400 charset"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e, refused := receive(t, opened(t, &Settings{}), request(tt.body, "Content-Type", tt.contentType))
			if refused != tt.refused {
				t.Fatalf("got %q, want %q", refused, tt.refused)
			}
			if refused != "" {
				return
			}
			raw, err := e.Body.Raw()
			if kept := e.Request.Info().Header.Get("Content-Type"); err != nil || string(raw) != tt.raw || kept != tt.kept {
				t.Errorf("stored as %q %q %v, want %q %q", raw, kept, err, tt.raw, tt.kept)
			}
		})
	}
}

func TestFormField(t *testing.T) {
	const form, json = "application/x-www-form-urlencoded", "{\"a\": 1.0}"
	part := func(header, value string) string {
		return "--b\r\nContent-Disposition: form-data; name=payload\r\n" + header + "\r\n" + value + "\r\n--b--\r\n"
	}
	tests := []struct {
		name, contentType, body string
		raw                     string
		refused                 string
	}{
		{name: "form", contentType: form, body: "x=1&payload=%7B%22a%22%3A+1.0%7D", raw: json},
		{name: "multipart", contentType: "multipart/form-data; boundary=b", body: part("", json), raw: json},
		{name: "multipart with a type of its own", contentType: "multipart/form-data; boundary=b", body: part("Content-Type: application/json\r\n", json), raw: `{"a":1.0}`},
		{name: "no form", contentType: "application/json", body: json, raw: json},
		{name: "no such field", contentType: form, body: "x=1", refused: "400 decode"},
		{name: "the field twice", contentType: form, body: "payload=1&payload=2", refused: "400 decode"},
		{name: "no json", contentType: form, body: "payload=%7B", refused: "400 decode"},
		{name: "a broken form", contentType: form, body: "payload=%7", refused: "400 decode"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e, refused := receive(t, opened(t, &Settings{FormField: "payload"}), request(tt.body, "Content-Type", tt.contentType))
			if refused != tt.refused {
				t.Fatalf("got %q, want %q", refused, tt.refused)
			}
			if refused != "" {
				return
			}
			raw, err := e.Body.Raw()
			if err != nil || string(raw) != tt.raw || e.ContentType() != "application/json" {
				t.Errorf("stored as %q of type %s, %v", raw, e.ContentType(), err)
			}
		})
	}
}

// Some senders call their JSON a text. Their scheme knows.
func TestASchemeKnowsThatItsBodyIsJSON(t *testing.T) {
	scheme := &verify.Definition{
		Algorithm: "token", Signature: verify.SignatureDefinition{At: verify.Places{"header:X-Token"}},
		UnsignedBody: true, Decode: "json", ID: "body.id",
	}
	for decode, want := range map[string]event.Format{"": event.JSON, "auto": event.JSON, "text": event.Text} {
		src := opened(t, &Settings{Decode: decode, Verify: &Verify{Scheme: scheme, Secrets: []event.Secret{"x"}}})
		e, refused := receive(t, src, request(`{"id":"7"}`, "Content-Type", "text/plain; charset=UTF-8", "X-Token", "x"))
		switch {
		case want == event.Text:
			if refused != "400 id" {
				t.Errorf("decode %q: %s, want no id", decode, refused)
			}
		case refused != "":
			t.Errorf("decode %q: refused with %s", decode, refused)
		case e.Body.Format() != want || e.ID != "7":
			t.Errorf("decode %q: %s with the id %s", decode, e.Body.Format(), e.ID)
		}
	}
}

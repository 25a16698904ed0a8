package event

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

// shortened keeps an endless test body out of a test's output.
func shortened(text string) string {
	if len(text) > 200 {
		return fmt.Sprintf("%s… (%d bytes)", text[:200], len(text))
	}
	return text
}

type object = map[string]any

type decodeTest struct {
	name, body string
	want       any
	err        string // a part of it
}

func testDecode(t *testing.T, f Format, tests []decodeTest) {
	t.Helper()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Decode(f, []byte(tt.body))
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("%s: the error is %v, want %s", shortened(tt.body), err, tt.err)
				}
				return
			}
			if err != nil || !reflect.DeepEqual(got, tt.want) {
				t.Errorf("%s:\ngot  %#v %v\nwant %#v", shortened(tt.body), got, err, tt.want)
			}
		})
	}
}

func TestDecodeXML(t *testing.T) {
	elements := func(n int) string { return strings.Repeat("<a>", n) + strings.Repeat("</a>", n) }
	testDecode(t, XML, []decodeTest{
		{name: "empty", body: " \n", want: nil},
		{name: "a text", body: "<a>x</a>", want: object{"a": "x"}},
		{name: "an empty element", body: "<a/>", want: object{"a": ""}},
		{name: "blanks around a text", body: "<a>\n x y \n</a>", want: object{"a": "x y"}},
		{name: "children", body: "<order>\n <id>7</id>\n <total>10.10</total>\n</order>", want: object{"order": object{"id": "7", "total": "10.10"}}},
		{name: "a repeated child", body: "<o><i>1</i><x/><i>2</i><i>3</i></o>", want: object{"o": object{"i": []any{"1", "2", "3"}, "x": ""}}},
		{name: "attributes", body: `<o id="1"><i n="2">x</i></o>`, want: object{"o": object{"@id": "1", "i": object{"@n": "2", "#text": "x"}}}},
		{name: "text among children", body: "<o>a<i/>b</o>", want: object{"o": object{"i": "", "#text": "ab"}}},
		{name: "namespaces", body: `<s:Envelope xmlns:s="urn:s" xmlns="urn:d" s:v="1"><s:Body><id xml:lang="de">1</id></s:Body></s:Envelope>`,
			want: object{"Envelope": object{"@v": "1", "Body": object{"id": object{"@lang": "de", "#text": "1"}}}}},
		{name: "two namespaces, one name", body: `<o xmlns:a="urn:a"><a:i>1</a:i><i>2</i></o>`, want: object{"o": object{"i": []any{"1", "2"}}}},
		{name: "cdata", body: "<a><![CDATA[<b>&amp;]]></a>", want: object{"a": "<b>&amp;"}},
		{name: "xml's own entities", body: "<a>&lt;&amp;&#65;&#x20AC;</a>", want: object{"a": "<&A€"}},
		{name: "a prolog", body: "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>\n<!-- c --><!DOCTYPE a SYSTEM \"a.dtd\"><a>ä</a><!-- d -->\n", want: object{"a": "ä"}},

		{name: "no element", body: "<!-- c -->", err: "there is no element"},
		{name: "no xml", body: "hello", err: "text outside the root element"},
		{name: "cut off", body: "<a><b>", err: "unexpected EOF"},
		{name: "crossed", body: "<a><b></a></b>", err: "element <b> closed by </a>"},
		{name: "two roots", body: "<a/><b/>", err: "second root element"},
		{name: "text behind the root", body: "<a/>x", err: "text outside the root element"},
		{name: "an entity bomb", body: `<!DOCTYPE l [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><l>&b;</l>`, err: "invalid character entity &b;"},
		{name: "an outside entity", body: `<!DOCTYPE l [<!ENTITY x SYSTEM "file:///etc/passwd">]><l>&x;</l>`, err: "invalid character entity &x;"},
		{name: "an entity of html", body: "<a>&nbsp;</a>", err: "invalid character entity &nbsp;"},
		{name: "no utf-8", body: "<a>\xff</a>", err: "invalid UTF-8"},
		{name: "too deep", body: elements(257), err: "nests deeper than 256 levels"},
		{name: "far too deep", body: elements(1 << 20), err: "nests deeper than 256 levels"},
		{name: "too many elements", body: "<a>" + strings.Repeat("<b/>", 250_000) + "</a>", err: "more than 250000 values"},
		{name: "too many attributes", body: "<a" + strings.Repeat(` b=""`, 250_000) + "/>", err: "more than 250000 values"},
	})
	if v, err := Decode(XML, []byte(elements(256))); err != nil {
		t.Errorf("as deep as may be: %v %v", v, err)
	}
}

func TestDecodeCSV(t *testing.T) {
	testDecode(t, CSV, []decodeTest{
		{name: "empty", body: "", want: []any{}},
		{name: "a first row alone", body: "a,b\n", want: []any{}},
		{name: "rows", body: "sku, price\r\nA-1,10.10\r\nB-2,4\r\n", want: []any{object{"sku": "A-1", "price": "10.10"}, object{"sku": "B-2", "price": "4"}}},
		{name: "quotes", body: "a,\"b\"\n\"x, \"\"y\"\"\nz\",1", want: []any{object{"a": "x, \"y\"\nz", "b": "1"}}},
		{name: "empty lines", body: "a\n\n1\n\n\n2\n", want: []any{object{"a": "1"}, object{"a": "2"}}},
		{name: "semicolons", body: "a;b\n1,5;2\n", want: []any{object{"a": "1,5", "b": "2"}}},
		{name: "tabs", body: "a\tb\n1\t2\n", want: []any{object{"a": "1", "b": "2"}}},
		{name: "a comma in quotes", body: "\"a,b\";c\n1;2\n", want: []any{object{"a,b": "1", "c": "2"}}},
		{name: "a comma goes first", body: "a;b,c\n1,2\n", want: []any{object{"a;b": "1", "c": "2"}}},

		{name: "a field too many", body: "a,b\n1,2\n1,2,3\n", err: "line 3: wrong number of fields"},
		{name: "a field too few", body: "a,b\n1\n", err: "line 2: wrong number of fields"},
		{name: "an open quote", body: "a\n\"1\n", err: "extraneous or missing"},
		{name: "a column without a name", body: "a,,b\n", err: "column 2 has no name"},
		{name: "a name twice", body: "a,b,a\n", err: `names "a" twice`},
		{name: "no utf-8", body: "a\n\xff\n", err: "not valid UTF-8"},
		{name: "too many cells", body: "a\n" + strings.Repeat("1\n", 250_001), err: "more than 250000 values"},
	})
}

const twoParts = "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--b\r\nContent-Disposition: form-data; name=\"c\"\r\n\r\nx\ny\r\n--b--\r\n"

func parts(texts ...string) string {
	return "--b\r\n" + strings.Join(texts, "\r\n--b\r\n") + "\r\n--b--\r\n"
}

func TestDecodeMultipart(t *testing.T) {
	const field = "Content-Disposition: form-data; name=\"a\"\r\n"
	testDecode(t, Multipart, []decodeTest{
		{name: "fields", body: twoParts, want: object{"a": "1", "c": "x\ny"}},
		{name: "a repeated field", body: parts(field+"\r\n1", field+"\r\n2"), want: object{"a": []any{"1", "2"}}},
		{name: "a line before", body: "\r\n" + twoParts, want: object{"a": "1", "c": "x\ny"}},
		{name: "json", body: parts(field + "Content-Type: application/json\r\n\r\n{\"n\":1.0}"), want: object{"a": object{"n": json.Number("1.0")}}},
		{name: "a list of json, twice", body: parts(field+"Content-Type: application/vnd.x+json\r\n\r\n[1]", field+"\r\nx"),
			want: object{"a": []any{[]any{json.Number("1")}, "x"}}},
		{name: "a file", body: parts("Content-Disposition: form-data; name=f; filename=\"../x.bin\"\r\nContent-Type: image/png\r\n\r\n\xff\x00"),
			want: object{"f": object{"filename": "x.bin", "content_type": "image/png", "size": json.Number("2"), "base64": "/wA="}}},
		{name: "a file nobody chose", body: parts("Content-Disposition: form-data; name=f; filename=\"\"\r\nContent-Type: application/octet-stream\r\n\r\n"), want: object{"f": ""}},
		{name: "no fields", body: "--b--\r\n", err: "it ends before its last boundary"},

		{name: "empty", body: "", err: "does not begin with a boundary"},
		{name: "no boundary", body: "hello", err: "does not begin with a boundary"},
		{name: "two dashes", body: "--\r\n", err: "does not begin with a boundary"},
		{name: "cut off in a part", body: twoParts[:50], err: "ends before its last boundary"},
		{name: "cut off between parts", body: strings.TrimSuffix(twoParts, "--b--\r\n"), err: "ends before its last boundary"},
		{name: "cut off in a header", body: twoParts[:20], err: "ends before its last boundary"},
		{name: "a part without a name", body: parts("Content-Type: text/plain\r\n\r\nx"), err: "part 1 has no name"},
		{name: "no json", body: parts(field + "Content-Type: application/json\r\n\r\n{"), err: `the field "a": the JSON ends too early`},
		{name: "json too deep", body: parts(field + "Content-Type: application/json\r\n\r\n" + strings.Repeat("[", 1000)), err: "nests deeper"},
		{name: "no utf-8", body: parts(field + "\r\n\xff"), err: "not valid UTF-8"},
		{name: "cut off behind a boundary", body: parts(field+"\r\n1") + "--b\r\n", want: object{"a": "1"}}, // what follows the last boundary is nothing
		{name: "cut off behind a boundary in between", body: twoParts[:strings.LastIndex(twoParts, "Content")], err: "ends before its last boundary"},
		{name: "a boundary without an end", body: "--" + strings.Repeat("b", 1<<20), err: "does not begin with a boundary"},
		{name: "a header that is none", body: parts("Content-Disposition"), err: "malformed MIME header"},
	})
}

func TestDecodeForm(t *testing.T) {
	testDecode(t, Form, []decodeTest{
		{name: "empty", body: "", want: object{}},
		{name: "fields", body: "a=1&b=x+%C3%A4&a=2\r\n", want: object{"a": []any{"1", "2"}, "b": "x ä"}},
		{name: "a broken escape", body: "a=%zz", err: "invalid URL escape"},
		{name: "a value of bytes", body: "a=%FF", err: `the field "a" is not valid UTF-8`},
		{name: "a name of bytes", body: "%FF=1", err: "not valid UTF-8"},
		{name: "too many fields", body: strings.Repeat("&", 250_000), err: "more than 250000 values"},
	})
}

func TestDecodeNDJSON(t *testing.T) {
	list := "[" + strings.Repeat("0,", 999) + "0]\n"
	testDecode(t, NDJSON, []decodeTest{
		{name: "empty", body: " \n\n", want: []any{}},
		{name: "lines", body: "{\"a\":[1]}\r\n\n\"x\"\nnull", want: []any{object{"a": []any{json.Number("1")}}, "x", nil}},
		{name: "a value over two lines", body: "1\n{\n}", err: "line 2: the JSON ends too early"},
		{name: "two values on a line", body: "1 2", err: "line 1: something follows"},
		{name: "too deep", body: "1\n" + nested(257), err: "line 2: it nests deeper than 256 levels"},
		{name: "too many on a line", body: "[" + strings.Repeat("0,", 250_000) + "0]", err: "line 1: it holds more than 250000 values"},
		{name: "too many on all lines", body: strings.Repeat(list, 250), err: "line 250: it holds more than 250000 values"},
		{name: "too many lines", body: strings.Repeat("1\n", 250_001), err: "line 250001: it holds more than 250000 values"},
	})
}

// The fuzz targets below hold what every decoder promises: no panic, only values
// that the other parts know, none deeper or more than the bounds, and texts that are UTF-8.

func FuzzJSON(f *testing.F) {
	f.Add([]byte(`{"a":[1,-2.50e+3,12345678901234567890,null,true,"\u00e9\ud800"],"":{}}`))
	f.Add([]byte(" \"\xff\"\n"))
	fuzzDecode(f, JSON)
}

func FuzzXML(f *testing.F) {
	f.Add([]byte(`<?xml version="1.0"?><o xmlns:s="u" id="1"><s:i>1</s:i><i>&lt;</i>t<!-- c --><![CDATA[x]]></o>`))
	f.Add([]byte(`<!DOCTYPE l [<!ENTITY a "x">]><l>&a;</l>`))
	fuzzDecode(f, XML)
}

func FuzzCSV(f *testing.F) {
	f.Add([]byte("a,\"b\"\n1,\"x\"\"y\"\n"))
	f.Add([]byte("a;b\r\n1;2\r\n\r\n"))
	fuzzDecode(f, CSV)
}

func FuzzMultipart(f *testing.F) {
	f.Add([]byte(twoParts))
	f.Add([]byte(parts("Content-Disposition: form-data; name=f; filename=x\r\nContent-Type: a/b\r\n\r\n\xff", "Content-Disposition: form-data; name=j\r\nContent-Type: application/json\r\n\r\n[1]")))
	fuzzDecode(f, Multipart)
}

func FuzzForm(f *testing.F) {
	f.Add([]byte("a=1&b=%C3%A4&a=+"))
	fuzzDecode(f, Form)
}

func FuzzNDJSON(f *testing.F) {
	f.Add([]byte("{\"a\":[1]}\n\n\"x\"\r\n2.50"))
	fuzzDecode(f, NDJSON)
}

func fuzzDecode(f *testing.F, format Format) {
	f.Fuzz(func(t *testing.T, raw []byte) {
		v, err := Decode(format, raw)
		if err != nil {
			return
		}
		checkValue(t, v, 0)
		if text, err := EncodeJSON(v); err != nil || !json.Valid(text) {
			t.Errorf("cannot be written as JSON: %s %v", text, err)
		}
	})
}

func checkValue(t *testing.T, v any, depth int) {
	if depth > 258 {
		t.Fatal("too deep")
	}
	switch v := v.(type) {
	case nil, bool, json.Number:
	case string:
		if !utf8.ValidString(v) {
			t.Errorf("%q is not UTF-8", v)
		}
	case []any:
		for _, item := range v {
			checkValue(t, item, depth+1)
		}
	case map[string]any:
		for name, field := range v {
			checkValue(t, name, depth)
			checkValue(t, field, depth+1)
		}
	default:
		t.Errorf("nobody knows a %T", v)
	}
}

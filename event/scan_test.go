package event

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func validJSON(text []byte) bool { return Limits{}.check(text) == nil }

func nested(depth int) string {
	return strings.Repeat(`[`, depth) + strings.Repeat(`]`, depth)
}

func TestValidJSON(t *testing.T) {
	texts := []string{
		``, ` `, `{}`, `[]`, "\t[ ]\r\n", `{ }`, `[[],{}]`, `{"a":[{}]}`, `{"a" : 1 , "b" : [ 1 , 2 ]}`,
		`{`, `[`, `}`, `]`, `{]`, `[}`, `[1,]`, `[,1]`, `[,]`, `{,}`, `{"a":1,}`, `{"a"}`, `{"a":}`, `{"a" 1}`, `{1:1}`, `{a:1}`, `{"a":1 "b":2}`, `{"a":1]`, `[1}`, `[1 2]`, `[1:2]`,
		`{} {}`, `{}x`, `1 2`, "\xef\xbb\xbf{}", "{}\v", "\x00", "{}\x00", "[1\x00]", "\u00a0[]", `'a'`, `// x`,
		`true`, `false`, `null`, `tru`, `truer`, `nul`, `True`, `[true,false,null]`, `[truefalse]`,
		`0`, `-0`, `00`, `01`, `-01`, `-`, `+1`, `.5`, `1.`, `1.5`, `1.e1`, `1e`, `1e+`, `1e-`, `1E+05`, `-1.0e-1`, `1e1.0`, `0x1`, `0e0`, `1_0`, `NaN`, `Infinity`, `12345678901234567890`, "1\r", "[1\x0d]",
		`"`, `""`, `"\"`, `"\\"`, `"\\\"`, `"\""`, `"\u00e9"`, `"\u00E9"`, `"\u00g0"`, `"\u00"`, `"\u`, `"\uD800"`, `"\U0041"`, `"\x41"`, `"\/\b\f\n\r\t"`, `"\'"`, "\"\\u001\x10\"", "\"\\u000\x11\"",
		"\"\x7f\x80\xff\"", "\"\t\"", "\"\x1f\"", "\"\x00\"", `"ä€😀"`, `"a"b`,
		nested(64), nested(65), nested(maxDepth), nested(maxDepth + 1), nested(maxDepth) + `]`, strings.Repeat(`[`, 5<<20), strings.Repeat(`{"a":`, 1<<20), strings.Repeat(`[],`, 1<<10),
	}
	// Each kind of byte, at each place of the words that strings are read in.
	for _, c := range []string{`"`, `\`, `\n`, `\"`, `\\`, "\n", "\x00", "\x1f", " ", "!", "#", "[", "]", "\x7f", "\x80", "\xa2", "\xdc", "\xff"} {
		for before := range 17 {
			for _, after := range []int{0, 1, 7, 8, 9} {
				texts = append(texts, `"`+strings.Repeat("x", before)+c+strings.Repeat("\u00ff", after)+`"`)
			}
		}
	}
	for _, text := range texts {
		if got, want := validJSON([]byte(text)), json.Valid([]byte(text)); got != want {
			t.Errorf("%.80q: valid %v, to encoding/json %v", text, got, want)
		}
	}
}

// Every prefix of a text, and the text with any one byte changed.
func TestValidJSONMutated(t *testing.T) {
	text := []byte(`{"a":[1,-2.5e+3,{"\u00e9\\":null},[]],"long name of it":true , "c":{"d":false}}`)
	for i := range text {
		if validJSON(text[:i]) {
			t.Errorf("valid: %q", text[:i])
		}
		for c := range 256 {
			changed := bytes.Clone(text)
			changed[i] = byte(c)
			if got, want := validJSON(changed), json.Valid(changed); got != want {
				t.Errorf("%q: valid %v, to encoding/json %v", changed, got, want)
			}
		}
	}
}

func TestLimits(t *testing.T) {
	for _, c := range []struct {
		limits Limits
		text   string
		want   string // the error
	}{
		{Limits{}, nested(maxDepth), ""},
		{Limits{}, nested(maxDepth + 1), "exceeded max depth"},
		{Limits{Depth: 2 * maxDepth}, nested(maxDepth + 1), "exceeded max depth"},
		{Limits{Depth: 3}, `[[[]],{"a":{}}]`, ""},
		{Limits{Depth: 3}, `[[],{"a":[{}]}]`, "it nests deeper than 3 levels"},
		{Limits{Depth: 3}, strings.Repeat(`[`, 5<<20), "it nests deeper than 3 levels"},
		{Limits{Values: 5}, `{"a":1,"b":[2,3]}`, ""},
		{Limits{Values: 5}, `{"a":1,"b":[2,3,[]]}`, "it holds more than 5 values"},
		{Limits{Values: 5}, strings.Repeat(`[`, 6), "it holds more than 5 values"},
		{Limits{Values: 1}, `[]`, ""},
		{Limits{Depth: 1, Values: 9}, ``, ""},
		{Limits{Depth: 1, Values: 9}, `{"a":`, "the JSON ends too early"},
		{Limits{Depth: 1, Values: 9}, `{} {}`, "something follows the JSON value at byte 4"},
	} {
		err := c.limits.CheckJSON([]byte(c.text))
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v, %.40q: error %v, want %q", c.limits, c.text, err, c.want)
		}
		if _, same := c.limits.Body([]byte(c.text)); fmt.Sprint(same) != fmt.Sprint(err) {
			t.Errorf("%+v, %.40q: a body of it is refused with %v, a check with %v", c.limits, c.text, same, err)
		}
	}
}

func FuzzValidJSON(f *testing.F) {
	for _, seed := range []string{`{"a":[1,-2.5e+3,{"\u00e9\\":null},[]],"b":true}`, ` [ "0123456789abcdef" , {} ] `, `{"a":{"a":{"a":"`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if got, want := validJSON(text), json.Valid(text); got != want {
			t.Errorf("valid %v, to encoding/json %v", got, want)
		}
		l := Limits{Depth: 4, Values: 12}
		if _, err := l.Body(text); fmt.Sprint(err) != fmt.Sprint(l.CheckJSON(text)) {
			t.Errorf("a body of it is refused with %v, a check with %v", err, l.CheckJSON(text))
		}
	})
}

func benchmarkTexts() map[string][]byte {
	item := `{"sku":"A-1","qty":1,"name":"something to buy"}`
	order := `{"event":"new_order","amount":120.50,"items":[` + strings.Repeat(item+",", 18) + item + `],"id":"O-1"}`
	var indented bytes.Buffer
	if err := json.Indent(&indented, []byte(order), "", "  "); err != nil {
		panic(err)
	}
	return map[string][]byte{
		"order":    []byte(order),
		"indented": indented.Bytes(),
		"prose":    fmt.Appendf(nil, `{"id":"O-1","note":%q}`, strings.Repeat("Words of a customer, ", 50)),
		"numbers":  fmt.Appendf(nil, `{"id":1,"points":[%s0]}`, strings.Repeat("12.5,-7,1234567,", 64)),
	}
}

func BenchmarkValidJSON(b *testing.B) {
	for name, text := range benchmarkTexts() {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				if !validJSON(text) {
					b.Fatal("not valid")
				}
			}
		})
		b.Run(name+"/encoding/json", func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				json.Valid(text)
			}
		})
	}
}

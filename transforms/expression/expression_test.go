package expression

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/trotline/trotline/event"
)

var testTime = time.Date(2026, 3, 14, 15, 9, 26, 535_000_000, time.UTC)

func testEnv(name string) (string, bool) {
	v, ok := map[string]string{"LIMIT": "100", "SECRET": "s3cr3t-value", "EMPTY": ""}[name]
	return v, ok
}

const testBody = `{
	"event": "new_order", "amount": 250, "price": 10.10, "ratio": 0.5, "id": 1234567890123456789, "huge": 12345678901234567890,
	"name": "Zoë", "ok": true, "no": false, "nothing": null, "empty": "", "text": "12.5", "when": "2026-01-02T03:04:05Z", "unix": 1767323045,
	"items": [{"price": 10.10, "qty": 2, "sku": "b"}, {"price": 5, "qty": 1, "sku": "a"}, {"price": 5.0, "qty": 3, "sku": "c"}],
	"numbers": [3, 1, 2], "words": ["b", "a"], "mixed": [1, "a"], "nested": {"a": {"b": 1}, "1": "one"}, "list": []
}`

func testEvent() *event.Event {
	body := event.NewBody(event.JSON, []byte(testBody))
	return &event.Event{
		ID: "ev-1", Source: "shop", Type: "order.paid", Time: testTime, Stamp: "stamp-1",
		Request: event.RequestInfo{
			Method: "POST", Path: "/hooks/shop", RemoteIP: "192.0.2.1",
			Header: http.Header{"X-Foo": {"one", "two"}, "Content-Type": {"application/json"}},
			Query:  url.Values{"x": {"1", "2"}},
			Params: map[string]string{"tenant": "acme"},
		},
		Body: body, Original: event.NewBody(event.JSON, []byte(`{"first": 1}`)),
	}
}

func compileTest(t *testing.T, text string, s event.Scope) event.Expr {
	t.Helper()
	x, err := New(testEnv).Expr(text, s)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return x
}

// TestValues holds what expressions give, as JSON.
func TestValues(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		// variables
		{`body.event`, `"new_order"`},
		{`body["event"]`, `"new_order"`},
		{`string(raw) startsWith "{"`, `true`},
		{`raw contains "new_order"`, `true`},
		{`headers["X-Foo"]`, `"one"`},
		{`headers["x-foo"]`, `"one"`},
		{`headers["X-" + "FOO"]`, `"one"`},
		{`headers["X-Bar"]`, `null`},
		{`headers["content-type"]`, `"application/json"`},
		{`headers`, `{"content-type":"application/json","x-foo":"one"}`},
		{`{h: headers, q: [query]}`, `{"h":{"content-type":"application/json","x-foo":"one"},"q":[{"x":"1"}]}`},
		{`let h = headers; h["X-FOO"]`, `"one"`},
		{`"X-fOO" in headers`, `true`},
		{`"X-Bar" in headers`, `false`},
		{`keys(headers)`, `["content-type","x-foo"]`},
		{`query.x`, `"1"`},
		{`query["y"]`, `null`},
		{`query`, `{"x":"1"}`},
		{`params.tenant`, `"acme"`},
		{`params.other`, `null`},
		{`params`, `{"tenant":"acme"}`},
		{`[path, method, remote_ip, id, type, source]`, `["/hooks/shop","POST","192.0.2.1","ev-1","order.paid","shop"]`},
		{`type(type)`, `"string"`},
		{`received_at`, `"2026-03-14T15:09:26.535Z"`},
		{`now() == received_at`, `true`},
		{`original.first`, `1`},
		{`env.LIMIT`, `"100"`},
		{`env["LIMIT"] + "!"`, `"100!"`},
		{`float(env.LIMIT) < body.amount`, `true`},

		// absent fields
		{`body.a.b.c`, `null`},
		{`body.event.x.y`, `null`},
		{`body.items.x`, `null`},
		{`body.items[7]`, `null`},
		{`body.items[-1].sku`, `"c"`},
		{`body.items[-4]`, `null`},
		{`body.items["0"]`, `null`},
		{`body["a"]["b"]`, `null`},
		{`body?.a?.b`, `null`},
		{`body?.["nested"]?.a.b`, `1`},
		{`body.a ?? "none"`, `"none"`},
		{`body.a.b ?? body.event`, `"new_order"`},
		{`body?.a?.b ?? "none"`, `"none"`},
		{`body.ok ?? false`, `true`},
		{`body.a == nil`, `true`},
		{`body.nothing == nil`, `true`},
		{`body.event == nil`, `false`},
		{`nil == body.empty`, `false`},
		{`body.a != body.b`, `false`},
		{`body.a == false`, `false`},
		{`body.a == 0`, `false`},
		{`body.nested[body.absent]`, `null`},
		{`body.absent[0:2]`, `null`},
		{`body.absent contains "x"`, `false`},
		{`body.absent startsWith "x" or body.absent endsWith "x" or body.absent matches "x"`, `false`},
		{`"x" in body.absent`, `false`},
		{`first(body.absent)`, `null`},
		{`body.name.length`, `null`},

		// numbers stay what they are
		{`body.price`, `10.10`},
		{`body.id`, `1234567890123456789`},
		{`body.huge`, `12345678901234567890`},
		{`{price: body.price, id: body.id}`, `{"id":1234567890123456789,"price":10.10}`},
		{`map(body.items, .price)`, `[10.10,5,5.0]`},
		{`filter(body.items, .price > 5)[0].price`, `10.10`},
		{`body.absent ?? body.price`, `10.10`},
		{`body.ok ? body.price : 0`, `10.10`},
		{`max(body.price, 3)`, `10.10`},
		{`min(map(body.items, .price))`, `5`},
		{`string(body.huge)`, `"12345678901234567890"`},
		{`string(body.price)`, `"10.10"`},
		{`fromJSON("[1.50]")[0]`, `1.50`},
		{`sort(map(body.items, .price))`, `[5,5.0,10.10]`},
		{`uniq(map(body.items, .price))`, `[10.10,5]`},
		{`reduce(body.items, #acc + .qty, 0)`, `6`},
		{`reduce(body.numbers, #acc + #)`, `6`},

		// comparing
		{`body.amount == 250`, `true`},
		{`body.amount == 250.0`, `true`},
		{`body.price == 10.1`, `true`},
		{`body.amount != 250`, `false`},
		{`body.amount == "250"`, `false`},
		{`body.text == 12.5`, `false`},
		{`body.huge == body.huge`, `true`},
		{`body.huge > body.id`, `true`},
		{`body.id == 1234567890123456789`, `true`},
		{`body.id == 1234567890123456788`, `false`},
		{`body.id == 1234567890123456789.0`, `false`},
		{`body.numbers == [3, 1, 2.0]`, `true`},
		{`body.nested == {"a": {"b": 1}, "1": "one"}`, `true`},
		{`body.nested == {"a": {"b": 2}, "1": "one"}`, `false`},
		{`body.amount >= 100`, `true`},
		{`100 < body.amount`, `true`},
		{`body.price < 10.2`, `true`},
		{`1 < body.amount < 300`, `true`},
		{`body.event < "o"`, `true`},
		{`body.amount in [100, 250]`, `true`},
		{`body.amount in 200..300`, `true`},
		{`body.amount not in [1, 2]`, `true`},
		{`"a" in body.words`, `true`},
		{`"event" in body`, `true`},
		{`1 in body.nested`, `true`},
		{`body.event in ["x", "new_order"]`, `true`},
		{`received_at > parse_time("2026-01-01")`, `true`},
		{`body.event matches "^new_"`, `true`},
		{`body.event matches body.words[1]`, `false`},
		{`body.event contains "order" and body.event startsWith "new" and body.event endsWith "r"`, `true`},

		// calculating
		{`body.amount + 1`, `251`},
		{`body.price + body.amount`, `260.1`},
		{`body.amount - 0.5`, `249.5`},
		{`body.amount * 2`, `500`},
		{`body.amount / 4`, `62.5`},
		{`body.amount % 7`, `5`},
		{`2 ** 10`, `1024`},
		{`2 ^ 3`, `8`},
		{`-body.amount`, `-250`},
		{`- -body.price`, `10.1`},
		{`+body.price`, `10.1`},
		{`1 + 2 * 3`, `7`},
		{`7 / 2`, `3.5`},
		{`body.event + "/" + body.name`, `"new_order/Zoë"`},
		{`string(body.id) + "/" + body.event`, `"1234567890123456789/new_order"`},
		{`received_at + duration("1h")`, `"2026-03-14T16:09:26.535Z"`},
		{`received_at - received_at`, `"0s"`},
		{`{d: received_at - parse_time("2026-03-14")}`, `{"d":"15h9m26.535s"}`},
		{`2 * duration("30m") == duration("1h")`, `true`},
		{`duration("-1h") < duration("0s")`, `true`},
		{`1..3`, `[1,2,3]`},
		{`3..1`, `[]`},
		{`body.numbers[1]..body.numbers[0]`, `[1,2,3]`},

		// logic
		{`not body.ok`, `false`},
		{`!body.no && body.ok || body.absent`, `true`},
		{`body.ok ? "y" : "n"`, `"y"`},
		{`if body.no { 1 } else if body.ok { 2 } else { 3 }`, `2`},
		{`let x = body.amount; let y = 2; x * y`, `500`},
		{`body.ok and (body.amount > 1 or body.absent)`, `true`},

		// lists
		{`all(body.items, .qty > 0)`, `true`},
		{`any(body.items, .qty > 2)`, `true`},
		{`none(body.items, #.qty > 5)`, `true`},
		{`one(body.items, .qty == 3)`, `true`},
		{`count(body.items, .qty >= 2)`, `2`},
		{`count([true, body.ok, body.no])`, `2`},
		{`find(body.items, .sku == "a").qty`, `1`},
		{`findIndex(body.items, .sku == "a")`, `1`},
		{`findLast(body.items, .price == 5).sku`, `"c"`},
		{`findLastIndex(body.items, .price == 5)`, `2`},
		{`find(body.items, .sku == "z")`, `null`},
		{`findLast(body.items, .qty < 3).sku + findLast(body.items, .qty > 0).sku`, `"ac"`},
		{`[findLast(body.items, .qty > 9), findLastIndex(body.items, .qty > 9)]`, `[null,null]`},
		{`sum(body.numbers)`, `6`},
		{`sum(body.items, .price * .qty)`, `40.2`},
		{`sum([])`, `0`},
		{`mean(body.numbers)`, `2`},
		{`mean(1, 2, body.amount)`, `84.33333333333333`},
		{`median(body.numbers)`, `2`},
		{`median([1, 2])`, `1.5`},
		{`max(body.words)`, `"b"`},
		{`map(sortBy(body.items, .sku), .sku)`, `["a","b","c"]`},
		{`map(sortBy(body.items, .price, "desc"), .sku)`, `["b","a","c"]`},
		{`map(sortBy(body.items, .qty), #index)`, `[0,1,2]`},
		{`groupBy(body.items, .price > 5)`, `{"false":[{"price":5,"qty":1,"sku":"a"},{"price":5.0,"qty":3,"sku":"c"}],"true":[{"price":10.10,"qty":2,"sku":"b"}]}`},
		{`groupBy(body.items, .qty)[1][0].sku`, `"a"`},
		{`sort(body.numbers)`, `[1,2,3]`},
		{`sort(body.words, "desc")`, `["b","a"]`},
		{`reverse(body.numbers)`, `[2,1,3]`},
		{`first(body.numbers) + last(body.numbers)`, `5`},
		{`take(body.numbers, 2)`, `[3,1]`},
		{`body.numbers[1:]`, `[1,2]`},
		{`body.numbers[:-1]`, `[3,1]`},
		{`body.numbers[2:99]`, `[2]`},
		{`body.name[1:3]`, `"oë"`},
		{`body.name[-1:]`, `"ë"`},
		{`len(body.name)`, `3`},
		{`len(body.items) + len(body.nested)`, `5`},
		{`concat(body.numbers, [4], body.list)`, `[3,1,2,4]`},
		{`flatten([1, [2, [3]]])`, `[1,2,3]`},
		{`uniq([1, 1.0, "1", body.numbers[1]])`, `[1,"1"]`},
		{`keys(body.nested)`, `["1","a"]`},
		{`values({b: 1, a: 2})`, `[2,1]`},
		{`toPairs({b: 1, a: 2})`, `[["a",2],["b",1]]`},
		{`fromPairs([["a", 1], [2, "b"]])`, `{"2":"b","a":1}`},
		{`get(body, "amount")`, `250`},
		{`get(body.numbers, 9)`, `null`},
		{`map(body.items, ({sku: .sku, n: #index}))`, `[{"n":0,"sku":"b"},{"n":1,"sku":"a"},{"n":2,"sku":"c"}]`},
		{`{(body.event): 1, (body.amount): 2}`, `{"250":2,"new_order":1}`},
		{`body.numbers | map(# * 2) | sum()`, `12`},
		{`map(1..3, # + body.amount)`, `[251,252,253]`},
		{`body.items | filter(.qty > 1) | map(.sku) | join(",")`, `"b,c"`},

		// functions
		{`int("12")`, `12`},
		{`int(body.ratio)`, `0`},
		{`float(body.text)`, `12.5`},
		{`float(body.huge)`, `12345678901234567000`},
		{`round(body.price)`, `10`},
		{`ceil(body.price) + floor(body.price) + abs(-1)`, `22`},
		{`string(true) + string(1.5) + string(received_at)`, `"true1.52026-03-14T15:09:26.535Z"`},
		{`upper(body.name) + lower("A") + trim(" x ")`, `"ZOËax"`},
		{`trim("xax", "x") + trimPrefix("ab", "a") + trimSuffix("ab", "b")`, `"aba"`},
		{`split("a,b", ",")`, `["a","b"]`},
		{`split("a,b,c", ",", 2)`, `["a","b,c"]`},
		{`splitAfter("a,b", ",")`, `["a,","b"]`},
		{`replace(body.event, "_", "-")`, `"new-order"`},
		{`repeat("ab", 2)`, `"abab"`},
		{`join(body.numbers, "-")`, `"3-1-2"`},
		{`indexOf(body.name, "ë")`, `2`},
		{`lastIndexOf("abab", "x")`, `-1`},
		{`hasPrefix("ab", "a") && hasSuffix("ab", "b")`, `true`},
		{`redact("4111111111111111")`, `"***1111"`},
		{`redact("abc")`, `"***"`},
		{`bitand(6, 3) + bitor(4, 1) + bitxor(1, 3) + bitnand(3, 1) + bitshl(1, 2) + bitshr(4, 1) + bitushr(4, 1) + bitnot(0)`, `18`},
		{`type(nil) + type(1) + type(body.price) + type(body.amount) + type([]) + type({}) + type(raw) + type(received_at) + type(true)`, `"nilintfloatintarraymapbytestimebool"`},
		{`sha256("abc")`, `"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"`},
		{`md5("abc")`, `"900150983cd24fb0d6963f7d28e17f72"`},
		{`hmac_sha256("key", "The quick brown fox jumps over the lazy dog")`, `"f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8"`},
		{`hex("hi")`, `"6869"`},
		{`base64("hi?>")`, `"aGk/Pg=="`},
		{`base64_decode("aGk/Pg==") == base64_decode("aGk_Pg")`, `true`},
		{`fromBase64(toBase64("x"))`, `"x"`},
		{`url_encode("a b&c")`, `"a+b%26c"`},
		{`parse_url("https://u@h.example:8443/p?x=1#f")`, `{"fragment":"f","host":"h.example","path":"/p","port":"8443","query":{"x":"1"},"scheme":"https","user":"u"}`},
		{`json({b: body.price, a: [1]})`, `"{\"a\":[1],\"b\":10.10}"`},
		{`toJSON([1])`, `"[\n  1\n]"`},
		{`json(headers)`, `"{\"content-type\":\"application/json\",\"x-foo\":\"one\"}"`},
		{`xml({order: {"@id": 1, item: ["a", "<b>"], note: nil}})`, `"<order id=\"1\"><item>a</item><item>&lt;b&gt;</item><note></note></order>"`},
		{`xml({a: {"#text": "t"}})`, `"<a>t</a>"`},
		{`parse_time(body.when)`, `"2026-01-02T03:04:05Z"`},
		{`parse_time("2026-01-02 03:04:05")`, `"2026-01-02T03:04:05Z"`},
		{`parse_time("2026-01-02T03:04:05+02:00")`, `"2026-01-02T03:04:05+02:00"`},
		{`parse_time("02.01.2026 03:04", "02.01.2006 15:04")`, `"2026-01-02T03:04:00Z"`},
		{`parse_time(body.unix, "unix")`, `"2026-01-02T03:04:05Z"`},
		{`parse_time("1767323045123", "unix_ms")`, `"2026-01-02T03:04:05.123Z"`},
		{`parse_time(1767323045.25, "unix")`, `"2026-01-02T03:04:05.25Z"`},
		{`parse_time(-1500, "unix_ms")`, `"1969-12-31T23:59:58.5Z"`},
		{`format_time(received_at)`, `"2026-03-14T15:09:26.535Z"`},
		{`format_time(received_at, "2006-01-02")`, `"2026-03-14"`},
		{`format_time(received_at, "unix")`, `"1773500966"`},
		{`format_time(now(timezone("Europe/Berlin")), "15:04 -07:00")`, `"16:09 +01:00"`},
		{`date("2026-01-02")`, `"2026-01-02T00:00:00Z"`},
		{`date("2026-01-02 10:00", "2006-01-02 15:04", "Europe/Berlin")`, `"2026-01-02T10:00:00+01:00"`},
		{`duration("7d") == duration("168h")`, `true`},
		{`duration("90m")`, `"1h30m0s"`},
		{`received_at.Unix()`, `1773500966`},
		{`received_at.Year() + int(received_at.Month())`, `2029`},
		{`received_at.AddDate(0, 0, 1).Format("2006-01-02")`, `"2026-03-15"`},
		{`(received_at - parse_time("2026-03-14")).Hours() > 15`, `true`},
		{`::upper("a")`, `"A"`},
		{"`a\\n`", `"a\\n"`},
		{`'it\'s' + "\u00e9"`, `"it'sé"`},
		{"body.amount // a comment\n + 1 /* and another */", `251`},
	} {
		t.Run(c.text, func(t *testing.T) {
			got, err := compileTest(t, c.text, event.Scope{}).Eval(testEvent(), nil)
			if err != nil {
				t.Fatal(err)
			}
			b, err := event.EncodeJSON(got)
			if err != nil || string(b) != c.want {
				t.Errorf(" got %s, %v\nwant %s", b, err, c.want)
			}
		})
	}
}

// TestUntouched checks that a number keeps its own type where nobody calculates.
func TestUntouched(t *testing.T) {
	got, err := compileTest(t, `body.price`, event.Scope{}).Eval(testEvent(), nil)
	if err != nil || got != json.Number("10.10") {
		t.Errorf("got %#v, %v", got, err)
	}
}

// TestEventErrors holds what fails on an event, and how it is said.
func TestEventErrors(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{`body.absent > 1`, `body.absent is nil`},
		{`body.absent <= body.amount`, `body.absent is nil`},
		{`1 < body.nested.x.y`, `body.nested.x.y is nil`},
		{`body.absent + 1`, `body.absent is nil`},
		{`body.event + body.absent`, `body.absent is nil`},
		{`body.amount - body.absent`, `body.absent is nil`},
		{`body.absent * 2`, `body.absent is nil`},
		{`body.absent / 2`, `body.absent is nil`},
		{`body.absent % 2`, `body.absent is nil`},
		{`body.absent ** 2`, `body.absent is nil`},
		{`-body.absent`, `body.absent is nil`},
		{`+body.nothing`, `body.nothing is nil`},
		{`1..body.absent`, `body.absent is nil`},
		{`body.text > 10`, `cannot compare body.text (a text) and 10 (a number) (write float(body.text))`},
		{`10 > body.text`, `cannot compare 10 (a number) and body.text (a text) (write float(body.text))`},
		{`body.when < received_at`, `cannot compare body.when (a text) and received_at (a time) (write parse_time(body.when))`},
		{`body.ok > 1`, `cannot compare body.ok (true or false) and 1 (a number)`},
		{`body.id + "/" + body.event`, `cannot add body.id (a number) and "/" (a text) (write string(body.id))`},
		{`body.text * 2`, `cannot multiply body.text (a text) and 2 (a number) (write float(body.text))`},
		{`body.items + 1`, `cannot add body.items (a list) and 1 (a number)`},
		{`body.huge + 1`, `body.huge is an integer beyond 64 bits`},
		{`-body.huge`, `body.huge is an integer beyond 64 bits`},
		{`sum([body.huge])`, `[body.huge] has a number beyond 64 bits at place 0`},
		{`int(body.huge)`, `body.huge is an integer beyond 64 bits`},
		{`body.id * 100`, `the result is an integer beyond 64 bits`},
		{`body.id * body.id`, `the result is an integer beyond 64 bits`},
		{`body.amount / (body.amount - 250)`, `division by zero: body.amount - 250 is 0`},
		{`body.amount % (body.amount - 250)`, `division by zero: body.amount - 250 is 0`},
		{`body.price % 2`, `body.price is no whole number, and % wants one`},
		{`body.amount ** 1000`, `the result of ** is no number that 64 bits can hold`},
		{`not body.event`, `body.event is a text, and not wants true or false`},
		{`body.event and true`, `body.event is a text, and and wants true or false`},
		{`body.ok && body.absent`, `body.absent is nil, and && wants true or false`},
		{`body.amount ? 1 : 2`, `body.amount is a number, and a condition wants true or false`},
		{`filter(body.items, .sku)`, `.sku is a text, and filter wants true or false`},
		{`findLast(body.items, .sku)`, `.sku is a text, and findLast wants true or false`},
		{`any(body.items, .absent)`, `.absent is nil, and any wants true or false`},
		{`count(body.numbers)`, `# is a number, and count wants true or false`},
		{`all(body.absent, # > 1)`, `body.absent is nil, and all wants a list (for an absent one write body.absent ?? [])`},
		{`map(body.event, #)`, `body.event is a text, and map wants a list`},
		{`sum(body.mixed)`, `body.mixed has a text at place 1, and sum wants numbers`},
		{`sum(body.items, .absent)`, `body.items has nil at place 0, and sum wants numbers`},
		{`min(body.list)`, `body.list is empty, and min wants at least one element`},
		{`max(body.mixed)`, `max cannot compare a text with a number`},
		{`sort(body.mixed)`, `sort cannot compare`},
		{`sortBy(body.items, .absent)`, `sortBy cannot compare nil with nil`},
		{`sortBy(body.items, .sku, body.event)`, `is neither "asc" nor "desc"`},
		{`groupBy(body.items, #)`, `groupBy wants a text, a number or true or false as the key, and got an object`},
		{`reduce(body.list, #acc + #)`, `reduce of an empty list without a first value`},
		{`upper(body.absent)`, `body.absent is nil, and upper wants a text`},
		{`upper(body.amount)`, `body.amount is a number, and upper wants a text (write string(body.amount))`},
		{`body.amount contains "5"`, `body.amount is a number, and contains wants a text (write string(body.amount))`},
		{`body.event in body.name`, `body.name is a text, and in wants a list or an object (write body.name contains body.event)`},
		{`body.event matches body.name + "("`, `is no regular expression`},
		{`float(body.event)`, `body.event is no number`},
		{`float("0x" + body.text)`, `is no number`},
		{`int(body.absent)`, `body.absent is nil, and int wants a number or a text`},
		{`take(body.numbers, body.price)`, `body.price is no whole number, and take wants one`},
		{`body.numbers[body.event:]`, `body.event is a text, and [:] wants a whole number`},
		{`body.ok[1:]`, `body.ok is true or false, and only a list or a text has parts [from:to]`},
		{`string(body.items)`, `body.items is a list, which has no text (write json(body.items))`},
		{`string(body.absent)`, `body.absent is nil, which has no text`},
		{`parse_time(body.event)`, `body.event is no time`},
		{`parse_time(body.unix)`, `write parse_time(body.unix, "unix")`},
		{`parse_time(body.id, "unix")`, `body.id is beyond the year 9999`},
		{`format_time(body.when)`, `body.when is a text, and format_time wants a time (write parse_time(body.when))`},
		{`base64_decode(body.event + "!")`, `is no base64`},
		{`fromJSON(body.event)`, `body.event is no JSON`},
		{`xml(body)`, `fields, and xml wants an object with one`},
		{`body.Foo()`, `body is an object, which has no method Foo`},
		{`body.items | map(({(.absent): 1}))`, `.absent is nil, and a name wants a text`},
		{`1..(body.amount * 100000)`, `holds more than a million numbers`},
		{`map(1..900000, map(1..900000, #))`, `it makes more than a million values`},
		{`all(1..5000, len(1..body.amount * 40) > 0)`, `it takes too long`},
		{`reduce(1..60, #acc + #acc, body.event)`, `it makes a text of more than 64 MiB`},
		{`repeat(body.event, 100000000)`, `it makes a text of more than 64 MiB`},
	} {
		t.Run(c.text, func(t *testing.T) {
			_, err := compileTest(t, c.text, event.Scope{}).Eval(testEvent(), nil)
			var s *event.StepError
			if !errors.As(err, &s) {
				t.Fatalf("got %v, want a StepError", err)
			}
			if !strings.Contains(s.Err.Error(), c.want) {
				t.Errorf(" got %s\nwant %s", s.Err, c.want)
			}
			if s.Expression != c.text {
				t.Errorf("the error names the expression %q", s.Expression)
			}
			if len(s.Value) > maxShown {
				t.Errorf("the error shows %d bytes of a value", len(s.Value))
			}
		})
	}
}

func TestErrorValue(t *testing.T) {
	long := strings.Repeat("é", 5000)
	for _, c := range []struct{ text, body, want string }{
		{`body.a > 1`, `{"a": "x"}`, `"x"`},
		{`1 > body.a`, `{"a": "x"}`, `"x"`},
		{`body.a > 1`, `{}`, `null`},
		{`upper(body.a)`, `{"a": {"b": [1.50]}}`, `{"b":[1.50]}`},
		{`body.a > 1`, `{"a": "` + long + `"}`, `"ééé`},
		{`float(env.SECRET + body.a)`, `{"a": "x"}`, `***`},
		{`let k = env.SECRET; body.a > k`, `{"a": 1}`, `***`},
	} {
		e := testEvent()
		e.Body = event.NewBody(event.JSON, []byte(c.body))
		_, err := compileTest(t, c.text, event.Scope{}).Eval(e, nil)
		var s *event.StepError
		if !errors.As(err, &s) {
			t.Fatalf("%s: %v", c.text, err)
		}
		if !strings.HasPrefix(s.Value, c.want) || len(s.Value) > maxShown {
			t.Errorf("%s: value %s, want %s", c.text, s.Value, c.want)
		}
		if strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("%s: the error shows the secret: %v", c.text, err)
		}
	}
}

func TestBrokenBody(t *testing.T) {
	e := testEvent()
	e.Body = event.NewBody(event.JSON, []byte(`{`))
	_, err := compileTest(t, `body.a == 1`, event.Scope{}).Eval(e, nil)
	if err == nil || !strings.Contains(err.Error(), "the body cannot be decoded") {
		t.Errorf("got %v", err)
	}
	// what does not ask for the body does not decode it
	if got, err := compileTest(t, `id`, event.Scope{}).Eval(e, nil); err != nil || got != "ev-1" {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestWant(t *testing.T) {
	for _, c := range []struct {
		text string
		want event.Want
		gave any    // nil: an error
		msg  string // of the error
	}{
		{`body.ok`, event.Bool, true, ""},
		{`body.event`, event.Bool, nil, `it gives a text, not true or false`},
		{`body.absent`, event.Bool, nil, `it gives nil, not true or false`},
		{`body.event`, event.String, "new_order", ""},
		{`body.price`, event.String, "10.10", ""},
		{`body.id`, event.String, "1234567890123456789", ""},
		{`body.amount + 1`, event.String, "251", ""},
		{`body.ratio + 1`, event.String, "1.5", ""},
		{`body.ok`, event.String, "true", ""},
		{`body.absent`, event.String, nil, `it gives nil, not a text`},
		{`body.empty`, event.String, nil, `it gives an empty text`},
		{`body.items`, event.String, nil, `it gives a list, not a text`},
		{`received_at.AddDate(0,0,1)`, event.String, nil, `it gives a time, not a text`},
		{`body.words`, event.List, []any{"b", "a"}, ""},
		{`body.list`, event.List, []any{}, ""},
		{`split("a b", " ")`, event.List, []any{"a", "b"}, ""},
		{`body.absent`, event.List, nil, `it gives nil, not a list`},
		{`body.event`, event.List, nil, `it gives a text, not a list`},
	} {
		t.Run(c.text+" as "+string(c.want), func(t *testing.T) {
			got, err := compileTest(t, c.text, event.Scope{Want: c.want}).Eval(testEvent(), nil)
			if c.gave == nil {
				if err == nil || !strings.Contains(err.Error(), c.msg) {
					t.Errorf("got %v, %v; want %s", got, err, c.msg)
				}
				return
			}
			if err != nil || !reflect.DeepEqual(got, c.gave) {
				t.Errorf("got %#v, %v", got, err)
			}
		})
	}
}

func TestResults(t *testing.T) {
	results := event.Results{
		"crm": {Status: 201, Header: map[string]string{"location": "/1", "content-type": "application/json"}, Body: []byte(`{"id": 12345678901234567}`)},
		"old": {Header: map[string]string{"content-type": "text/plain"}, Body: []byte(`12`)},
		"cut": {Status: 200, Body: []byte(`{"id": `)},
	}
	scope := event.Scope{Results: []string{"crm", "old", "cut", "none"}}
	for _, c := range []struct{ text, want string }{
		{`results.crm.status`, `201`},
		{`results.crm.headers.Location`, `"/1"`},
		{`results["crm"].headers["LOCATION"]`, `"/1"`},
		{`results.crm.headers`, `{"content-type":"application/json","location":"/1"}`},
		{`results.crm.body.id`, `12345678901234567`},
		{`results.crm`, `{"body":{"id":12345678901234567},"headers":{"content-type":"application/json","location":"/1"},"status":201}`},
		{`results.old.body`, `"12"`},
		{`results.old.status`, `null`},
		{`results.cut.body`, `"{\"id\": "`},
		{`results.none.body.x`, `null`},
		{`keys(results)`, `["crm","cut","old"]`},
		{`map(["crm"], results[#].status)`, `[201]`},
	} {
		got, err := compileTest(t, c.text, scope).Eval(testEvent(), results)
		b, _ := event.EncodeJSON(got)
		if err != nil || string(b) != c.want {
			t.Errorf("%s: got %s, %v; want %s", c.text, b, err, c.want)
		}
	}
}

func TestUses(t *testing.T) {
	x := compileTest(t, `body.a == 1 and any(original.b, # == headers.x) and now() != nil`, event.Scope{})
	for name, want := range map[string]bool{"body": true, "original": true, "headers": true, "received_at": true, "raw": false, "a": false} {
		if x.Uses(name) != want {
			t.Errorf("Uses(%q) is %v", name, !want)
		}
	}
	if x.Text() != `body.a == 1 and any(original.b, # == headers.x) and now() != nil` {
		t.Errorf("Text is %q", x.Text())
	}
}

// TestBodiesFromSteps checks bodies whose values are Go's own.
func TestBodiesFromSteps(t *testing.T) {
	e := testEvent()
	e.Body = event.BodyOf(map[string]any{
		"n": int64(3), "u": uint64(1 << 63), "f": float32(0.5), "s": []string{"a"}, "m": map[string]int{"x": 1}, "b": []byte("hi"),
	})
	for _, c := range []struct{ text, want string }{
		{`body.n + 1`, `4`},
		{`body.n in [3]`, `true`},
		{`body.u > 1`, `true`},
		{`body.f == 0.5`, `true`},
		{`body.s[0]`, `"a"`},
		{`body.s == ["a"]`, `true`},
		{`map(body.s, upper(#))`, `["A"]`},
		{`body.m.x + body.m["x"]`, `2`},
		{`body.m == {x: 1}`, `true`},
		{`keys(body.m)`, `["x"]`},
		{`hex(body.b)`, `"6869"`},
		{`body.b.x`, `null`},
		{`string(body.u)`, `"9223372036854775808"`},
	} {
		got, err := compileTest(t, c.text, event.Scope{}).Eval(e, nil)
		b, _ := event.EncodeJSON(got)
		if err != nil || string(b) != c.want {
			t.Errorf("%s: got %s, %v; want %s", c.text, b, err, c.want)
		}
	}
}

package e2e

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// hostileSources are what hostile requests are for: each takes them to be sent
// by somebody who knows the secret, so that they come as far as they can.
const hostileSources = sources + `    max_body: 64KiB
  words:
    path: /hooks/words
    verify: {bearer: {tokens: ["` + secret + `"]}}
    decode: json
    id: string(int(body.n))
  lines: {path: /hooks/lines, verify: {bearer: {tokens: ["` + secret + `"]}}, decode: ndjson, id: 'string(body[0].n)'}
  form: {path: /hooks/form, verify: {bearer: {tokens: ["` + secret + `"]}}, decode: form, id: body.n}
  text: {path: /hooks/text, verify: {bearer: {tokens: ["` + secret + `"]}}, decode: text, id: body}
  tenant: {path: "/hooks/{tenant}/in", verify: {bearer: {tokens: ["` + secret + `"]}}, id: params.tenant + body.n}
  inside: {path: /hooks/inside, verify: none, allow_ips: 192.0.2.0/24}
  seldom: {path: /hooks/seldom, verify: none, rate: 1/d}
  any: {path: /hooks/any, verify: {bearer: {tokens: ["` + secret + `"]}}}
  cloud: {path: /hooks/cloud, verify: {bearer: {tokens: ["` + secret + `"]}}, decode: cloudevents}
  page: {path: /hooks/page, verify: none, cors: "https://shop.example.com"}
  key: {path: /hooks/key, verify: {api_key: {query: key, keys: ["` + secret + `"]}}, id: body.n}
sinks:
  out: {type: file, path: ./out.jsonl}
pipelines:
  orders: {from: [shop, words, lines, form, text, tenant, inside, seldom, any, cloud, page, key], to: [out]}
`

const startLine = "POST /hooks/shop HTTP/1.1\r\nHost: hooks.example.com\r\n"

// shop is a request with these header lines before the end of its header, and
// an honest signature.
func shop(body string, lines ...string) string {
	return startLine + header + ": " + sign([]byte(body)) + "\r\n" + strings.Join(append(lines, ""), "\r\n") + "\r\n"
}

// shopWith is a signed request with a body and its length.
func shopWith(body string, lines ...string) string {
	return shop(body, append(lines, fmt.Sprintf("Content-Length: %d", len(body)))...) + body
}

// to is a request to another source, with the secret.
func to(path, body string, lines ...string) string {
	return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n%s\r\n%s",
		path, secret, len(body), strings.Join(append(lines, ""), "\r\n"), body)
}

// hostileRequest is what is sent on one connection, and the statuses of all
// answers to it; "cut" is none.
type hostileRequest struct{ name, text, want string }

const (
	small    = `{"id":"hostile"}`
	smuggled = "POST /hooks/seldom HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"
)

func chunked(chunks ...string) string {
	var b strings.Builder
	for _, c := range chunks {
		fmt.Fprintf(&b, "%x\r\n%s\r\n", len(c), c)
	}
	return b.String() + "0\r\n\r\n"
}

func zipped(size int) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write(make([]byte, size))
	w.Close()
	return b.String()
}

// framing breaks the rules by which requests are told apart.
func framing() []hostileRequest {
	te, n := "Transfer-Encoding: chunked", fmt.Sprintf("Content-Length: %d", len(small))
	return []hostileRequest{
		{"a length and chunks", startLine + "Content-Length: 6\r\n" + te + "\r\n\r\n0\r\n\r\n" + smuggled, "401"},
		{"chunks and a length", startLine + te + "\r\nContent-Length: 6\r\n\r\n" + chunked("abc") + smuggled, "401"},
		{"chunks, and a length that is none", startLine + te + "\r\nContent-Length: x\r\n\r\n" + chunked() + smuggled, "400"},
		{"two lengths", shop(small, n, "Content-Length: 3") + small, "400"},
		{"two lengths in one", shop(small, n+", 3") + small, "400"},
		{"the same length twice in one", shop(small, fmt.Sprintf("%s, %d", n, len(small))) + small, "400"},
		{"a negative length", shop(small, "Content-Length: -1") + small, "400"},
		{"a length with a plus", shop(small, fmt.Sprintf("Content-Length: +%d", len(small))) + small, "400"},
		{"a length in hex", shop(small, fmt.Sprintf("Content-Length: %#x", len(small))) + small, "400"},
		{"a length with a blank in it", shop(small, "Content-Length: 1 6") + small, "400"},
		{"a length with an underscore", shop(small, "Content-Length: 1_6") + small, "400"},
		{"an empty length", shop(small, "Content-Length:") + small, "400"},
		{"a length beyond numbers", shop(small, "Content-Length: 99999999999999999999999999") + small, "400"},
		{"a length beyond memory", shop(small, "Content-Length: 9223372036854775807") + small, "413"},
		{"a length beyond the limit", shop(small, "Content-Length: 65537") + small, "413"},
		{"a length that does not come", shop(small, "Content-Length: 60000") + small, "400"},
		{"a shorter length", shop(small, "Content-Length: 3") + small, "401 400"},
		{"chunks twice", shop(small, te, te) + chunked(small), "501"},
		{"chunks and identity", shop(small, te, "Transfer-Encoding: identity") + chunked(small), "501"},
		{"chunks and identity in one", shop(small, te+", identity") + chunked(small), "501"},
		{"identity", shop(small, "Transfer-Encoding: identity", n) + small, "501"},
		{"an unknown coding", shop(small, "Transfer-Encoding: gzip, chunked") + chunked(small), "501"},
		{"chunks behind a tab", shop(small, "Transfer-Encoding:\tchunked") + "z\r\n", "400"},
		{"chunks with a vertical tab", shop(small, "Transfer-Encoding: \x0bchunked") + chunked(small), "400|501"},
		{"chunks in quotes", shop(small, `Transfer-Encoding: "chunked"`) + chunked(small), "501"},
		{"chunks with a blank before the colon", shop(small, "Transfer-Encoding : chunked") + chunked(small), "400"},
		{"a length with a blank before the colon", shop(small, "Content-Length : 16") + small, "400"},
		{"chunks of HTTP/1.0", strings.Replace(startLine, "1.1", "1.0", 1) + te + "\r\n\r\n" + chunked("abc") + smuggled, "401"},
		{"a broken chunk", shop(small, te) + "zz\r\n" + small + "\r\n0\r\n\r\n", "400"},
		{"a negative chunk", shop(small, te) + "-1\r\n" + small + "\r\n0\r\n\r\n", "400"},
		{"a chunk beyond numbers", shop(small, te) + "fffffffffffffffff\r\n" + small, "400"},
		{"a chunk beyond memory", shop(small, te) + "7fffffffffffffff\r\n" + small, "400"},
		{"a chunk with 0x", shop(small, te) + "0x10\r\n" + small + "\r\n0\r\n\r\n", "400"},
		{"a chunk without a size", shop(small, te) + "\r\n" + small + "\r\n0\r\n\r\n", "400"},
		{"a chunk that is longer than its size", shop(small, te) + "3\r\n" + small + "\r\n0\r\n\r\n", "400"},
		{"a chunk that ends with a bare LF", shop(small, te) + fmt.Sprintf("%x\n%s\r\n0\r\n\r\n", len(small), small), "400"},
		{"a chunk's extension with a bare LF", shop(small, te) + fmt.Sprintf("%x;a\nb\r\n%s\r\n0\r\n\r\n", len(small), small), "400"},
		{"an endless chunk extension", shop(small, te) + "1;" + strings.Repeat("a", 100_000) + "\r\na\r\n0\r\n\r\n", "400"},
		{"a thousand one-byte chunks with long extensions", shop(small, te) + strings.Repeat("1;"+strings.Repeat("a", 1000)+"\r\na\r\n", 1000) + "0\r\n\r\n", "400"},
		{"chunks without an end", shop(small, te) + fmt.Sprintf("%x\r\n%s\r\n", len(small), small), "400"},
		{"chunks beyond the limit", shop(small, te) + chunked(strings.Repeat("a", 60_000), strings.Repeat("a", 60_000)), "413"},
		{"a trailer that is none", shop(small, te) + fmt.Sprintf("%x\r\n%s\r\n0\r\nno trailer\r\n\r\n", len(small), small), "400"},
		{"an endless trailer", shop(small, te) + "1\r\na\r\n0\r\n" + strings.Repeat("A: b\r\n", 50_000) + "\r\n", "400|cut"},
		{"a signature in the trailer", startLine + "Trailer: " + header + "\r\n" + te + "\r\n\r\n" +
			fmt.Sprintf("%x\r\n%s\r\n0\r\n%s: %s\r\n\r\n", len(small), small, header, sign([]byte(small))), "401"},
		{"a request in the body of a refused one", "POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 67\r\n\r\n" + smuggled, "404"},
		{"a request behind a broken one", "POST /hooks/shop HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n" + smuggled, "400"},
		{"an answer", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "400"},
	}
}

// heads are request lines and headers that are none, or too much.
func heads() []hostileRequest {
	post := func(target string) string {
		return "POST " + target + " HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
	}
	with := func(lines ...string) string { return startLine + strings.Join(append(lines, ""), "\r\n") + "\r\n" }
	return []hostileRequest{
		{"nothing", "", "cut"},
		{"an empty line", "\r\n", "400|cut"},
		{"noise", strings.Repeat("\x00\xff\x80", 1000), "400"},
		{"a TLS handshake", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "400|cut"},
		{"a word", "hello\r\n\r\n", "400"},
		{"no version", "POST /hooks/shop\r\n\r\n", "400"},
		{"HTTP/0.9", "GET /\r\n", "400"},
		{"HTTP/1.2", "POST /hooks/shop HTTP/1.2\r\nHost: x\r\n\r\n", "401|505"},
		{"HTTP/3.0", "POST /hooks/shop HTTP/3.0\r\nHost: x\r\n\r\n", "505"},
		{"HTTP/2 in clear text", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00", "404|505|cut"},
		{"an upgrade to HTTP/2", with("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA", "Content-Length: 0"), "401"},
		{"an upgrade to WebSocket", with("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Content-Length: 0"), "401"},
		{"a PROXY header", "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n" + post("/hooks/inside"), "400"},
		{"blanks before the method", "  POST /hooks/shop HTTP/1.1\r\nHost: x\r\n\r\n", "400"},
		{"blanks between the words", "POST  /hooks/shop  HTTP/1.1\r\nHost: x\r\n\r\n", "400"},
		{"a method with a tab", "PO\tST /hooks/shop HTTP/1.1\r\nHost: x\r\n\r\n", "400"},
		{"an unknown method", "BREW /hooks/shop HTTP/1.1\r\nHost: x\r\n\r\n", "405"},
		{"a method in small letters", "post /hooks/shop HTTP/1.1\r\nHost: x\r\n\r\n", "405"},
		{"TRACE", "TRACE /hooks/shop HTTP/1.1\r\nHost: x\r\n\r\n", "405"},
		{"CONNECT", "CONNECT hooks.example.com:443 HTTP/1.1\r\nHost: x\r\n\r\n", "404|400"},
		{"OPTIONS of everything", "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", "404"},
		{"an override of the method", "GET /hooks/shop HTTP/1.1\r\nHost: x\r\nX-HTTP-Method-Override: POST\r\n\r\n", "405"},
		{"a path to climb", post("/hooks/../hooks/shop"), "404"},
		{"a path to climb, escaped", post("/hooks/%2e%2e/hooks/shop"), "404"},
		{"an escaped slash", post("/hooks%2Fshop"), "404"},
		{"a doubled slash", post("//hooks//shop"), "404"},
		{"a slash more", post("/hooks/shop/"), "404"},
		{"a broken escape", post("/hooks/%zz"), "400"},
		{"a NUL in the path", post("/hooks/shop%00"), "404"},
		{"a raw NUL in the path", post("/hooks/\x00"), "400"},
		{"a backslash in the path", post(`/hooks\shop`), "404"},
		{"a path in capitals", post("/HOOKS/shop"), "404"},
		{"an endless path", post("/" + strings.Repeat("a/", 60_000)), "431"},
		{"a path of a thousand parts", post("/hooks/" + strings.Repeat("a/", 1000)), "404"},
		{"an empty name in the path", post("/hooks//in"), "404"},
		{"another scheme", post("gopher://x/hooks/shop"), "401"},
		{"a thousand parameters", "POST /hooks/key?" + strings.Repeat("key=a&", 1000) + " HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", "401"},
		{"a key twice", "POST /hooks/key?key=" + secret + "&key=" + secret + " HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n" + `{"n":"1"}`, "401"},
		{"a key behind a semicolon", "POST /hooks/key?a=b;key=" + secret + " HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n" + `{"n":"1"}`, "401"},
		{"no host", "POST /hooks/shop HTTP/1.1\r\n\r\n", "400"},
		{"two hosts", with("Host: y"), "400"},
		{"a host that is none", "POST /hooks/shop HTTP/1.1\r\nHost: a b\r\n\r\n", "400"},
		{"a header without a colon", with("hello"), "400"},
		{"a header without a name", with(": hello"), "400"},
		{"a name with a blank", with("X Y: z"), "400"},
		{"a name with a control character", with("X\x01: z"), "400"},
		{"a name beyond ASCII", with("X\xc3\xa9: z"), "400"},
		{"a value with a NUL", with("X: a\x00b"), "400"},
		{"a value with a bare CR", with("X: a\rY: b"), "400"},
		{"a folded first line", "POST /hooks/shop HTTP/1.1\r\n Host: x\r\n\r\n", "400"},
		{"a folded length", with("Content-Length:\r\n 5"), "400|401"},
		{"a folded encoding", with("Transfer-Encoding:\r\n chunked", "Content-Length: 0"), "400|401"},
		{"bare LF, and a length that a proxy does not see", startLine + "X: a\nContent-Length: 70\r\n\r\n" + smuggled, "401|400"},
		{"a long line", with("X: " + strings.Repeat("a", 100_000)), "431"},
		{"a long name", with(strings.Repeat("a", 100_000) + ": x"), "431"},
		{"a long header of many lines", with("X: " + strings.Repeat(strings.Repeat("a", 1000)+"\r\nX: ", 100) + "a"), "431"},
		{"many lines", with("A:" + strings.Repeat("\r\nA:", 200)), "431"},
		{"many names", with(manyNames(500)), "431"},
		{"a header without an end", startLine + strings.Repeat("A: b\r\n", 10), "400|cut"},
		{"an expectation that is none", with("Expect: the unexpected", "Content-Length: 0"), "417"},
	}
}

func manyNames(n int) string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("X-%d: a", i)
	}
	return strings.Join(names, "\r\n")
}

// proofs try to be somebody else.
func proofs() []hostileRequest {
	n := fmt.Sprintf("Content-Length: %d", len(small))
	good := header + ": " + sign([]byte(small))
	other := header + ": " + sign([]byte("other"))
	sent := func(lines ...string) string {
		return startLine + strings.Join(append(lines, n, ""), "\r\n") + "\r\n" + small
	}
	word := func(value string) string {
		return "POST /hooks/words HTTP/1.1\r\nHost: x\r\n" + value + "\r\nContent-Length: 7\r\n\r\n" + `{"n":1}`
	}
	return []hostileRequest{
		{"no signature", sent(), "401"},
		{"an empty signature", sent(header + ":"), "401"},
		{"another body's signature", sent(other), "401"},
		{"two signatures, the right one first", sent(good, other), "401"},
		{"two signatures, the right one last", sent(other, good), "401"},
		{"the right signature twice", sent(good, good), "401"},
		{"two signatures in one", sent(good + ", " + sign([]byte("other"))), "401"},
		{"a signature in capitals of its prefix", sent(strings.Replace(good, "sha256=", "SHA256=", 1)), "401"},
		{"a signature by a weaker hash", sent(strings.Replace(good, "sha256=", "sha1=", 1)), "401"},
		{"half a signature", sent(good[:len(good)-32]), "401"},
		{"a signature and a half", sent(good + "00"), "401"},
		{"a long signature", sent(header + ": sha256=" + strings.Repeat("ab", 15_000)), "401"},
		{"a signature of no hex", sent(header + ": sha256=" + strings.Repeat("zz", 32)), "401"},
		{"a signature beyond ASCII", sent(header + ": sha256=\xff\xfe"), "401"},
		{"a body that is one byte longer", shop(small, fmt.Sprintf("Content-Length: %d", len(small)+1)) + small + " ", "401"},
		{"no token", word("X: y"), "401"},
		{"an empty token", word("Authorization: Bearer "), "401"},
		{"another token", word("Authorization: Bearer " + strings.ToUpper(secret)), "401"},
		{"the token twice", word("Authorization: Bearer " + secret + "\r\nAuthorization: Bearer " + secret), "401"},
		{"the token by another scheme", word("Authorization: Basic " + secret), "401"},
		{"the token as another's", word("Proxy-Authorization: Bearer " + secret), "401"},
		{"from an address of its own word", "POST /hooks/inside HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 192.0.2.1\r\nForwarded: for=192.0.2.1\r\nX-Real-IP: 192.0.2.1\r\nContent-Length: 2\r\n\r\n{}", "403"},
		{"too often", smuggled, "429"},
	}
}

// bodies are signed, and no good.
func bodies() []hostileRequest {
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	const json = "Content-Type: application/json"
	return []hostileRequest{
		{"nothing", shopWith("", json), "400"},
		{"blanks", shopWith("   ", json), "400"},
		{"half a text", shopWith(`{"id":"hostile`, json), "400"},
		{"two values", shopWith(small+small, json), "400"},
		{"a value and noise", shopWith(small+"\x00", json), "400"},
		{"UTF-16", shopWith("\xff\xfe{\x00}\x00", json), "400"},
		{"a NUL in a text", shopWith("{\"id\":\"a\x00b\"}", json), "400"},
		{"a line break in a text", shopWith("{\"id\":\"a\nb\"}", json), "400"},
		{"a broken escape", shopWith(`{"id":"\x41"}`, json), "400"},
		{"half an escape", shopWith(`{"id":"\u00"}`, json), "400"},
		{"a trailing comma", shopWith(`{"id":"a",}`, json), "400"},
		{"a comment", shopWith(`{"id":"a"/**/}`, json), "400"},
		{"single quotes", shopWith(`{'id':'a'}`, json), "400"},
		{"NaN", shopWith(`{"id":NaN}`, json), "400"},
		{"a number with a leading zero", shopWith(`{"id":01}`, json), "400"},
		{"a number that is none", shopWith(`{"id":1e}`, json), "400"},
		{"deep lists", shopWith(deep(30_000), json), "400"},
		{"deep lists without an end", shopWith(strings.Repeat("[", 60_000), json), "400"},
		{"deep objects", shopWith(strings.Repeat(`{"id":`, 9000)+"1"+strings.Repeat("}", 9000), json), "400"},
		{"a list for the id", shopWith(`{"id":["a"]}`, json), "400"},
		{"an object for the id", shopWith(`{"id":{"a":1}}`, json), "400"},
		{"nothing for the id", shopWith(`{"id":null}`, json), "400"},
		{"an empty id", shopWith(`{"id":""}`, json), "400"},
		{"an id twice, the last one empty", shopWith(`{"id":"a","id":""}`, json), "400"},
		{"an id twice, the last one nothing", shopWith(`{"id":"a","id":null}`, json), "400"},
		{"an id thirty thousand times", shopWith(`{"id":"a"`+strings.Repeat(`,"id":[]`, 7000)+`}`, json), "400"},
		{"a long id", shopWith(`{"id":"`+strings.Repeat("a", 2000)+`"}`, json), "400"},
		{"an id of a thousand digits", shopWith(`{"id":`+strings.Repeat("9", 2000)+`}`, json), "400"},
		{"a list", shopWith(`[1,2,3]`, json), "400"},
		{"a text", shopWith(`"id"`, json), "400"},
		{"bytes", shopWith(small, "Content-Type: application/octet-stream"), "400"},
		{"a large body", shopWith(strings.Repeat(" ", 70_000), json), "413"},
		{"a bomb", shopWith(zipped(100<<20), json, "Content-Encoding: gzip"), "413|415"},
		{"a bomb in a bomb", shopWith(zipped(1<<20), json, "Content-Encoding: gzip, gzip"), "400|413|415"},
		{"a coding that is none", shopWith(small, json, "Content-Encoding: rot13"), "415"},
		{"a broken gzip", shopWith("\x1f\x8b\x08\x00nonsense", json, "Content-Encoding: gzip"), "400|415"},
		{"a hundred codings", shopWith(small, json, "Content-Encoding: "+strings.Repeat("gzip,", 100)+"gzip"), "400|413|415"},

		{"a number beyond numbers", to("/hooks/words", `{"n":1e999999999}`), "400"},
		{"a number of many digits", to("/hooks/words", `{"n":`+strings.Repeat("9", 100_000)+`}`), "400"},
		{"a text for a number", to("/hooks/words", `{"n":"one"}`), "400"},
		{"another type for JSON", to("/hooks/words", "n=1", "Content-Type: application/x-www-form-urlencoded"), "400"},
		{"lines that are none", to("/hooks/lines", "{\"n\":1}\n{"), "400"},
		{"many lines that are none", to("/hooks/lines", strings.Repeat("{\n", 30_000)), "400"},
		{"deep lines", to("/hooks/lines", deep(30_000)), "400"},
		{"a form with a broken escape", to("/hooks/form", "n=%zz"), "400"},
		{"a form without the field", to("/hooks/form", "m=1"), "400"},
		{"a form of a hundred thousand fields", to("/hooks/form", strings.Repeat("a&", 100_000)), "400"},
		{"a text beyond UTF-8", to("/hooks/text", "\xff\xfe"), "400"},
		{"a text for an id, too long", to("/hooks/text", strings.Repeat("a", 2000)), "400"},
		{"no body at all", to("/hooks/text", ""), "400"},
		{"a tenant without an event", to("/hooks/acme/in", `{}`), "400"},
		{"a tenant of an odd name", to("/hooks/%00%ff%2e%2e%2f/in", `{}`), "400"},
	}
}

var statusLine = regexp.MustCompile(`(?m)^HTTP/1\.[01] (\d{3})`)

// TestHostileRequests sends what nobody should, in clear text and over TLS: each
// gets the answers it must have, and no others, and nothing of it is stored.
func TestHostileRequests(t *testing.T) {
	slow(t)
	for _, secure := range []bool{false, true} {
		t.Run(fmt.Sprintf("TLS %t", secure), func(t *testing.T) {
			f := newFortress(t, secure, hostileSources)
			if got := f.exchange(smuggled); got != "202" { // the one of the day
				t.Fatalf("answered %s", got)
			}
			f.good++
			requests := 0
			f.while(func() {
				for _, q := range slices.Concat(framing(), heads(), proofs(), bodies(), formats()) {
					requests++
					if got := f.exchange(q.text); !slices.Contains(strings.Split(q.want, "|"), got) {
						t.Errorf("%s: answered %s, want %s", q.name, got, q.want)
					}
				}
			})
			if requests < 150 {
				t.Errorf("only %d requests", requests)
			}
			f.onlyGood()
		})
	}
}

// exchange sends a text on a connection of its own and ends it; it returns the
// statuses of all answers.
func (f *fortress) exchange(text string) string {
	f.t.Helper()
	conn := f.dial()
	defer conn.Close()
	go func() {
		_, _ = io.WriteString(conn, text) // the answer may come before all is written
		if c, ok := conn.(interface{ CloseWrite() error }); ok {
			_ = c.CloseWrite()
		}
	}()
	answers, _ := io.ReadAll(conn) // what came before the connection was cut counts
	var statuses []string
	for _, found := range statusLine.FindAllSubmatch(answers, -1) {
		statuses = append(statuses, string(found[1]))
	}
	if len(statuses) == 0 {
		return "cut"
	}
	return strings.Join(statuses, " ")
}

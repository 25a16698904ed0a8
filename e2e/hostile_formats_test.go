package e2e

import (
	"fmt"
	"strings"
)

// formats are bodies that grow when they are decoded, that lie about what they
// are, or that would have to be taken for two things.
func formats() []hostileRequest {
	any := func(contentType, body string, lines ...string) string {
		return to("/hooks/any", body, append(lines, "Content-Type: "+contentType)...)
	}
	cloud := func(body string, lines ...string) string { return to("/hooks/cloud", body, lines...) }
	const (
		batch      = "Content-Type: application/cloudevents-batch+json"
		structured = "Content-Type: application/cloudevents+json"
	)
	part := func(header, value string) string {
		return "--b\r\nContent-Disposition: form-data; " + header + "\r\n\r\n" + value + "\r\n--b--\r\n"
	}
	var columns strings.Builder
	for i := range 300_000 {
		fmt.Fprintf(&columns, "%d,", i)
	}
	return []hostileRequest{
		{"JSON of many values", any("application/json", "["+strings.Repeat("0,", 300_000)+"0]"), "400"},
		{"JSON of many objects", any("application/json", "["+strings.Repeat(`{"a":0},`, 200_000)+"0]"), "400"},
		{"lines of many values", any("application/x-ndjson", strings.Repeat("[0,0,0]\n", 100_000)), "400"},
		{"entities in entities", any("application/xml", `<!DOCTYPE l [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]><l>&b;</l>`), "400"},
		{"a file as an entity", any("application/xml", `<!DOCTYPE l [<!ENTITY x SYSTEM "file:///etc/passwd">]><l>&x;</l>`), "400"},
		{"an address as an entity", any("text/xml", `<!DOCTYPE l [<!ENTITY % x SYSTEM "http://127.0.0.1/x"> %x;]><l>&y;</l>`), "400"},
		{"deep XML", any("application/xml", strings.Repeat("<a>", 100_000)), "400"},
		{"many elements", any("application/xml", "<a>"+strings.Repeat("<b/>", 300_000)+"</a>"), "400"},
		{"many attributes", any("application/xml", "<a"+strings.Repeat(` b=""`, 300_000)+"/>"), "400"},
		{"two roots", any("application/xml", "<a/><a/>"), "400"},
		{"XML in an unknown charset", any("application/xml", `<?xml version="1.0" encoding="hostile"?><a/>`), "415"},
		{"many rows", any("text/csv", "a\n"+strings.Repeat("1\n", 200_000)), "400"},
		{"many columns", any("text/csv", columns.String()), "400"},
		{"an open quote", any("text/csv", "a\n\""+strings.Repeat("1\n", 100_000)), "400"},
		{"rows of other lengths", any("text/csv", "a,b\n1\n"), "400"},
		{"parts without an end", any("multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=a\r\n\r\n"+strings.Repeat("a", 100_000)), "400"},
		{"parts behind another boundary", any("multipart/form-data; boundary=b", strings.ReplaceAll(part("name=a", "1"), "--b", "--c")), "400"},
		{"a part without a name", any("multipart/form-data; boundary=b", part("filename=a", "1")), "400"},
		{"deep JSON in a part", any("multipart/form-data; boundary=b", part("name=a\r\nContent-Type: application/json", strings.Repeat("[", 100_000))), "400"},
		{"a charset that is none", any("text/plain; charset=hostile", "x"), "415"},
		{"a charset that it is not", any("application/json; charset=shift_jis", "\x81"), "400"},
		{"half a character of UTF-16", any("text/plain", "\xff\xfe\x00"), "400"},
		{"a form beyond UTF-8", any("application/x-www-form-urlencoded", "a=%ff"), "400"},

		{"no CloudEvent", cloud(`{}`, "Content-Type: application/json"), "415"},
		{"a CloudEvent in another format", cloud(``, "Content-Type: application/cloudevents+avro", "ce-specversion: 1.0"), "415"},
		{"a CloudEvent of tomorrow", cloud(`{"specversion":"2.0","id":"1","source":"/a","type":"t"}`, structured), "400"},
		{"a CloudEvent without an id", cloud(`{"specversion":"1.0","source":"/a","type":"t"}`, structured), "400"},
		{"a CloudEvent of two ids", cloud(`{}`, "ce-specversion: 1.0", "ce-source: /a", "ce-type: t", "ce-id: 1", "ce-id: 2"), "400"},
		{"an overlong character", cloud(`{}`, "ce-specversion: 1.0", "ce-source: /a", "ce-type: t", "ce-id: %C0%A0"), "400"},
		{"data that leaves its envelope", cloud(`1},{"id":"2"`, "ce-specversion: 1.0", "ce-source: /a", "ce-type: t", "ce-id: 1", "Content-Type: application/json"), "400"},
		{"a batch of nothing", cloud("["+strings.Repeat("{},", 4000)+"{}]", batch), "400"},
		{"a large batch", cloud("["+strings.Repeat("{},", 6000)+"{}]", batch), "413"},
		{"a batch that is none", cloud(`{}`, batch), "400"},

		{"a page of another origin", to("/hooks/page", "a=1", "Origin: https://evil.example.com", "Content-Type: application/x-www-form-urlencoded"), "403"},
		{"a page of no origin", to("/hooks/page", "a=1", "Origin: null"), "403"},
		{"a preflight of another origin", "OPTIONS /hooks/page HTTP/1.1\r\nHost: x\r\nOrigin: https://evil.example.com\r\nAccess-Control-Request-Method: POST\r\n\r\n", "403"},
		{"a preflight where no page may", "OPTIONS /hooks/any HTTP/1.1\r\nHost: x\r\nOrigin: https://evil.example.com\r\nAccess-Control-Request-Method: POST\r\n\r\n", "405"},
	}
}

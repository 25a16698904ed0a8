package httpsink

import (
	"bytes"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// Whatever an event puts into a request, it is written as the standard library does.
func FuzzWriteRequest(f *testing.F) {
	f.Add("http://a.example/b?c=d#e", "", "value", "POST", "body")
	f.Add("http://me:x@[::1]:80?", "b.example:81", " v\t", "DELETE", "")
	f.Add("http://a.example/%0d%0aX: y?a b", "b\r\nX: y", "v\r\nX: y", "PUT", "")
	f.Fuzz(func(t *testing.T, target, host, value, method, body string) {
		u, err := parseURL(target)
		if err != nil || !isPlainHost(u.Host) || !isPlainHost(host) || !slices.Contains([]string{"POST", "PUT", "PATCH", "DELETE"}, method) {
			return
		}
		r := &http.Request{Method: method, URL: u, Host: host, ContentLength: int64(len(body)), Header: http.Header{"X": {value}, "User-Agent": {value}}}
		var ours, theirs bytes.Buffer
		r.Body = reader([]byte(body))
		if writeRequest(&ours, r) != nil {
			return
		}
		r.Body = reader([]byte(body))
		must(t, r.Write(&theirs))
		if a, b := sorted(ours.String()), sorted(theirs.String()); !slices.Equal(a, b) {
			t.Errorf("ours   %q\ntheirs %q", a, b)
		}
	})
}

// sorted is what was said in lines: the first, then the headers in the order of the alphabet, then the body.
func sorted(said string) []string {
	head, body, _ := strings.Cut(said, "\r\n\r\n")
	lines := strings.Split(head, "\r\n")
	slices.Sort(lines[1:])
	return append(lines, body)
}

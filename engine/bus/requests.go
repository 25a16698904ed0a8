package bus

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/trotline/trotline/event"
)

// The names in the query string that tells of a request. A header, a parameter
// of the query and one of the path have their own names behind a prefix.
const (
	reqMethod   = "method"
	reqPath     = "path"
	reqRemoteIP = "ip"
	reqHeader   = "h."
	reqQuery    = "q."
	reqParam    = "p."
)

// requestForm is how the text of a request is read.
var requestForm = event.KeptForm{Read: readRequest, Header: readRequestHeader}

// writeRequest is what is kept of a request, as text. One that has come from
// the store goes back as it came.
func writeRequest(k *event.Kept) string {
	if text := k.Text(); text != "" {
		return text
	}
	r := k.Info()
	var q queryString
	q.Grow(512)
	q.text(reqMethod, r.Method)
	q.text(reqRemoteIP, r.RemoteIP)
	q.text(reqPath, r.Path)
	for name, value := range r.Params {
		q.add(reqParam, name, value)
	}
	q.lists(reqQuery, r.Query)
	q.lists(reqHeader, r.Header)
	return q.String()
}

func (q *queryString) lists(prefix string, lists map[string][]string) {
	for name, values := range lists {
		for _, value := range values {
			q.add(prefix, name, value)
		}
	}
}

// readRequest reads what writeRequest wrote. What it does not know is left out.
func readRequest(text string) event.RequestInfo {
	var r event.RequestInfo
	for _, f := range readFields(text) {
		value := unescape(f.value)
		switch {
		case f.name == reqMethod:
			r.Method = value
		case f.name == reqRemoteIP:
			r.RemoteIP = value
		case f.name == reqPath:
			r.Path = value
		case strings.HasPrefix(f.name, reqHeader):
			r.Header = http.Header(collect(r.Header, f.name[len(reqHeader):], value))
		case strings.HasPrefix(f.name, reqQuery):
			r.Query = url.Values(collect(r.Query, f.name[len(reqQuery):], value))
		case strings.HasPrefix(f.name, reqParam):
			if r.Params == nil {
				r.Params = make(map[string]string)
			}
			r.Params[unescape(f.name[len(reqParam):])] = value
		}
	}
	return r
}

func collect(lists map[string][]string, name, value string) map[string][]string {
	if lists == nil {
		lists = make(map[string][]string)
	}
	name = unescape(name)
	lists[name] = append(lists[name], value)
	return lists
}

// readRequestHeader is the first value of one header field.
func readRequestHeader(text, name string) string {
	for text != "" {
		var pair string
		pair, text, _ = strings.Cut(text, "&")
		if field, isHeader := strings.CutPrefix(pair, reqHeader); isHeader {
			if key, value, _ := strings.Cut(field, "="); unescape(key) == name {
				return unescape(value)
			}
		}
	}
	return ""
}

package bus

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/trotline/trotline/event"
)

// reading is a message being read.
type reading struct {
	header nats.Header
	body   []byte
	parts  map[string][]byte // by name; nil when the data is the body alone
	err    error             // the first fault met
}

// read splits a message into its parts.
func read(header nats.Header, data []byte) *reading {
	r := &reading{header: header, body: data}
	list := header.Get(hdrParts)
	if list == "" {
		return r
	}
	r.parts = make(map[string][]byte, 4)
	rest := data
	for _, entry := range strings.Fields(list) {
		name, text, _ := strings.Cut(entry, "=")
		size, err := strconv.Atoi(text)
		if err != nil || size < 0 || size > len(rest) {
			r.err = fmt.Errorf("the header %s (%.100q) does not fit the data", hdrParts, list)
			return r
		}
		r.parts[name], rest = rest[:size:size], rest[size:]
	}
	if r.body = r.parts[partBody]; len(rest) > 0 {
		r.err = fmt.Errorf("the header %s (%.100q) does not fit the data", hdrParts, list)
	}
	return r
}

func (r *reading) text(name string) string { return unescape(r.header.Get(name)) }

func (r *reading) number(name string) uint64 {
	text := r.header.Get(name)
	if text == "" {
		return 0
	}
	n, err := strconv.ParseUint(text, 10, 64)
	r.fault(name, err)
	return n
}

func (r *reading) integer(name string) int {
	text := r.header.Get(name)
	if text == "" {
		return 0
	}
	n, err := strconv.Atoi(text)
	r.fault(name, err)
	return n
}

func (r *reading) time(name string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, r.header.Get(name))
	r.fault(name, err)
	return t.UTC()
}

func (r *reading) fault(name string, err error) {
	if err != nil && r.err == nil {
		r.err = fmt.Errorf("the header %s cannot be read: %w", name, err)
	}
}

// event reads the event of a message.
func (r *reading) event() (*event.Event, error) {
	if r.header.Get(ceSpecVersion) == "" || r.header.Get(hdrFormat) == "" {
		return nil, errNotOurs
	}
	body := event.NewCheckedBody(event.Format(r.text(hdrFormat)), r.body)
	e := &event.Event{
		ID: r.text(ceID), Source: r.text(ceSource), Time: r.time(ceTime),
		Stamp: r.text(hdrStamp), Element: r.text(hdrElement),
		Request: r.request(), Body: body, Original: body,
	}
	if r.header.Get(hdrUntyped) == "" {
		e.Type = r.text(ceType)
	}
	for name, data := range r.parts {
		if format, ok := strings.CutPrefix(name, partOriginal+":"); ok {
			e.Original = event.NewCheckedBody(event.Format(format), data)
		}
	}
	return e, r.err
}

// request reads what was kept of the request.
func (r *reading) request() event.RequestInfo {
	info := event.RequestInfo{Method: r.text(hdrMethod), RemoteIP: r.text(hdrRemoteIP)}
	header := r.header
	if lines, ok := r.parts[partRequest]; ok {
		header = readLines(lines)
	}
	info.Path = unescape(header.Get(hdrPath))
	info.Query = r.values(header, hdrQuery)
	for k, v := range r.values(header, hdrParams) {
		if info.Params == nil {
			info.Params = make(map[string]string)
		}
		info.Params[k] = v[0]
	}
	for name, values := range header {
		name, ok := strings.CutPrefix(name, hdrHTTP)
		if !ok {
			continue
		}
		if info.Header == nil {
			info.Header = make(http.Header)
		}
		info.Header[unescape(name)] = unescapeAll(values)
	}
	return info
}

// values reads a header that url.Values.Encode wrote; nil if it is not there.
func (r *reading) values(header nats.Header, name string) url.Values {
	text := header.Get(name)
	if text == "" {
		return nil
	}
	v, err := url.ParseQuery(text)
	r.fault(name, err)
	return v
}

// readLines reads the headers of a request that travel in the data.
func readLines(lines []byte) nats.Header {
	h := make(nats.Header)
	for line := range strings.SplitSeq(string(lines), "\r\n") {
		if name, value, ok := strings.Cut(line, ": "); ok {
			h.Add(name, value)
		}
	}
	return h
}

// unescapeAll reads each value, into a list of its own: a message may be read twice.
func unescapeAll(values []string) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = unescape(v)
	}
	return out
}

func (r *reading) results() event.Results {
	text, ok := r.parts[partResults]
	if !ok {
		return nil
	}
	var results event.Results
	if err := json.Unmarshal(text, &results); err != nil && r.err == nil {
		r.err = fmt.Errorf("the results cannot be read: %w", err)
	}
	return results
}

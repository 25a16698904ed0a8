package bus

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/trotline/trotline/event"
)

// The headers of a message. Those of CloudEvents are named by its NATS protocol
// binding (version 1.0.2); the sender's HTTP headers stand under hdrHTTP.
const (
	ceID          = "ce-id"
	ceSource      = "ce-source"
	ceType        = "ce-type"
	ceTime        = "ce-time"
	ceSpecVersion = "ce-specversion"
	hdrContent    = "content-type"

	hdrPrefix     = "Trotline-"
	hdrUntyped    = hdrPrefix + "Untyped"
	hdrStamp      = hdrPrefix + "Stamp"
	hdrElement    = hdrPrefix + "Element"
	hdrFormat     = hdrPrefix + "Format"
	hdrMethod     = hdrPrefix + "Method"
	hdrPath       = hdrPrefix + "Path"
	hdrRemoteIP   = hdrPrefix + "Remote-Ip"
	hdrQuery      = hdrPrefix + "Query"
	hdrParams     = hdrPrefix + "Params"
	hdrHTTP       = hdrPrefix + "Http-"
	hdrParts      = hdrPrefix + "Parts"
	hdrGeneration = hdrPrefix + "Generation"
	hdrSequence   = hdrPrefix + "Sequence"
	hdrSink       = hdrPrefix + "Sink"
	hdrPipeline   = hdrPrefix + "Pipeline"
	hdrRoute      = hdrPrefix + "Route"
	hdrHop        = hdrPrefix + "Hop"

	hdrReason       = hdrPrefix + "Reason"
	hdrError        = hdrPrefix + "Error"
	hdrExpression   = hdrPrefix + "Expression"
	hdrValue        = hdrPrefix + "Value"
	hdrStep         = hdrPrefix + "Step"
	hdrStatus       = hdrPrefix + "Status"
	hdrAttempts     = hdrPrefix + "Attempts"
	hdrFirstAttempt = hdrPrefix + "First-Attempt"
	hdrLastAttempt  = hdrPrefix + "Last-Attempt"
)

// specVersion is the version of CloudEvents the headers follow.
const specVersion = "1.0"

// untyped stands in ce-type, which CloudEvents requires, where the sender has
// no word for what happened.
const untyped = "webhook"

// maxRequestHeaders is how many bytes the headers of a request may take among
// the headers of a message; larger ones travel in the data. JetStream refuses a
// message with more than 64 KiB of headers (nats-server, stream.go).
const maxRequestHeaders = 24 << 10

// maxNames is how many bytes an event's id and type may take together in the headers.
const maxNames = 8 << 10

// draft is a message being written.
type draft struct {
	header nats.Header
	values []string // the memory single values stand in, so that each does not need its own
	data   []byte
	parts  []part
}

// part is what the data holds after the body.
type part struct {
	name string
	size int
}

// The parts a message's data can have.
const (
	partBody     = "body"
	partOriginal = "original"
	partResults  = "results"
	partAnswer   = "answer"
	partRequest  = "request"
)

func newDraft() *draft {
	return &draft{header: make(nats.Header, 24), values: make([]string, 0, 32)}
}

// set writes a header whose value needs no escaping.
func (d *draft) set(name, value string) {
	d.values = append(d.values, value)
	n := len(d.values)
	d.header[name] = d.values[n-1 : n : n]
}

// text writes a header with any value; none for "".
func (d *draft) text(name, value string) {
	if value != "" {
		d.set(name, escapeValue(value))
	}
}

func (d *draft) number(name string, value uint64) {
	d.set(name, strconv.FormatUint(value, 10))
}

func (d *draft) time(name string, t time.Time) {
	d.set(name, t.UTC().Format(time.RFC3339Nano))
}

// attach puts a part behind the body. The data that callers handed over is never written to.
func (d *draft) attach(name string, data []byte) {
	if d.parts == nil {
		d.parts = append(d.parts, part{partBody, len(d.data)})
	}
	d.data = append(d.data[:len(d.data):len(d.data)], data...)
	d.parts = append(d.parts, part{name, len(data)})
}

// message is the draft, finished.
func (d *draft) message(subject, id string) *nats.Msg {
	if d.parts != nil {
		var b strings.Builder
		for i, p := range d.parts {
			if i > 0 {
				b.WriteByte(' ')
			}
			fmt.Fprintf(&b, "%s=%d", p.name, p.size)
		}
		d.set(hdrParts, b.String())
	}
	if id != "" {
		d.set(nats.MsgIdHdr, escapeAttribute(id))
	}
	return &nats.Msg{Subject: subject, Header: d.header, Data: d.data}
}

// event writes an event. The error says that its body cannot be written.
func (d *draft) event(e *event.Event) error {
	body := e.Body
	if body == nil {
		body = event.NewBody(event.Binary, nil)
	}
	raw, err := body.Raw()
	if err != nil {
		return fmt.Errorf("the body: %w", err)
	}
	id, kind := escapeAttribute(e.ID), escapeAttribute(e.Type)
	if len(id)+len(kind) > maxNames {
		return fmt.Errorf("the event's id (%d bytes) and type (%d bytes) are longer than %d bytes together", len(e.ID), len(e.Type), maxNames)
	}
	d.data = raw
	d.set(ceSpecVersion, specVersion)
	d.set(ceID, id)
	d.set(ceSource, escapeAttribute(e.Source))
	if e.Type != "" {
		d.set(ceType, kind)
	} else {
		d.set(ceType, untyped)
		d.set(hdrUntyped, "true")
	}
	d.time(ceTime, e.Time)
	d.set(hdrContent, body.Format().ContentType())
	d.text(hdrFormat, string(body.Format()))
	d.text(hdrStamp, e.Stamp)
	d.text(hdrElement, e.Element)
	d.request(&e.Request)
	return d.original(e, body, raw)
}

// original writes the body as it was received, unless it is the body.
func (d *draft) original(e *event.Event, body *event.Body, raw []byte) error {
	if e.Original == nil || e.Original == body {
		return nil
	}
	original, err := e.Original.Raw()
	if err != nil {
		return fmt.Errorf("the original body: %w", err)
	}
	if e.Original.Format() == body.Format() && bytes.Equal(original, raw) {
		return nil
	}
	d.attach(partOriginal+":"+string(e.Original.Format()), original)
	return nil
}

// request writes what is kept of the request.
func (d *draft) request(r *event.RequestInfo) {
	d.text(hdrMethod, r.Method)
	d.text(hdrRemoteIP, r.RemoteIP)
	if size := requestSize(r); size <= maxRequestHeaders {
		requestHeaders(r, func(name string, values []string) { d.header[name] = values })
		return
	}
	var b bytes.Buffer
	requestHeaders(r, func(name string, values []string) {
		for _, v := range values {
			b.WriteString(name + ": " + v + "\r\n")
		}
	})
	d.attach(partRequest, b.Bytes())
}

// requestSize is how many bytes the headers of a request take at the most.
func requestSize(r *event.RequestInfo) int {
	n := 3*len(r.Path) + 3*len(r.Query)
	for k, vs := range r.Query {
		for _, v := range vs {
			n += 3*(len(k)+len(v)) + 2
		}
	}
	for k, v := range r.Params {
		n += 9*(len(k)+len(v)) + 2
	}
	for k, vs := range r.Header {
		for _, v := range vs {
			n += len(hdrHTTP) + 3*(len(k)+len(v)) + 4
		}
	}
	return n
}

// requestHeaders calls put for each header that tells of a request.
func requestHeaders(r *event.RequestInfo, put func(name string, values []string)) {
	if r.Path != "" {
		put(hdrPath, []string{escapeValue(r.Path)})
	}
	if len(r.Query) > 0 {
		put(hdrQuery, []string{r.Query.Encode()})
	}
	if len(r.Params) > 0 {
		params := make(url.Values, len(r.Params))
		for k, v := range r.Params {
			params.Set(k, v)
		}
		put(hdrParams, []string{params.Encode()})
	}
	for name, values := range r.Header {
		put(hdrHTTP+escapeName(name), escapeAll(values))
	}
}

// escapeAll escapes each value, and copies the list only if one needs it.
func escapeAll(values []string) []string {
	out := values
	for i, v := range values {
		e := escapeValue(v)
		if len(e) == len(v) {
			continue
		}
		if &out[0] == &values[0] {
			out = append([]string(nil), values...)
		}
		out[i] = e
	}
	return out
}

// results writes what earlier sinks answered.
func (d *draft) results(r event.Results) error {
	if len(r) == 0 {
		return nil
	}
	text, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("the results: %w", err)
	}
	d.attach(partResults, text)
	return nil
}

var errNotOurs = errors.New("the message was not written by Trotline: it lacks the headers of an event")

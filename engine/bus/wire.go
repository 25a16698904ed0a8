package bus

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/trotline/trotline/event"
)

// The headers of CloudEvents, named by its NATS protocol binding (version 1.0.2).
const (
	ceID          = "ce-id"
	ceSource      = "ce-source"
	ceType        = "ce-type"
	ceTime        = "ce-time"
	ceSpecVersion = "ce-specversion"
	hdrContent    = "content-type"
)

// specVersion is the version of CloudEvents the headers follow.
const specVersion = "1.0"

// untyped stands in ce-type, which CloudEvents requires, where the sender has
// no word for what happened.
const untyped = "webhook"

// maxRequest is how many bytes of a request may stand in a header; larger ones
// travel in the data. JetStream refuses a message with more than 64 KiB of
// headers (nats-server, stream.go).
const maxRequest = 24 << 10

// maxNames is how many bytes an event's id and type may take together in the headers.
const maxNames = 8 << 10

// draft is a message being written.
type draft struct {
	header  nats.Header
	values  []string // the memory the values stand in, so that each does not need its own
	fields  queryString
	request string // what is kept of the request
	data    []byte
	parts   []part
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
	partHistory  = "attempts"
	partUnedited = "unedited"
)

// headers is how many headers a message has at the most. A map of eight is
// small, and cheap.
const headers = 8

// fieldsRoom is the memory the fields get. They seldom need more.
const fieldsRoom = 256

func newDraft() *draft {
	return &draft{header: make(nats.Header, headers), values: make([]string, 0, headers)}
}

// set writes a header.
func (d *draft) set(name, value string) {
	d.values = append(d.values, value)
	n := len(d.values)
	d.header[name] = d.values[n-1 : n : n]
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
	if len(d.request) > maxRequest {
		d.attach(partRequest, []byte(d.request))
		d.request = ""
	}
	if d.parts != nil {
		var list []byte
		for i, p := range d.parts {
			if i > 0 {
				list = append(list, ',')
			}
			list = append(append(list, p.name...), ':')
			list = strconv.AppendInt(list, int64(p.size), 10)
		}
		d.fields.text(fldParts, string(list))
	}
	if d.request != "" {
		d.fields.WriteByte(' ')
		d.fields.WriteString(d.request)
	}
	d.set(hdrTrotline, d.fields.String())
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
	d.request = writeRequest(e.Request)
	d.fields.Grow(fieldsRoom + len(d.request))
	d.set(ceSpecVersion, specVersion)
	d.set(ceID, id)
	d.set(ceSource, escapeAttribute(e.Source))
	d.set(ceTime, e.Time.UTC().Format(time.RFC3339Nano))
	d.set(hdrContent, body.Format().ContentType())
	if e.Type != "" {
		d.set(ceType, kind)
	} else {
		d.set(ceType, untyped)
		d.fields.text(fldUntyped, "true")
	}
	d.fields.text(fldFormat, string(body.Format()))
	d.fields.text(fldStamp, e.Stamp)
	d.fields.text(fldElement, e.Element)
	d.fields.text(fldReplay, e.Replay)
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
	d.attach(partOriginal+"."+string(e.Original.Format()), original)
	return nil
}

// unedited writes an edited dead letter's body as it was.
func (d *draft) unedited(l *Dead) error {
	if l.Unedited == nil {
		return nil
	}
	raw, err := l.Unedited.Raw()
	if err != nil {
		return fmt.Errorf("the body before the edit: %w", err)
	}
	d.attach(partUnedited+"."+string(l.Unedited.Format()), raw)
	d.fields.time(fldEdited, l.Edited)
	return nil
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

// history writes the attempts that were made.
func (d *draft) history(h []Attempt) error {
	if len(h) == 0 {
		return nil
	}
	short := make([]Attempt, len(h))
	for i, a := range h {
		short[i] = a.shortened()
	}
	text, err := json.Marshal(short)
	if err != nil {
		return fmt.Errorf("the attempts: %w", err)
	}
	d.attach(partHistory, text)
	return nil
}

var errNotOurs = errors.New("the message was not written by Trotline: it lacks the headers of an event")

package bus

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/trotline/trotline/event"
)

// reading is a message being read.
type reading struct {
	header  nats.Header
	fields  fields
	request string
	body    []byte
	parts   map[string][]byte // by name; nil when the data is the body alone
	err     error             // the first fault met
}

// read splits a message into its parts.
func read(header nats.Header, data []byte) *reading {
	text, request, _ := strings.Cut(header.Get(hdrTrotline), " ")
	r := &reading{header: header, fields: readFields(text), request: request, body: data}
	list := r.text(fldParts)
	if list == "" {
		return r
	}
	r.parts = make(map[string][]byte, 4)
	rest := data
	for entry := range strings.SplitSeq(list, ",") {
		name, text, _ := strings.Cut(entry, ":")
		size, err := strconv.Atoi(text)
		if err != nil || size < 0 || size > len(rest) {
			r.err = fmt.Errorf("the parts (%.100q) do not fit the data", list)
			return r
		}
		r.parts[name], rest = rest[:size:size], rest[size:]
	}
	if r.body = r.parts[partBody]; len(rest) > 0 {
		r.err = fmt.Errorf("the parts (%.100q) do not fit the data", list)
	}
	if request, apart := r.parts[partRequest]; apart {
		r.request = string(request)
	}
	return r
}

func (r *reading) text(name string) string { return r.fields.get(name) }

func (r *reading) number(name string) uint64 {
	text := r.text(name)
	if text == "" {
		return 0
	}
	n, err := strconv.ParseUint(text, 10, 64)
	r.fault(name, err)
	return n
}

func (r *reading) integer(name string) int {
	text := r.text(name)
	if text == "" {
		return 0
	}
	n, err := strconv.Atoi(text)
	r.fault(name, err)
	return n
}

func (r *reading) time(name, text string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, text)
	r.fault(name, err)
	return t.UTC()
}

func (r *reading) fault(name string, err error) {
	if err != nil && r.err == nil {
		r.err = fmt.Errorf("%s cannot be read: %w", name, err)
	}
}

// event reads the event of a message.
func (r *reading) event() (*event.Event, error) {
	format := r.text(fldFormat)
	if r.header.Get(ceSpecVersion) == "" || format == "" {
		return nil, errNotOurs
	}
	body := event.NewCheckedBody(event.Format(format), r.body)
	e := &event.Event{
		ID: unescape(r.header.Get(ceID)), Source: unescape(r.header.Get(ceSource)), Time: r.time(ceTime, r.header.Get(ceTime)),
		Stamp: r.text(fldStamp), Element: r.text(fldElement), Replay: r.text(fldReplay),
		Request: event.KeepText(r.request, &requestForm), Body: body, Original: body,
	}
	if r.text(fldUntyped) == "" {
		e.Type = unescape(r.header.Get(ceType))
	}
	if original := r.bodyPart(partOriginal); original != nil {
		e.Original = original
	}
	return e, r.err
}

// bodyPart is a body that travels beside the message's own; nil if there is none of that name.
func (r *reading) bodyPart(name string) *event.Body {
	for part, data := range r.parts {
		if format, ok := strings.CutPrefix(part, name+"."); ok {
			return event.NewCheckedBody(event.Format(format), data)
		}
	}
	return nil
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

func (r *reading) history() []Attempt {
	text, ok := r.parts[partHistory]
	if !ok {
		return nil
	}
	var history []Attempt
	if err := json.Unmarshal(text, &history); err != nil && r.err == nil {
		r.err = fmt.Errorf("the attempts cannot be read: %w", err)
	}
	return history
}

package webhook

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/trotline/trotline/event"
)

// cloudEvents is the decode setting that takes CloudEvents (HTTP protocol binding
// 1.0.2) in any of their three modes. The body of each is the event in its JSON
// format (1.0.2), attributes and data together, whatever mode it came in.
const cloudEvents = "cloudevents"

// The media types of the JSON format, of one event and of a batch.
const (
	cloudEventJSON      = "application/cloudevents+json"
	cloudEventBatchJSON = "application/cloudevents-batch+json"
)

// maxBatch is how many CloudEvents a batch may hold: each is stored by itself,
// with what is kept of the request.
const maxBatch = 5000

// cloudEvent is one event in the JSON format.
type cloudEvent struct {
	body    *event.Body
	id, typ string // what the event is called here
}

// receiveCloudEvents makes an event of each CloudEvent of a request.
func (s *source) receiveCloudEvents(r *event.Request, p *payload) (*event.Receipt, error) {
	list, err := p.cloudEvents(r.Header)
	if err != nil {
		return nil, err
	}
	p.contentType = cloudEventJSON
	kept := s.kept(r, p)
	events := make([]*event.Event, len(list))
	for i, c := range list {
		e := s.newEvent(r, kept, c.body)
		e.ID, e.Type = c.id, c.typ
		if i > 0 { // a batch is several events, each of which goes its own way
			e.Stamp = r.Stamp + "-" + strconv.Itoa(i)
		}
		if err := s.nameEvent(e); err != nil {
			return nil, err
		}
		events[i] = e
	}
	if len(events) == 0 {
		return &event.Receipt{Status: http.StatusNoContent}, nil
	}
	receipt := s.accepted(r, events[0])
	receipt.More = events[1:]
	return receipt, nil
}

// cloudEvents reads the payload in the mode that its content type says.
func (p *payload) cloudEvents(h http.Header) ([]cloudEvent, error) {
	switch media := mediaType(p.contentType); {
	case media == cloudEventJSON:
		c, err := p.structured()
		return []cloudEvent{c}, err
	case media == cloudEventBatchJSON:
		return p.batch()
	case !strings.HasPrefix(media, "application/cloudevents") && h.Get("Ce-Specversion") != "":
		text, err := p.envelope(h)
		if err != nil {
			return nil, err
		}
		p.format, p.raw = event.JSON, text
		c, err := p.structured()
		return []cloudEvent{c}, err
	}
	return nil, event.Refuse(http.StatusUnsupportedMediaType, "cloudevent",
		"The request is no CloudEvent: neither is it sent as %s, nor is there the header ce-specversion.", cloudEventJSON)
}

func (p *payload) batch() ([]cloudEvent, error) {
	if _, err := p.body(); err != nil {
		return nil, err
	}
	var texts []json.RawMessage
	if err := json.Unmarshal(p.raw, &texts); err != nil {
		return nil, notCloudEvent("The batch is no list.")
	}
	if len(texts) > maxBatch {
		return nil, event.Refuse(http.StatusRequestEntityTooLarge, "cloudevent", "The batch holds more than %d events.", maxBatch)
	}
	list := make([]cloudEvent, len(texts))
	for i, text := range texts {
		c, err := (&payload{format: event.JSON, raw: text}).structured()
		if err != nil {
			return nil, inBatch(i, err)
		}
		list[i] = c
	}
	return list, nil
}

// inBatch lets a refusal say which event of a batch it is about.
func inBatch(i int, err error) error {
	var refusal *event.Refusal
	if !errors.As(err, &refusal) {
		return err
	}
	told := *refusal
	told.Detail = fmt.Sprintf("Event %d of the batch: %s", i, refusal.Detail)
	return &told
}

// structured reads one event in the JSON format.
func (p *payload) structured() (c cloudEvent, err error) {
	if c.body, err = p.body(); err != nil {
		return c, err
	}
	var version, source, id string
	for _, a := range []struct {
		name string
		into *string
	}{{"specversion", &version}, {"id", &id}, {"source", &source}, {"type", &c.typ}} {
		v, err := c.body.Lookup(a.name)
		if err != nil {
			return c, err
		}
		if *a.into, _ = v.(string); *a.into == "" {
			return c, notCloudEvent("The attribute %s is missing, or no text.", a.name)
		}
	}
	// Source and id together are what makes an event unique; no source has a blank.
	c.id = source + " " + id
	switch _, err := url.Parse(source); {
	case version != "1.0":
		return c, notCloudEvent("The specversion %.20q is not known here; 1.0 is.", version)
	case err != nil || strings.ContainsFunc(source, isBlank):
		return c, notCloudEvent("The source is no URI reference.")
	case len(c.id) > maxName || len(c.typ) > maxName:
		return c, notCloudEvent("The source and the id, or the type, are longer than %d bytes.", maxName)
	}
	return c, nil
}

func isBlank(r rune) bool { return r <= ' ' || r == 0x7f }

// envelope is the event of a request in binary mode in the JSON format.
func (p *payload) envelope(h http.Header) ([]byte, error) {
	attributes := make(map[string]string)
	for name, values := range h {
		name, ok := strings.CutPrefix(strings.ToLower(name), "ce-")
		if !ok || !isAttribute(name) {
			continue
		}
		if len(values) > 1 {
			return nil, notCloudEvent("The header ce-%s is given more than once.", name)
		}
		value, err := attribute(values[0])
		if err != nil {
			return nil, notCloudEvent("The header ce-%s %s.", name, err)
		}
		attributes[name] = value
	}
	if p.contentType != "" {
		attributes["datacontenttype"] = p.contentType
	}
	text := []byte("{")
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		text = append(strconv.AppendQuote(text, name), ':')
		text = append(appendText(text, attributes[name]), ',')
	}
	return p.appendData(text)
}

// appendData closes an envelope that has its attributes.
func (p *payload) appendData(text []byte) ([]byte, error) {
	switch {
	case len(p.raw) == 0:
		text = text[:len(text)-1] // the comma
	case p.format == event.JSON:
		if _, err := p.body(); err != nil { // before it is put into other JSON
			return nil, err
		}
		text = append(append(text, `"data":`...), p.raw...)
	case p.format == event.Binary || p.format == event.Multipart || !utf8.Valid(p.raw):
		text = append(text, `"data_base64":"`...)
		text = append(base64.StdEncoding.AppendEncode(text, p.raw), '"')
	default:
		text = appendText(append(text, `"data":`...), string(p.raw))
	}
	return append(text, '}'), nil
}

func appendText(to []byte, text string) []byte {
	quoted, _ := event.EncodeJSON(text) // a text can always be written
	return append(to, quoted...)
}

// isAttribute tells whether the rest of a header's name is an attribute's that
// the binding maps to a header.
func isAttribute(name string) bool {
	for _, c := range name {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return name != "" && name != "data" && name != "datacontenttype"
}

// attribute reads a header's value (section 3.1.3.2): a quoted string, as older
// senders write it, loses its quotes; then percent signs are read, once.
func attribute(value string) (string, error) {
	plain := unquote(value)
	b := make([]byte, 0, len(plain))
	for i := 0; i < len(plain); i++ {
		c := plain[i]
		if c == '%' && i+2 < len(plain) {
			if code, err := hex.DecodeString(plain[i+1 : i+3]); err == nil {
				c, i = code[0], i+2
			}
		}
		b = append(b, c)
	}
	if !utf8.Valid(b) {
		return "", errors.New("is not UTF-8")
	}
	return string(b), nil
}

// unquote is what a quoted string stands for (RFC 9110, section 5.6.4). A quote
// elsewhere in a value is itself: not every sender escapes it.
func unquote(value string) string {
	if len(value) < 2 || value[0] != '"' || value[len(value)-1] != '"' {
		return value
	}
	inner := value[1 : len(value)-1]
	b := make([]byte, 0, len(inner))
	for i := 0; i < len(inner); i++ {
		if inner[i] == '\\' && i+1 < len(inner) {
			i++
		}
		b = append(b, inner[i])
	}
	return string(b)
}

func notCloudEvent(format string, args ...any) error {
	return event.Refuse(http.StatusBadRequest, "cloudevent", format, args...)
}

// permission answers a sender that asks whether it may send here (HTTP 1.1 Web
// Hooks for Event Delivery 1.0.2, section 4): a source that takes CloudEvents wants them.
func permission(h http.Header) *event.Receipt {
	return &event.Receipt{Status: http.StatusOK, Header: http.Header{
		"Webhook-Allowed-Origin": {h.Get("Webhook-Request-Origin")},
		"Webhook-Allowed-Rate":   {"*"},
	}}
}

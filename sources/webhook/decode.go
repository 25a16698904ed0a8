package webhook

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/trotline/trotline/event"
)

// auto is the decode setting that goes by Content-Type.
const auto = "auto"

// payload is what a request brings: bytes, and how they are to be read.
type payload struct {
	format      event.Format
	contentType string // "" where the sender says none
	raw         []byte
	unpacked    bool // it had a Content-Encoding
}

// payload makes UTF-8 of what is text, and takes the JSON out of its form.
func (s *source) payload(r *event.Request) (p payload, err error) {
	raw, err := r.Content()
	if err != nil {
		return p, err
	}
	p = payload{format: event.Format(s.decode), contentType: r.Header.Get("Content-Type"), raw: raw, unpacked: r.Decode != nil}
	if s.decode == auto || s.decode == "" || s.decode == cloudEvents {
		p.format = formatOf(p.contentType, p.raw)
	}
	if err := p.toUTF8(); err != nil {
		return p, err
	}
	if s.formField != "" && (p.format == event.Form || p.format == event.Multipart) {
		return p, p.takeField(s.formField)
	}
	return p, nil
}

// describe lets a kept header tell what the payload has become on the way.
func (p *payload) describe(kept *keptHeader) {
	if p.unpacked {
		kept.remove("Content-Encoding")
	}
	if kept.header.Get("Content-Type") != p.contentType {
		kept.set("Content-Type", p.contentType)
	}
}

// body checks that the payload can be read, so that what is stored can be handled.
func (p *payload) body() (*event.Body, error) {
	if p.format == event.JSON {
		body, err := event.BodyLimits.Body(p.raw)
		if err != nil {
			return nil, p.unreadable(err)
		}
		return body, nil
	}
	if p.format == event.Multipart {
		if said := paramOf(p.contentType, "boundary"); said != "" && said != event.Boundary(p.raw) {
			return nil, p.unreadable(errors.New("it does not begin with the boundary that its Content-Type says"))
		}
	}
	body := event.NewBody(p.format, p.raw)
	if err := body.Check(); err != nil {
		return nil, p.unreadable(err)
	}
	return body, nil
}

func (p *payload) unreadable(err error) error {
	return event.Refuse(http.StatusBadRequest, "decode", "The body cannot be read as %s: %s.", p.format, err)
}

// takeField makes a payload of the JSON that stands in a field of a form.
func (p *payload) takeField(name string) error {
	form, err := p.body()
	if err != nil {
		return err
	}
	value, err := form.Lookup(name)
	if err != nil {
		return err
	}
	var text []byte
	switch v := value.(type) {
	case string:
		text = []byte(v)
	case map[string]any: // JSON by a content type of its own
		if text, err = event.EncodeJSON(v); err != nil {
			return err
		}
	default:
		return event.Refuse(http.StatusBadRequest, "decode", "The form must have the field %s once, with JSON in it.", name)
	}
	p.format, p.contentType, p.raw = event.JSON, event.JSON.ContentType(), text
	return nil
}

// formatOf goes by the media type. Without one a body that is JSON is taken for
// it, and so is none at all; any other stays as it is.
func formatOf(contentType string, body []byte) event.Format {
	media := mediaType(contentType)
	switch media {
	case "application/json":
		return event.JSON
	case "application/x-www-form-urlencoded":
		return event.Form
	case "multipart/form-data":
		return event.Multipart
	case "application/xml", "text/xml":
		return event.XML
	case "text/csv":
		return event.CSV
	case "application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines":
		return event.NDJSON
	}
	switch {
	case strings.HasSuffix(media, "+json"):
		return event.JSON
	case strings.HasSuffix(media, "+xml"):
		return event.XML
	case strings.HasPrefix(media, "text/"):
		return event.Text
	case media == "" && (len(body) == 0 || json.Valid(body)):
		return event.JSON
	}
	return event.Binary
}

// ContentType is what a source's sender would call a payload, from the source's
// [*Settings]; "" if nobody can tell.
func ContentType(settings any, payload []byte) string {
	start := bytes.TrimSpace(payload)
	switch decode := event.SettingsOf[Settings](settings).Decode; {
	case decode == cloudEvents && bytes.HasPrefix(start, []byte("[")):
		return cloudEventBatchJSON
	case decode == cloudEvents:
		return cloudEventJSON
	case decode != auto && decode != "":
		return event.Format(decode).ContentType()
	case json.Valid(payload):
		return event.JSON.ContentType()
	case bytes.HasPrefix(start, []byte("<")):
		return event.XML.ContentType()
	}
	return ""
}

// mediaType is a content type without its parameters, in lower case.
func mediaType(contentType string) string {
	media, _, _ := strings.Cut(contentType, ";")
	return strings.ToLower(strings.TrimSpace(media))
}

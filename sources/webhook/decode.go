package webhook

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/trotline/trotline/event"
)

// auto is the decode setting that goes by Content-Type.
const auto = "auto"

// body checks that the request's body can be read in its format, so that what
// is stored can be handled.
func (s *source) body(r *event.Request) (*event.Body, error) {
	format := event.Format(s.decode)
	if s.decode == auto || s.decode == "" {
		format = formatOf(r.Header.Get("Content-Type"), r.Body)
	}
	if format == event.Form && s.proof.scheme != nil && s.proof.scheme.FormField() != "" {
		return formField(r.Body, s.proof.scheme.FormField())
	}
	body := event.NewBody(format, r.Body)
	if err := body.Check(); err != nil {
		return nil, event.Refuse(http.StatusBadRequest, "decode", "The body cannot be read as %s: %s.", format, err)
	}
	return body, nil
}

// formField is the JSON that stands in a field of a form.
func formField(raw []byte, name string) (*event.Body, error) {
	form, err := event.Decode(event.Form, raw)
	if err != nil {
		return nil, event.Refuse(http.StatusBadRequest, "decode", "The body cannot be read as form: %s.", err)
	}
	fields, _ := form.(map[string]any)
	text, ok := fields[name].(string)
	if !ok {
		return nil, event.Refuse(http.StatusBadRequest, "decode", "The form must have the field %s once.", name)
	}
	body := event.NewBody(event.JSON, []byte(text))
	if err := body.Check(); err != nil {
		return nil, event.Refuse(http.StatusBadRequest, "decode", "The form's field %s cannot be read as JSON: %s.", name, err)
	}
	return body, nil
}

// formatOf goes by the media type. Without one a body that is JSON is taken for
// it, and so is none at all; any other stays as it is.
func formatOf(contentType string, body []byte) event.Format {
	media, _, _ := strings.Cut(contentType, ";")
	media = strings.ToLower(strings.TrimSpace(media))
	switch {
	case media == "application/json", strings.HasSuffix(media, "+json"):
		return event.JSON
	case media == "application/x-www-form-urlencoded":
		return event.Form
	case media == "application/x-ndjson", media == "application/jsonl", media == "application/x-jsonlines":
		return event.NDJSON
	case strings.HasPrefix(media, "text/"):
		return event.Text
	case media == "" && (len(body) == 0 || json.Valid(body)):
		return event.JSON
	}
	return event.Binary
}

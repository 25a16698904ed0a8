package event

import (
	"bytes"
	"encoding/json"
	"time"
)

// WriteJSON appends the body to w as JSON on one line. A JSON body that stands on
// one line stays as it is; one of several lines keeps the text of its numbers and
// the order of its fields and loses only the space between them; an empty one is
// null. A form is an object, as multipart and XML are, NDJSON and CSV are a list,
// text is a string, and binary is its base64 (RFC 4648, section 4) in a string.
// After an error w is as it was.
func (b *Body) WriteJSON(w *bytes.Buffer) error {
	if err := b.Check(); err != nil {
		return err
	}
	raw, err := b.asJSON()
	if err != nil {
		return err
	}
	raw = bytes.TrimSpace(raw)
	switch {
	case len(raw) == 0:
		w.WriteString("null")
	case bytes.IndexByte(raw, '\n') >= 0, bytes.IndexByte(raw, '\r') >= 0:
		return json.Compact(w, raw)
	default:
		w.Write(raw)
	}
	return nil
}

func (b *Body) asJSON() ([]byte, error) {
	if b.format == JSON {
		return b.Raw()
	}
	v, err := b.Value()
	if err != nil {
		return nil, err
	}
	return EncodeJSON(v)
}

// LineWriter is what writes a delivery as a line: [Delivery.WriteJSON] for the
// format "event", the body alone for any other.
func LineWriter(format string) func(d *Delivery, w *bytes.Buffer) error {
	if format == "event" {
		return (*Delivery).WriteJSON
	}
	return func(d *Delivery, w *bytes.Buffer) error { return d.Event.Body.WriteJSON(w) }
}

// WriteJSON appends the delivery to w as one line of JSON without its end:
// {"id", "source", "type", "time", "delivery_id", "body"}, where body is what
// [Body.WriteJSON] writes; "replay" stands before it where a stored event is
// replayed. After an error w is as it was.
func (d *Delivery) WriteJSON(w *bytes.Buffer) error {
	start := w.Len()
	head, err := EncodeJSON(struct {
		ID         string    `json:"id"`
		Source     string    `json:"source"`
		Type       string    `json:"type"`
		Time       time.Time `json:"time"`
		DeliveryID string    `json:"delivery_id"`
		Replay     string    `json:"replay,omitempty"`
	}{d.Event.ID, d.Event.Source, d.Event.Type, d.Event.Time, d.ID, d.Event.Replay})
	if err != nil {
		return err
	}
	w.Write(bytes.TrimSuffix(head, []byte("}")))
	w.WriteString(`,"body":`)
	if err := d.Event.Body.WriteJSON(w); err != nil {
		w.Truncate(start)
		return err
	}
	w.WriteByte('}')
	return nil
}

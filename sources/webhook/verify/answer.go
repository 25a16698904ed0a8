package verify

import (
	"net/http"

	"github.com/trotline/trotline/event"
)

// answer is what a request is answered with.
type answer struct {
	status  int
	headers []field
	body    template
	json    []field // instead of body, if not nil
}

// field is a name with what is written under it.
type field struct {
	name string
	text template
}

// receipt is the answer to a request.
func (a *answer) receipt(q *reading) (*event.Receipt, error) {
	r := &event.Receipt{Status: a.status, Header: http.Header{"X-Content-Type-Options": {"nosniff"}}}
	for _, f := range a.headers {
		value, err := f.text.text(q)
		if err != nil {
			return nil, err
		}
		if !event.ValidHeaderValue(value) {
			return nil, event.Refuse(http.StatusBadRequest, reasonHandshake, "What is to be echoed cannot be a header.")
		}
		r.Header.Set(f.name, value)
	}
	if a.json == nil {
		body, err := a.body.text(q)
		r.Body = []byte(body)
		return r, err
	}
	r.Header["Content-Type"] = []string{"application/json"}
	var err error
	r.Body, err = object(q, a.json)
	return r, err
}

// object is a JSON object of texts.
func object(q *reading, fields []field) ([]byte, error) {
	b := []byte{'{'}
	for i, f := range fields {
		value, err := f.text.text(q)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, quoteJSON([]byte(f.name))...)
		b = append(b, ':')
		b = append(b, quoteJSON([]byte(value))...)
	}
	return append(b, '}'), nil
}

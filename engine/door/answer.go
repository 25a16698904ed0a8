package door

import (
	"encoding/json"
	"maps"
	"net/http"
	"strconv"

	"github.com/trotline/trotline/event"
)

// answer is what a request is answered with.
type answer struct {
	status int
	header http.Header // beside the content type
	kind   []string    // the content type; nil leaves it to header
	body   []byte
}

// The content types, made once: net/http only reads them.
var (
	typeJSON    = []string{"application/json"}
	typeText    = []string{"text/plain; charset=utf-8"}
	typeProblem = []string{"application/problem+json"}
)

func (a *answer) write(w http.ResponseWriter) {
	h := w.Header()
	maps.Copy(h, a.header)
	if a.kind != nil {
		h["Content-Type"] = a.kind
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body) // an error is a sender that has gone; it comes again and finds a duplicate
}

// answerTo is the answer to one event: the source's, or else our own.
func answerTo(r *event.Receipt, duplicate bool) answer {
	if r.Status != 0 {
		return own(r)
	}
	return acceptedAs(r.Event.ID, duplicate)
}

// acceptedAs is our own answer to an event that is stored.
func acceptedAs(id string, duplicate bool) answer {
	body := make([]byte, 0, len(id)+32)
	body = append(body, `{"id":`...)
	body = appendJSON(body, id)
	if duplicate {
		body = append(body, `,"duplicate":true`...)
	}
	return answer{status: http.StatusAccepted, kind: typeJSON, body: append(body, "}\n"...)}
}

// acceptedAll is our own answer to several events that are stored.
func acceptedAll(events []*event.Event, stored []Stored) answer {
	duplicates := 0
	body := []byte(`{"ids":[`)
	for i, e := range events {
		if i > 0 {
			body = append(body, ',')
		}
		body = appendJSON(body, e.ID)
		if stored[i].Duplicate {
			duplicates++
		}
	}
	body = append(body, ']')
	if duplicates > 0 {
		body = strconv.AppendInt(append(body, `,"duplicates":`...), int64(duplicates), 10)
	}
	return answer{status: http.StatusAccepted, kind: typeJSON, body: append(body, "}\n"...)}
}

// appendJSON appends a string as JSON. Ids are nearly always plain.
func appendJSON(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			quoted, _ := json.Marshal(s) // a string can always be written
			return append(b, quoted...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

// own is the answer a source gives itself.
func own(r *event.Receipt) answer {
	a := answer{status: r.Status, header: r.Header, body: r.Body}
	if r.Header.Get("Content-Type") == "" {
		a.kind = typeText // or net/http would guess, and a sender's text could become HTML
	}
	if a.status == 0 {
		a.status = http.StatusOK
	}
	return a
}

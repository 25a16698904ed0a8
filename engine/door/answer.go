package door

import (
	"encoding/json"
	"errors"
	"maps"
	"math"
	"net/http"
	"strconv"
	"time"

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

// problem is the body of a refusal (RFC 9457).
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`
	Reason string `json:"reason"`
}

// refused is the answer to a request that is turned away.
func refused(r *event.Refusal) answer {
	body, _ := json.Marshal(problem{ // texts and a number can always be written
		Type: "about:blank", Title: http.StatusText(r.Status), Status: r.Status, Detail: r.Detail, Reason: r.Reason,
	})
	a := answer{status: r.Status, header: r.Header, kind: typeProblem, body: append(body, '\n')}
	if r.RetryAfter > 0 {
		a.header = maps.Clone(r.Header)
		if a.header == nil {
			a.header = http.Header{}
		}
		a.header["Retry-After"] = []string{seconds(r.RetryAfter)}
	}
	return a
}

// seconds is a duration in whole seconds, none too early.
func seconds(d time.Duration) string {
	return strconv.FormatInt(int64(math.Ceil(d.Seconds())), 10)
}

// asRefusal tells whether the sender, or our fullness, is at fault.
func asRefusal(err error) (*event.Refusal, bool) {
	var r *event.Refusal
	ok := errors.As(err, &r)
	return r, ok
}

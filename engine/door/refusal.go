package door

import (
	"encoding/json"
	"errors"
	"maps"
	"math"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/trotline/trotline/event"
)

// problem is the body of a refusal (RFC 9457).
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`
	Reason string `json:"reason"`

	Errors []event.Misfit `json:"errors,omitempty"`
}

// refused is the answer to a request that is turned away.
func refused(r *event.Refusal) answer {
	body, _ := json.Marshal(problem{ // texts and a number can always be written
		Type: "about:blank", Title: http.StatusText(r.Status), Status: r.Status, Detail: r.Detail, Reason: r.Reason, Errors: r.Misfits,
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

func tooLarge(limit int64) error {
	return event.Refuse(http.StatusRequestEntityTooLarge, "too_large", "The body is larger than %d bytes.", limit)
}

// brokenOff is a body that did not come whole, unless it was refused before that.
func brokenOff(err error) error {
	var refusal *event.Refusal
	var timeout net.Error
	switch {
	case errors.As(err, &refusal):
		return refusal
	case errors.As(err, &timeout) && timeout.Timeout():
		return event.Refuse(http.StatusRequestTimeout, "timeout", "The body did not come in time.")
	}
	return event.Refuse(http.StatusBadRequest, "incomplete", "The body did not come whole.")
}

// busy is a request that we, not its sender, are too full for.
func busy(detail string) error {
	refusal := event.Refuse(http.StatusServiceUnavailable, "busy", "%s", detail)
	refusal.RetryAfter = time.Second
	return refusal
}

// draining is a request that came after [Door.Shutdown].
func draining() error {
	refusal := event.Refuse(http.StatusServiceUnavailable, "draining", "The server is stopping; send it again.")
	refusal.RetryAfter = storeRetry
	refusal.Header = http.Header{"Connection": {"close"}}
	return refusal
}

// internal is a fault of ours; what it was stands in the log.
func internal() *event.Refusal {
	return event.Refuse(http.StatusInternalServerError, "internal", "The request could not be handled; send it again.")
}

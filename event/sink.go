package event

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Delivery is one event on its way to one sink.
type Delivery struct {
	// ID names the delivery; it is the same at every attempt (see [Event.DeliveryID]).
	ID       string
	Event    *Event
	Pipeline string
	Route    string
	Attempt  int     // from 1
	Results  Results // what earlier sinks of the chain answered
}

// Answer is what a sink said to a delivery, for results.<sink> further down the chain.
type Answer struct {
	Status int               `json:"status,omitempty"`
	Header map[string]string `json:"headers,omitempty"` // names in lower case
	Body   []byte            `json:"body,omitempty"`    // at most MaxAnswer bytes

	// Of a delivery that failed for good, and that its chain went on without or
	// handed on. The stage writes them, no sink does.
	Error  string `json:"error,omitempty"`
	Reason string `json:"reason,omitempty"` // one word: refused, exhausted, …
}

// MaxAnswer is how many bytes of an answer's body are kept.
const MaxAnswer = 64 << 10

// Results are the answers of the sinks a chain has passed, by the sink's name.
type Results map[string]Answer

// Verdict is the end of one attempt. Without an error the event is delivered;
// a [Permanent] error refuses it for good; any other is tried again.
type Verdict struct {
	Answer Answer
	Err    error
}

// Sink delivers. It is safe for concurrent use.
type Sink interface {
	// Deliver attempts every delivery of the batch and returns one verdict for
	// each, in their order. One bad delivery never fails the others. When ctx
	// ends, what is not known to have arrived is an error that is tried again.
	// A verdict without an error is given only once the receiver, or the disk,
	// has the event for good.
	Deliver(ctx context.Context, batch []*Delivery) []Verdict
}

// Closer is implemented by sinks that hold something. Close is called once,
// after the last Deliver has returned.
type Closer interface {
	Close(ctx context.Context) error
}

// Looker is implemented by sinks that keep rows which can be looked up.
type Looker interface {
	// Lookup is the row with a key, the values of its columns in their order: an
	// object as JSON, or null where there is no such row. A [Permanent] error says
	// that there can be none. It is safe for concurrent use.
	Lookup(ctx context.Context, key []any) ([]byte, error)
}

// VerdictAll is the same verdict for each of n deliveries.
func VerdictAll(n int, err error) []Verdict {
	v := make([]Verdict, n)
	for i := range v {
		v[i].Err = err
	}
	return v
}

type permanentError struct{ err error }

func (e permanentError) Error() string { return e.err.Error() }
func (e permanentError) Unwrap() error { return e.err }

// Permanent marks an error that no retry can mend: the delivery becomes a dead letter.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return permanentError{err}
}

// Permanentf is [Permanent] of a formatted error.
func Permanentf(format string, args ...any) error {
	return permanentError{fmt.Errorf(format, args...)}
}

// IsPermanent tells whether no retry can mend the error.
func IsPermanent(err error) bool {
	var p permanentError
	return errors.As(err, &p)
}

type retryAfterError struct {
	err   error
	after time.Duration
}

func (e retryAfterError) Error() string { return e.err.Error() }
func (e retryAfterError) Unwrap() error { return e.err }

// RetryAfter marks an error after which the receiver asks to be left alone for
// at least d, as the Retry-After header of RFC 9110, section 10.2.3 does.
func RetryAfter(d time.Duration, err error) error {
	if err == nil {
		return nil
	}
	return retryAfterError{err, d}
}

// RetryDelay is how long the receiver asked to be left alone; 0 if it did not.
func RetryDelay(err error) time.Duration {
	var r retryAfterError
	if errors.As(err, &r) {
		return r.after
	}
	return 0
}

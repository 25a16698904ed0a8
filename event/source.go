package event

import (
	"context"
	"crypto/x509"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"time"
)

// Request is one HTTP request as a source sees it: read to its end, within the source's limit.
type Request struct {
	Method   string
	Path     string            // as the sender wrote it, still escaped
	Query    url.Values        // decoded
	Params   map[string]string // the {name} parts of the path
	Header   http.Header
	RemoteIP netip.Addr // the sender's, as far as trusted proxies say so
	URL      string     // the whole URL the sender called, for schemes that sign it
	// Certificate is the sender's own, verified by the server; nil without one.
	Certificate *x509.Certificate
	Body        []byte    // as it was sent: what a signature signs
	Time        time.Time // when it came, UTC
	Stamp       string    // unique to this request; the event's id where the sender names none
	// Decode undoes the Content-Encoding of Body; nil where it has none. Memory
	// and time are spent only when it is called: after the sender has proved itself.
	Decode func() ([]byte, error)
}

// Content is the body without its Content-Encoding. The error is a *[Refusal].
func (r *Request) Content() ([]byte, error) {
	if r.Decode == nil {
		return r.Body, nil
	}
	return r.Decode()
}

// Source turns a request into an event or refuses it. It listens on nothing and
// starts no goroutines; it is safe for concurrent use. Receiving the same
// request twice gives the same answer.
type Source interface {
	// Receive verifies, decodes and names. The error is a *[Refusal] when the
	// sender is at fault; any other error is ours and answered with 500.
	Receive(ctx context.Context, r *Request) (*Receipt, error)
}

// Handshaker is a [Source] that also takes requests that are no events, by
// methods of their own: a sender asks, and is answered.
type Handshaker interface {
	// Methods are taken beside those of the source's settings.
	Methods() []string
}

// Redactor is a [Source] that can tell what may be kept of a request it has
// refused. Nothing is known of who sent that, so what could prove a sender, to
// this source or elsewhere, is not among it.
type Redactor interface {
	// Redacted is the event of a refused request. It has no name but its stamp.
	Redacted(r *Request) *Event
}

// Keeper keeps what a source's sender hands over once, such as the key that a
// handshake brings. It is safe for concurrent use.
type Keeper interface {
	// Keep keeps a secret beside those that are kept; durably when it returns nil.
	Keep(ctx context.Context, secret Secret) error
	// Kept are all of them, the oldest first. It is cheap: each request asks.
	Kept() []Secret
}

// Receipt is what a source makes of a request it accepts.
type Receipt struct {
	// Event is to be stored before the answer is sent; nil when the request
	// wants an answer alone, as a handshake does.
	Event *Event
	// More are further events of the same request, each with a name and a stamp
	// of its own; all are stored, in their order, before the answer is sent.
	More []*Event
	// Unwanted says in one word, for the metric, why the event is not to be
	// stored although its sender is answered as if it were; "" stores it.
	Unwanted string
	// Status, Header and Body are the answer; a Status of 0 is the engine's own 202 with the id.
	Status int
	Header http.Header
	Body   []byte
}

// Refusal is a request turned away. Its text goes to the sender, so it never
// says what would have been right.
type Refusal struct {
	Status     int           // 4xx
	Reason     string        // one word for the metric: signature, timestamp, missing_header, decode, id, …
	Detail     string        // a sentence for the sender
	Misfits    []Misfit      // where the body does not fit the source's schema
	Header     http.Header   // more headers of the answer, such as WWW-Authenticate
	RetryAfter time.Duration // when the sender should come again; 0 says nothing
}

// Refuse is a refusal with a status, a reason and a sentence.
func Refuse(status int, reason, format string, args ...any) *Refusal {
	return &Refusal{Status: status, Reason: reason, Detail: fmt.Sprintf(format, args...)}
}

func (r *Refusal) Error() string { return fmt.Sprintf("%d %s: %s", r.Status, r.Reason, r.Detail) }

package door

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/trotline/trotline/event"
)

// storeRetry is when a sender should come again after its event could not be
// stored, unless the store knows better.
const storeRetry = 5 * time.Second

// staleWait is how long a request waits for the table that made its own stale.
const staleWait = 5 * time.Second

// closed ends a connection with an answer.
var closed = []string{"close"}

func (d *Door) serve(w http.ResponseWriter, r *http.Request) {
	v := &visit{door: d, start: time.Now()}
	a := v.answer(r)
	v.letRead(w.Header())
	if r.ProtoMajor == 1 && r.TransferEncoding != nil {
		// net/http does not tell whether there was a Content-Length too. Then the
		// connection must be closed (RFC 9112, section 6.1): a proxy that went by
		// the length takes what follows for another sender's request.
		w.Header()["Connection"] = closed
	}
	a.write(w)
}

// answer takes a request from its header to its answer, which is written after
// all that the request held is given back.
func (v *visit) answer(r *http.Request) (a answer) {
	d := v.door
	defer func() {
		if fault := recover(); fault != nil {
			d.log.Error("receiving a request panicked; it was answered with 500",
				"source", v.source(), "panic", harmless(fault), "stack", string(debug.Stack()))
			a = v.refuse(internal())
		}
	}()
	a, err := v.receive(r)
	if err == nil {
		return a
	}
	var refusal *event.Refusal
	if !errors.As(err, &refusal) {
		d.log.Error("a request could not be received; it was answered with 500", "source", v.source(), "error", err)
		refusal = internal()
	}
	return v.refuse(refusal)
}

// visit is one request on its way through the door.
type visit struct {
	door   *Door
	start  time.Time
	table  *inForce
	route  *route
	params map[string]string
	remote netip.Addr
	reader string // the origin whose pages may read the answer; "" is none

	codings []string // of the body, the last one first
	decoded *held    // the body without them; nil if it has none
}

// source is the name of the source the request leads to, "" before that is known.
func (v *visit) source() string {
	if v.route == nil {
		return ""
	}
	return v.route.Source
}

func (v *visit) refuse(r *event.Refusal) answer {
	if r.Reason != reasonStore { // counted as failed
		v.door.observer.Refused(v.source(), r.Reason, r.Status)
	}
	return refused(r)
}

// receive does what needs no body first: a stranger's megabytes are not read to be refused.
func (v *visit) receive(r *http.Request) (answer, error) {
	d := v.door
	if d.draining.Load() {
		return answer{}, draining()
	}
	if lines(r.Header) > d.limits.HeaderLines {
		return answer{}, event.Refuse(http.StatusRequestHeaderFieldsTooLarge, "header_lines", "The header has more than %d lines.", d.limits.HeaderLines)
	}
	if !d.requests.tryAcquire(1) {
		return answer{}, busy("Too many requests at once.")
	}
	defer d.requests.release(1)
	if err := v.admit(r); err != nil {
		return answer{}, err
	}
	if v.isPreflight(r) {
		return v.preflight(), nil
	}
	if err := v.withinRate(r); err != nil {
		return answer{}, err
	}
	atOnce := v.route.busy // of this table: an edit may come meanwhile
	if !atOnce.tryAcquire(1) {
		return answer{}, busy("Too many requests of this source at once.")
	}
	defer atOnce.release(1)
	var err error
	if v.codings, err = codingsOf(r.Header); err != nil {
		return answer{}, err
	}
	body := held{from: d.bodies}
	defer body.release()
	if v.codings != nil {
		v.decoded = &held{from: d.bodies}
		defer v.decoded.release()
	}
	if err := body.read(r, v.route.MaxBody); err != nil {
		return answer{}, err
	}
	stamp, err := uuid.NewV7()
	if err != nil {
		return answer{}, fmt.Errorf("make a stamp: %w", err)
	}
	return v.store(r, body.bytes, stamp.String())
}

// lines counts what net/http bounds by its bytes alone: an empty line takes five
// of them on the wire and a hundred in memory.
func lines(h http.Header) (n int) {
	for _, values := range h {
		n += len(values)
	}
	return n
}

// admit finds the route in the table in force, and tells whether the request may take it.
func (v *visit) admit(r *http.Request) error {
	if v.table = v.door.table.Load(); v.table == nil {
		return busy("The server is starting; send it again.")
	}
	v.route, v.params = v.table.match(r.URL)
	if v.route == nil {
		return event.Refuse(http.StatusNotFound, "path", "There is no source at this path.")
	}
	if err := v.fromPage(r); err != nil {
		return err
	}
	if !slices.Contains(v.route.Methods, r.Method) && !v.isPreflight(r) {
		refusal := event.Refuse(http.StatusMethodNotAllowed, "method", "The method %s is not taken here.", r.Method)
		refusal.Header = http.Header{"Allow": v.route.allow}
		return refusal
	}
	v.remote = v.table.remoteIP(r)
	if len(v.route.AllowIPs) > 0 && !within(v.route.AllowIPs, v.remote) {
		return event.Refuse(http.StatusForbidden, "ip", "The address %s may not send here.", v.remote)
	}
	return nil
}

// withinRate refuses a request that comes too soon.
func (v *visit) withinRate(r *http.Request) error {
	rate := v.route.Rate
	if rate == nil {
		return nil
	}
	wait := v.door.buckets.take(v, r)
	if wait <= 0 {
		return nil
	}
	refusal := event.Refuse(http.StatusTooManyRequests, "rate", "More requests than %s; send it again later.", rate.Limit)
	refusal.RetryAfter = wait
	return refusal
}

// store lets the source make an event and stores it. When an edit has come in
// between, the request is received again by the rules that are in force now.
func (v *visit) store(r *http.Request, body []byte, stamp string) (answer, error) {
	for {
		request := v.request(r, body, stamp)
		receipt, err := v.route.Receiver.Receive(v.door.working, request)
		if err != nil {
			v.tellRefused(request, err)
			return answer{}, err
		}
		if receipt.Event == nil {
			return v.told(r, receipt), nil
		}
		if receipt.Unwanted != "" {
			return v.unwanted(receipt), nil
		}
		a, err := v.inTurn(receipt, body)
		if err == nil {
			return a, nil
		}
		var refusal *event.Refusal
		if errors.As(err, &refusal) {
			return answer{}, refusal
		}
		if !errors.Is(err, ErrStale) {
			return answer{}, v.failed(err)
		}
		if err := v.next(r, int64(len(body))); err != nil {
			return answer{}, err
		}
	}
}

// tellRefused tells of a request that its source has refused, if it is to be
// kept. One that is asked to come again is not.
func (v *visit) tellRefused(r *event.Request, err error) {
	var refusal *event.Refusal
	if v.route.KeepRefused && errors.As(err, &refusal) && refusal.Status < http.StatusInternalServerError {
		v.door.refused(v.route.Receiver, r, refusal)
	}
}

// told is the answer to a request that brings no event.
func (v *visit) told(r *http.Request, receipt *event.Receipt) answer {
	a := own(receipt)
	if r.Method == http.MethodOptions {
		a.header = maps.Clone(a.header)
		if a.header == nil {
			a.header = http.Header{}
		}
		a.header["Allow"] = v.route.allow
	}
	return a
}

// unwanted is the answer to an event that is not stored, which tells nobody so.
func (v *visit) unwanted(receipt *event.Receipt) answer {
	a := answerTo(receipt, false)
	v.door.observer.Refused(v.route.Source, receipt.Unwanted, a.status)
	return a
}

// inTurn stores what a receipt holds, when it is its turn.
func (v *visit) inTurn(receipt *event.Receipt, body []byte) (answer, error) {
	size := int64(len(body))
	if v.decoded != nil {
		size = max(size, int64(len(v.decoded.bytes)))
	}
	if err := v.door.turns.acquire(v.door.working, size); err != nil {
		return answer{}, err
	}
	defer v.door.turns.release(size)
	return v.keep(receipt)
}

// keep stores what a receipt holds.
func (v *visit) keep(receipt *event.Receipt) (answer, error) {
	if len(receipt.More) > 0 {
		return v.keepAll(receipt)
	}
	stored, err := v.door.store.Append(v.door.working, receipt.Event, v.table.generation)
	if err != nil {
		return answer{}, err
	}
	v.accepted(stored)
	return answerTo(receipt, stored.Duplicate), nil
}

func (v *visit) keepAll(receipt *event.Receipt) (answer, error) {
	events := append([]*event.Event{receipt.Event}, receipt.More...)
	stored, err := v.door.store.AppendAll(v.door.working, events, v.table.generation)
	if err != nil {
		return answer{}, err
	}
	for _, s := range stored {
		v.accepted(s)
	}
	if receipt.Status != 0 {
		return own(receipt), nil
	}
	return acceptedAll(events, stored), nil
}

// next waits for the table that came after the visit's, and is admitted by it.
func (v *visit) next(r *http.Request, size int64) error {
	ctx, cancel := context.WithTimeout(v.door.working, staleWait)
	defer cancel()
	select {
	case <-v.table.superseded:
	case <-ctx.Done():
		return v.failed(ErrStale)
	}
	if err := v.admit(r); err != nil {
		return err
	}
	if size > v.route.MaxBody {
		return tooLarge(v.route.MaxBody)
	}
	return nil
}

// request is the request as sources see it.
func (v *visit) request(r *http.Request, body []byte, stamp string) *event.Request {
	q := &event.Request{
		Method:   r.Method,
		Path:     r.URL.EscapedPath(),
		Params:   v.params,
		Header:   r.Header,
		RemoteIP: v.remote,
		URL:      v.publicURL(r),
		Body:     body,
		Time:     v.start.UTC().Round(0), // without the monotonic clock, which ends with the process
		Stamp:    stamp,
	}
	if r.TLS != nil && len(r.TLS.VerifiedChains) > 0 {
		q.Certificate = r.TLS.PeerCertificates[0]
	}
	if r.URL.RawQuery != "" {
		q.Query = r.URL.Query()
	}
	if v.decoded != nil {
		q.Decode = v.door.decoder(v.decoded, body, v.codings, v.route.MaxBody)
	}
	return q
}

func (v *visit) publicURL(r *http.Request) string {
	base := v.route.PublicURL
	if base == "" {
		base = "http://" + r.Host
		if r.TLS != nil {
			base = "https://" + r.Host
		}
	}
	return base + r.URL.RequestURI()
}

// accepted counts an event that is stored.
func (v *visit) accepted(stored Stored) {
	d := v.door
	if d.failing.Load() && d.failing.CompareAndSwap(true, false) {
		d.log.Info("events are stored again")
	}
	if stored.Duplicate {
		d.observer.Duplicate(v.route.Source)
	} else {
		d.observer.Accepted(v.route.Source, time.Since(v.start))
	}
}

// reasonStore is the reason of an event that could not be stored.
const reasonStore = "store"

// failed asks the sender to come again. A store that fails does so for every
// request, so the first one is logged, and the first that succeeds.
func (v *visit) failed(err error) error {
	d := v.door
	d.observer.Failed(v.route.Source)
	if d.failing.CompareAndSwap(false, true) {
		d.log.Error("an event could not be stored; its sender was told to come again with 503",
			"source", v.route.Source, "error", err)
	}
	refusal := event.Refuse(http.StatusServiceUnavailable, reasonStore, "The event cannot be stored now; send it again.")
	refusal.RetryAfter = max(storeRetry, event.RetryDelay(err))
	return refusal
}

// harmless is what a panic says, unless that may hold what a sender wrote.
func harmless(fault any) string {
	if err, ok := fault.(runtime.Error); ok {
		return strings.TrimPrefix(err.Error(), "runtime error: ")
	}
	return fmt.Sprintf("%T", fault)
}

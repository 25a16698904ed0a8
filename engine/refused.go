package engine

import (
	"bytes"
	"sync"
	"unicode/utf8"

	pace "golang.org/x/time/rate"

	"github.com/trotline/trotline/engine/bus"
	"github.com/trotline/trotline/event"
)

const (
	// refusedPerSecond and refusedBurst are how many refused requests of a source
	// are kept: enough to see what is wrong, too few to keep the disk busy.
	refusedPerSecond = 5
	refusedBurst     = 50
	// maxRefused is how many bytes of a refused request's body are kept.
	maxRefused = 32 << 10
)

// refusals are how many requests of each source may still be kept.
type refusals struct {
	mu     sync.Mutex
	limits map[string]*pace.Limiter
}

func (r *refusals) allow(source string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.limits == nil {
		r.limits = make(map[string]*pace.Limiter)
	}
	if r.limits[source] == nil {
		r.limits[source] = pace.NewLimiter(refusedPerSecond, refusedBurst)
	}
	return r.limits[source].Allow()
}

// keepRefused keeps a request that a source has refused, as far as there is room
// for it. Its sender waits meanwhile, so it only hands it over.
func (e *Engine) keepRefused(from event.Source, r *event.Request, why *event.Refusal) {
	redactor, ok := from.(event.Redactor)
	if !ok {
		return
	}
	ev := redactor.Redacted(r)
	if !e.refusals.allow(ev.Source) {
		return
	}
	ev.Body = startOf(ev.Body)
	ev.Original = ev.Body
	e.bus.KeepRefused(&bus.Dead{
		Event: ev, Generation: e.book.current().number, Reason: why.Reason, Error: why.Detail, Status: why.Status,
		FirstAttempt: ev.Time, LastAttempt: ev.Time,
	})
	e.metrics.RefusedKept(ev.Source)
}

// startOf is the start of a body: text, if it can be read as such. It is never
// decoded: its sender has proved nothing.
func startOf(b *event.Body) *event.Body {
	raw, err := b.Raw()
	if err != nil {
		return event.NewBody(event.Binary, nil)
	}
	raw = bytes.Clone(raw[:min(len(raw), maxRefused)]) // the request's memory is used again
	if utf8.Valid(raw) {
		return event.NewBody(event.Text, raw)
	}
	return event.NewBody(event.Binary, raw)
}

package admin

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/trotline/trotline/engine"
	"github.com/trotline/trotline/engine/bus"
)

// Events are a list of stored events, the newest first; with ?after the oldest
// first.
type Events struct {
	Events []Event `json:"events"`
	// Next is where the next page begins: a value for before, or after. 0: this was the last one.
	Next uint64 `json:"next,omitempty"`
	Unjudged
}

// eventParameters are those of a filter of events.
var eventParameters = []string{"source", "type", "id", "since", "until", "where"}

// eventFilter reads them. The condition is nil without ?where.
func (a *api) eventFilter(q *query) (bus.EventFilter, *engine.Condition) {
	now := time.Now()
	f := bus.EventFilter{
		Source: q.text("source"), Type: q.text("type"), ID: q.text("id"), Since: q.time("since", now), Until: q.time("until", now),
	}
	condition := a.condition(q)
	if condition != nil {
		f.Where = func(s *bus.Stored) bool { return condition.Holds(s.Event) }
	}
	return f, condition
}

// listEvents answers with the events that the filter leaves; ?before and ?after
// a sequence turn the pages.
func (a *api) listEvents(w http.ResponseWriter, r *http.Request) {
	q := query{values: r.URL.Query()}
	q.known(append([]string{"limit", "after", "before"}, eventParameters...)...)
	filter, condition := a.eventFilter(&q)
	filter.Limit = q.limit()
	filter.After, filter.Newest = q.page()
	if q.err != nil {
		refuse(w, http.StatusBadRequest, "%v", q.err)
		return
	}
	list := Events{Events: []Event{}}
	err := a.engine.Bus().Events(r.Context(), filter, func(s *bus.Stored) bool {
		list.Events = append(list.Events, viewEvent(s))
		if len(list.Events) == filter.Limit {
			list.Next = s.Sequence
		}
		return true
	})
	if err != nil {
		a.storeFailed(w, r, err)
		return
	}
	list.Unjudged = unjudged(condition)
	answer(w, http.StatusOK, list)
}

// replayEvents sends the events that the filter leaves on their way again.
func (a *api) replayEvents(w http.ResponseWriter, r *http.Request) {
	q := query{values: r.URL.Query()}
	q.known(append([]string{"pipeline", "sink", "after", "limit", "rate", "dry_run", "name"}, eventParameters...)...)
	filter, condition := a.eventFilter(&q)
	filter.After, filter.Limit = q.number("after", 0), q.most()
	target := engine.EventsReplay{Pipeline: q.text("pipeline"), Sink: q.text("sink"), Name: q.text("name")}
	a.run(w, r, &q, condition, q.runOptions(), func(ctx context.Context, o engine.RunOptions) (engine.Tally, error) {
		return a.engine.ReplayEvents(ctx, filter, target, o)
	})
}

// showEvent answers with the event of a sequence, or with the one of an id.
func (a *api) showEvent(w http.ResponseWriter, r *http.Request) {
	ref := r.PathValue("ref")
	if ref == "" {
		notFound(w, r)
		return
	}
	stored, err := a.findEvent(r, ref)
	switch {
	case errors.Is(err, bus.ErrNotFound):
		refuse(w, http.StatusNotFound, "there is no event %s in the store; events that are handled leave it after retention.events", ref)
	case err != nil:
		a.storeFailed(w, r, err)
	default:
		answer(w, http.StatusOK, viewEventDetail(stored))
	}
}

func (a *api) findEvent(r *http.Request, ref string) (*bus.Stored, error) {
	if sequence, err := strconv.ParseUint(ref, 10, 64); err == nil {
		stored, err := a.engine.Bus().Event(r.Context(), sequence)
		if !errors.Is(err, bus.ErrNotFound) {
			return stored, err
		}
	}
	return a.engine.Bus().FindEvent(r.Context(), "", ref)
}

// tailWrite is how long a client of a tail may take for one line.
const tailWrite = 30 * time.Second

// maxTails is how many tails may be open. Each keeps some events in memory, large
// ones too, for as long as its client does not read.
const maxTails = 16

// tailEvents writes each event accepted from now on as a line of JSON, until the client goes.
func (a *api) tailEvents(w http.ResponseWriter, r *http.Request) {
	q := query{values: r.URL.Query()}
	q.known("source")
	if q.err != nil {
		refuse(w, http.StatusBadRequest, "%v", q.err)
		return
	}
	if a.tails.Add(1) > maxTails {
		a.tails.Add(-1)
		refuse(w, http.StatusServiceUnavailable, "%d tails are open, which is as many as there may be; end one", maxTails)
		return
	}
	defer a.tails.Add(-1)
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.Header().Set("Cache-Control", "no-store")
	control, lines := http.NewResponseController(w), json.NewEncoder(w)
	lines.SetEscapeHTML(false)
	send := func(write func() error) bool {
		// The server's deadline is for answers that end.
		_ = control.SetWriteDeadline(time.Now().Add(tailWrite))
		return write() == nil && control.Flush() == nil
	}
	w.WriteHeader(http.StatusOK)
	if !send(func() error { return nil }) {
		return
	}
	err := a.engine.Bus().Tail(r.Context(), q.text("source"), func(s *bus.Stored) bool {
		return send(func() error { return lines.Encode(viewEventDetail(s)) })
	})
	if err != nil && r.Context().Err() == nil {
		a.log.Warn("a tail of the events ended", "error", err)
	}
}

// storeFailed answers for a store that could not be read.
func (a *api) storeFailed(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil {
		return // the client has gone
	}
	a.log.Warn("the store could not be read", "path", r.URL.Path, "error", err)
	refuse(w, http.StatusServiceUnavailable, "the store could not be read: %v", err)
}

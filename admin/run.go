package admin

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/trotline/trotline/engine"
	"github.com/trotline/trotline/engine/bus"
	"github.com/trotline/trotline/event"
)

// Done is how far a replay or a drop is. An answer is one or several of them, a
// line each, as it goes on; the last one is finished, or has an error.
type Done struct {
	engine.Tally
	Unjudged
	Finished bool   `json:"finished"`
	Error    string `json:"error,omitempty"` // what ended it before its end; what is done is done
}

// progressPeriod is how often a run tells how far it is.
const progressPeriod = time.Second

// runOptions reads ?rate and ?dry_run.
func (q *query) runOptions() engine.RunOptions {
	o := engine.RunOptions{DryRun: q.flag("dry_run")}
	if text := q.text("rate"); text != "" {
		var err error
		if o.Rate, err = event.ParseRate(text); err != nil {
			q.fail("rate", "%v", err)
		}
	}
	return o
}

// run carries something out for many messages, for as long as it takes and its
// client stays, and tells how far it is.
func (a *api) run(w http.ResponseWriter, r *http.Request, q *query, condition *engine.Condition, o engine.RunOptions,
	carry func(context.Context, engine.RunOptions) (engine.Tally, error)) {
	if q.err != nil {
		refuse(w, http.StatusBadRequest, "%v", q.err)
		return
	}
	control, lines := http.NewResponseController(w), json.NewEncoder(w)
	lines.SetEscapeHTML(false)
	tell := func(d Done) {
		// The server's deadline is for answers that are short. An error is a client
		// that has gone, which ends the request's context.
		_ = control.SetWriteDeadline(time.Now().Add(tailWrite))
		_ = lines.Encode(d)
		_ = control.Flush()
	}
	_ = control.SetWriteDeadline(time.Time{})
	begun, told := false, time.Now()
	o.Report = func(t engine.Tally) {
		if time.Since(told) < progressPeriod {
			return
		}
		if !begun {
			w.Header().Set("Content-Type", "application/x-ndjson")
			w.Header().Set("Cache-Control", "no-store")
			begun = true
		}
		told = time.Now()
		t.Failures = nil // they are told at the end
		tell(Done{Tally: t})
	}
	tally, err := carry(r.Context(), o)
	switch {
	case err != nil && !begun && tally.Done == 0 && tally.Failed == 0:
		a.runFailed(w, r, err)
	case err != nil:
		a.log.Warn("a run over many messages ended before its end", "path", r.URL.Path, "done", tally.Done, "error", err)
		tell(Done{Tally: tally, Unjudged: unjudged(condition), Error: err.Error()})
	default:
		tell(Done{Tally: tally, Unjudged: unjudged(condition), Finished: true})
	}
}

// runFailed answers for a run that did not begin.
func (a *api) runFailed(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, bus.ErrUnavailable) || r.Context().Err() != nil {
		a.storeFailed(w, r, err)
		return
	}
	refuse(w, http.StatusConflict, "%v", err)
}

package admin

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/trotline/trotline/engine"
	"github.com/trotline/trotline/engine/bus"
	"github.com/trotline/trotline/engine/stage"
)

// DeadLetters are a list of dead letters, the newest first; with ?after the
// oldest first.
type DeadLetters struct {
	Letters []DeadLetter `json:"letters"`
	// Next is where the next page begins: a value for before, or after. 0: this was the last one.
	Next uint64 `json:"next,omitempty"`
	Unjudged
}

// Unjudged is how many entries the expression of a filter failed on; they are left out.
type Unjudged struct {
	Count int    `json:"unjudged,omitempty"`
	Error string `json:"unjudged_error,omitempty"` // of the first of them
}

func unjudged(c *engine.Condition) Unjudged {
	if c == nil || c.Failed == 0 {
		return Unjudged{}
	}
	return Unjudged{c.Failed, c.Err.Error()}
}

// deadParameters are those of a filter of dead letters.
var deadParameters = []string{"pipeline", "sink", "step", "reason", "class", "source", "id", "since", "until", "where", "refused"}

// deadFilter reads them. The condition is nil without ?where.
func (a *api) deadFilter(q *query) (bus.DeadFilter, *engine.Condition) {
	now := time.Now()
	f := bus.DeadFilter{
		Refused: q.flag("refused"), Pipeline: q.text("pipeline"), Sink: q.text("sink"), Step: q.text("step"),
		Reason: q.text("reason"), Source: q.text("source"), ID: q.text("id"), Since: q.time("since", now), Until: q.time("until", now),
	}
	if known := stage.Reasons(); f.Reason != "" && !f.Refused && !slices.Contains(known, f.Reason) {
		q.fail("reason", "no dead letter has the reason %q; there are %s", f.Reason, strings.Join(known, ", "))
	}
	class, condition := q.class(), a.condition(q)
	if class != "" || condition != nil {
		f.Where = func(d *bus.Dead) bool {
			return (class == "" || classOf(f.Refused, d) == class) && (condition == nil || condition.Holds(d.Event))
		}
	}
	return f, condition
}

// class reads ?class.
func (q *query) class() string {
	class := q.text("class")
	switch class {
	case "", stage.ClassReceiver, stage.ClassOwn:
	default:
		q.fail("class", "%q is neither %s nor %s", class, stage.ClassReceiver, stage.ClassOwn)
	}
	return class
}

// condition compiles ?where; nil without one.
func (a *api) condition(q *query) *engine.Condition {
	text := q.text("where")
	if text == "" {
		return nil
	}
	c, err := a.engine.Condition(text)
	if err != nil {
		q.fail("where", "%v", err)
	}
	return c
}

// listDead answers with the dead letters that the filter leaves; ?before and
// ?after turn the pages.
func (a *api) listDead(w http.ResponseWriter, r *http.Request) {
	q := query{values: r.URL.Query()}
	q.known(append([]string{"limit", "after", "before"}, deadParameters...)...)
	filter, condition := a.deadFilter(&q)
	filter.Limit = q.limit()
	filter.After, filter.Newest = q.page()
	if q.err != nil {
		refuse(w, http.StatusBadRequest, "%v", q.err)
		return
	}
	list := DeadLetters{Letters: []DeadLetter{}}
	err := a.engine.Bus().Dead(r.Context(), filter, func(d *bus.Dead) bool {
		list.Letters = append(list.Letters, viewDead(filter.Refused, d))
		if len(list.Letters) == filter.Limit {
			list.Next = d.Sequence
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

// numberOf reads the number of the letter in the path and the parameters, of
// which it knows more than ?refused, and answers itself if they are wrong.
func numberOf(w http.ResponseWriter, r *http.Request, more ...string) (number uint64, q query, ok bool) {
	q = query{values: r.URL.Query()}
	number, err := strconv.ParseUint(r.PathValue("number"), 10, 64)
	if err != nil {
		refuse(w, http.StatusBadRequest, "%q is not the number of a dead letter", r.PathValue("number"))
		return 0, q, false
	}
	q.known(append(more, "refused")...)
	q.flag("refused")
	if q.err != nil {
		refuse(w, http.StatusBadRequest, "%v", q.err)
	}
	return number, q, q.err == nil
}

// showDead answers with all that is kept of a dead letter.
func (a *api) showDead(w http.ResponseWriter, r *http.Request) {
	number, q, ok := numberOf(w, r)
	if !ok {
		return
	}
	find, refused := a.engine.Bus().DeadLetter, q.flag("refused")
	if refused {
		find = a.engine.Bus().RefusedRequest
	}
	d, err := find(r.Context(), number)
	if err != nil {
		a.letterFailed(w, r, number, err)
		return
	}
	answer(w, http.StatusOK, viewDeadDetail(refused, d))
}

// errRefused is why a refused request is not sent on its way.
var errRefused = errors.New("a refused request is kept to be looked at and is never replayed: its sender did not prove itself, or it makes no event. When the cause is mended, let the sender send it again")

// replayOne sends a letter on its way again; ?to names another sink. A letter
// that cannot be replayed is 409 and stays.
func (a *api) replayOne(w http.ResponseWriter, r *http.Request) {
	number, q, ok := numberOf(w, r, "to", "dry_run")
	if !ok {
		return
	}
	dryRun := q.flag("dry_run")
	if q.err != nil {
		refuse(w, http.StatusBadRequest, "%v", q.err)
		return
	}
	if q.flag("refused") {
		refuse(w, http.StatusConflict, "%v", errRefused)
		return
	}
	tally, err := a.engine.ReplayDead(r.Context(), number, q.text("to"), dryRun)
	if err != nil {
		a.letterFailed(w, r, number, err)
		return
	}
	answer(w, http.StatusOK, Done{Tally: tally, Finished: true})
}

// dropOne removes a letter for good.
func (a *api) dropOne(w http.ResponseWriter, r *http.Request) {
	number, q, ok := numberOf(w, r)
	if !ok {
		return
	}
	drop := a.engine.Bus().DropDead
	if q.flag("refused") {
		drop = a.engine.Bus().DropRefused
	}
	if err := drop(r.Context(), number); err != nil {
		a.letterFailed(w, r, number, err)
		return
	}
	answer(w, http.StatusOK, Done{Tally: engine.Tally{Done: 1}, Finished: true})
}

// editOne gives a letter the request's body.
func (a *api) editOne(w http.ResponseWriter, r *http.Request) {
	a.change(w, r, func(ctx context.Context, number uint64) error {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return err
		}
		return a.engine.EditDead(ctx, number, body)
	})
}

// restoreOne gives an edited letter its first body again.
func (a *api) restoreOne(w http.ResponseWriter, r *http.Request) {
	a.change(w, r, a.engine.RestoreDead)
}

// change changes a letter and answers with what it is then.
func (a *api) change(w http.ResponseWriter, r *http.Request, change func(context.Context, uint64) error) {
	number, q, ok := numberOf(w, r)
	if !ok {
		return
	}
	if q.flag("refused") {
		refuse(w, http.StatusConflict, "a refused request is kept to be looked at and cannot be edited")
		return
	}
	err := change(r.Context(), number)
	var d *bus.Dead
	if err == nil {
		d, err = a.engine.Bus().DeadLetter(r.Context(), number)
	}
	if err != nil {
		a.letterFailed(w, r, number, err)
		return
	}
	answer(w, http.StatusOK, viewDeadDetail(false, d))
}

func (a *api) letterFailed(w http.ResponseWriter, r *http.Request, number uint64, err error) {
	switch {
	case errors.Is(err, bus.ErrNotFound) && r.URL.Query().Get("refused") == "true":
		refuse(w, http.StatusNotFound, "there is no refused request %d; it may have been dropped, or have made room for newer ones", number)
	case errors.Is(err, bus.ErrNotFound):
		refuse(w, http.StatusNotFound, "there is no dead letter %d; it may have been replayed or dropped", number)
	case errors.Is(err, bus.ErrUnavailable):
		a.storeFailed(w, r, err)
	default:
		refuse(w, http.StatusConflict, "%v", err)
	}
}

// replayMany replays the letters a filter leaves; without a filter ?all=true must say so.
func (a *api) replayMany(w http.ResponseWriter, r *http.Request) {
	q := query{values: r.URL.Query()}
	to := q.text("to")
	filter, condition, options := a.selection(&q, "to")
	if q.err == nil && filter.Refused {
		refuse(w, http.StatusConflict, "%v", errRefused)
		return
	}
	a.run(w, r, &q, condition, options, func(ctx context.Context, o engine.RunOptions) (engine.Tally, error) {
		return a.engine.ReplayLetters(ctx, filter, to, o)
	})
}

// dropMany drops the letters a filter leaves; without a filter ?all=true must say so.
func (a *api) dropMany(w http.ResponseWriter, r *http.Request) {
	q := query{values: r.URL.Query()}
	filter, condition, options := a.selection(&q)
	a.run(w, r, &q, condition, options, func(ctx context.Context, o engine.RunOptions) (engine.Tally, error) {
		return a.engine.DropLetters(ctx, filter, o)
	})
}

// selection reads which letters something is done to, and how. more are
// parameters beside those.
func (a *api) selection(q *query, more ...string) (bus.DeadFilter, *engine.Condition, engine.RunOptions) {
	q.known(append(append([]string{"all", "limit", "rate", "dry_run"}, deadParameters...), more...)...)
	filter, condition := a.deadFilter(q)
	filter.Limit = q.most()
	chosen := false
	for _, name := range deadParameters {
		chosen = chosen || name != "refused" && q.text(name) != ""
	}
	if !chosen && !q.flag("all") {
		q.fail("all", "this is for every dead letter: say all=true, or name a pipeline, a sink, a reason or a time")
	}
	return filter, condition, q.runOptions()
}

// exportDead writes every letter that the filter leaves as a line of JSON, the
// oldest first. An export that breaks off breaks the connection off.
func (a *api) exportDead(w http.ResponseWriter, r *http.Request) {
	q := query{values: r.URL.Query()}
	q.known(append([]string{"limit"}, deadParameters...)...)
	filter, _ := a.deadFilter(&q)
	filter.Limit = q.most()
	if q.err != nil {
		refuse(w, http.StatusBadRequest, "%v", q.err)
		return
	}
	through, err := a.engine.Bus().LastDead(r.Context(), filter.Refused)
	if err != nil {
		a.storeFailed(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.Header().Set("Cache-Control", "no-store")
	control, lines := http.NewResponseController(w), json.NewEncoder(w)
	lines.SetEscapeHTML(false)
	if filter.Through = through; through == 0 {
		return
	}
	gone := false
	err = a.engine.Bus().Dead(r.Context(), filter, func(d *bus.Dead) bool {
		// The server's deadline is for answers that are short.
		_ = control.SetWriteDeadline(time.Now().Add(tailWrite))
		gone = lines.Encode(viewDeadDetail(filter.Refused, d)) != nil
		return !gone
	})
	if err != nil || gone {
		a.log.Warn("an export of dead letters broke off", "error", err)
		panic(http.ErrAbortHandler)
	}
}

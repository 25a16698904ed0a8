package admin

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/trotline/trotline/engine/bus"
)

// DeadLetters are a list of dead letters, the newest first; with ?after the
// oldest first.
type DeadLetters struct {
	Letters []DeadLetter `json:"letters"`
}

// Done is what became of a replay or a drop.
type Done struct {
	Done   int          `json:"done"` // how many letters
	Failed []DeadFailed `json:"failed,omitempty"`
}

// DeadFailed is a letter that stays, and why.
type DeadFailed struct {
	Sequence uint64 `json:"sequence"`
	Error    string `json:"error"`
}

// deadFilter reads ?pipeline, ?sink, ?reason and ?since.
func deadFilter(q *query) bus.DeadFilter {
	return bus.DeadFilter{
		Pipeline: q.text("pipeline"), Sink: q.text("sink"), Reason: q.text("reason"), Since: q.time("since", time.Now()),
	}
}

// listDead answers with the dead letters that the filter leaves; ?before and
// ?after a sequence turn the pages.
func (a *api) listDead(w http.ResponseWriter, r *http.Request) {
	q := query{values: r.URL.Query()}
	q.known("pipeline", "sink", "reason", "since", "limit", "after", "before")
	filter := deadFilter(&q)
	filter.Limit = q.limit()
	filter.After, filter.Newest = q.page()
	if q.err != nil {
		refuse(w, http.StatusBadRequest, "%v", q.err)
		return
	}
	list := DeadLetters{Letters: []DeadLetter{}}
	err := a.engine.Bus().Dead(r.Context(), filter, func(d *bus.Dead) bool {
		list.Letters = append(list.Letters, viewDead(d))
		return true
	})
	if err != nil {
		a.storeFailed(w, r, err)
		return
	}
	answer(w, http.StatusOK, list)
}

// sequenceOf reads the number of the letter in the path, and answers itself if it is none.
func sequenceOf(w http.ResponseWriter, r *http.Request) (uint64, bool) {
	sequence, err := strconv.ParseUint(r.PathValue("sequence"), 10, 64)
	if err != nil {
		refuse(w, http.StatusBadRequest, "%q is not the number of a dead letter", r.PathValue("sequence"))
	}
	return sequence, err == nil
}

// showDead answers with all that is kept of a dead letter.
func (a *api) showDead(w http.ResponseWriter, r *http.Request) {
	sequence, ok := sequenceOf(w, r)
	if !ok {
		return
	}
	d, err := a.engine.Bus().DeadLetter(r.Context(), sequence)
	if err != nil {
		a.letterFailed(w, r, sequence, err)
		return
	}
	answer(w, http.StatusOK, viewDeadDetail(d))
}

// replayOne sends a letter on its way again; ?to names another sink. A letter
// that cannot be replayed is 409 and stays.
func (a *api) replayOne(w http.ResponseWriter, r *http.Request) {
	sequence, ok := sequenceOf(w, r)
	if !ok {
		return
	}
	q := query{values: r.URL.Query()}
	if q.known("to"); q.err != nil {
		refuse(w, http.StatusBadRequest, "%v", q.err)
		return
	}
	if err := a.engine.ReplayDead(r.Context(), sequence, q.text("to")); err != nil {
		a.letterFailed(w, r, sequence, err)
		return
	}
	answer(w, http.StatusOK, Done{Done: 1})
}

// dropOne removes a letter for good.
func (a *api) dropOne(w http.ResponseWriter, r *http.Request) {
	sequence, ok := sequenceOf(w, r)
	if !ok {
		return
	}
	if err := a.engine.Bus().DropDead(r.Context(), sequence); err != nil {
		a.letterFailed(w, r, sequence, err)
		return
	}
	answer(w, http.StatusOK, Done{Done: 1})
}

func (a *api) letterFailed(w http.ResponseWriter, r *http.Request, sequence uint64, err error) {
	switch {
	case errors.Is(err, bus.ErrNotFound):
		refuse(w, http.StatusNotFound, "there is no dead letter %d; it may have been replayed or dropped", sequence)
	case errors.Is(err, bus.ErrUnavailable):
		a.storeFailed(w, r, err)
	default:
		refuse(w, http.StatusConflict, "%v", err)
	}
}

// replayMany replays the letters a filter leaves; without a filter ?all=true must say so.
func (a *api) replayMany(w http.ResponseWriter, r *http.Request) {
	to := r.URL.Query().Get("to")
	a.many(w, r, func(ctx context.Context, sequence uint64) error {
		return a.engine.ReplayDead(ctx, sequence, to)
	}, "to")
}

// dropMany drops the letters a filter leaves; without a filter ?all=true must say so.
func (a *api) dropMany(w http.ResponseWriter, r *http.Request) {
	a.many(w, r, a.engine.Bus().DropDead)
}

// many does something to every letter that a filter leaves at this moment;
// letters that come meanwhile are not among them. more are parameters beside the filter's.
func (a *api) many(w http.ResponseWriter, r *http.Request, do func(context.Context, uint64) error, more ...string) {
	q := query{values: r.URL.Query()}
	q.known(append([]string{"pipeline", "sink", "reason", "since", "all"}, more...)...)
	filter, all := deadFilter(&q), q.flag("all")
	if q.err == nil && filter == (bus.DeadFilter{}) && !all {
		q.err = errors.New("this is for every dead letter: say all=true, or name a pipeline, a sink, a reason or a time")
	}
	if q.err != nil {
		refuse(w, http.StatusBadRequest, "%v", q.err)
		return
	}
	var sequences []uint64
	err := a.engine.Bus().Dead(r.Context(), filter, func(d *bus.Dead) bool {
		sequences = append(sequences, d.Sequence)
		return true
	})
	if err != nil {
		a.storeFailed(w, r, err)
		return
	}
	// As long as it takes: the server's deadline is for short answers.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Time{})
	answer(w, http.StatusOK, each(r.Context(), sequences, do))
}

// together is how many letters are replayed or dropped at once, so that they
// share the waits for the disk.
const together = 32

// each does something to every letter and collects what failed.
func each(ctx context.Context, sequences []uint64, do func(context.Context, uint64) error) Done {
	var (
		done    Done
		mu      sync.Mutex
		running sync.WaitGroup
		slots   = make(chan struct{}, together)
	)
	for _, sequence := range sequences {
		slots <- struct{}{}
		running.Go(func() {
			defer func() { <-slots }()
			err := do(ctx, sequence)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				done.Failed = append(done.Failed, DeadFailed{Sequence: sequence, Error: err.Error()})
				return
			}
			done.Done++
		})
	}
	running.Wait()
	return done
}

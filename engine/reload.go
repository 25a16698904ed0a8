package engine

import (
	"context"
	"strings"
	"time"

	"github.com/trotline/trotline/engine/config"
)

// Edit is what became of a change to the configuration.
type Edit struct {
	Time       time.Time       `json:"time"`
	Result     string          `json:"result"` // applied, refused, unchanged
	Generation uint64          `json:"generation"`
	Problems   config.Problems `json:"-"`
	Errors     []string        `json:"errors,omitempty"`
}

// The results of an [Edit].
const (
	Applied   = "applied"
	Refused   = "refused"
	Unchanged = "unchanged"
)

// reloadTime is how long an edit may wait for a store that does not answer.
const reloadTime = 30 * time.Second

// Reload reads the configuration again and applies it whole, or keeps the rules
// in force and says why. The same texts change nothing.
func (e *Engine) Reload(ctx context.Context) Edit {
	e.mu.Lock()
	defer e.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, reloadTime)
	defer cancel()
	edit := e.reload(ctx)
	edit.Time = time.Now().UTC()
	edit.Generation = e.book.current().number
	takenBack := edit.Result == Unchanged && e.Last().Result == Refused
	if edit.Result != Unchanged || takenBack {
		e.note(edit)
	}
	switch edit.Result {
	case Unchanged:
		if takenBack {
			e.log.Info("the refused edit was taken back; the rules in force stay", "generation", edit.Generation)
		}
	case Applied:
		e.log.Info("the edit is in force", "generation", edit.Generation)
	case Refused:
		e.log.Error("the edit is refused; the rules in force stay", "generation", edit.Generation, "problems", strings.Join(edit.Errors, "\n"))
	}
	return edit
}

// note shows an edit in the figures and to those who ask for the last one.
// Callers hold e.mu.
func (e *Engine) note(edit Edit) {
	e.metrics.Reloaded(edit.Result != Refused, edit.Generation, edit.Time)
	e.last.Store(&edit)
}

// reload is Reload without the telling. Callers hold e.mu.
func (e *Engine) reload(ctx context.Context) Edit {
	p, problems := load(e.options, e.kinds)
	if p == nil {
		return refused(problems, nil)
	}
	e.watch = p.config.Watch
	running := e.config.Load()
	if running.Fingerprint == p.config.Fingerprint {
		return Edit{Result: Unchanged}
	}
	if err := needsRestart(running, p.config); err != nil {
		return refused(problems, err)
	}
	if err := e.apply(ctx, p, 0); err != nil {
		return refused(problems, err)
	}
	return Edit{Result: Applied, Problems: problems, Errors: texts(problems)}
}

func refused(problems config.Problems, err error) Edit {
	edit := Edit{Result: Refused, Problems: problems, Errors: texts(problems)}
	if err != nil {
		edit.Errors = append(edit.Errors, strings.Split(err.Error(), "\n")...)
	}
	return edit
}

func texts(problems config.Problems) []string {
	var all []string
	for _, p := range problems {
		all = append(all, p.String())
	}
	return all
}

// Last is what became of the last edit, or of the start.
func (e *Engine) Last() Edit { return *e.last.Load() }

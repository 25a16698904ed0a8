package admin

import (
	"net/http"

	"github.com/trotline/trotline/engine"
	"github.com/trotline/trotline/engine/config"
)

// healthy answers as long as the process lives.
func healthy(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string]string{"status": "ok"})
}

// ready answers 200 when events are taken and can be stored, else 503 with the reason.
func (a *api) ready(w http.ResponseWriter, _ *http.Request) {
	if err := a.engine.Ready(); err != nil {
		refuse(w, http.StatusServiceUnavailable, "%v", err)
		return
	}
	answer(w, http.StatusOK, map[string]string{"status": "ready"})
}

// Reload is what became of an edit that was asked for.
type Reload struct {
	engine.Edit
	Problems []ConfigProblem `json:"problems,omitempty"`
}

// ConfigProblem is something wrong with the configuration, at its place.
type ConfigProblem struct {
	File    string `json:"file,omitempty"`
	Line    int    `json:"line,omitempty"`   // from 1
	Column  int    `json:"column,omitempty"` // from 1, in characters
	Warning bool   `json:"warning,omitempty"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

// ConfigProblems are a configuration's problems as the API and --json show them.
func ConfigProblems(problems config.Problems) []ConfigProblem {
	all := make([]ConfigProblem, 0, len(problems))
	for _, p := range problems {
		all = append(all, ConfigProblem{
			File: p.File, Line: p.Line, Column: p.Column, Warning: p.Warning, Message: p.Msg, Hint: p.Hint,
		})
	}
	return all
}

// reload reads the files again. A refused edit is 422: what runs goes on unchanged.
func (a *api) reload(w http.ResponseWriter, r *http.Request) {
	edit := a.engine.Reload(r.Context())
	status := http.StatusOK
	if edit.Result == engine.Refused {
		status = http.StatusUnprocessableEntity
	}
	answer(w, status, Reload{Edit: edit, Problems: ConfigProblems(edit.Problems)})
}

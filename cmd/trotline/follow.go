package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/trotline/trotline/admin"
)

// follow asks for something that is done to many messages and shows how far it
// is. It ends before its end when the user or the engine stops; goOn says how
// the rest is done.
func (t *terminal) follow(ctx context.Context, engine *client, path string, query url.Values, word string, goOn func(admin.Done) string) (admin.Done, error) {
	var done admin.Done
	p := progress{t: t, began: time.Now(), word: word} // from the request on: the answer comes with its first line
	defer p.clear()
	body, err := engine.open(ctx, http.MethodPost, path, query)
	if err != nil {
		return done, err
	}
	defer body.Close()
	lines := json.NewDecoder(body)
	for {
		var line admin.Done
		if err := lines.Decode(&line); err != nil {
			return done, fail(stopCode(ctx), "%s; %s at least. %s", whyStopped(ctx, err), soFar(done, word), goOn(done))
		}
		if done = line; done.Finished {
			return done, nil
		}
		if done.Error != "" {
			return done, fail(exitUnreachable, "%s, then it ended: %s. %s", soFar(done, word), done.Error, goOn(done))
		}
		p.show(done)
	}
}

// whyStopped says why a run ended without a last word.
func whyStopped(ctx context.Context, err error) string {
	switch {
	case ctx.Err() != nil:
		return "stopped"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the engine has stopped"
	}
	return "the connection to the engine ended"
}

func stopCode(ctx context.Context) int {
	if ctx.Err() != nil {
		return exitNo
	}
	return exitUnreachable
}

func soFar(done admin.Done, word string) string { return grouped(done.Done) + " " + word }

// again is how the rest of the dead letters is done.
func again(admin.Done) string { return "Run it again for the rest" }

// progress is a line on the terminal that says how far a run is.
type progress struct {
	t     *terminal
	began time.Time
	word  string
	shown bool
}

func (p *progress) show(d admin.Done) {
	if !isTerminal(p.t.errOut) {
		return
	}
	p.shown = true
	text := fmt.Sprintf("%s, %s/s", soFar(d, p.word), grouped(int(float64(d.Done)/max(time.Since(p.began).Seconds(), 0.001))))
	if d.Failed > 0 {
		text += ", " + grouped(d.Failed) + " stay"
	}
	fmt.Fprintf(p.t.errOut, "\r\x1b[K%s", text)
}

func (p *progress) clear() {
	if p.shown {
		fmt.Fprint(p.t.errOut, "\r\x1b[K")
	}
}

// maxTold is how many of those that stay are told one by one.
const maxTold = 20

// tellDone says what was done, and what was not.
func (t *terminal) tellDone(done admin.Done, what, word string) error {
	if t.JSON {
		if err := t.printJSON(done); err != nil {
			return err
		}
	} else {
		t.tellUnjudged(done.Unjudged)
		for _, f := range done.Failures[:min(len(done.Failures), maxTold)] {
			t.complain(fmt.Errorf("%s %d is not %s: %s", what, f.Sequence, word, f.Error))
		}
		if more := done.Failed - min(len(done.Failures), maxTold); more > 0 {
			t.complain(fmt.Errorf("%s more are not %s; --json tells the first hundred", grouped(more), word))
		}
		fmt.Fprintln(t.out, summary(done, what, word))
	}
	if done.Failed > 0 {
		return errTold
	}
	return nil
}

// summary is a run in a line.
func summary(done admin.Done, what, word string) string {
	text := counted(done.Done, what) + " " + word
	if done.DryRun {
		text = counted(done.Done, what) + " would be " + word
	}
	if len(done.To) > 0 {
		var parts []string
		for _, sink := range slices.Sorted(maps.Keys(done.To)) {
			parts = append(parts, grouped(done.To[sink])+" to "+sink)
		}
		text += ": " + strings.Join(parts, ", ")
	}
	if done.Dead > 0 {
		text += fmt.Sprintf("; %s", counted(done.Dead, "dead letter"))
	}
	return text
}

// grouped is a number as a person reads it: 12,345.
func grouped(n int) string {
	digits := fmt.Sprint(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

package webhook

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"sync"

	"github.com/trotline/trotline/event"
)

// Respond is what an accepted request is answered, instead of 202 and the event's id.
type Respond struct {
	Status   int                       `yaml:"status" doc:"200, 201, 202 or 204 (200); with redirect 301, 302, 303, 307 or 308 (303)"`
	Headers  map[string]event.Template `yaml:"headers" sees:"event" doc:"its headers; without a Content-Type a JSON object or list is application/json, any other body text/plain"`
	Body     event.Template            `yaml:"body" sees:"event" doc:"its body; empty by default"`
	Redirect event.Template            `yaml:"redirect" sees:"event" doc:"where a browser goes on, such as a page that says thanks"`
}

var (
	plainStatuses    = []int{http.StatusOK, http.StatusCreated, http.StatusAccepted, http.StatusNoContent}
	redirectStatuses = []int{
		http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect,
	}
)

// ownHeaders are for the server to write.
var ownHeaders = append([]string{"Content-Length", "Date"}, hopByHop...)

// Validate finds an answer that would tell a sender something else than that
// the event is accepted.
func (a *Respond) Validate() []*event.FieldError {
	if a.Status == 0 && a.Headers == nil && a.Body == nil && a.Redirect == nil {
		return []*event.FieldError{{Path: "respond", Msg: "says nothing", Hint: "give status, headers, body or redirect"}}
	}
	problems := append(a.checkStatus(), a.checkHeaders()...)
	if a.Redirect == nil {
		return problems
	}
	if a.Body != nil {
		problems = append(problems, &event.FieldError{Path: "respond.body", Msg: "nobody reads the body of a redirect", Hint: "remove body or redirect"})
	}
	if text, ok := a.Redirect.Constant(); ok && !isTarget(text) {
		problems = append(problems, &event.FieldError{
			Path: "respond.redirect", Msg: fmt.Sprintf("%q is not where a browser can go", text), Hint: "write https://shop.example.com/thanks, or /thanks on this server",
		})
	}
	return problems
}

func (a *Respond) checkStatus() []*event.FieldError {
	problem := func(hint, format string, args ...any) []*event.FieldError {
		return []*event.FieldError{{Path: "respond.status", Msg: fmt.Sprintf(format, args...), Hint: hint}}
	}
	isPlain, isRedirect := slices.Contains(plainStatuses, a.Status), slices.Contains(redirectStatuses, a.Status)
	switch {
	case a.Status == 0, isRedirect && a.Redirect != nil, isPlain && a.Redirect == nil && (a.Status != http.StatusNoContent || a.Body == nil):
		return nil
	case isPlain && a.Redirect == nil:
		return problem("remove body, or make status 200", "an answer with status 204 has no body")
	case isPlain:
		return problem("leave status out for 303", "no browser follows a redirect with status %d", a.Status)
	case isRedirect:
		return problem("add redirect: https://…", "an answer with status %d says where to go on", a.Status)
	case a.Status >= http.StatusBadRequest:
		return problem("choose 200, 201, 202 or 204", "to a sender %d says that the event is not accepted: it would send it again", a.Status)
	}
	return problem("choose 200, 201, 202 or 204; or 303 with redirect", "status cannot be %d", a.Status)
}

func (a *Respond) checkHeaders() (problems []*event.FieldError) {
	for name, value := range a.Headers {
		add := func(msg, hint string) {
			problems = append(problems, &event.FieldError{Path: "respond.headers." + name, Msg: msg, Hint: hint})
		}
		text, constant := value.Constant()
		switch canonical := http.CanonicalHeaderKey(name); {
		case !event.ValidHeaderName(name):
			add(fmt.Sprintf("%q is not the name of a header", name), "")
		case canonical == "Location":
			add("Location is for a redirect", "write redirect instead")
		case canonical == "Access-Control-Allow-Origin":
			add(name+" alone does not let a page send", "give the source cors: {origins: […]} instead")
		case slices.Contains(ownHeaders, canonical):
			add(name+" is the server's to write", "remove it")
		case constant && !event.ValidHeaderValue(text):
			add(name+" holds a control character", "")
		}
	}
	return problems
}

// isTarget tells whether a browser can be sent on to a text.
func isTarget(text string) bool {
	u, err := url.Parse(text)
	return err == nil && event.ValidHeaderValue(text) &&
		(u.Host != "" && (u.Scheme == "https" || u.Scheme == "http") || u.Scheme == "" && u.Host == "" && len(u.Path) > 0 && u.Path[0] == '/')
}

// responder writes a source's answers.
type responder struct {
	status  int
	headers map[string]event.Template // by their canonical names
	body    event.Template            // nil is empty
	source  string
	log     *slog.Logger
	failed  sync.Once // the first time is told
}

// newResponder is nil where the engine's own answer is meant.
func newResponder(a *Respond, source string, log *slog.Logger) *responder {
	if a == nil {
		return nil
	}
	r := &responder{status: a.Status, headers: make(map[string]event.Template), body: a.Body, source: source, log: log}
	for name, value := range a.Headers {
		r.headers[http.CanonicalHeaderKey(name)] = value
	}
	if a.Redirect != nil {
		r.headers["Location"] = a.Redirect
	}
	switch {
	case r.status == 0 && a.Redirect != nil:
		r.status = http.StatusSeeOther
	case r.status == 0:
		r.status = http.StatusOK
	}
	return r
}

// answer writes the answer into a receipt. One that cannot be made leaves the
// engine's own: the event is good, and its sender would send it in vain again.
func (r *responder) answer(receipt *event.Receipt) {
	header := make(http.Header, len(r.headers)+1)
	for name, value := range r.headers {
		text, err := value.Render(receipt.Event, nil)
		if err == nil && !event.ValidHeaderValue(text) {
			err = &event.StepError{Err: errors.New("it holds a control character")}
		}
		if err != nil {
			r.fail("the header "+name, err)
			return
		}
		header[name] = []string{text}
	}
	var body []byte
	if r.body != nil {
		text, err := r.body.Render(receipt.Event, nil)
		if err != nil {
			r.fail("the body", err)
			return
		}
		body = []byte(text)
	}
	if header.Get("Content-Type") == "" && isJSON(body) {
		header.Set("Content-Type", event.JSON.ContentType())
	}
	receipt.Status, receipt.Header, receipt.Body = r.status, header, body
}

func (r *responder) fail(what string, err error) {
	r.failed.Do(func() {
		r.log.Warn("an answer could not be made as respond says: the event is accepted, and its sender was answered with its id; this is told once",
			"source", r.source, "part", what, "error", cause(err))
	})
}

// isJSON tells an object or a list, which nobody takes for a text.
func isJSON(body []byte) bool {
	start := bytes.TrimLeft(body, " \t\r\n")
	return len(start) > 0 && (start[0] == '{' || start[0] == '[') && json.Valid(body)
}

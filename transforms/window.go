package transforms

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/trotline/trotline/event"
)

type windowSettings struct {
	Key       event.Expr                 `yaml:"key" want:"string" doc:"what has windows of its own, such as body.customer_id; one for all events when left out"`
	Every     event.Duration             `yaml:"every" min:"1s" max:"366d" doc:"how long a window is: 5m; they begin at whole multiples of it, in UTC"`
	Count     int                        `yaml:"count" min:"1" max:"10000000" doc:"how many events fill a window, instead of a time"`
	By        event.Expr                 `yaml:"by" doc:"when an event happened: received_at, or an expression that gives a time (received_at)"`
	Late      event.Duration             `yaml:"late" max:"366d" doc:"how much longer a window stays open for what comes late (0s)"`
	Aggregate map[string]event.Aggregate `yaml:"aggregate" doc:"the figures of a window: count() sum(…) avg(…) min(…) max(…) collect(…) distinct(…), each with a name"`
	When      event.Expr                 `yaml:"when" want:"bool" sees:"made" doc:"which windows become events, by what is in them: body.errors > 5; all when left out"`
}

// windowFields are what every window's body has.
var windowFields = []string{"key", "from", "to", "count"}

var fieldName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// Validate implements [event.Validator].
func (s *windowSettings) Validate() []*event.FieldError {
	var problems []*event.FieldError
	problem := func(path, msg, hint string) {
		problems = append(problems, &event.FieldError{Path: path, Msg: msg, Hint: hint})
	}
	byCount := s.Count > 0
	switch {
	case !byCount && s.Every == 0:
		problem("", "window does not say when a window ends", "add every: 5m for a time, or count: 1000 for a number of events")
	case byCount && s.Every > 0:
		problem("count", "every and count cannot stand side by side", "a window ends by time or by number; make two pipelines for both")
	case byCount && s.By != nil:
		problem("by", "a window of a number of events takes them as they come", "remove by, or write every: instead of count:")
	case byCount && s.Late > 0:
		problem("late", "a window of a number of events does not wait for late ones", "remove late, or write every: instead of count:")
	}
	for _, name := range slices.Sorted(maps.Keys(s.Aggregate)) {
		switch {
		case slices.Contains(windowFields, name):
			problem("aggregate."+name, name+" is a field that every window has", "give the figure another name, such as "+name+"_of_all")
		case !fieldName.MatchString(name):
			problem("aggregate."+name, fmt.Sprintf("%q cannot be the name of a figure", name), "begin with a letter, then letters, digits and _")
		}
	}
	return problems
}

var windowKind = event.TransformKind{
	Name:     "window",
	Doc:      "gathers events, by key, over a time or a number of events, and makes one event of them",
	Settings: func() any { return &windowSettings{} },
	Open: func(settings any, _ event.TransformOptions) (event.Transform, error) {
		s := event.SettingsOf[windowSettings](settings)
		w := window{
			key: s.Key, every: s.Every.Std(), count: s.Count, late: s.Late.Std(), when: s.When,
			names: slices.Sorted(maps.Keys(s.Aggregate)), figures: s.Aggregate,
		}
		if s.By != nil && strings.TrimSpace(s.By.Text()) != "received_at" {
			w.by = s.By
		}
		return w, nil
	},
	Shape: func(_ *event.Shape, settings any) *event.Shape {
		return event.SettingsOf[windowSettings](settings).Made()
	},
}

// Made implements [event.Shaper].
func (s *windowSettings) Made() *event.Shape {
	shape := &event.Shape{Fields: make(map[string]*event.Shape)}
	for _, name := range append(slices.Collect(maps.Keys(s.Aggregate)), windowFields...) {
		shape.Fields[name] = nil
	}
	if s.Key == nil {
		delete(shape.Fields, "key")
	}
	return shape
}

// window gathers events.
type window struct {
	key     event.Expr // nil: there is one window for all
	every   time.Duration
	count   int        // 0: a window ends by time
	by      event.Expr // nil: when an event was received
	late    time.Duration
	when    event.Expr
	names   []string // of the figures, sorted
	figures map[string]event.Aggregate
}

// gathered is what an open window holds.
type gathered struct {
	Key     string    `json:"key,omitempty"`
	From    time.Time `json:"from"`
	To      time.Time `json:"to"`      // zero: it ends by number
	Count   int       `json:"count"`   // of its events
	Source  string    `json:"source"`  // of the last one
	Last    time.Time `json:"last"`    // when the last one was received
	Figures []*figure `json:"figures"` // in the order of the names
}

// windowNote is an event that was gathered, or the whole window.
type windowNote struct {
	Begin  *gathered         `json:"begin,omitempty"` // of a window's first event, without what it brings
	Source string            `json:"source,omitempty"`
	At     time.Time         `json:"at"`
	Values []json.RawMessage `json:"values,omitempty"` // in the order of the names
	Whole  *gathered         `json:"whole,omitempty"`
}

// Apply is the window of an event that is alone in it.
func (w window) Apply(_ context.Context, e *event.Event) ([]*event.Event, error) {
	key, err := w.Key(e, time.Time{})
	if err != nil {
		return nil, err
	}
	d, err := w.Decide(key, nil, e)
	if err != nil {
		return nil, err
	}
	value, err := w.Noted(nil, d.Note)
	if err != nil {
		return nil, err
	}
	closed, err := w.Close(value, "window-of-"+e.ID)
	if closed == nil || err != nil {
		return nil, err
	}
	closed.Original, closed.Stamp, closed.Request = e.Original, e.Stamp, e.Request
	return []*event.Event{closed}, nil
}

// State implements [event.Stateful]. A window that is gathered in another way is another one.
func (w window) State() string {
	texts := []string{textOfExpr(w.key), w.every.String(), strconv.Itoa(w.count), textOfExpr(w.by)}
	for _, name := range w.names {
		texts = append(texts, name, w.figures[name].Text)
	}
	return stateName(texts...)
}

func textOfExpr(x event.Expr) string {
	if x == nil {
		return ""
	}
	return x.Text()
}

// Key implements [event.Stateful]: when the window begins, and the event's key.
// An event that was received when its window is closed already goes into the
// one that follows; one that happened then is late.
func (w window) Key(e *event.Event, closed time.Time) (string, error) {
	key := ""
	if w.key != nil {
		var err error
		if key, err = textOf(w.key, e); err != nil {
			return "", err
		}
	}
	if w.count > 0 {
		return "/" + key, nil
	}
	at, own, err := w.Time(e)
	if err != nil {
		return "", err
	}
	if !own && at.Before(closed) {
		at = closed
	}
	from := at.Truncate(w.every)
	if own && !from.Add(w.every).After(closed) {
		return "", &event.StepError{
			Expression: w.by.Text(), Value: shown(at.Format(time.RFC3339Nano)),
			Err: fmt.Errorf("it is late: the window of that time is closed; a longer late: keeps windows open for such events"),
		}
	}
	return strconv.FormatInt(from.Unix(), 10) + "/" + key, nil
}

// Time implements [event.Windowing].
func (w window) Time(e *event.Event) (t time.Time, own bool, err error) {
	if w.by == nil {
		return e.Time, false, nil
	}
	t, err = timeOf(w.by, e)
	return t, true, err
}

// Late implements [event.Windowing].
func (w window) Late() time.Duration { return w.late }

// Decide implements [event.Stateful].
func (w window) Decide(key string, value any, e *event.Event) (event.Decision, error) {
	note := windowNote{Source: e.Source, At: e.Time}
	open, _ := value.(*gathered)
	if open == nil {
		note.Begin = w.begin(key, e)
	}
	for i, name := range w.names {
		var so *figure
		if open != nil {
			so = open.Figures[i]
		}
		v, err := argument(w.figures[name], so, e)
		if err != nil {
			return event.Decision{}, err
		}
		note.Values = append(note.Values, v)
	}
	text, err := event.EncodeJSON(note)
	return event.Decision{Word: "gathered", Note: text}, err
}

// begin is a window without an event.
func (w window) begin(key string, e *event.Event) *gathered {
	from, key, _ := strings.Cut(key, "/")
	g := &gathered{Key: key, From: e.Time}
	if seconds, err := strconv.ParseInt(from, 10, 64); err == nil && w.count == 0 {
		g.From = time.Unix(seconds, 0).UTC()
		g.To = g.From.Add(w.every)
	}
	return g
}

// Follow implements [event.Stateful]: what is gathered goes no further by itself.
func (w window) Follow(*event.Event, string) ([]*event.Event, error) { return nil, nil }

// Noted implements [event.Stateful].
func (w window) Noted(value any, text []byte) (any, error) {
	var note windowNote
	if err := json.Unmarshal(text, &note); err != nil {
		return nil, err
	}
	if note.Whole != nil {
		return note.Whole, nil
	}
	g, _ := value.(*gathered)
	if g == nil {
		if g = note.Begin; g == nil {
			return nil, errors.New("a window has no beginning")
		}
		g.Figures = make([]*figure, len(w.names))
		for i := range g.Figures {
			g.Figures[i] = &figure{}
		}
	}
	if len(note.Values) != len(g.Figures) {
		return nil, fmt.Errorf("%d values of %d figures", len(note.Values), len(g.Figures))
	}
	for i, v := range note.Values {
		if err := g.Figures[i].add(w.figures[w.names[i]].Function, v); err != nil {
			return nil, err
		}
	}
	g.Count++
	g.Source, g.Last = note.Source, note.At
	return g, nil
}

// Note implements [event.Stateful].
func (w window) Note(value any) ([]byte, error) {
	return event.EncodeJSON(windowNote{Whole: value.(*gathered)})
}

// Ends implements [event.Stateful].
func (w window) Ends(value any) time.Time { return value.(*gathered).To }

// Full implements [event.Windowing].
func (w window) Full(value any) bool { return w.count > 0 && value.(*gathered).Count >= w.count }

// Close implements [event.Windowing].
func (w window) Close(value any, name string) (*event.Event, error) {
	g := value.(*gathered)
	to := g.To
	if to.IsZero() {
		to = g.Last
	}
	fields := map[string]any{
		"from": g.From.UTC().Format(time.RFC3339Nano), "to": to.UTC().Format(time.RFC3339Nano), "count": json.Number(strconv.Itoa(g.Count)),
	}
	if w.key != nil {
		fields["key"] = g.Key
	}
	for i, name := range w.names {
		fields[name] = g.Figures[i].result(w.figures[name].Function, g.Count)
	}
	body := event.BodyOf(fields)
	e := &event.Event{ID: name, Stamp: name, Source: g.Source, Type: "window", Time: to.UTC(), Body: body, Original: body}
	if w.when == nil {
		return e, nil
	}
	v, err := w.when.Eval(e, nil)
	if err != nil {
		return e, err
	}
	if wanted, _ := v.(bool); !wanted {
		return nil, nil
	}
	return e, nil
}

package admin

import (
	"encoding/json"
	"net/http"
	"net/url"
	"time"
	"unicode/utf8"

	"github.com/trotline/trotline/engine/bus"
	"github.com/trotline/trotline/engine/stage"
	"github.com/trotline/trotline/event"
)

// Event is a stored event as lists show it.
type Event struct {
	Sequence   uint64    `json:"sequence"` // its place in the store; of a dead letter 0
	ID         string    `json:"id"`
	Source     string    `json:"source"`
	Type       string    `json:"type,omitempty"`
	Time       time.Time `json:"time"` // when it was accepted
	Generation uint64    `json:"generation,omitempty"`
	Size       int       `json:"size"` // of the body, in bytes
}

// EventDetail is a stored event with all that is kept of it.
type EventDetail struct {
	Event
	Request Request `json:"request"`
	Payload
}

// Request is what is kept of the request that brought an event. What the sender
// proved itself with is not among it.
type Request struct {
	Method   string            `json:"method"`
	Path     string            `json:"path"`
	RemoteIP string            `json:"remote_ip"`
	Headers  http.Header       `json:"headers,omitempty"`
	Query    url.Values        `json:"query,omitempty"`
	Params   map[string]string `json:"params,omitempty"`
}

// Payload is a body. One of Body, Text and Base64 is set, unless it is empty.
type Payload struct {
	Format string          `json:"format"`
	Body   json.RawMessage `json:"body,omitempty"`   // JSON as it is
	Text   string          `json:"text,omitempty"`   // what is no JSON and valid UTF-8
	Base64 []byte          `json:"base64,omitempty"` // anything else
}

// DeadLetter is a dead letter as lists show it.
type DeadLetter struct {
	Sequence     uint64    `json:"sequence"` // its number, by which it is replayed or dropped
	Edited       time.Time `json:"edited,omitzero"`
	Time         time.Time `json:"time"`
	Pipeline     string    `json:"pipeline"`
	Route        string    `json:"route,omitempty"`
	Sink         string    `json:"sink,omitempty"`  // where it stopped, if it got as far
	After        string    `json:"after,omitempty"` // the sink it was handed over from, when it failed there
	Final        bool      `json:"final,omitempty"` // its chain has gone on without it
	Step         string    `json:"step,omitempty"`  // the step it failed at
	Reason       string    `json:"reason"`
	Class        string    `json:"class"` // at whose side the cause lies: receiver, own, or sender
	Error        string    `json:"error"`
	Expression   string    `json:"expression,omitempty"` // at fault
	Value        string    `json:"value,omitempty"`      // what broke it
	Status       int       `json:"status,omitempty"`     // what the receiver answered
	Attempts     int       `json:"attempts"`
	FirstAttempt time.Time `json:"first_attempt"`
	LastAttempt  time.Time `json:"last_attempt"`
	Generation   uint64    `json:"generation"`
	Event        Event     `json:"event"`
}

// At is the sink or the step where the letter died.
func (d *DeadLetter) At() string {
	if d.Sink != "" {
		return d.Sink
	}
	return d.Step
}

// DeadDetail is a dead letter with all that is kept of it.
type DeadDetail struct {
	DeadLetter
	DeliveryID string        `json:"delivery_id,omitempty"`
	Answer     string        `json:"answer,omitempty"`  // the start of what the receiver answered
	History    []Attempt     `json:"history,omitempty"` // the last attempts, the oldest first
	Request    Request       `json:"request"`
	Payload                  // as it stood
	Original   *Payload      `json:"original,omitempty"` // as it was received, where that is another
	Unedited   *Payload      `json:"unedited,omitempty"` // before it was edited
	Results    event.Results `json:"results,omitempty"`  // what earlier sinks of the chain answered
}

// Attempt is one attempt at a delivery.
type Attempt struct {
	Number int       `json:"number"` // from 1
	Time   time.Time `json:"time"`   // when it ended
	Status int       `json:"status,omitempty"`
	Error  string    `json:"error,omitempty"`
	Answer string    `json:"answer,omitempty"` // the start of what the receiver answered
}

func viewEvent(s *bus.Stored) Event {
	v := summary(s.Event, s.Event.Original)
	v.Sequence, v.Generation = s.Sequence, s.Generation
	return v
}

func viewEventDetail(s *bus.Stored) EventDetail {
	return EventDetail{Event: viewEvent(s), Request: viewRequest(s.Event), Payload: viewBody(s.Event.Original)}
}

func summary(e *event.Event, body *event.Body) Event {
	return Event{ID: e.ID, Source: e.Source, Type: e.Type, Time: e.Time, Size: size(body)}
}

func size(b *event.Body) int {
	if b == nil {
		return 0
	}
	raw, err := b.Raw()
	if err != nil {
		return 0
	}
	return len(raw)
}

func viewRequest(e *event.Event) Request {
	r := e.Request.Info()
	return Request{Method: r.Method, Path: r.Path, RemoteIP: r.RemoteIP, Headers: r.Header, Query: r.Query, Params: r.Params}
}

func viewBody(b *event.Body) Payload {
	if b == nil {
		return Payload{}
	}
	p := Payload{Format: string(b.Format())}
	raw, err := b.Raw()
	switch {
	case err != nil:
		p.Text = err.Error()
	case p.Format == string(event.JSON) && json.Valid(raw):
		p.Body = raw
	case utf8.Valid(raw):
		p.Text = string(raw)
	default:
		p.Base64 = raw
	}
	return p
}

// classOf is at whose side the cause of a letter lies; of a refused request at
// its sender's, which goes without saying.
func classOf(refused bool, d *bus.Dead) string {
	if refused {
		return ClassSender
	}
	return stage.Class(d.Reason)
}

// ClassSender is the class of refused requests.
const ClassSender = "sender"

func viewDead(refused bool, d *bus.Dead) DeadLetter {
	return DeadLetter{
		Sequence: d.Number, Time: d.Time, Edited: d.Edited, Pipeline: d.Pipeline, Route: d.Route, Sink: d.Sink, After: d.After, Final: d.Final, Step: d.Step,
		Reason: d.Reason, Class: classOf(refused, d), Error: d.Error, Expression: d.Expression, Value: d.Value, Status: d.Status,
		Attempts: d.Attempts, FirstAttempt: d.FirstAttempt, LastAttempt: d.LastAttempt, Generation: d.Generation,
		Event: summary(d.Event, d.Event.Body),
	}
}

func viewDeadDetail(refused bool, d *bus.Dead) DeadDetail {
	v := DeadDetail{
		DeadLetter: viewDead(refused, d), Answer: string(d.Answer),
		Request: viewRequest(d.Event), Payload: viewBody(d.Event.Body), Results: d.Results,
	}
	if !refused {
		v.DeliveryID = d.Event.DeliveryID(d.Pipeline, d.Route)
	}
	for _, h := range d.History {
		v.History = append(v.History, Attempt{Number: h.Number, Time: h.Time, Status: h.Status, Error: h.Error, Answer: string(h.Answer)})
	}
	if d.Unedited != nil {
		unedited := viewBody(d.Unedited)
		v.Unedited = &unedited
	}
	if d.Event.Original != nil && d.Event.Original != d.Event.Body {
		original := viewBody(d.Event.Original)
		v.Original = &original
	}
	return v
}

// Package eventtest holds what the tests of every kind share: the conformance
// suite that each sink has to pass, events and deliveries to feed it with,
// expressions and templates that need no expression language, and a sink that
// records. Only tests import it.
package eventtest

import (
	"fmt"
	"time"

	"github.com/trotline/trotline/event"
)

// Time is when the events of this package were accepted.
var Time = time.Date(2026, 3, 14, 15, 9, 26, 535897932, time.UTC)

// Event is an event with a JSON body of this value. Its ID is "event"; a test
// that needs another one sets it before the event is used.
func Event(body any) *event.Event {
	b := event.BodyOf(body)
	return &event.Event{
		ID: "event", Source: "shop", Type: "order.paid", Time: Time, Stamp: "stamp",
		Request: event.Keep(event.RequestInfo{Method: "POST", Path: "/hooks/shop", RemoteIP: "192.0.2.1"}),
		Body:    b, Original: b,
	}
}

// EventJSON is an event whose body is this JSON text, as a sender would have
// written it: numbers keep their digits.
func EventJSON(body string) *event.Event {
	e := Event(nil)
	e.Body = event.NewBody(event.JSON, []byte(body))
	e.Original = e.Body
	return e
}

// Delivery is the first attempt to deliver an event with this id. Deliveries of
// events with the same id have the same [event.Delivery.ID].
func Delivery(id string, body any) *event.Delivery {
	return deliver(id, Event(body))
}

// DeliveryJSON is [Delivery] of a body written as JSON text.
func DeliveryJSON(id, body string) *event.Delivery {
	return deliver(id, EventJSON(body))
}

func deliver(id string, e *event.Event) *event.Delivery {
	e.ID = id
	return &event.Delivery{
		ID: e.DeliveryID("orders", "default"), Event: e,
		Pipeline: "orders", Route: "default", Attempt: 1,
	}
}

// Numbered is the nth delivery of a row of different ones. Its body is
// {"id": <the delivery's id>, "n": n}, so that a receiver that keeps bodies
// alone can tell which delivery it was.
func Numbered(n int) *event.Delivery {
	d := Delivery(fmt.Sprintf("event-%d", n), nil)
	d.Event.Body = event.BodyOf(map[string]any{"id": d.ID, "n": n})
	d.Event.Original = d.Event.Body
	return d
}

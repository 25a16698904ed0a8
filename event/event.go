// Package event is the ground everything stands on: what an event is, what a
// delivery of it is, and the small interfaces that sources, transforms and
// sinks fill. It knows no network, no store and no configuration file, and it
// imports the standard library alone, so that a kind of sink can be written,
// tested and deleted without looking at anything else.
package event

import (
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// Event is one thing that happened, as its sender told it.
//
// An event is a value that is never changed: a step that wants another body
// makes a copy with [Event.WithBody].
type Event struct {
	// ID is what makes a second delivery of the same event the same event. It
	// stays the same at every retry, hop and replay. A part of a split event is
	// called "<id>/<index>".
	ID string
	// Source is the name of the source that accepted the event.
	Source string
	// Type is the sender's word for what happened, "" if it has none.
	Type string
	// Time is when the event was accepted, in UTC. Expressions call it received_at.
	Time time.Time
	// Stamp is unique to one acceptance or one replay; hand-overs between
	// stages are named after it.
	Stamp string
	// Element is the place of this part in a split event ("0", "2/1"), "" for a whole one.
	Element string
	// Replay names the replay of stored events that this is a part of; "" when the
	// event comes from the door.
	Replay string
	// Request is what is kept of the request that brought the event.
	Request *Kept
	// Body is the payload as it stands now, Original as it was received.
	Body, Original *Body
}

// WithBody is the event with another body; everything else stays.
func (e *Event) WithBody(b *Body) *Event {
	c := *e
	c.Body = b
	return &c
}

// ContentType is the media type the body goes out with: the sender's own word
// for a body that no step has touched, that of the body's format for any other.
func (e *Event) ContentType() string {
	if e.Body == e.Original {
		if sent := e.Request.Header("Content-Type"); sent != "" && ValidHeaderValue(sent) {
			return sent
		}
	}
	return e.Body.Format().ContentType()
}

// DeliveryID names the delivery of this event on a route of a pipeline. It is
// the same at each attempt, at each hop of a chain and when a dead letter is
// replayed. A replay of stored events is a delivery of its own. It has the form of a UUID (version 8, RFC 9562), so that a uuid
// column can hold it.
func (e *Event) DeliveryID(pipeline, route string) string {
	parts := []string{e.Source, e.ID, pipeline, route, e.Replay}
	if e.Replay == "" {
		parts = parts[:4]
	}
	name := make([]byte, 0, 256)
	for _, part := range parts {
		name = append(append(name, part...), 0)
	}
	u := sha256.Sum256(name)
	u[6] = u[6]&0x0f | 0x80
	u[8] = u[8]&0x3f | 0x80
	var b [36]byte
	hex.Encode(b[0:8], u[0:4])
	hex.Encode(b[9:13], u[4:6])
	hex.Encode(b[14:18], u[6:8])
	hex.Encode(b[19:23], u[8:10])
	hex.Encode(b[24:36], u[10:16])
	b[8], b[13], b[18], b[23] = '-', '-', '-', '-'
	return string(b[:])
}

package bus

import (
	"context"
	"encoding/json"
	"time"

	"github.com/nats-io/nats.go"
)

const (
	// keptAttempts is how many attempts of a delivery are remembered, the last ones.
	keptAttempts = 20
	// attemptsAge is how long an attempt is remembered: longer than the waits between two.
	attemptsAge = 7 * 24 * time.Hour
)

// NoteAttempt remembers an attempt that failed and is to be made again, for
// the dead letter that may come of it. Nothing waits for it and nothing depends
// on it: where there is no room for it, it is not remembered.
func (b *Bus) NoteAttempt(w *Work, a Attempt) {
	if b.health.err() != nil || b.suspected.Load() || b.publisher.room() != nil {
		return
	}
	text, err := json.Marshal(a.shortened())
	if err != nil {
		return
	}
	b.publisher.sendPlain(&nats.Msg{Subject: b.names.attemptsSubject(w), Header: nats.Header{}, Data: text})
}

// Attempts are the attempts at a delivery that are remembered, the oldest first.
func (b *Bus) Attempts(ctx context.Context, w *Work) ([]Attempt, error) {
	var all []Attempt
	err := b.scan(ctx, b.names.attempts(), query{Sequence: 1, Subject: b.names.attemptsSubject(w)}, func(m *found) bool {
		var a Attempt
		if json.Unmarshal(m.data, &a) == nil {
			all = append(all, a)
		}
		return true
	})
	return all, err
}

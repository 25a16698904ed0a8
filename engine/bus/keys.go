package bus

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	"github.com/nats-io/nats.go"

	"github.com/trotline/trotline/event"
)

// keys are what senders handed over in handshakes, by source: who signs with one
// is believed from then on. They are in the control stream, a message for each source.
type keys struct {
	mu       sync.RWMutex
	bySource map[string][]event.Secret // the oldest first

	keeping sync.Mutex // one at a time
}

// keyRecord is a source's keys as they are stored.
type keyRecord struct {
	Source string   `json:"source"`
	Keys   [][]byte `json:"keys"`
}

// KeptKeys are the keys of a source, the oldest first. The list must not be changed.
func (b *Bus) KeptKeys(source string) []event.Secret {
	b.keys.mu.RLock()
	defer b.keys.mu.RUnlock()
	return b.keys.bySource[source]
}

// KeepKey keeps a key beside those a source has. It returns nil when the key is durable.
func (b *Bus) KeepKey(ctx context.Context, source string, key event.Secret) error {
	if err := b.health.err(); err != nil {
		return err
	}
	b.keys.keeping.Lock()
	defer b.keys.keeping.Unlock()
	list := append(slices.Clone(b.KeptKeys(source)), key)
	record := keyRecord{Source: source}
	for _, k := range list {
		record.Keys = append(record.Keys, []byte(k.Reveal()))
	}
	data, err := json.Marshal(record)
	if err != nil {
		return err
	}
	m := &nats.Msg{Subject: b.names.keysSubject(source), Header: nats.Header{}, Data: data}
	if _, err := b.publisher.sendWhenRoom(m).Wait(ctx); err != nil {
		return err
	}
	b.keys.mu.Lock()
	defer b.keys.mu.Unlock()
	b.keys.bySource[source] = list
	return nil
}

// recallKeys reads the keys that an earlier run has kept.
func (b *Bus) recallKeys(ctx context.Context) error {
	b.keys.bySource = make(map[string][]event.Secret)
	var bad error
	err := b.scan(ctx, b.names.control(), query{Sequence: 1, Subject: b.names.keysSubject("*")}, func(m *found) bool {
		var record keyRecord
		if bad = json.Unmarshal(m.data, &record); bad != nil {
			return false
		}
		var list []event.Secret
		for _, k := range record.Keys {
			list = append(list, event.Secret(k))
		}
		b.keys.bySource[record.Source] = list
		return true
	})
	if err == nil {
		err = bad
	}
	if err != nil {
		return fmt.Errorf("cannot read the keys that senders handed over: %w", err)
	}
	return nil
}

package engine

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync/atomic"

	"github.com/trotline/trotline/engine/bus"
	"github.com/trotline/trotline/engine/config"
	"github.com/trotline/trotline/engine/door"
	"github.com/trotline/trotline/event"
)

func (e *Engine) newDoor(t *config.TLS) (*door.Door, error) {
	o := door.Options{Store: &e.store, Observer: e.metrics, Log: e.log}
	if t != nil {
		var err error
		if o.Certificates, err = door.LoadCertificates(string(t.CertFile), string(t.KeyFile), string(t.ClientCAFile), e.log); err != nil {
			return nil, fmt.Errorf("server.tls: %w", err)
		}
	}
	return door.New(o), nil
}

// store is the bus as the door sees it.
type store struct {
	bus *bus.Bus
	// full is whether the last event found no room. Every event still tries: that is how it shows when there is room again.
	full atomic.Bool
}

func (s *store) Append(ctx context.Context, ev *event.Event, generation uint64) (door.Stored, error) {
	return s.wait(ctx, s.bus.Append(ev, generation))
}

// maxTogether is how many events of a request are on their way at once: a part
// of what the bus lets be, so that one request does not shut the door to others.
const maxTogether = 1000

func (s *store) AppendAll(ctx context.Context, events []*event.Event, generation uint64) ([]door.Stored, error) {
	all := make([]door.Stored, 0, len(events))
	for together := range slices.Chunk(events, maxTogether) {
		pending := make([]*bus.Pending, len(together))
		for i, ev := range together {
			pending[i] = s.bus.Append(ev, generation)
		}
		for _, p := range pending {
			stored, err := s.wait(ctx, p)
			if err != nil {
				return nil, err
			}
			all = append(all, stored)
		}
	}
	return all, nil
}

func (s *store) wait(ctx context.Context, p *bus.Pending) (door.Stored, error) {
	ack, err := p.Wait(ctx)
	switch {
	case err == nil:
		if s.full.Load() {
			s.full.Store(false)
		}
	case errors.Is(err, bus.ErrFull):
		s.full.Store(true)
	case errors.Is(err, bus.ErrStale):
		err = door.ErrStale
	case errors.Is(err, bus.ErrUnstorable):
		// Sending it again would change nothing, so it is no 503.
		err = event.Refuse(http.StatusRequestEntityTooLarge, "unstorable", "The request is too large to be stored: its headers, or its event's id and type.")
	}
	return door.Stored{Duplicate: ack.Duplicate}, err
}

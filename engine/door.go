package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/trotline/trotline/engine/bus"
	"github.com/trotline/trotline/engine/config"
	"github.com/trotline/trotline/engine/door"
	"github.com/trotline/trotline/event"
)

func (e *Engine) newDoor(t *config.TLS) (*door.Door, error) {
	o := door.Options{Store: store{e.bus}, Observer: e.metrics, Log: e.log}
	if t != nil {
		var err error
		if o.Certificates, err = door.LoadCertificates(string(t.CertFile), string(t.KeyFile), string(t.ClientCAFile), e.log); err != nil {
			return nil, fmt.Errorf("server.tls: %w", err)
		}
	}
	return door.New(o), nil
}

// store is the bus as the door sees it.
type store struct{ bus *bus.Bus }

func (s store) Append(ctx context.Context, ev *event.Event, generation uint64) (door.Stored, error) {
	ack, err := s.bus.Append(ev, generation).Wait(ctx)
	if errors.Is(err, bus.ErrStale) {
		return door.Stored{}, door.ErrStale
	}
	return door.Stored{Duplicate: ack.Duplicate}, err
}

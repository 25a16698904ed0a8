package engine

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/trotline/trotline/engine/bus"
	"github.com/trotline/trotline/engine/config"
	"github.com/trotline/trotline/engine/door"
	"github.com/trotline/trotline/event"
)

func (e *Engine) newDoor(s config.Server) (*door.Door, error) {
	o := door.Options{Store: &e.store, Observer: e.metrics, Log: e.log, Limits: limits(s.Limits), Refused: e.keepRefused}
	if t := s.TLS; t != nil {
		var err error
		if o.Certificates, err = door.LoadCertificates(e.certificates(t)); err != nil {
			return nil, fmt.Errorf("server.tls: %w", err)
		}
	}
	return door.New(o), nil
}

func (e *Engine) certificates(t *config.TLS) door.CertificateOptions {
	o := door.CertificateOptions{
		CertFile: string(t.CertFile), KeyFile: string(t.KeyFile),
		ClientCAFile: string(t.ClientCAFile), ClientsOptional: t.ClientAuth == "optional", Log: e.log,
	}
	if a := t.ACME; a != nil {
		o.ACME = &door.ACME{Domains: a.Domains, Email: a.Email, Directory: a.Directory, CAFile: string(a.CAFile), Cache: string(a.Cache)}
	}
	return o
}

func limits(l config.Limits) door.Limits {
	return door.Limits{
		Header: int(l.Header), HeaderLines: l.HeaderLines, Bodies: int64(l.Bodies),
		Requests: int64(l.Requests), Connections: int64(l.Connections), Clients: l.Clients, Streams: l.Streams,
		HeaderTimeout: l.HeaderTimeout.Std(), ReadTimeout: l.ReadTimeout.Std(),
		WriteTimeout: l.WriteTimeout.Std(), IdleTimeout: l.IdleTimeout.Std(),
	}
}

// store is the bus as the door sees it.
type store struct {
	bus *bus.Bus
	// full is whether the last event found no room. Every event still tries: that is how it shows when there is room again.
	full atomic.Bool
	open atomic.Int64 // the events whose senders wait
	many atomic.Int64 // when many did last, Unix nanoseconds
	done atomic.Uint64
}

const (
	// busyFrom is how many senders that wait are many.
	busyFrom = 16
	// busyTime is how long the door is busy after many were waiting: they are
	// answered together, and come again together.
	busyTime = 50 * time.Millisecond
)

// Busy is part of [stage.Door].
func (s *store) Busy() bool {
	return time.Since(time.Unix(0, s.many.Load())) < busyTime
}

// Stored is part of [stage.Door].
func (s *store) Stored() uint64 { return s.done.Load() }

func (s *store) Append(_ context.Context, ev *event.Event, generation uint64) (door.Stored, error) {
	return s.wait(s.bus.Append(ev, generation))
}

// maxTogether is how many events of a request are on their way at once: a part
// of what the bus lets be, so that one request does not shut the door to others.
const maxTogether = 1000

func (s *store) AppendAll(_ context.Context, events []*event.Event, generation uint64) ([]door.Stored, error) {
	all := make([]door.Stored, 0, len(events))
	for together := range slices.Chunk(events, maxTogether) {
		pending := make([]*bus.Pending, len(together))
		for i, ev := range together {
			pending[i] = s.bus.Append(ev, generation)
		}
		for _, p := range pending {
			stored, err := s.wait(p)
			if err != nil {
				return nil, err
			}
			all = append(all, stored)
		}
	}
	return all, nil
}

// wait needs no context: it ends by itself.
func (s *store) wait(p *bus.Pending) (door.Stored, error) {
	if s.open.Add(1) >= busyFrom {
		s.many.Store(time.Now().UnixNano())
	}
	defer s.open.Add(-1)
	ack, err := p.Wait(context.Background())
	switch {
	case err == nil:
		s.done.Add(1)
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

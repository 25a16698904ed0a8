package bus

import (
	"context"
	"strings"
	"time"
)

// Stats are how full the store is.
type Stats struct {
	Streams []StreamStats
	// Waiting is how many deliveries stand in the queue of each sink, those
	// being attempted included.
	Waiting map[string]uint64
}

// StreamStats are how full a stream is.
type StreamStats struct {
	Name     string // events, work, dead, held, state or control
	Messages uint64
	Bytes    uint64
	MaxBytes uint64    // 0: no limit
	First    time.Time // when the oldest message was stored; zero when there is none
}

// FreeDisk is how many bytes the file system of the store has free; false where the store is a cluster.
func (b *Bus) FreeDisk() (free uint64, ok bool) {
	if b.options.URL != "" {
		return 0, false
	}
	free, _, err := b.space(b.options.Dir)
	return free, err == nil
}

// Stats asks the server how full the streams are.
func (b *Bus) Stats(ctx context.Context) (Stats, error) {
	var all Stats
	n := b.names
	for _, name := range []string{n.events(), n.work(), n.dead(), n.held(), n.state(), n.control()} {
		info, err := b.state(ctx, name)
		if err != nil {
			return Stats{}, err
		}
		s := StreamStats{
			Name: strings.TrimPrefix(name, n.prefix+"_"), Messages: info.State.Msgs, Bytes: info.State.Bytes,
			MaxBytes: uint64(max(info.Config.MaxBytes, 0)),
		}
		if s.Messages > 0 {
			s.First = info.State.FirstTime.UTC()
		}
		all.Streams = append(all.Streams, s)
	}
	subjects, err := b.subjects(ctx, n.work(), n.prefix+".>")
	if err != nil {
		return Stats{}, err
	}
	all.Waiting = make(map[string]uint64)
	for subject, count := range subjects {
		// <prefix>.work.<sink>.…, or lane
		if tokens := strings.SplitN(subject, ".", 4); len(tokens) == 4 {
			all.Waiting[tokens[2]] += count
		}
	}
	return all, nil
}

package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/trotline/trotline/admin"
	"github.com/trotline/trotline/engine"
)

// statusCommand shows how a running engine is.
type statusCommand struct {
	engineFlags
}

// Run prints what the engine says of itself.
func (c *statusCommand) Run(ctx context.Context, t *terminal) error {
	engine, err := newClient(t, c.engineFlags)
	if err != nil {
		return err
	}
	var s admin.Status
	if err := engine.get(ctx, "/api/status", nil, &s); err != nil {
		return err
	}
	if t.JSON {
		err = t.printJSON(s)
	} else {
		t.showStatus(&s)
	}
	if err == nil && !s.Ready {
		return fail(exitNo, "the engine takes no events: %s", s.Reason)
	}
	return err
}

func (t *terminal) showStatus(s *admin.Status) {
	now := time.Now()
	p := pairs{t: t}
	p.add("trotline", s.Version+", started "+when(s.Started, now))
	p.add("generation", generationOf(s, now))
	p.add("webhooks", s.Listen)
	p.add("store", storeOf(s))
	p.add("dead letters", lettersOf(s.Dead))
	p.write()
	for _, problem := range s.LastEdit.Errors {
		fmt.Fprintln(t.out, paint(t.colorOut, red, "  "+plain(problem)))
	}

	pipelines := &table{head: []string{"PIPELINE", "WAITING", "IN HAND", "HELD", "OLDEST"}}
	for _, st := range s.Pipelines {
		pipelines.add(st.Name, count(st.Backlog), count(st.InHand), count(st.Held), ageOf(st.OldestIn))
	}
	sinks := &table{head: []string{"SINK", "TYPE", "WAITING", "IN HAND", "IN FLIGHT", "OLDEST", "BREAKER"}}
	for _, st := range s.Sinks {
		sinks.add(st.Name, st.Kind, count(st.Backlog), count(st.InHand), count(st.InFlight), ageOf(st.OldestIn), orDash(st.Breaker))
	}
	streams := &table{head: []string{"STREAM", "MESSAGES", "SIZE"}}
	for _, st := range s.Streams {
		streams.add(st.Name, count(st.Messages), sizeOf(st))
	}
	for _, tab := range []*table{pipelines, sinks, streams} {
		if len(tab.rows) > 0 {
			fmt.Fprintln(t.out)
			tab.write(t.out, t.width(), t.colorOut)
		}
	}
}

func count(n uint64) string { return strconv.FormatUint(n, 10) }

// generationOf is the rules in force, and whether the last edit made them.
func generationOf(s *admin.Status, now time.Time) string {
	at := when(s.LastEdit.Time, now)
	if s.LastEdit.Result == engine.Refused {
		return fmt.Sprintf("%d; the edit of %s was refused", s.Generation, at)
	}
	return fmt.Sprintf("%d, in force since %s", s.Generation, at)
}

func storeOf(s *admin.Status) string {
	if s.DiskFree == nil {
		return s.Data
	}
	return fmt.Sprintf("%s, %s of the disk are free", s.Data, bytesOf(*s.DiskFree))
}

func lettersOf(n uint64) string {
	if n == 0 {
		return "none"
	}
	return count(n) + "; see them: trotline dead list"
}

// sizeOf is how much of its share of the store a stream takes.
func sizeOf(s admin.StreamState) string {
	if s.MaxBytes == 0 {
		return bytesOf(s.Bytes)
	}
	return fmt.Sprintf("%s of %s (%d%%)", bytesOf(s.Bytes), bytesOf(s.MaxBytes), 100*s.Bytes/s.MaxBytes)
}

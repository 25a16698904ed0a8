package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/google/uuid"

	"github.com/trotline/trotline/admin"
)

// eventFilter chooses stored events.
type eventFilter struct {
	Source string `placeholder:"NAME" help:"Of this source alone."`
	Type   string `placeholder:"TYPE" help:"Of this type alone."`
	ID     string `name:"id" placeholder:"ID" help:"With this id alone."`
	Since  string `placeholder:"TIME" help:"From this time: 2026-02-01T10:00:00Z, or how long ago (15m, 7d)."`
	Until  string `placeholder:"TIME" help:"Before this time."`
	Where  string `placeholder:"EXPR" help:"That make this expression true: 'body.amount > 100'."`
}

func (f eventFilter) query() []string {
	return []string{"source", f.Source, "type", f.Type, "id", f.ID, "since", f.Since, "until", f.Until, "where", f.Where}
}

type eventsReplay struct {
	engineFlags
	eventFilter
	All      bool   `help:"All stored events, where no filter is given."`
	Pipeline string `placeholder:"NAME" help:"Through this pipeline's steps and routes."`
	Sink     string `placeholder:"NAME" help:"To this sink, as they were received."`
	Rate     string `placeholder:"RATE" help:"No faster than this: 50/s, 1000/m."`
	Limit    int    `placeholder:"N" help:"At most so many, the oldest first."`
	DryRun   bool   `name:"dry-run" help:"Only say what would be done."`
	After    uint64 `placeholder:"N" help:"Go on behind this event: a replay that was cut short says which."`
	Name     string `placeholder:"NAME" help:"The name of the replay that goes on; the deliveries' ids are made of it."`
}

// Validate is called by kong.
func (c *eventsReplay) Validate() error {
	switch {
	case (c.Pipeline == "") == (c.Sink == ""):
		return fmt.Errorf("say where the events are to go: --pipeline or --sink")
	case c.eventFilter == eventFilter{} && !c.All && c.After == 0:
		return fmt.Errorf("say which: a filter (--since, --source, --type, --id, --where), or --all")
	}
	return nil
}

// Run replays stored events.
func (c *eventsReplay) Run(ctx context.Context, t *terminal) error {
	engine, err := newClient(t, c.engineFlags)
	if err != nil {
		return err
	}
	if c.Name == "" { // known here, so that it can be said whatever happens
		name, err := uuid.NewV7()
		if err != nil {
			return err
		}
		c.Name = name.String()
	}
	query := queryOf(append(c.query(), "pipeline", c.Pipeline, "sink", c.Sink, "rate", c.Rate, "name", c.Name)...)
	if c.Limit > 0 {
		query.Set("limit", strconv.Itoa(c.Limit))
	}
	if c.After > 0 {
		query.Set("after", strconv.FormatUint(c.After, 10))
	}
	if c.DryRun {
		query.Set("dry_run", "true")
	}
	done, err := t.follow(ctx, engine, "/api/events/replay", query, "replayed", c.goOn)
	if err != nil {
		return err
	}
	return t.tellDone(done, "event", "replayed")
}

// goOn says how the rest is replayed, so that what was on its way comes under the same ids.
func (c *eventsReplay) goOn(done admin.Done) string {
	behind := max(c.After, done.At)
	return fmt.Sprintf("Go on with the same command and --after %d --name %s", behind, c.Name)
}

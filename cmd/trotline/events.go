package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/trotline/trotline/admin"
)

// eventsCommand looks at stored events and replays them.
type eventsCommand struct {
	List   eventsList   `cmd:"" help:"List stored events, the newest first."`
	Show   eventsShow   `cmd:"" help:"Show one event with its body and its request."`
	Tail   eventsTail   `cmd:"" help:"Show events as they are accepted, until Ctrl-C."`
	Replay eventsReplay `cmd:"" help:"Send stored events on their way again."`
}

type eventsList struct {
	engineFlags
	eventFilter
	Limit  int    `placeholder:"N" default:"50" help:"At most so many (${default})."`
	Before uint64 `placeholder:"N" help:"The next page: older than this, as the last line of the list says."`
}

// Run prints a table.
func (c *eventsList) Run(ctx context.Context, t *terminal) error {
	engine, err := newClient(t, c.engineFlags)
	if err != nil {
		return err
	}
	var list admin.Events
	query := queryOf(append(c.query(), "limit", strconv.Itoa(c.Limit))...)
	if c.Before > 0 {
		query.Set("before", strconv.FormatUint(c.Before, 10))
	}
	if err := engine.getSlowly(ctx, "/api/events", query, &list); err != nil {
		return err
	}
	if t.JSON {
		return t.printJSON(list)
	}
	t.tellUnjudged(list.Unjudged)
	if len(list.Events) == 0 {
		fmt.Fprintln(t.out, "no events")
		return nil
	}
	rows := table{head: []string{"SEQUENCE", "TIME", "SOURCE", "TYPE", "SIZE", "ID"}}
	for _, e := range list.Events {
		rows.add(strconv.FormatUint(e.Sequence, 10), when(e.Time, time.Now()), e.Source, orDash(e.Type), bytesOf(e.Size), e.ID)
	}
	rows.write(t.out, t.width(), t.colorOut)
	t.tellNext(list.Next)
	return nil
}

type eventsShow struct {
	engineFlags
	Event string `arg:"" help:"The event's sequence or id."`
}

// Run prints everything that is kept of an event.
func (c *eventsShow) Run(ctx context.Context, t *terminal) error {
	engine, err := newClient(t, c.engineFlags)
	if err != nil {
		return err
	}
	var e admin.EventDetail
	if err := engine.get(ctx, "/api/events/"+url.PathEscape(c.Event), nil, &e); err != nil {
		return err
	}
	if t.JSON {
		return t.printJSON(e)
	}
	p := pairs{t: t}
	p.add("sequence", strconv.FormatUint(e.Sequence, 10))
	p.addEvent(e.Event)
	p.addRequest(e.Request)
	p.write()
	p.writeBody("body", e.Payload)
	return nil
}

type eventsTail struct {
	engineFlags
	Source string `help:"Of this source alone."`
}

// Run prints a line for each event until it is interrupted.
func (c *eventsTail) Run(ctx context.Context, t *terminal) error {
	engine, err := newClient(t, c.engineFlags)
	if err != nil {
		return err
	}
	body, err := engine.open(ctx, http.MethodGet, "/api/events/tail", queryOf("source", c.Source))
	if err != nil {
		return err
	}
	defer body.Close()
	lines := json.NewDecoder(body)
	for {
		var line json.RawMessage
		err := lines.Decode(&line)
		if ctx.Err() != nil {
			return nil // as the user wished
		}
		if errors.Is(err, io.EOF) {
			return fail(exitUnreachable, "the engine has stopped")
		}
		if err != nil {
			return fail(exitUnreachable, "the connection to the engine ended: %w", err)
		}
		if err := t.tailLine(line); err != nil {
			return err
		}
	}
}

func (t *terminal) tailLine(line json.RawMessage) error {
	if t.JSON {
		_, err := fmt.Fprintf(t.out, "%s\n", line)
		return err
	}
	var e admin.EventDetail
	if err := json.Unmarshal(line, &e); err != nil {
		return err
	}
	_, err := fmt.Fprintf(t.out, "%s  %s  %s  %s  %s\n", paint(t.colorOut, dim, when(e.Time, time.Now())),
		paint(t.colorOut, cyan, e.Source), plain(orDash(e.Type)), plain(e.ID), cut(plain(bodyText(e.Payload)), 200))
	return err
}

package main

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/trotline/trotline/admin"
)

// deadCommand looks at dead letters and does something about them.
type deadCommand struct {
	List   deadList   `cmd:"" help:"List dead letters, the newest first."`
	Show   deadShow   `cmd:"" help:"Show all that is known of a dead letter."`
	Edit   deadEdit   `cmd:"" help:"Change the body of a dead letter; the first one is kept."`
	Replay deadReplay `cmd:"" help:"Send dead letters on their way again."`
	Drop   deadDrop   `cmd:"" help:"Remove dead letters for good."`
	Export deadExport `cmd:"" help:"Write dead letters as lines of JSON."`
}

// deadFilter chooses dead letters.
type deadFilter struct {
	Pipeline string `placeholder:"NAME" help:"Of this pipeline alone."`
	Sink     string `placeholder:"NAME" help:"That stopped at this sink."`
	Step     string `placeholder:"NAME" help:"That failed at this step."`
	Reason   string `placeholder:"REASON" help:"With this reason alone, as the list shows it: refused, exhausted, expression, …"`
	Class    string `placeholder:"CLASS" help:"Whose fault it was: receiver or own."`
	Source   string `placeholder:"NAME" help:"Of this source's events alone."`
	ID       string `name:"id" placeholder:"ID" help:"Of the event with this id."`
	Since    string `placeholder:"TIME" help:"From this time: 2026-02-01T10:00:00Z, or how long ago (15m, 7d)."`
	Until    string `placeholder:"TIME" help:"Before this time."`
	Where    string `placeholder:"EXPR" help:"Whose event makes this expression true: 'body.amount > 100'."`
}

func (f deadFilter) query() url.Values {
	return queryOf("pipeline", f.Pipeline, "sink", f.Sink, "step", f.Step, "reason", f.Reason, "class", f.Class,
		"source", f.Source, "id", f.ID, "since", f.Since, "until", f.Until, "where", f.Where)
}

// refusedFlag looks at refused requests instead of dead letters.
type refusedFlag struct {
	Refused bool `help:"Requests that sources with keep_refused have refused, instead of dead letters."`
}

func (f refusedFlag) noun() string {
	if f.Refused {
		return "refused request"
	}
	return "dead letter"
}

// addTo asks for refused requests, if they are meant.
func (f refusedFlag) addTo(q url.Values) url.Values {
	if f.Refused {
		q.Set("refused", "true")
	}
	return q
}

type deadList struct {
	engineFlags
	refusedFlag
	deadFilter
	Limit  int    `placeholder:"N" default:"50" help:"At most so many (${default})."`
	Before uint64 `placeholder:"N" help:"The next page: older than this, as the last line of the list says."`
}

// Run prints a table.
func (c *deadList) Run(ctx context.Context, t *terminal) error {
	engine, err := newClient(t, c.engineFlags)
	if err != nil {
		return err
	}
	query := c.addTo(c.query())
	query.Set("limit", strconv.Itoa(c.Limit))
	if c.Before > 0 {
		query.Set("before", strconv.FormatUint(c.Before, 10))
	}
	var list admin.DeadLetters
	if err := engine.getSlowly(ctx, "/api/dead", query, &list); err != nil {
		return err
	}
	if t.JSON {
		return t.printJSON(list)
	}
	t.tellUnjudged(list.Unjudged)
	if len(list.Letters) == 0 {
		fmt.Fprintln(t.out, c.none())
		return nil
	}
	rows := table{head: []string{"NUMBER", "TIME", "PIPELINE/ROUTE", "AT", "REASON", "EVENT", "ERROR"}}
	if c.Refused {
		rows.head[2], rows.head[3] = "SOURCE", "STATUS"
	}
	for _, d := range list.Letters {
		rows.add(strconv.FormatUint(d.Sequence, 10), when(d.Time, time.Now()), placeOf(&d), orDash(d.At()), d.Reason, d.Event.ID, d.Error)
	}
	if c.Refused {
		for i, d := range list.Letters {
			rows.rows[i][2], rows.rows[i][3] = d.Event.Source, strconv.Itoa(d.Status)
		}
	}
	rows.write(t.out, t.width(), t.colorOut)
	t.tellNext(list.Next)
	return nil
}

// none says that the list is empty, and whether that is because of the filter.
func (c *deadList) none() string {
	text := "no " + c.noun() + "s"
	if c.deadFilter != (deadFilter{}) || c.Before > 0 {
		text += " that fit"
	}
	return text
}

// placeOf is where on its pipeline a letter died.
func placeOf(d *admin.DeadLetter) string {
	if d.Route == "" {
		return orDash(d.Pipeline)
	}
	return orDash(d.Pipeline) + "/" + d.Route
}

// tellNext says how to see the next page.
func (t *terminal) tellNext(next uint64) {
	if next > 0 {
		fmt.Fprintln(t.out, paint(t.colorOut, dim, fmt.Sprintf("there may be more: --before %d", next)))
	}
}

// tellUnjudged says on how many entries the expression failed.
func (t *terminal) tellUnjudged(u admin.Unjudged) {
	if u.Count > 0 {
		t.complain(fmt.Errorf("--where failed on %d and leaves them out: %s", u.Count, u.Error))
	}
}

type deadShow struct {
	engineFlags
	refusedFlag
	Number uint64 `arg:"" help:"The dead letter's number."`
}

// Run prints where and why it died, and what can be done.
func (c *deadShow) Run(ctx context.Context, t *terminal) error {
	engine, err := newClient(t, c.engineFlags)
	if err != nil {
		return err
	}
	var d admin.DeadDetail
	if err := engine.get(ctx, letterPath(c.Number), c.addTo(url.Values{}), &d); err != nil {
		return err
	}
	if t.JSON {
		return t.printJSON(d)
	}
	t.showDead(&d)
	return nil
}

func letterPath(number uint64) string { return "/api/dead/" + strconv.FormatUint(number, 10) }

package main

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/trotline/trotline/admin"
	"github.com/trotline/trotline/engine/stage"
)

// deadCommand looks at dead letters and does something about them.
type deadCommand struct {
	List   deadList   `cmd:"" help:"List dead letters, the newest first."`
	Show   deadShow   `cmd:"" help:"Show all that is known of a dead letter."`
	Replay deadReplay `cmd:"" help:"Send dead letters on their way again."`
	Drop   deadDrop   `cmd:"" help:"Remove dead letters for good."`
}

// deadFilter chooses dead letters.
type deadFilter struct {
	Pipeline string `help:"Of this pipeline alone."`
	Sink     string `help:"Of this sink alone."`
	Reason   string `help:"With this reason alone: refused, exhausted, expression, …"`
	Since    string `placeholder:"TIME" help:"From this time: 2026-02-01T10:00:00Z, or how long ago (15m, 7d)."`
}

func (f deadFilter) query() url.Values {
	return queryOf("pipeline", f.Pipeline, "sink", f.Sink, "reason", f.Reason, "since", f.Since)
}

type deadList struct {
	engineFlags
	deadFilter
	Limit int `default:"50" help:"At most so many."`
}

// Run prints a table.
func (c *deadList) Run(ctx context.Context, t *terminal) error {
	engine, err := newClient(t, c.engineFlags)
	if err != nil {
		return err
	}
	query := c.query()
	query.Set("limit", strconv.Itoa(c.Limit))
	var list admin.DeadLetters
	if err := engine.get(ctx, "/api/dead", query, &list); err != nil {
		return err
	}
	if t.JSON {
		return t.printJSON(list)
	}
	if len(list.Letters) == 0 {
		fmt.Fprintln(t.out, "no dead letters")
		return nil
	}
	rows := table{head: []string{"NUMBER", "TIME", "PIPELINE/ROUTE", "AT", "REASON", "EVENT", "ERROR"}}
	for _, d := range list.Letters {
		place := d.Pipeline
		if d.Route != "" {
			place += "/" + d.Route
		}
		rows.add(strconv.FormatUint(d.Sequence, 10), when(d.Time, time.Now()), place, orDash(d.At()), d.Reason, d.Event.ID, d.Error)
	}
	rows.write(t.out, t.width(), t.colorOut)
	return nil
}

type deadShow struct {
	engineFlags
	Number uint64 `arg:"" help:"The dead letter's number."`
}

// Run prints where and why it died, and what can be done.
func (c *deadShow) Run(ctx context.Context, t *terminal) error {
	engine, err := newClient(t, c.engineFlags)
	if err != nil {
		return err
	}
	var d admin.DeadDetail
	if err := engine.get(ctx, "/api/dead/"+strconv.FormatUint(c.Number, 10), nil, &d); err != nil {
		return err
	}
	if t.JSON {
		return t.printJSON(d)
	}
	t.showDead(&d)
	return nil
}

func (t *terminal) showDead(d *admin.DeadDetail) {
	p := pairs{t: t}
	p.add("number", strconv.FormatUint(d.Sequence, 10))
	p.addTime("died", d.Time)
	p.add("pipeline", d.Pipeline)
	p.add("route", d.Route)
	p.add("sink", d.Sink)
	p.add("step", d.Step)
	p.add("reason", d.Reason+" ("+sides[d.Class]+")")
	p.add("error", d.Error)
	p.add("expression", d.Expression)
	p.add("value", d.Value)
	p.addNumber("status", d.Status)
	p.add("answer", d.Answer)
	p.addNumber("attempts", d.Attempts)
	p.addAttempts(d)
	p.add("delivery", d.DeliveryID)
	p.add("generation", strconv.FormatUint(d.Generation, 10))
	p.addEvent(d.Event)
	p.addRequest(d.Request)
	for _, sink := range slices.Sorted(maps.Keys(d.Results)) {
		p.add("delivered to", sink)
	}
	p.write()
	p.writeBody("body as it stood", d.Payload)
	if d.Original != nil {
		p.writeBody("body as it was received", *d.Original)
	}
	fmt.Fprintf(t.out, "\n%s\n", whatNext(d))
}

// sides says in words what a class of reasons means.
var sides = map[string]string{
	stage.ClassReceiver: "the receiver's side",
	stage.ClassOwn:      "our side",
}

// addAttempts shows each attempt that is known, or when the first and the last was.
func (p *pairs) addAttempts(d *admin.DeadDetail) {
	if len(d.History) == 0 && d.Attempts > 0 {
		p.addTime("first attempt", d.FirstAttempt)
		p.addTime("last attempt", d.LastAttempt)
	}
	for _, h := range d.History {
		text := h.Time.Local().Format(moment)
		if h.Status != 0 {
			text += "  " + strconv.Itoa(h.Status)
		}
		p.add("  "+strconv.Itoa(h.Number), text+"  "+cut(plain(h.Error), 200))
	}
}

// whatNext says what can be done about a dead letter.
func whatNext(d *admin.DeadDetail) string {
	n := d.Sequence
	drop := fmt.Sprintf("\nOr remove it for good: trotline dead drop %d", n)
	if d.Reason == "removed" {
		return fmt.Sprintf("The sink is gone. Send it to another one: trotline dead replay %d --to SINK", n) + drop
	}
	if d.Sink == "" {
		return fmt.Sprintf("Mend the pipeline, then run it through again: trotline dead replay %d", n) + drop
	}
	return fmt.Sprintf("When the cause is mended, go on where it stopped: trotline dead replay %d\n"+
		"Or send it elsewhere: trotline dead replay %d --to SINK", n, n) + drop
}

// deadChoice names dead letters: by their numbers, or by --all and a filter.
type deadChoice struct {
	Numbers []uint64 `arg:"" optional:"" name:"number" help:"The dead letters' numbers."`
	All     bool     `help:"All of them, or all that the filter leaves."`
	deadFilter
}

// Validate is called by kong: neither nothing nor both.
func (c *deadChoice) Validate() error {
	filtered := c.deadFilter != deadFilter{}
	switch {
	case len(c.Numbers) == 0 && !c.All:
		return fmt.Errorf("say which: numbers, or --all (with --pipeline, --sink, --reason or --since)")
	case len(c.Numbers) > 0 && (c.All || filtered):
		return fmt.Errorf("say either numbers, or --all with a filter")
	}
	return nil
}

type deadReplay struct {
	engineFlags
	deadChoice
	To string `placeholder:"SINK" help:"Deliver to this sink instead."`
}

// Run replays, and ends with 1 if a letter stays.
func (c *deadReplay) Run(ctx context.Context, t *terminal) error {
	return c.carryOut(ctx, t, c.engineFlags, action{
		word: "replayed", method: http.MethodPost, suffix: "/replay", many: "/api/dead/replay", query: queryOf("to", c.To),
	})
}

type deadDrop struct {
	engineFlags
	deadChoice
}

// Run drops, and ends with 1 if a letter stays.
func (c *deadDrop) Run(ctx context.Context, t *terminal) error {
	return c.carryOut(ctx, t, c.engineFlags, action{
		word: "dropped", method: http.MethodDelete, many: "/api/dead/drop", query: url.Values{},
	})
}

// action is what is done to dead letters.
type action struct {
	word           string // replayed
	method, suffix string // for one letter
	many           string // the path for all that a filter leaves
	query          url.Values
}

func (c *deadChoice) carryOut(ctx context.Context, t *terminal, f engineFlags, a action) error {
	engine, err := newClient(t, f)
	if err != nil {
		return err
	}
	var done admin.Done
	if c.All {
		query := c.query()
		query.Set("all", "true")
		maps.Copy(query, a.query)
		err = engine.ask(ctx, http.MethodPost, a.many, query, &done)
	} else {
		done, err = c.oneByOne(ctx, engine, a)
	}
	if err != nil {
		return err
	}
	return t.tellDone(done, a.word)
}

// oneByOne goes through the numbers; a letter that stays does not keep the others from being done.
func (c *deadChoice) oneByOne(ctx context.Context, engine *client, a action) (admin.Done, error) {
	var done admin.Done
	for _, n := range c.Numbers {
		err := engine.ask(ctx, a.method, "/api/dead/"+strconv.FormatUint(n, 10)+a.suffix, a.query, new(admin.Done))
		switch {
		case err == nil:
			done.Done++
		case isNo(err):
			done.Failed = append(done.Failed, admin.DeadFailed{Sequence: n, Error: err.Error()})
		default:
			return done, err
		}
	}
	return done, nil
}

func (t *terminal) tellDone(done admin.Done, word string) error {
	if t.JSON {
		if err := t.printJSON(done); err != nil {
			return err
		}
	} else {
		for _, f := range done.Failed {
			t.complain(fmt.Errorf("%d stays: %s", f.Sequence, f.Error))
		}
		fmt.Fprintf(t.out, "%s %s\n", counted(done.Done, "dead letter"), word)
	}
	if len(done.Failed) > 0 {
		return errTold
	}
	return nil
}

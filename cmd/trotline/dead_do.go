package main

import (
	"bufio"
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/trotline/trotline/admin"
	"github.com/trotline/trotline/engine"
)

// deadChoice names dead letters: by their numbers, or by a filter, or all of them.
type deadChoice struct {
	Numbers []uint64 `arg:"" optional:"" name:"number" help:"The dead letters' numbers."`
	All     bool     `help:"All of them, or all that the filter leaves."`
	Limit   int      `placeholder:"N" help:"Of those, at most so many, the oldest first."`
	DryRun  bool     `name:"dry-run" help:"Only say what would be done."`
	deadFilter
}

// Validate is called by kong: neither nothing nor both.
func (c *deadChoice) Validate() error {
	filtered := c.deadFilter != deadFilter{}
	switch {
	case len(c.Numbers) == 0 && !c.All && !filtered:
		return fmt.Errorf("say which: numbers, a filter (--pipeline, --sink, --reason, --since, --where, …), or --all")
	case len(c.Numbers) > 0 && (c.All || filtered || c.Limit > 0):
		return fmt.Errorf("say either numbers, or --all with a filter")
	}
	return nil
}

type deadReplay struct {
	engineFlags
	deadChoice
	To   string `placeholder:"SINK" help:"Deliver to this sink instead."`
	Rate string `placeholder:"RATE" help:"No faster than this: 50/s, 1000/m."`
}

// Run replays, and ends with 1 if a letter stays.
func (c *deadReplay) Run(ctx context.Context, t *terminal) error {
	return c.carryOut(ctx, t, c.engineFlags, action{
		noun: "dead letter", word: "replayed", method: http.MethodPost, suffix: "/replay", many: "/api/dead/replay",
		query: queryOf("to", c.To), manyQuery: queryOf("rate", c.Rate),
	})
}

type deadDrop struct {
	engineFlags
	refusedFlag
	deadChoice
	Yes bool `short:"y" help:"Do not ask."`
}

// Run drops, and ends with 1 if a letter stays. What a filter chooses is counted
// and asked for first.
func (c *deadDrop) Run(ctx context.Context, t *terminal) error {
	a := action{noun: c.noun(), word: "dropped", method: http.MethodDelete, many: "/api/dead/drop", query: c.addTo(url.Values{})}
	if len(c.Numbers) > 0 && c.DryRun {
		return fail(exitUsage, "--dry-run goes with a filter; dead show tells what a number is")
	}
	if len(c.Numbers) == 0 && !c.Yes && !c.DryRun {
		if err := c.confirm(ctx, t, a); err != nil {
			return err
		}
	}
	return c.carryOut(ctx, t, c.engineFlags, a)
}

// confirm counts what would be dropped and asks whether that is meant.
func (c *deadDrop) confirm(ctx context.Context, t *terminal, a action) error {
	if !isTerminal(t.in) {
		return fail(exitUsage, "this removes %ss for good: say --yes, or --dry-run to see how many", a.noun)
	}
	counting := *c
	counting.DryRun = true
	engine, err := newClient(t, c.engineFlags)
	if err != nil {
		return err
	}
	done, err := counting.together(ctx, t, engine, a)
	if err != nil {
		return err
	}
	if done.Done == 0 {
		return fail(exitNo, "there are no %ss that fit", a.noun)
	}
	fmt.Fprintf(t.errOut, "%s would be removed for good. Type yes to go on: ", counted(done.Done, a.noun))
	line, _ := bufio.NewReader(t.in).ReadString('\n')
	if strings.TrimSpace(line) != "yes" {
		return fail(exitNo, "nothing was dropped")
	}
	return nil
}

// action is what is done to dead letters.
type action struct {
	noun, word     string // dead letter, replayed
	method, suffix string // for one letter
	many           string // the path for all that a filter leaves
	query          url.Values
	manyQuery      url.Values // beside query, for many
}

func (c *deadChoice) carryOut(ctx context.Context, t *terminal, f engineFlags, a action) error {
	engine, err := newClient(t, f)
	if err != nil {
		return err
	}
	var done admin.Done
	if len(c.Numbers) > 0 {
		done, err = c.oneByOne(ctx, engine, a)
	} else {
		done, err = c.together(ctx, t, engine, a)
	}
	if err != nil {
		return err
	}
	return t.tellDone(done, a.noun, a.word)
}

// together does it to all that the filter leaves.
func (c *deadChoice) together(ctx context.Context, t *terminal, engine *client, a action) (admin.Done, error) {
	query := c.query()
	if c.All {
		query.Set("all", "true")
	}
	if c.Limit > 0 {
		query.Set("limit", strconv.Itoa(c.Limit))
	}
	maps.Copy(query, a.query)
	maps.Copy(query, a.manyQuery)
	if c.DryRun {
		query.Set("dry_run", "true")
	}
	return t.follow(ctx, engine, a.many, query, a.word, again)
}

// oneByOne goes through the numbers; a letter that stays does not keep the others from being done.
func (c *deadChoice) oneByOne(ctx context.Context, engine *client, a action) (admin.Done, error) {
	all := admin.Done{Finished: true}
	all.DryRun = c.DryRun
	query := maps.Clone(a.query)
	if c.DryRun {
		query.Set("dry_run", "true")
	}
	for _, n := range c.Numbers {
		var one admin.Done
		err := engine.ask(ctx, a.method, letterPath(n)+a.suffix, query, &one)
		switch {
		case err == nil:
			addTally(&all.Tally, one.Tally)
		case isNo(err):
			all.Failed++
			all.Failures = append(all.Failures, failureOf(n, err))
		default:
			return all, err
		}
	}
	return all, nil
}

func addTally(sum *engine.Tally, t engine.Tally) {
	sum.Done += t.Done
	for sink, n := range t.To {
		if sum.To == nil {
			sum.To = make(map[string]int)
		}
		sum.To[sink] += n
	}
}

func failureOf(number uint64, err error) engine.Failure {
	text := strings.TrimPrefix(err.Error(), fmt.Sprintf("dead letter %d: ", number)) // which is told before it
	return engine.Failure{Sequence: number, Error: text}
}

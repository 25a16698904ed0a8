package main

import (
	"fmt"
	"log/slog"

	"github.com/trotline/trotline/admin"
	"github.com/trotline/trotline/engine"
	"github.com/trotline/trotline/engine/config"
)

// checkCommand reads a configuration and opens nothing.
type checkCommand struct {
	Files []string `arg:"" optional:"" name:"file" help:"Files, or folders of *.yaml (${defaultFile})."`
}

// checked is the answer of check for programs.
type checked struct {
	OK        bool                  `json:"ok"`
	Pipelines int                   `json:"pipelines"`
	Sources   int                   `json:"sources"`
	Sinks     int                   `json:"sinks"`
	Problems  []admin.ConfigProblem `json:"problems"`
}

// Run prints every problem.
func (c *checkCommand) Run(t *terminal) error {
	conf, problems := engine.Check(engineOptions(c.Files, slog.New(slog.DiscardHandler)))
	if t.JSON {
		if err := t.printJSON(newChecked(conf, problems)); err != nil {
			return err
		}
	} else if len(problems) > 0 {
		problems.Render(t.errOut, t.colorErr)
	}
	if conf == nil {
		return errTold
	}
	if !t.JSON {
		fmt.Fprintln(t.out, counted(len(conf.Pipelines), "pipeline")+", "+counted(len(conf.Sources), "source")+", "+
			counted(len(conf.Sinks), "sink")+": "+verdict(problems))
	}
	return nil
}

func newChecked(conf *config.Config, problems config.Problems) checked {
	c := checked{OK: conf != nil, Problems: admin.ConfigProblems(problems)}
	if conf != nil {
		c.Pipelines, c.Sources, c.Sinks = len(conf.Pipelines), len(conf.Sources), len(conf.Sinks)
	}
	return c
}

func verdict(problems config.Problems) string {
	if len(problems) == 0 {
		return "no problems"
	}
	return counted(len(problems), "warning")
}

// counted is a number of things: 1 sink, 2 sinks.
func counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return grouped(n) + " " + thing + "s"
}

package main

import (
	"log/slog"
	"os"

	"github.com/trotline/trotline/engine"
	"github.com/trotline/trotline/event"
	"github.com/trotline/trotline/sinks"
	"github.com/trotline/trotline/sources"
	"github.com/trotline/trotline/transforms"
	"github.com/trotline/trotline/transforms/expression"
)

// kinds are all the sorts of sources, steps and sinks of this build.
func kinds() event.Kinds {
	return event.Kinds{
		Sources:    sources.All(),
		Transforms: transforms.All(),
		Split:      transforms.Split,
		Schema:     transforms.Schema,
		Sinks:      sinks.All(),
		Language:   expression.New,
	}
}

func engineOptions(files []string, log *slog.Logger) engine.Options {
	if len(files) == 0 {
		files = []string{defaultFile}
	}
	return engine.Options{Paths: files, Kinds: kinds(), Env: os.LookupEnv, Log: log}
}

// Package sinks lists the kinds of sinks there are. A new one is a folder
// beside the others and a line here.
package sinks

import (
	"github.com/trotline/trotline/event"
	"github.com/trotline/trotline/sinks/file"
	httpsink "github.com/trotline/trotline/sinks/http"
	natssink "github.com/trotline/trotline/sinks/nats"
	"github.com/trotline/trotline/sinks/postgres"
	"github.com/trotline/trotline/sinks/sqlite"
	"github.com/trotline/trotline/sinks/stdout"
)

// All are the kinds of sinks, in the order of the manual.
func All() []event.SinkKind {
	return []event.SinkKind{
		stdout.Kind(),
		file.Kind(),
		sqlite.Kind(),
		postgres.Kind(),
		httpsink.Kind(),
		natssink.Kind(),
	}
}

// Package sources lists the kinds of sources.
package sources

import (
	"github.com/trotline/trotline/event"
	"github.com/trotline/trotline/sources/webhook"
)

// All is the whole catalogue. A new kind is a folder and a line here.
func All() []event.SourceKind {
	return []event.SourceKind{
		webhook.Kind(),
	}
}

package engine

import (
	"testing"

	"github.com/trotline/trotline/engine/stage"
	"github.com/trotline/trotline/event"
	"github.com/trotline/trotline/event/eventtest"
)

// A sink that an edit has removed has no row any more; one that starts will have.
func TestLookupWhereThereIsNoTable(t *testing.T) {
	x := &tables{book: newBook()}
	if _, err := x.lookup(t.Context(), "crm", nil); !event.IsPermanent(err) {
		t.Errorf("of a sink that is gone: %v", err)
	}
	target := &stage.Target{Sink: &eventtest.Recorder{}, Concurrency: 1}
	x.book.setSinks(map[string]*stage.Target{"crm": target})
	if _, err := x.lookup(t.Context(), "crm", nil); err == nil || event.IsPermanent(err) {
		t.Errorf("of a sink that starts: %v", err)
	}
	x.sinks.Store("crm", stage.NewSink(stage.Shared{}, "crm", nil, nil, target))
	if _, err := x.lookup(t.Context(), "crm", nil); !event.IsPermanent(err) {
		t.Errorf("of a sink without a table: %v", err)
	}
}

package engine

import (
	"context"
	"fmt"
	"sync"

	"github.com/trotline/trotline/engine/stage"
	"github.com/trotline/trotline/event"
)

// tables are the sinks that steps look rows up in: those that run. It has no
// part in the engine's lock, which is held while pipelines end.
type tables struct {
	book  *book    // nil before anything runs
	sinks sync.Map // *stage.Sink by name
}

// lookup is what steps are handed as [event.TransformOptions].Lookup.
func (t *tables) lookup(ctx context.Context, sink string, key []any) ([]byte, error) {
	if t.book.takes(sink) == stage.Removed {
		return nil, event.Permanentf("the sink %s is no longer in the configuration", sink)
	}
	s, ok := t.sinks.Load(sink)
	if !ok {
		return nil, fmt.Errorf("the sink %s has not started yet", sink)
	}
	return s.(*stage.Sink).Lookup(ctx, key)
}

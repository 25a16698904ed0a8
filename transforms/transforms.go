// Package transforms holds the steps of a pipeline, one file for each. Most are
// pure: an event handled twice gives the same result. Those that wait, ask or
// remember say so by an interface (see event/stateful.go), and the engine sees to
// it that they say the same of an event twice. None of them changes a value it
// was given; what changes is copied, along the path of the change only.
package transforms

import (
	"fmt"

	"github.com/trotline/trotline/event"
)

// All are the steps there are, in the order of the manual.
func All() []event.TransformKind {
	return []event.TransformKind{
		filterKind, mapKind, setKind, unsetKind, validateKind, splitKind,
		dedupeKind, delayKind, enrichKind, latestKind, windowKind, sampleKind, logKind,
	}
}

// nothingKnown is the shape after a step that makes any body at all.
func nothingKnown(*event.Shape, any) *event.Shape { return nil }

// decoded is the value of a body.
func decoded(b *event.Body) (any, error) {
	v, err := b.Value()
	if err != nil {
		return nil, failed(fmt.Errorf("the body cannot be decoded: %w", err))
	}
	return v, nil
}

// failed is the error of a step that no expression of it caused.
func failed(err error) error { return &event.StepError{Err: err} }

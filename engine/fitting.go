package engine

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/trotline/trotline/event"
)

// fitting is a source that takes only what fits its schema.
type fitting struct {
	event.Source
	schema event.Schema
}

// handshaking is one whose sender comes with handshakes too.
type handshaking struct {
	fitting
	event.Handshaker
}

func (k kinds) withSchema(source event.Source, file event.File) (event.Source, error) {
	schema, err := k.schema(file)
	if err != nil {
		return nil, err
	}
	f := fitting{source, schema}
	if h, ok := source.(event.Handshaker); ok {
		return handshaking{f, h}, nil
	}
	return f, nil
}

// Receive is part of [event.Source]. What is answered and not stored fits anyway.
func (f fitting) Receive(ctx context.Context, r *event.Request) (*event.Receipt, error) {
	receipt, err := f.Source.Receive(ctx, r)
	if err != nil || receipt.Event == nil || receipt.Unwanted != "" {
		return receipt, err
	}
	if err := f.check(receipt.Event); err != nil {
		return nil, err
	}
	for _, e := range receipt.More {
		if err := f.check(e); err != nil {
			return nil, err
		}
	}
	return receipt, nil
}

// maxMisfits is how many places a refusal names.
const maxMisfits = 10

func (f fitting) check(e *event.Event) error {
	misfits, err := f.schema.Check(e.Body)
	var unreadable *event.StepError
	switch {
	case errors.As(err, &unreadable):
		return event.Refuse(http.StatusBadRequest, "schema", "The body does not fit the schema: %s.", unreadable.Err)
	case err != nil:
		return fmt.Errorf("check the schema: %w", err)
	case len(misfits) == 0:
		return nil
	}
	detail := fmt.Sprintf("The body does not fit the schema: %s", misfits[0])
	if more := len(misfits) - 1; more > 0 {
		detail += fmt.Sprintf("; and %d more", more)
	}
	refusal := event.Refuse(http.StatusBadRequest, "schema", "%s.", detail)
	refusal.Misfits = misfits[:min(len(misfits), maxMisfits)]
	return refusal
}

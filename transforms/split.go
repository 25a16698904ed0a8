package transforms

import (
	"context"
	"fmt"
	"strconv"

	"github.com/trotline/trotline/event"
)

// maxElements is how many events one event may become. A body of 5 MiB can hold
// a list of millions, which as events would fill the memory.
const maxElements = 100_000

type splitSettings struct {
	List event.Expr `yaml:"list" short:"true" want:"list" required:"true" doc:"the list of which each element becomes an event of its own"`
}

var splitKind = event.TransformKind{
	Name:     "split",
	Doc:      "makes an event of each element of a list, with the ids <id>/0, <id>/1, …; an empty list makes none",
	Settings: func() any { return &splitSettings{} },
	Open: func(settings any, _ event.TransformOptions) (event.Transform, error) {
		return Split(event.SettingsOf[splitSettings](settings).List), nil
	},
	Shape: nothingKnown,
}

// Split is the step that makes an event of each element of a list.
func Split(list event.Expr) event.Transform { return splitter{list} }

type splitter struct{ list event.Expr }

func (s splitter) Apply(_ context.Context, e *event.Event) ([]*event.Event, error) {
	v, err := s.list.Eval(e, nil)
	if err != nil {
		return nil, err
	}
	list, ok := v.([]any)
	switch {
	case !ok:
		return nil, &event.StepError{Expression: s.list.Text(), Value: shown(v), Err: fmt.Errorf("it gives no list")}
	case len(list) > maxElements:
		return nil, &event.StepError{Expression: s.list.Text(), Err: fmt.Errorf("it gives a list of %d elements; an event is split into at most %d", len(list), maxElements)}
	}
	events := make([]*event.Event, len(list))
	for i, item := range list {
		place := strconv.Itoa(i)
		part := e.WithBody(event.BodyOf(item))
		part.ID = e.ID + "/" + place
		part.Element = place
		if e.Element != "" {
			part.Element = e.Element + "/" + place
		}
		events[i] = part
	}
	return events, nil
}

package transforms

import (
	"context"

	"github.com/trotline/trotline/event"
)

type filterSettings struct {
	Keep event.Expr `yaml:"keep" short:"true" want:"bool" required:"true" doc:"what must be true for the event to go on"`
}

var filterKind = event.TransformKind{
	Name:     "filter",
	Doc:      "keeps the events for which an expression is true; the others are dropped and counted",
	Settings: func() any { return &filterSettings{} },
	Open: func(settings any, _ event.TransformOptions) (event.Transform, error) {
		return filter{event.SettingsOf[filterSettings](settings).Keep}, nil
	},
}

type filter struct{ keep event.Expr }

func (f filter) Apply(_ context.Context, e *event.Event) ([]*event.Event, error) {
	v, err := f.keep.Eval(e, nil)
	if err != nil {
		return nil, err
	}
	if keep, _ := v.(bool); !keep {
		return nil, nil
	}
	return []*event.Event{e}, nil
}

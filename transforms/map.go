package transforms

import (
	"context"

	"github.com/trotline/trotline/event"
)

type mapSettings struct {
	Tree *event.Mapping `yaml:"tree" short:"all" required:"true" doc:"the new body: its fields, each an expression"`
}

var mapKind = event.TransformKind{
	Name:     "map",
	Doc:      "makes a new body of expressions",
	Settings: func() any { return &mapSettings{} },
	Open: func(settings any, _ event.TransformOptions) (event.Transform, error) {
		return mapper{event.SettingsOf[mapSettings](settings).Tree}, nil
	},
	Shape: func(_ *event.Shape, settings any) *event.Shape {
		return event.SettingsOf[mapSettings](settings).Tree.Shape()
	},
}

type mapper struct{ tree *event.Mapping }

func (m mapper) Apply(_ context.Context, e *event.Event) ([]*event.Event, error) {
	v, err := m.tree.Eval(e, nil)
	if err != nil {
		return nil, err
	}
	return []*event.Event{e.WithBody(event.BodyOf(v))}, nil
}

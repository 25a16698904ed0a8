package transforms

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/trotline/trotline/event"
)

type logSettings struct {
	Message event.Template `yaml:"message" short:"true" required:"true" doc:"the line to write; it may hold {{ expressions }}"`
	Level   string         `yaml:"level" enum:"debug,info,warn,error" doc:"how important the line is"`
}

var logKind = event.TransformKind{
	Name:     "log",
	Doc:      "writes a line to the log and passes the event on; of the body it shows only what the message names",
	Settings: func() any { return &logSettings{Level: "info"} },
	Open: func(settings any, o event.TransformOptions) (event.Transform, error) {
		s := event.SettingsOf[logSettings](settings)
		l := logger{message: s.Message, log: o.Log}
		if err := l.level.UnmarshalText([]byte(s.Level)); err != nil {
			return nil, fmt.Errorf("level: %w", err)
		}
		return l, nil
	},
}

type logger struct {
	message event.Template
	level   slog.Level
	log     *slog.Logger
}

func (l logger) Apply(ctx context.Context, e *event.Event) ([]*event.Event, error) {
	message, err := l.message.Render(e, nil)
	if err != nil {
		return nil, err
	}
	l.log.Log(ctx, l.level, message, "event", e.ID, "source", e.Source)
	return []*event.Event{e}, nil
}

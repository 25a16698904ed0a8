package transforms

import (
	"context"
	"errors"

	"github.com/trotline/trotline/event"
)

type enrichTable struct {
	Sink string       `yaml:"sink" required:"true" doc:"the sink whose table has the row; of type postgres or sqlite, with a key"`
	Key  []event.Expr `yaml:"key" required:"true" doc:"an expression for each column of the sink's key, in their order: body.customer_id"`
}

// ReadsTable implements [event.TableReader].
func (s *enrichSettings) ReadsTable() (sink string, values int) {
	if s.Table == nil {
		return "", 0
	}
	return s.Table.Sink, len(s.Table.Key)
}

// rows are the table of a sink.
type rows struct {
	settings *enrichTable
	lookup   func(ctx context.Context, sink string, key []any) ([]byte, error)
}

// name implements [endpoint].
func (r rows) name() string { return "table of the sink " + r.settings.Sink }

// question implements [endpoint].
func (r rows) question(e *event.Event) (question, error) {
	key := make([]any, len(r.settings.Key))
	for i, x := range r.settings.Key {
		v, err := x.Eval(e, nil)
		if err != nil {
			return question{}, err
		}
		if v == nil {
			return question{}, &event.StepError{Expression: x.Text(), Value: "null", Err: errors.New("it gives nil, which is the key of no row")}
		}
		key[i] = v
	}
	text, err := event.EncodeJSON(key)
	if err != nil {
		return question{}, failed(err)
	}
	return question{key: string(text), ask: func(ctx context.Context) ([]byte, error) {
		answer, err := r.lookup(ctx, r.settings.Sink, key)
		if err == nil && len(answer) > maxEnrichment {
			return nil, event.Permanentf("the row is larger than %s", event.Size(maxEnrichment))
		}
		return answer, err
	}}, nil
}

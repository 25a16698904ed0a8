package transforms

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/singleflight"

	"github.com/trotline/trotline/event"
)

type enrichSettings struct {
	HTTP   *enrichHTTP  `yaml:"http" doc:"the endpoint that is asked about an event"`
	Table  *enrichTable `yaml:"table" doc:"instead of http: the row of a sink's table"`
	Into   string       `yaml:"into" required:"true" doc:"the field of the body for the answer, such as customer, or order.customer"`
	Cache  *enrichCache `yaml:"cache" doc:"answers that are used again; none are when left out"`
	OnFail string       `yaml:"on_fail" enum:"dead,pass" doc:"what becomes of an event when no answer will ever come: a dead letter, or it goes on without one (dead)"`
}

type enrichCache struct {
	TTL  event.Duration `yaml:"ttl" required:"true" short:"true" min:"1s" max:"30d" doc:"how long an answer is used again: 5m"`
	Size int            `yaml:"size" min:"1" max:"10000000" doc:"how many answers are kept (10000)"`
}

const (
	defaultCacheSize = 10_000
	// maxEnrichment is how large an answer may be.
	maxEnrichment = 256 << 10
)

// Validate implements [event.Validator].
func (s *enrichSettings) Validate() []*event.FieldError {
	var problems []*event.FieldError
	problem := func(path, msg, hint string) {
		problems = append(problems, &event.FieldError{Path: path, Msg: msg, Hint: hint})
	}
	if rest, ok := strings.CutPrefix(s.Into, "body."); ok {
		problem("into", "a path starts inside the body", "write "+rest)
	} else if s.Into != "" && hasEmptyPart(s.Into) {
		problem("into", fmt.Sprintf("%q is no path: a name is missing", s.Into), "write names with dots between them: order.customer")
	}
	switch {
	case s.HTTP != nil && s.Table != nil:
		problem("table", "http and table cannot stand side by side", "make two steps of it")
	case s.HTTP == nil && s.Table == nil:
		problem("", "enrich asks nobody", "add http: https://…, or table: {sink: …, key: …}")
	}
	if s.HTTP != nil {
		s.HTTP.validate(problem)
	}
	return problems
}

var enrichKind = event.TransformKind{
	Name: "enrich",
	Doc:  "asks an HTTP endpoint or a sink's table about each event and puts the answer into its body; while nobody answers, events wait",
	Settings: func() any {
		return &enrichSettings{OnFail: "dead"}
	},
	Open: func(settings any, o event.TransformOptions) (event.Transform, error) {
		return newEnricher(event.SettingsOf[enrichSettings](settings), o), nil
	},
	Shape: func(before *event.Shape, settings any) *event.Shape {
		return shapeWith(before, into(event.SettingsOf[enrichSettings](settings).Into, nil))
	},
}

// enricher asks somebody.
type enricher struct {
	settings *enrichSettings
	endpoint endpoint
	cache    *answers            // nil: nothing is used again
	flights  *singleflight.Group // events that ask the same at once share a question
}

// endpoint is who is asked.
type endpoint interface {
	// question is what is asked about an event.
	question(e *event.Event) (question, error)
	// name is what dead letters call it.
	name() string
}

// question is one that is not asked yet.
type question struct {
	key string // equal for questions that have the same answer
	ask func(ctx context.Context) ([]byte, error)
}

func newEnricher(s *enrichSettings, o event.TransformOptions) enricher {
	x := enricher{settings: s, flights: &singleflight.Group{}}
	if s.Table != nil {
		x.endpoint = rows{settings: s.Table, lookup: o.Lookup}
	} else {
		x.endpoint = newAddress(s.HTTP)
	}
	if s.Cache != nil {
		size := s.Cache.Size
		if size == 0 {
			size = defaultCacheSize
		}
		x.cache = newAnswers(size, s.Cache.TTL.Std())
	}
	return x
}

// Apply asks once.
func (x enricher) Apply(ctx context.Context, e *event.Event) ([]*event.Event, error) {
	answer, err := x.Ask(ctx, e)
	if err != nil {
		return x.Unanswered(e, err)
	}
	return x.Answered(e, answer)
}

// Ask implements [event.Asker].
func (x enricher) Ask(ctx context.Context, e *event.Event) ([]byte, error) {
	q, err := x.endpoint.question(e)
	if err != nil {
		return nil, event.Permanent(err)
	}
	if x.cache != nil {
		if answer, ok := x.cache.get(q.key); ok {
			return answer, nil
		}
	}
	// Whoever comes later shares the question, so it must not end with the first one's patience.
	flight := x.flights.DoChan(q.key, func() (any, error) {
		answer, err := q.ask(context.WithoutCancel(ctx))
		if err == nil && x.cache != nil {
			x.cache.add(q.key, answer)
		}
		return answer, err
	})
	select {
	case r := <-flight:
		answer, _ := r.Val.([]byte)
		return answer, r.Err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Answered implements [event.Asker].
func (x enricher) Answered(e *event.Event, answer []byte) ([]*event.Event, error) {
	value, err := event.Decode(event.JSON, answer)
	if err != nil {
		return nil, failed(err)
	}
	body, err := decoded(e.Body)
	if err != nil {
		return nil, err
	}
	enriched, err := merge("the body", body, into(x.settings.Into, value), e)
	if err != nil {
		return nil, err
	}
	return []*event.Event{e.WithBody(event.BodyOf(enriched))}, nil
}

// into is the tree of one field at a path.
func into(path string, value any) []event.MappedField {
	tree := &event.Mapping{Value: value}
	names := strings.Split(path, ".")
	for _, name := range slices.Backward(names[1:]) {
		tree = &event.Mapping{Fields: []event.MappedField{{Name: name, Value: tree}}}
	}
	return []event.MappedField{{Name: names[0], Value: tree}}
}

// Unanswered implements [event.Asker].
func (x enricher) Unanswered(e *event.Event, reason error) ([]*event.Event, error) {
	if x.settings.OnFail == pass {
		return []*event.Event{e}, nil
	}
	var step *event.StepError
	if errors.As(reason, &step) {
		return nil, step
	}
	return nil, &event.StepError{Expression: x.endpoint.name(), Err: reason}
}

package transforms

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/trotline/trotline/event"
)

type validateSettings struct {
	Schema event.File `yaml:"schema" short:"true" required:"true" doc:"the file of a JSON Schema, draft 2020-12 unless its $schema says otherwise"`
	OnFail string     `yaml:"on_fail" enum:"dead,drop" doc:"what becomes of an event that does not fit: a dead letter, or dropped and counted"`
}

var validateKind = event.TransformKind{
	Name:     "validate",
	Doc:      "lets pass only the events whose body fits a JSON Schema",
	Settings: func() any { return &validateSettings{OnFail: "dead"} },
	Open: func(settings any, _ event.TransformOptions) (event.Transform, error) {
		s := event.SettingsOf[validateSettings](settings)
		schema, err := compileSchema(s.Schema.Data)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.Schema.Path, err)
		}
		return validator{schema, s.OnFail == "drop"}, nil
	},
}

type validator struct {
	schema *jsonschema.Schema
	drop   bool
}

func (v validator) Apply(_ context.Context, e *event.Event) ([]*event.Event, error) {
	body, err := jsonBody(e.Body)
	if err == nil {
		err = v.check(body)
	}
	switch {
	case err == nil:
		return []*event.Event{e}, nil
	case v.drop:
		return nil, nil //nolint:nilerr // dropping what does not fit is what on_fail asks for
	}
	return nil, err
}

func (v validator) check(body any) error {
	err := v.schema.Validate(body)
	if err == nil {
		return nil
	}
	var invalid *jsonschema.ValidationError
	if !errors.As(err, &invalid) {
		return failed(err)
	}
	failures := leaves(invalid, nil)
	return &event.StepError{Value: shown(at(body, failures[0].InstanceLocation)), Err: errors.New(list(failures))}
}

// jsonBody is a body as JSON has it. One that a step made may hold times and
// other values of Go, which are read back from its JSON.
func jsonBody(b *event.Body) (any, error) {
	v, err := decoded(b)
	if err != nil {
		return nil, err
	}
	foreign, err := inspect(v, nil)
	if err != nil || !foreign {
		return v, err
	}
	raw, err := b.Raw()
	if err != nil {
		return nil, failed(err)
	}
	if v, err = event.Decode(event.JSON, raw); err != nil {
		return nil, failed(err)
	}
	return v, nil
}

// inspect tells whether a value holds what no JSON decoder gives. It refuses
// numbers that the schema library would have to write out digit by digit.
func inspect(v any, path []string) (foreign bool, err error) {
	switch v := v.(type) {
	case nil, bool, string, int, float64:
		return false, nil
	case json.Number:
		if isMonster(string(v)) {
			return false, &event.StepError{Value: shown(v), Err: fmt.Errorf("%s: the number is too large to be checked", pointer(path))}
		}
		return false, nil
	case []any:
		for i, item := range v {
			f, err := inspect(item, append(path, strconv.Itoa(i)))
			if err != nil {
				return false, err
			}
			foreign = foreign || f
		}
		return foreign, nil
	case map[string]any:
		for name, field := range v {
			f, err := inspect(field, append(path, name))
			if err != nil {
				return false, err
			}
			foreign = foreign || f
		}
		return foreign, nil
	}
	return true, nil
}

// isMonster tells a number of more than a thousand digits, written out: 1e999999.
func isMonster(text string) bool {
	const digits = 1000
	if len(text) > digits {
		return true
	}
	i := strings.IndexAny(text, "eE")
	if i < 0 {
		return false
	}
	exponent, err := strconv.Atoi(text[i+1:])
	return err != nil || exponent > digits || exponent < -digits
}

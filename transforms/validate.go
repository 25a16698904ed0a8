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
		made, err := newSchema(s.Schema)
		return validator{made, s.OnFail == "drop"}, err
	},
}

type validator struct {
	schema schema
	drop   bool
}

func (v validator) Apply(_ context.Context, e *event.Event) ([]*event.Event, error) {
	err := v.schema.step(e.Body)
	switch {
	case err == nil:
		return []*event.Event{e}, nil
	case v.drop:
		return nil, nil //nolint:nilerr // dropping what does not fit is what on_fail asks for
	}
	return nil, err
}

// Schema makes the schema of a source.
func Schema(file event.File) (event.Schema, error) { return newSchema(file) }

// schema is a JSON Schema, ready for use.
type schema struct{ compiled *jsonschema.Schema }

func newSchema(file event.File) (schema, error) {
	compiled, err := compileSchema(file.Data)
	if err != nil {
		return schema{}, fmt.Errorf("%s: %w", file.Path, err)
	}
	return schema{compiled}, nil
}

// Check is part of [event.Schema].
func (s schema) Check(b *event.Body) ([]event.Misfit, error) {
	found, _, err := s.check(b)
	return found, err
}

// step checks a body for a step, to which what does not fit is an error.
func (s schema) step(b *event.Body) error {
	found, value, err := s.check(b)
	if err != nil || found == nil {
		return err
	}
	return &event.StepError{Value: value, Err: errors.New(list(found))}
}

// check finds the misfits, and shows the first value at fault.
func (s schema) check(b *event.Body) (found []event.Misfit, value string, err error) {
	body, err := jsonBody(b)
	if err != nil {
		return nil, "", err
	}
	if place, twice := repeated(b); twice {
		return []event.Misfit{{Pointer: place, Detail: "is there more than once"}}, "", nil
	}
	err = s.compiled.Validate(body)
	var invalid *jsonschema.ValidationError
	switch {
	case err == nil:
		return nil, "", nil
	case errors.As(err, &invalid):
		failures := leaves(invalid, nil)
		return misfits(failures), shown(at(body, failures[0].InstanceLocation)), nil
	}
	return nil, "", failed(err)
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
			return false, &event.StepError{Value: shown(v), Err: errors.New(event.Misfit{Pointer: pointer(path), Detail: "the number is too large to be checked"}.String())}
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

package transforms

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/trotline/trotline/event"
)

type setSettings struct {
	Tree *event.Mapping `yaml:"tree" short:"all" required:"true" doc:"the fields to add or replace, each an expression; customer.name, or name below customer, is a field of a field"`
}

// Validate implements [event.Validator].
func (s *setSettings) Validate() []*event.FieldError {
	if s.Tree == nil {
		return nil // required says so
	}
	if s.Tree.Fields == nil {
		return []*event.FieldError{{Msg: "set wants fields and their expressions", Hint: "for a whole new body write map"}}
	}
	return emptyNames(s.Tree.Fields)
}

func emptyNames(fields []event.MappedField) []*event.FieldError {
	var problems []*event.FieldError
	for _, f := range fields {
		if hasEmptyPart(f.Name) {
			problems = append(problems, &event.FieldError{Msg: fmt.Sprintf("%q is no path: a name is missing", f.Name)})
		}
		problems = append(problems, emptyNames(f.Value.Fields)...)
	}
	return problems
}

var setKind = event.TransformKind{
	Name:     "set",
	Doc:      "adds or replaces fields of the body and leaves the others as they are",
	Settings: func() any { return &setSettings{} },
	Open: func(settings any, _ event.TransformOptions) (event.Transform, error) {
		return setter{expand(event.SettingsOf[setSettings](settings).Tree.Fields)}, nil
	},
	Shape: func(before *event.Shape, settings any) *event.Shape {
		return shapeWith(before, expand(event.SettingsOf[setSettings](settings).Tree.Fields))
	},
}

// expand makes a tree of the paths: a.b: x is a: {b: x}.
func expand(fields []event.MappedField) []event.MappedField {
	out := make([]event.MappedField, len(fields))
	for i, f := range fields {
		value := f.Value
		if value.Fields != nil {
			value = &event.Mapping{Fields: expand(value.Fields)}
		}
		parts := strings.Split(f.Name, ".")
		for _, name := range slices.Backward(parts[1:]) {
			value = &event.Mapping{Fields: []event.MappedField{{Name: name, Value: value}}}
		}
		out[i] = event.MappedField{Name: parts[0], Value: value}
	}
	return out
}

type setter struct{ fields []event.MappedField }

// Apply evaluates every expression on the event as it came: a field that is set
// here is not yet seen by the others.
func (s setter) Apply(_ context.Context, e *event.Event) ([]*event.Event, error) {
	body, err := decoded(e.Body)
	if err != nil {
		return nil, err
	}
	changed, err := merge("the body", body, s.fields, e)
	if err != nil {
		return nil, err
	}
	return []*event.Event{e.WithBody(event.BodyOf(changed))}, nil
}

// merge is a copy of an object with the fields in it. name is what an error calls the object.
func merge(name string, v any, fields []event.MappedField, e *event.Event) (map[string]any, error) {
	object, ok := v.(map[string]any)
	if !ok && v != nil {
		return nil, &event.StepError{Value: shown(v), Err: fmt.Errorf("%s is no object, so no field of it can be set", name)}
	}
	if object = maps.Clone(object); object == nil {
		object = make(map[string]any, len(fields))
	}
	for _, f := range fields {
		var value any
		var err error
		if f.Value.Fields != nil {
			value, err = merge(f.Name, object[f.Name], f.Value.Fields, e)
		} else {
			value, err = f.Value.Eval(e, nil)
		}
		if err != nil {
			return nil, err
		}
		object[f.Name] = value
	}
	return object, nil
}

// shapeWith is what is known of an object once the fields are set.
func shapeWith(before *event.Shape, fields []event.MappedField) *event.Shape {
	if before == nil {
		return nil
	}
	after := &event.Shape{Fields: maps.Clone(before.Fields)}
	if after.Fields == nil {
		after.Fields = make(map[string]*event.Shape, len(fields))
	}
	for _, f := range fields {
		known, there := after.Fields[f.Name]
		switch {
		case f.Value.Fields == nil:
			after.Fields[f.Name] = f.Value.Shape()
		case there:
			after.Fields[f.Name] = shapeWith(known, f.Value.Fields)
		default:
			after.Fields[f.Name] = shapeWith(&event.Shape{}, f.Value.Fields)
		}
	}
	return after
}

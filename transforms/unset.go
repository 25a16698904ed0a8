package transforms

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/trotline/trotline/event"
)

type unsetSettings struct {
	Paths []string `yaml:"paths" short:"true" required:"true" doc:"the fields to remove, such as customer.email; a list on the way stands for each of its elements"`
}

// Validate implements [event.Validator].
func (s *unsetSettings) Validate() []*event.FieldError {
	var problems []*event.FieldError
	for i, p := range s.Paths {
		path := fmt.Sprintf("paths[%d]", i)
		if hasEmptyPart(p) {
			problems = append(problems, &event.FieldError{
				Path: path, Msg: fmt.Sprintf("%q is no path: a name is missing", p), Hint: "write names with dots between them: customer.email",
			})
			continue
		}
		if rest, ok := strings.CutPrefix(p, "body."); ok {
			problems = append(problems, &event.FieldError{
				Path: path, Msg: "a path starts inside the body", Hint: "write " + rest,
			})
		}
	}
	return problems
}

func hasEmptyPart(path string) bool {
	return slices.Contains(strings.Split(path, "."), "")
}

var unsetKind = event.TransformKind{
	Name:     "unset",
	Doc:      "removes fields of the body",
	Settings: func() any { return &unsetSettings{} },
	Open: func(settings any, _ event.TransformOptions) (event.Transform, error) {
		return unsetter{splitPaths(event.SettingsOf[unsetSettings](settings).Paths)}, nil
	},
	Shape: func(before *event.Shape, settings any) *event.Shape {
		for _, path := range splitPaths(event.SettingsOf[unsetSettings](settings).Paths) {
			before = shapeWithout(before, path)
		}
		return before
	},
}

func splitPaths(paths []string) [][]string {
	split := make([][]string, len(paths))
	for i, p := range paths {
		split[i] = strings.Split(p, ".")
	}
	return split
}

type unsetter struct{ paths [][]string }

func (u unsetter) Apply(_ context.Context, e *event.Event) ([]*event.Event, error) {
	body, err := decoded(e.Body)
	if err != nil {
		return nil, err
	}
	removed := false
	for _, path := range u.paths {
		var ok bool
		body, ok = without(body, path)
		removed = removed || ok
	}
	if !removed {
		return []*event.Event{e}, nil // with the bytes as they came
	}
	return []*event.Event{e.WithBody(event.BodyOf(body))}, nil
}

// without is a value with the field at the path removed, and whether there was
// one. Only what stands on the way to it is copied.
func without(v any, path []string) (any, bool) {
	switch v := v.(type) {
	case map[string]any:
		field, there := v[path[0]]
		if !there {
			return v, false
		}
		if len(path) == 1 {
			object := maps.Clone(v)
			delete(object, path[0])
			return object, true
		}
		rest, removed := without(field, path[1:])
		if !removed {
			return v, false
		}
		object := maps.Clone(v)
		object[path[0]] = rest
		return object, true
	case []any:
		var list []any
		for i, item := range v {
			rest, removed := without(item, path)
			if !removed {
				continue
			}
			if list == nil {
				list = slices.Clone(v)
			}
			list[i] = rest
		}
		if list == nil {
			return v, false
		}
		return list, true
	}
	return v, false
}

func shapeWithout(before *event.Shape, path []string) *event.Shape {
	if before == nil {
		return nil
	}
	known, there := before.Fields[path[0]]
	if !there {
		return before
	}
	after := &event.Shape{Fields: maps.Clone(before.Fields)}
	if len(path) == 1 {
		delete(after.Fields, path[0])
	} else {
		after.Fields[path[0]] = shapeWithout(known, path[1:])
	}
	return after
}

package verify

import (
	"bytes"
	_ "embed" // presets.yaml
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/trotline/trotline/event"
	"gopkg.in/yaml.v3"
)

//go:embed presets.yaml
var presetsFile []byte

// presets are the schemes of presets.yaml, read at the first use.
var presets = sync.OnceValues(func() (map[string]*Scheme, error) { return readPresets(presetsFile) })

func readPresets(file []byte) (map[string]*Scheme, error) {
	var definitions map[string]Definition
	dec := yaml.NewDecoder(bytes.NewReader(file))
	dec.KnownFields(true)
	if err := dec.Decode(&definitions); err != nil {
		return nil, fmt.Errorf("read presets.yaml: %w", err)
	}
	schemes := make(map[string]*Scheme, len(definitions))
	for name, d := range definitions {
		s, err := Compile(d)
		if err != nil {
			return nil, fmt.Errorf("presets.yaml: %s: %w", name, err)
		}
		schemes[name] = s
	}
	return schemes, nil
}

// Preset is the scheme of a provider. For an unknown name the error is a
// *[event.FieldError] that says which ones there are.
func Preset(name string) (*Scheme, error) {
	all, err := presets()
	if err != nil {
		return nil, err
	}
	if s, ok := all[name]; ok {
		return s, nil
	}
	known := slices.Sorted(maps.Keys(all))
	hint := "there are " + strings.Join(known, ", ")
	if near := event.Nearest(name, known); near != "" {
		hint = fmt.Sprintf("did you mean %s? %s", near, hint)
	}
	return nil, &event.FieldError{Msg: fmt.Sprintf("unknown preset %q", name), Hint: hint}
}

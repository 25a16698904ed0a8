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

// Presets are the names of all presets, sorted.
func Presets() ([]string, error) {
	all, err := presets()
	if err != nil {
		return nil, err
	}
	return slices.Sorted(maps.Keys(all)), nil
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
	names := slices.Sorted(maps.Keys(all))
	hint := "there are " + strings.Join(names, ", ")
	if near := nearest(name, names); near != "" {
		hint = fmt.Sprintf("did you mean %s? %s", near, hint)
	}
	return nil, &event.FieldError{Msg: fmt.Sprintf("unknown preset %q", name), Hint: hint}
}

// nearest is the name that is at most a third of its letters away, "" if there is none.
func nearest(name string, names []string) string {
	best, distance := "", len(name)+1
	for _, n := range names {
		if d := editDistance(strings.ToLower(name), n); d < distance && d <= (len(n)+2)/3 {
			best, distance = n, d
		}
	}
	return best
}

// editDistance is how many letters must be added, removed or changed (Levenshtein).
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

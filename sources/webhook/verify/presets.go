package verify

import (
	_ "embed" // presets.yaml
	"fmt"
	"strings"
	"sync"

	"github.com/trotline/trotline/event"
	"gopkg.in/yaml.v3"
)

// Entry is an entry of presets.yaml: a provider and its scheme.
type Entry struct {
	// Like is the name of another entry: what this one does not say is as there.
	Like  string `yaml:"like"`
	About About  `yaml:"about"`

	Definition `yaml:",inline"`
}

// About is what a person is told of a preset.
type About struct {
	// Name is the provider, as it writes itself.
	Name string `yaml:"name"`
	// Doc is the page on which the provider describes the scheme.
	Doc string `yaml:"doc"`
	// Setup is what to enter at the provider, and where; Secret is where the
	// secret is found there.
	Setup  string `yaml:"setup"`
	Secret string `yaml:"secret"`
	// Events are the events, or where their list is.
	Events string `yaml:"events"`
	// Proven is what the test vector comes from: published (the provider's
	// documentation), sdk (the provider's own SDK) or own (an independent tool,
	// by the documentation).
	Proven string `yaml:"proven"`
	// Unverified says, where something could not be checked in the
	// documentation, what it is.
	Unverified string `yaml:"unverified"`
}

// Preset is a provider's scheme, ready for use.
type Preset struct {
	Entry
	*Scheme
}

//go:embed presets.yaml
var presetsFile string

// entries are the texts of presets.yaml by their names. An entry is read and
// compiled when it is asked for: a file names one or two of them.
var entries = sync.OnceValue(func() map[string]string { return splitEntries(presetsFile) })

// splitEntries cuts a file where a name begins a line.
func splitEntries(file string) map[string]string {
	texts := make(map[string]string)
	name := ""
	for line := range strings.Lines(file) {
		if c := line[0]; c >= 'a' && c <= 'z' {
			name, line, _ = strings.Cut(line, ":")
		}
		texts[name] += line
	}
	delete(texts, "") // what stands above the first one
	return texts
}

// readPreset reads an entry over the one it is like, and compiles it.
func readPreset(texts map[string]string, name string) (*Preset, error) {
	e, err := readEntry(texts, name)
	if err != nil {
		return nil, fmt.Errorf("presets.yaml: %s: %w", name, err)
	}
	s, err := Compile(e.Definition)
	if err != nil {
		return nil, fmt.Errorf("presets.yaml: %s: %w", name, err)
	}
	return &Preset{*e, s}, nil
}

func readEntry(texts map[string]string, name string) (*Entry, error) {
	var e Entry
	if err := decodeStrict(texts[name], &e); err != nil || e.Like == "" {
		return &e, err
	}
	base, ok := texts[e.Like]
	if !ok {
		return nil, fmt.Errorf("like: there is no %s", e.Like)
	}
	var made Entry
	if err := decodeStrict(base, &made); err != nil {
		return nil, err
	}
	if made.Like != "" {
		return nil, fmt.Errorf("like: %s is itself like another: name %s", e.Like, made.Like)
	}
	made.About = About{}
	return &made, decodeStrict(texts[name], &made)
}

// decodeStrict refuses words that are not known. What the text does not say stays as it is.
func decodeStrict(text string, into *Entry) error {
	dec := yaml.NewDecoder(strings.NewReader(text))
	dec.KnownFields(true)
	return dec.Decode(into)
}

// Presets are all presets by name.
func Presets() (map[string]*Preset, error) { return readPresets(entries()) }

func readPresets(texts map[string]string) (map[string]*Preset, error) {
	all := make(map[string]*Preset, len(texts))
	for _, name := range sorted(texts) {
		p, err := readPreset(texts, name)
		if err != nil {
			return nil, err
		}
		all[name] = p
	}
	return all, nil
}

// FindPreset is the preset of a provider. For an unknown name the error is a
// *[event.FieldError] that says which ones there are.
func FindPreset(name string) (*Preset, error) {
	if _, ok := entries()[name]; ok {
		return readPreset(entries(), name)
	}
	known := sorted(entries())
	hint := "there are " + strings.Join(known, ", ")
	if near := event.Nearest(name, known); near != "" {
		hint = fmt.Sprintf("did you mean %s? %s", near, hint)
	}
	return nil, &event.FieldError{Msg: fmt.Sprintf("unknown preset %q", name), Hint: hint}
}

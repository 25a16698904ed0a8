package verify

import (
	"bytes"
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
var presetsFile []byte

// presets are the schemes of presets.yaml, read at the first use.
var presets = sync.OnceValues(func() (map[string]*Preset, error) { return readPresets(presetsFile) })

func readPresets(file []byte) (map[string]*Preset, error) {
	var nodes map[string]yaml.Node
	if err := yaml.Unmarshal(file, &nodes); err != nil {
		return nil, fmt.Errorf("read presets.yaml: %w", err)
	}
	all := make(map[string]*Preset, len(nodes))
	for _, name := range sorted(nodes) {
		e, err := readEntry(nodes, name)
		if err != nil {
			return nil, fmt.Errorf("presets.yaml: %s: %w", name, err)
		}
		s, err := Compile(e.Definition)
		if err != nil {
			return nil, fmt.Errorf("presets.yaml: %s: %w", name, err)
		}
		all[name] = &Preset{*e, s}
	}
	return all, nil
}

// readEntry reads an entry over the one it is like.
func readEntry(nodes map[string]yaml.Node, name string) (*Entry, error) {
	own := nodes[name]
	var e Entry
	if err := strict(own, &e); err != nil {
		return nil, err
	}
	if e.Like == "" {
		return &e, nil
	}
	base, ok := nodes[e.Like]
	if !ok {
		return nil, fmt.Errorf("like: there is no %s", e.Like)
	}
	var made Entry
	if err := strict(base, &made); err != nil {
		return nil, err
	}
	if made.Like != "" {
		return nil, fmt.Errorf("like: %s is itself like another: name %s", e.Like, made.Like)
	}
	made.About = About{}
	return &made, strict(own, &made)
}

// strict decodes a node, and refuses words that are not known.
func strict(n yaml.Node, into *Entry) error {
	text, err := yaml.Marshal(&n)
	if err != nil {
		return err
	}
	dec := yaml.NewDecoder(bytes.NewReader(text))
	dec.KnownFields(true)
	return dec.Decode(into)
}

// Presets are all presets by name.
func Presets() (map[string]*Preset, error) { return presets() }

// FindPreset is the preset of a provider. For an unknown name the error is a
// *[event.FieldError] that says which ones there are.
func FindPreset(name string) (*Preset, error) {
	all, err := presets()
	if err != nil {
		return nil, err
	}
	if p, ok := all[name]; ok {
		return p, nil
	}
	known := sorted(all)
	hint := "there are " + strings.Join(known, ", ")
	if near := event.Nearest(name, known); near != "" {
		hint = fmt.Sprintf("did you mean %s? %s", near, hint)
	}
	return nil, &event.FieldError{Msg: fmt.Sprintf("unknown preset %q", name), Hint: hint}
}

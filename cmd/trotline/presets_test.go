package main

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/trotline/trotline/engine"
	"github.com/trotline/trotline/sources/webhook/verify"
)

// TestPresetsAreSchemes writes every preset as a user would write a scheme: one
// language for both, whoever reads it.
func TestPresetsAreSchemes(t *testing.T) {
	presets, err := verify.Presets()
	if err != nil {
		t.Fatal(err)
	}
	var entries map[string]map[string]any
	if err := yaml.Unmarshal([]byte(readFile(t, "../../sources/webhook/verify/presets.yaml")), &entries); err != nil {
		t.Fatal(err)
	}
	if len(entries) != len(presets) {
		t.Errorf("the file has %d presets, and %d are known", len(entries), len(presets))
	}
	for name, entry := range entries {
		if entry["like"] != nil {
			continue // says only what is different
		}
		t.Run(name, func(t *testing.T) {
			delete(entry, "about")
			block := asScheme(t, entry, presets[name].Inputs)
			for _, problem := range schemeProblems(t, block) {
				if !strings.HasPrefix(problem, "secrets: ") { // what a secret must look like is the preset's own business
					t.Errorf("%s\n%s", problem, block)
				}
			}
			if err := checkSchema(t, block); err != nil {
				t.Errorf("an editor with the schema refuses it: %#v\n%s", err, block)
			}
		})
	}
}

// asScheme is a file with a source that has the scheme.
func asScheme(t *testing.T, scheme map[string]any, inputs map[string]string) string {
	t.Helper()
	check := map[string]any{"scheme": scheme, "secrets": []string{"c2VjcmV0"}}
	if len(inputs) > 0 {
		with := map[string]string{}
		for input := range inputs {
			with[input] = "a text"
		}
		check["with"] = with
	}
	var text bytes.Buffer
	enc := yaml.NewEncoder(&text)
	if err := enc.Encode(map[string]any{
		"sources":   map[string]any{"shop": map[string]any{"path": "/shop", "verify": check}},
		"sinks":     map[string]any{"out": map[string]any{"type": "stdout"}},
		"pipelines": map[string]any{"all": map[string]any{"from": "shop", "to": []string{"out"}}},
	}); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

func schemeProblems(t *testing.T, block string) (found []string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), defaultFile)
	if err := os.WriteFile(file, []byte(block), 0o600); err != nil {
		t.Fatal(err)
	}
	_, problems := engine.Check(engineOptions([]string{file}, slog.New(slog.DiscardHandler)))
	for _, p := range problems {
		found = append(found, p.Msg)
	}
	return found
}

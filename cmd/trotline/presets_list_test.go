package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/trotline/trotline/sources/webhook/verify"
)

func TestPresets(t *testing.T) {
	s := newSite(t, plainSite)
	for _, c := range []struct {
		name string
		file string // the configuration in the folder; "" leaves the plain one
		args []string
		code int
		says []string
	}{
		{"all", "", nil, exitDone, []string{"PRESET", "github", "Stripe", "header:X-GitHub-Delivery", "`trotline presets NAME`"}},
		{"one", "", []string{"stripe"}, exitDone, []string{"https://docs.stripe.com/webhooks/signature", "hmac-sha256 of", "tolerance 5m",
			"https://…/hooks/stripe", `verify: {preset: stripe, secrets: ["${STRIPE_SECRET}"]}`}},
		{"a misspelt one", "", []string{"strpe"}, exitNo, []string{"there is no preset strpe: did you mean stripe?"}},
		{"one that a source has", presetSite, []string{"github"}, exitDone, []string{"https://hooks.example.com/in/github (source code)", "https://other.example.com/in/two (source two)"}},
		{"beside a broken configuration", "nonsense", []string{"github"}, exitDone, []string{"https://…/hooks/github"}},
		{"with a broken configuration", "nonsense", []string{"github", "-c", "pipelines.yaml"}, exitNo, []string{"pipelines.yaml:1:1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.file != "" {
				s.write(c.file)
			}
			r := s.trotline(append([]string{"presets"}, c.args...)...)
			if r.code != c.code {
				t.Errorf("exit code %d\n%s%s", r.code, r.out, r.errOut)
			}
			for _, text := range c.says {
				if !strings.Contains(r.out+r.errOut, text) {
					t.Errorf("it does not say %q:\n%s%s", text, r.out, r.errOut)
				}
			}
		})
	}
}

const presetSite = `
server: {public_url: https://hooks.example.com/}
sources:
  code: {path: /in/github, verify: {preset: github, secrets: [x]}}
  two: {path: /in/two, verify: {preset: github, secrets: [x]}, public_url: https://other.example.com}
sinks: {out: {type: stdout}}
pipelines: {all: {from: [code, two], to: [out]}}
`

// TestPresetsForPrograms: each preset says what to write, and that is what an editor takes.
func TestPresetsForPrograms(t *testing.T) {
	s := newSite(t, plainSite)
	var all []preset
	if err := json.Unmarshal([]byte(s.must("presets", "--json")), &all); err != nil {
		t.Fatal(err)
	}
	known, err := verify.Presets()
	if err != nil || len(all) != len(known) {
		t.Fatalf("%d presets are listed of %d, %v", len(all), len(known), err)
	}
	for _, p := range all {
		if p.Provider == "" || p.Doc == "" || p.Algorithm == "" || len(p.Signature) == 0 {
			t.Errorf("%s: something is missing: %+v", p.Name, p)
		}
		if err := checkSchema(t, p.File); err != nil {
			t.Errorf("%s: an editor refuses what it says: %v\n%s", p.Name, err, p.File)
		}
	}
	var one preset
	if err := json.Unmarshal([]byte(s.must("presets", "github", "--json")), &one); err != nil || one.Name != "github" || one.ID == "" {
		t.Errorf("one alone: %+v, %v", one, err)
	}
}

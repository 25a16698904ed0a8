package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/trotline/trotline/engine"
	"github.com/trotline/trotline/engine/config"
	"github.com/trotline/trotline/event"
	"github.com/trotline/trotline/sources/webhook"
	"github.com/trotline/trotline/sources/webhook/verify"
)

// presetsCommand lists the providers whose way of signing is known, and says
// what to do at one of them.
type presetsCommand struct {
	Name   string   `arg:"" optional:"" help:"Explain this one: what to enter at the provider, which URL, which secret."`
	Config []string `name:"config" short:"c" placeholder:"FILE" help:"The configuration (${defaultFile}, if it is there); it has the URL."`
}

// preset is the answer for programs.
type preset struct {
	Name       string            `json:"name"`
	Provider   string            `json:"provider"`
	Doc        string            `json:"doc"`
	Setup      string            `json:"setup,omitempty"`
	URLs       []presetURL       `json:"urls,omitempty"`
	Secret     string            `json:"secret,omitempty"`
	With       map[string]string `json:"with,omitempty"`
	Events     string            `json:"events,omitempty"`
	Algorithm  string            `json:"algorithm"`
	Content    string            `json:"content,omitempty"`
	Signature  []string          `json:"signature"`
	Timestamp  string            `json:"timestamp,omitempty"`
	Tolerance  string            `json:"tolerance,omitempty"`
	ID         string            `json:"id,omitempty"`
	Type       string            `json:"type,omitempty"`
	Handshakes int               `json:"handshakes,omitempty"`
	Proven     string            `json:"proven,omitempty"`
	Unverified string            `json:"unverified,omitempty"`
	File       string            `json:"file"` // what to write in it
}

// presetURL is where a source of the configuration takes what a provider sends.
type presetURL struct {
	Source string `json:"source"`
	URL    string `json:"url"`
}

// Run prints a table, or all there is to know of one preset.
func (c *presetsCommand) Run(t *terminal) error {
	conf, err := c.load(t)
	if err != nil {
		return err
	}
	known, err := verify.Presets()
	if err != nil {
		return err
	}
	if c.Name == "" {
		return t.listPresets(known, conf)
	}
	p := known[c.Name]
	if p == nil {
		hint := "`trotline presets` lists them"
		if near := event.Nearest(c.Name, slices.Collect(maps.Keys(known))); near != "" {
			hint = "did you mean " + near + "? " + hint
		}
		return fail(exitNo, "there is no preset %s: %s", c.Name, hint)
	}
	made := newPreset(c.Name, p, conf)
	if t.JSON {
		return t.printJSON(made)
	}
	t.showPreset(&made)
	return nil
}

// load reads the configuration that is named. Where none is, and the usual one
// is not there or not right, the presets can be told without it.
func (c *presetsCommand) load(t *terminal) (*config.Config, error) {
	if _, err := os.Stat(defaultFile); len(c.Config) == 0 && errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	conf, problems := engine.Check(engineOptions(c.Config, slog.New(slog.DiscardHandler)))
	if conf == nil && len(c.Config) > 0 {
		problems.Render(t.errOut, t.colorErr)
		return nil, errTold
	}
	return conf, nil
}

func newPreset(name string, p *verify.Preset, conf *config.Config) preset {
	d := p.Definition
	return preset{
		Name: name, Provider: p.About.Name, Doc: p.About.Doc, Setup: p.About.Setup, Secret: p.About.Secret, Events: p.About.Events,
		URLs: presetURLs(name, conf), With: d.Inputs, Algorithm: d.Algorithm, Content: d.Content, Signature: d.Signature.At,
		Timestamp: d.Timestamp.At, Tolerance: d.Timestamp.Tolerance, ID: d.ID, Type: d.Type, Handshakes: len(d.Handshake),
		Proven: p.About.Proven, Unverified: p.About.Unverified, File: presetFile(name, d),
	}
}

// presetURLs are where the sources with a preset listen, as their senders see it.
func presetURLs(name string, conf *config.Config) []presetURL {
	if conf == nil {
		return nil
	}
	var urls []presetURL
	for _, s := range conf.Sources {
		settings, ok := s.Settings.(*webhook.Settings)
		if !ok || settings.Verify.Preset != name {
			continue
		}
		base := doorURL(conf, conf.Server.Listen)
		for _, public := range []string{conf.Server.PublicURL, s.PublicURL} {
			if public != "" {
				base = strings.TrimSuffix(public, "/")
			}
		}
		urls = append(urls, presetURL{Source: s.Name, URL: base + s.Path})
	}
	return urls
}

// presetFile is a source with the preset, to be pasted.
func presetFile(name string, d verify.Definition) string {
	variable := strings.ToUpper(name)
	words := []string{"preset: " + name}
	if needsSecret(d.Key) {
		words = append(words, `secrets: ["${`+variable+`_SECRET}"]`)
	}
	if len(d.Inputs) > 0 {
		var with []string
		for _, input := range slices.Sorted(maps.Keys(d.Inputs)) {
			with = append(with, fmt.Sprintf(`%s: "${%s_%s}"`, input, variable, strings.ToUpper(input)))
		}
		words = append(words, "with: {"+strings.Join(with, ", ")+"}")
	}
	return fmt.Sprintf("sources:\n  %s:\n    path: /hooks/%s\n    verify: {%s}\n", name, name, strings.Join(words, ", "))
}

// needsSecret tells whether the user has to give a key: the sender does not
// publish it, name it or bring it.
func needsSecret(k verify.KeyDefinition) bool {
	return len(k.Published) == 0 && k.Certificate.At == "" && k.JWKS == "" && !k.Kept
}

func (t *terminal) listPresets(known map[string]*verify.Preset, conf *config.Config) error {
	names := slices.Sorted(maps.Keys(known))
	if t.JSON {
		all := make([]preset, len(names))
		for i, name := range names {
			all[i] = newPreset(name, known[name], conf)
		}
		return t.printJSON(all)
	}
	rows := table{head: []string{"PRESET", "PROVIDER", "PROVEN", "SCHEME", "EVENT ID"}}
	for _, name := range names {
		p := known[name]
		rows.add(name, p.About.Name, orDash(p.About.Proven), p.Algorithm, orDash(p.Definition.ID))
	}
	rows.write(t.out, t.width(), t.colorOut)
	fmt.Fprintf(t.out, "\n%d presets. `trotline presets NAME` says what to enter at the provider; docs/schemes.md how to describe another one.\n", len(names))
	return nil
}

func (t *terminal) showPreset(p *preset) {
	fmt.Fprintln(t.out, paint(t.colorOut, bold, p.Provider))
	lines := pairs{t: t}
	lines.add("described at", p.Doc)
	lines.add("at the provider", p.Setup)
	for _, u := range p.URLs {
		lines.add("URL", u.URL+" (source "+u.Source+")")
	}
	if len(p.URLs) == 0 {
		lines.add("URL", "https://…/hooks/"+p.Name+": server.public_url and the source's path")
	}
	lines.add("secret", p.Secret)
	for _, input := range slices.Sorted(maps.Keys(p.With)) {
		lines.add("with "+input, p.With[input])
	}
	lines.add("events", p.Events)
	lines.add("signature", p.signature())
	if p.Timestamp != "" {
		lines.add("time", p.Timestamp+", tolerance "+p.Tolerance)
	}
	lines.add("event id", p.ID)
	lines.add("event type", p.Type)
	if p.Handshakes > 0 {
		lines.add("handshakes", strconv.Itoa(p.Handshakes)+", answered by themselves")
	}
	lines.add("proven by", map[string]string{
		"published": "a vector of the provider's documentation", "sdk": "a vector of the provider's own SDK",
		"own": "a vector of an independent tool, by the documentation",
	}[p.Proven])
	lines.add("not checked", p.Unverified)
	lines.write()
	fmt.Fprintf(t.out, "\n%s", p.File)
}

// signature is what is signed, how, and where that stands.
func (p *preset) signature() string {
	text := p.Algorithm
	if p.Content != "" {
		text += " of " + strconv.Quote(p.Content)
	}
	return text + " in " + strings.Join(p.Signature, " or ")
}

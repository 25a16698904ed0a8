package main

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/trotline/trotline/sources/webhook/verify"
)

const presetsPage = "../../docs/presets.md"

// TestPresetsPage compares the manual's table of presets with the presets themselves.
func TestPresetsPage(t *testing.T) {
	const begin, end = "<!-- presets: written by go test ./cmd/trotline -run TestPresetsPage -update -->\n", "<!-- end -->"
	page := readFile(t, presetsPage)
	before, rest, found := strings.Cut(page, begin)
	_, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		t.Fatalf("%s does not hold the marks of the table", presetsPage)
	}
	now := before + begin + presetsTable(t) + end + after
	if page == now {
		return
	}
	if !*update {
		t.Fatalf("the table of %s is not what the presets say; write it again:\n  go test ./cmd/trotline -run TestPresetsPage -update", presetsPage)
	}
	if err := os.WriteFile(presetsPage, []byte(now), 0o644); err != nil {
		t.Fatal(err)
	}
}

func presetsTable(t *testing.T) string {
	t.Helper()
	all, err := verify.Presets()
	if err != nil {
		t.Fatal(err)
	}
	var table, remarks strings.Builder
	table.WriteString("\n| preset | sender | scheme | id | handshake | with | proven |\n| --- | --- | --- | --- | --- | --- | --- |\n")
	for _, name := range slices.Sorted(maps.Keys(all)) {
		p := all[name]
		fmt.Fprintf(&table, "| `%s` | [%s](%s) | %s | %s | %s | %s | %s |\n",
			name, p.About.Name, p.About.Doc, schemeCell(p), code(p.Definition.ID), handshakeCell(p), inputsCell(p), p.About.Proven)
		if p.About.Unverified != "" {
			fmt.Fprintf(&remarks, "- `%s`: %s.\n", name, p.About.Unverified)
		}
	}
	return table.String() + "\n## Remarks\n\nNot checked:\n\n" + remarks.String() + "\n"
}

func schemeCell(p *verify.Preset) string {
	at := strings.Join(p.Signature.At, " ")
	if p.Content == "" {
		return fmt.Sprintf("%s in `%s`", p.Algorithm, at)
	}
	return fmt.Sprintf("%s of %s in `%s`", p.Algorithm, code(p.Content), at)
}

func handshakeCell(p *verify.Preset) string {
	var all []string
	for _, h := range p.Handshake {
		all = append(all, code(strings.Join(slices.Sorted(maps.Keys(h.When)), " ")))
	}
	return strings.Join(all, " · ")
}

func inputsCell(p *verify.Preset) string {
	return code(strings.Join(slices.Sorted(maps.Keys(p.Inputs)), " "))
}

// code is a text as it stands, in a cell of a table.
func code(text string) string {
	if text == "" {
		return ""
	}
	return "`" + strings.NewReplacer("|", `\|`, "\n", `\n`).Replace(text) + "`"
}

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/trotline/trotline/engine"
	"github.com/trotline/trotline/event"
	"github.com/trotline/trotline/transforms/expression"
)

const expressionsPage = "../../docs/expressions.md"

// TestManualTables compares the tables of variables and functions with the
// language itself: none is missing, and none is there that the language does not have.
func TestManualTables(t *testing.T) {
	page := readFile(t, expressionsPage)
	for name, entries := range map[string][]expression.Entry{
		"variables": expression.Variables(), "functions": expression.Functions(),
	} {
		begin := "<!-- " + name + ": written by go test ./cmd/trotline -run TestManualTables -update -->\n"
		before, rest, found := strings.Cut(page, begin)
		old, after, closed := strings.Cut(rest, "<!-- end -->")
		if !found || !closed {
			t.Fatalf("%s does not hold the marks of the %s", expressionsPage, name)
		}
		now := manualTable(entries)
		if old != now && !*update {
			t.Errorf("the table of %s in %s is not what the language says; write it again:\n"+
				"  go test ./cmd/trotline -run TestManualTables -update", name, expressionsPage)
		}
		page = before + begin + now + "<!-- end -->" + after
	}
	if *update {
		if err := os.WriteFile(expressionsPage, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func manualTable(entries []expression.Entry) string {
	var b strings.Builder
	b.WriteString("\n| | |\n| --- | --- |\n")
	for _, e := range entries {
		word := e.Name
		if e.Signature != "" {
			word = e.Signature
		}
		fmt.Fprintf(&b, "| `%s` | %s |\n", word, strings.NewReplacer("|", `\|`, "*", `\*`).Replace(e.Doc))
	}
	return b.String() + "\n"
}

// section is the part of a page below a heading.
func section(t *testing.T, page, heading string) string {
	t.Helper()
	_, rest, found := strings.Cut(page, "\n## "+heading+"\n")
	if !found {
		t.Fatalf("the page has no heading %s", heading)
	}
	part, _, _ := strings.Cut(rest, "\n## ")
	return part
}

var codeBlock = regexp.MustCompile("(?ms)^```(?:json|yaml)\n(.*?)^```")

// recipes are the event, the file and the result of the manual's recipes.
func recipes(t *testing.T) (sent, file, result string) {
	t.Helper()
	blocks := codeBlock.FindAllStringSubmatch(section(t, readFile(t, expressionsPage), "Recipes"), -1)
	if len(blocks) != 3 {
		t.Fatalf("the recipes have %d blocks, not an event, a file and a result", len(blocks))
	}
	return blocks[0][1], blocks[1][1], blocks[2][1]
}

// TestManualRecipes runs the recipes: the event of the page becomes what the page says.
func TestManualRecipes(t *testing.T) {
	sent, file, want := recipes(t)
	s := newSite(t, "server: {listen: DOOR, admin: {listen: ADMIN}}\n"+file)
	s.run()
	if got := s.must("send", "shop", "--data", sent); !strings.Contains(got, `"id":"1042/new_order"`) {
		t.Errorf("send says %q", got)
	}
	eventually(t, "the result is there", func() bool { return s.lines("out.jsonl")[0] != "" })
	got := s.lines("out.jsonl")[0]
	if !reflect.DeepEqual(exactJSON(t, got), exactJSON(t, want)) {
		t.Errorf("the event becomes\n%s\nand not\n%s", got, want)
	}
}

// exactJSON reads JSON and keeps the text of its numbers.
func exactJSON(t *testing.T, text string) (v any) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return v
}

var mistakeRow = regexp.MustCompile("(?m)^\\| `(.+)` \\| (.+) \\|$")

// TestManualMistakes makes each mistake of the page and wants the message it tells.
func TestManualMistakes(t *testing.T) {
	sent, _, _ := recipes(t)
	part := section(t, readFile(t, expressionsPage), "What goes wrong")
	rows := mistakeRow.FindAllStringSubmatch(part, -1)
	if len(rows) < 20 {
		t.Fatalf("there are %d mistakes", len(rows))
	}
	for _, row := range rows {
		t.Run(row[1], func(t *testing.T) {
			got := mistake(t, row[1], sent)
			if got != row[2] {
				t.Errorf("it says\n%s\nand not\n%s", got, row[2])
			}
		})
	}
}

// mistake is what is said of an expression, or of a step that YAML does not read as one.
func mistake(t *testing.T, text, sent string) string {
	t.Helper()
	if strings.HasPrefix(text, "filter: ") || strings.HasPrefix(text, "log: ") {
		return mistakenStep(t, text)
	}
	x, err := expression.New(os.LookupEnv).Expr(text, event.Scope{})
	if err != nil {
		return err.Error()
	}
	body := event.NewBody(event.JSON, []byte(sent))
	_, err = x.Eval(&event.Event{Body: body, Original: body}, nil)
	var failed *event.StepError
	if !errors.As(err, &failed) {
		t.Fatalf("it is no mistake: %v", err)
	}
	return failed.Err.Error()
}

func mistakenStep(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), defaultFile)
	whole := "sources: {shop: {path: /shop, verify: none}}\nsinks: {out: {type: stdout}}\n" +
		"pipelines:\n  orders:\n    from: shop\n    steps:\n      - " + text + "\n    to: [out]\n"
	if err := os.WriteFile(file, []byte(whole), 0o600); err != nil {
		t.Fatal(err)
	}
	_, problems := engine.Check(engineOptions([]string{file}, slog.New(slog.NewTextHandler(io.Discard, nil))))
	if len(problems) == 0 {
		t.Fatal("it is no mistake")
	}
	if problems[0].Hint == "" {
		return problems[0].Msg
	}
	return problems[0].Msg + " (" + problems[0].Hint + ")"
}

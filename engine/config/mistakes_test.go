package config_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/trotline/trotline/engine/config"
)

var update = flag.Bool("update", false, "write the messages that are given now into testdata (places are never written)")

const expectation = "---expect---\n"

// environment is what ${NAME} and env.NAME find in the tests.
func environment(name string) (string, bool) {
	value, ok := map[string]string{
		"SHOP_SECRET": "hunter2hunter2", "WAREHOUSE_DSN": "postgres://trotline:swordfish@db/orders",
		"HOST": "crm.example.com", "EMPTY": "", "WORKERS": "4", "WORDS": "not a number", "BRACES": "{{ body.x }}", "ON": "true",
	}[name]
	return value, ok
}

// TestMistakes loads each file of testdata/mistakes. A « stands before and a »
// behind what is at fault (a ‸ alone before it, where its length does not
// matter); below the line ---expect--- stands what is said about each, in their
// order. A message without a place is first, and begins with "file: ".
func TestMistakes(t *testing.T) {
	files, _ := filepath.Glob("testdata/mistakes/*.yaml")
	if len(files) < 60 {
		t.Fatalf("only %d files in testdata/mistakes", len(files))
	}
	for _, path := range files {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".yaml"), func(t *testing.T) {
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			input, want, ok := strings.Cut(string(content), expectation)
			if !ok {
				t.Fatalf("%s has no line %q", path, expectation)
			}
			text, marks := takeMarks(input)
			_, problems := loadText(t, text)
			got := checkPlaces(t, problems, marks)
			if *update {
				if err := os.WriteFile(path, []byte(input+expectation+got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != want {
				t.Errorf("got:\n%swant:\n%s", got, want)
			}
		})
	}
}

// mark is a place that is at fault; end is 0 where it does not matter.
type mark struct{ line, column, end int }

// takeMarks is the text without the marks, and where they were.
func takeMarks(input string) (string, []mark) {
	var text strings.Builder
	var marks []mark
	line, column := 1, 1
	for _, r := range input {
		switch r {
		case '«', '‸':
			marks = append(marks, mark{line: line, column: column})
			continue
		case '»':
			for i := len(marks) - 1; i >= 0; i-- {
				if marks[i].end == 0 {
					marks[i].end = column
					break
				}
			}
			continue
		case '\n':
			line, column = line+1, 0
		}
		column++
		text.WriteRune(r)
	}
	return text.String(), marks
}

func checkPlaces(t *testing.T, problems config.Problems, marks []mark) string {
	t.Helper()
	var got strings.Builder
	var placed []config.Problem
	for _, p := range problems {
		if p.Line == 0 {
			fmt.Fprintf(&got, "file: %s\n", words(p))
			continue
		}
		placed = append(placed, p)
		fmt.Fprintln(&got, words(p))
	}
	if len(placed) != len(marks) {
		t.Errorf("%d marks, but these problems:\n%s", len(marks), render(problems))
		return got.String()
	}
	for i, p := range placed {
		m := marks[i]
		if p.Line != m.line || p.Column != m.column || m.end > 0 && p.EndColumn != m.end {
			t.Errorf("the mark is at %d:%d-%d, the problem at %d:%d-%d:\n%s", m.line, m.column, m.end, p.Line, p.Column, p.EndColumn, render(config.Problems{p}))
		}
	}
	return got.String()
}

func words(p config.Problem) string {
	p.Position = config.Position{}
	return strings.ReplaceAll(p.String(), "\n", `\n`)
}

func render(ps config.Problems) string {
	var b strings.Builder
	ps.Render(&b, false)
	return b.String()
}

// loadText loads one text from a file called pipelines.yaml, beside which there
// are an order.schema.json and a secret.txt.
func loadText(t testing.TB, text string) (*config.Config, config.Problems) {
	t.Helper()
	return load(t, map[string]string{"pipelines.yaml": text}, "pipelines.yaml")
}

func load(t testing.TB, files map[string]string, paths ...string) (*config.Config, config.Problems) {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, map[string]string{"order.schema.json": `{"type":"object"}`, "secret.txt": "opensesame\n"})
	write(t, dir, files)
	for i := range paths {
		paths[i] = filepath.Join(dir, paths[i])
	}
	c, problems := config.Load(paths, config.Options{Kinds: kinds(), Env: environment})
	for i := range problems { // the folder has another name at each run
		problems[i].File = strings.TrimPrefix(problems[i].File, dir+"/")
		problems[i].Msg = strings.ReplaceAll(problems[i].Msg, dir, "/etc/trotline")
		problems[i].Hint = strings.ReplaceAll(problems[i].Hint, dir+"/", "")
		if !utf8.ValidString(problems[i].Msg) {
			t.Errorf("the message is not UTF-8: %q", problems[i].Msg)
		}
	}
	return c, problems
}

func write(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

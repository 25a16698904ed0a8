package main

import (
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/trotline/trotline/engine"
)

// TestMistakesWithTheRealKinds checks the mistakes of engine/config with the
// sources, steps and sinks of this build: each is found where it is marked. One
// is left out: the real postgres quotes its identifiers, so that it takes a
// column whose name has a blank.
func TestMistakesWithTheRealKinds(t *testing.T) {
	for name, value := range map[string]string{
		"SHOP_SECRET": "hunter2hunter2", "WAREHOUSE_DSN": "postgres://trotline:swordfish@db/orders",
		"HOST": "crm.example.com", "EMPTY": "", "WORKERS": "4", "WORDS": "not a number", "BRACES": "{{ body.x }}", "ON": "true",
	} {
		t.Setenv(name, value)
	}
	files, err := filepath.Glob("../../engine/config/testdata/mistakes/*.yaml")
	if err != nil || len(files) < 60 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	for _, path := range files {
		if strings.HasPrefix(filepath.Base(path), "056-") {
			continue
		}
		t.Run(strings.TrimSuffix(filepath.Base(path), ".yaml"), func(t *testing.T) {
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			input, _, _ := strings.Cut(string(content), "---expect---\n")
			file := filepath.Join(t.TempDir(), "pipelines.yaml")
			if err := os.WriteFile(file, []byte(strings.NewReplacer("«", "", "»", "", "‸", "").Replace(input)), 0o600); err != nil {
				t.Fatal(err)
			}
			o := engineOptions([]string{file}, slog.New(slog.NewTextHandler(io.Discard, nil)))
			_, problems := engine.Check(o)
			found := make(map[[2]int]bool)
			for _, p := range problems {
				found[[2]int{p.Line, p.Column}] = true
			}
			for _, m := range marks(input) {
				if !found[m] {
					t.Errorf("nothing is said of %d:%d, but:\n%v", m[0], m[1], problems)
				}
			}
		})
	}
}

// marks are the places, line and column from 1, that a text marks with « or ‸.
func marks(text string) [][2]int {
	var all [][2]int
	line, column := 1, 1
	for _, r := range text {
		switch r {
		case '«', '‸':
			all = append(all, [2]int{line, column})
		case '»':
		case '\n':
			line, column = line+1, 1
		default:
			column++
		}
	}
	return all
}

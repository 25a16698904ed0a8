package sinks

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/trotline/trotline/event/eventtest"
)

// Each kind has a word of its own, a line for the manual, settings the
// configuration can read, and a page in the folder of its name.
func TestAll(t *testing.T) {
	seen := map[string]bool{}
	for _, kind := range All() {
		t.Run(kind.Name, func(t *testing.T) {
			if kind.Name == "" || seen[kind.Name] {
				t.Errorf("the name %q is there twice, or empty", kind.Name)
			}
			seen[kind.Name] = true
			if kind.Doc == "" || kind.Open == nil {
				t.Error("doc or Open is missing")
			}
			eventtest.Settings(t, kind.Settings)
			if _, err := os.Stat(filepath.Join(kind.Name, "README.md")); err != nil {
				t.Error(err)
			}
		})
	}
}

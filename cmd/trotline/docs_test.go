package main

import (
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/trotline/trotline/engine"
)

var yamlBlock = regexp.MustCompile("(?ms)^```yaml\n(.*?)^```")

// TestDocs loads every YAML block of the manual as a user would paste it, and
// checks it by the schema as an editor would.
func TestDocs(t *testing.T) {
	root := os.DirFS("../..")
	err := fs.WalkDir(root, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || notOurs(path, d) {
			return fs.SkipDir
		}
		if d.IsDir() || filepath.Ext(path) != ".md" {
			return nil
		}
		text, err := fs.ReadFile(root, path)
		if err != nil {
			return err
		}
		for _, at := range yamlBlock.FindAllSubmatchIndex(text, -1) {
			block := string(text[at[2]:at[3]])
			name := path + ":" + strconv.Itoa(strings.Count(string(text[:at[2]]), "\n")+1)
			t.Run(name, func(t *testing.T) { checkBlock(t, block) })
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// notOurs are the folders in the repository that are not its own: git's, and what npm installs.
func notOurs(path string, d fs.DirEntry) bool {
	return d.IsDir() && path != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "node_modules")
}

func checkBlock(t *testing.T, block string) {
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "schemas"), os.DirFS("../../schemas")); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, defaultFile)
	if err := os.WriteFile(file, []byte(block), 0o600); err != nil {
		t.Fatal(err)
	}
	o := engineOptions([]string{file}, slog.New(slog.DiscardHandler))
	o.Env = fromDocs
	if _, problems := engine.Check(o); problems.HasErrors() {
		t.Error(problems.Err())
	}
	if err := checkSchema(t, block); err != nil {
		t.Errorf("an editor with the schema refuses it: %#v", err)
	}
}

// fromDocs is an environment that has what the manual's blocks name.
func fromDocs(name string) (string, bool) {
	switch {
	case strings.HasSuffix(name, "_DSN"):
		return "postgres://user:password@localhost/db", true
	case strings.Contains(name, "NATS"):
		return "nats://localhost:4222", true
	case strings.HasSuffix(name, "_URL"):
		return "https://example.com/hook", true
	}
	return "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", true
}

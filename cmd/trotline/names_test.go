package main

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/trotline/trotline/engine/metrics"
)

// manualPages are all pages of the repository, by their paths.
func manualPages(t *testing.T) map[string]string {
	t.Helper()
	pages := make(map[string]string)
	for name, text := range sourceTexts(t, ".md") {
		pages[name] = text
	}
	if len(pages) < 8 {
		t.Fatalf("there are only %d pages", len(pages))
	}
	return pages
}

// sourceTexts are the files of the repository whose names end so, by their paths.
func sourceTexts(t *testing.T, suffix string) map[string]string {
	t.Helper()
	texts := make(map[string]string)
	root := os.DirFS("../..")
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case notOurs(name, d):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(name, suffix):
			return nil
		}
		text, err := fs.ReadFile(root, name)
		texts[name] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return texts
}

// found are all that a pattern's first group finds in a text, each once, sorted.
func found(pattern, text string) []string {
	var all []string
	for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
		all = append(all, m[1])
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// sameNames complains of what one list has and the other has not.
func sameNames(t *testing.T, what string, manual, code []string) {
	t.Helper()
	for _, name := range manual {
		if !slices.Contains(code, name) {
			t.Errorf("docs/operations.md tells of the %s %s, which is not there", what, name)
		}
	}
	for _, name := range code {
		if !slices.Contains(manual, name) {
			t.Errorf("docs/operations.md does not tell of the %s %s", what, name)
		}
	}
}

func TestManualMetrics(t *testing.T) {
	described := make(chan *prometheus.Desc, 1000)
	metrics.New().Registry.Describe(described)
	close(described)
	var code strings.Builder
	for d := range described {
		code.WriteString(d.String() + "\n")
	}
	sameNames(t, "figure", found(`\b(trotline_[a-z_]+)`, readFile(t, "../../docs/operations.md")), found(`fqName: "(trotline_[a-z_]+)"`, code.String()))
}

func TestManualReasons(t *testing.T) {
	table, _, _ := strings.Cut(section(t, readFile(t, "../../docs/operations.md"), "Dead letters"), "\n`trotline dead list`")
	var manual []string
	for _, row := range found("(?m)^\\| ((?:`[a-z_]+`(?:, )?)+) \\|", table) {
		manual = append(manual, found("`([a-z_]+)`", row)...)
	}
	var code strings.Builder
	for name, text := range sourceTexts(t, ".go") {
		if strings.HasPrefix(name, "engine/") && !strings.HasSuffix(name, "_test.go") {
			code.WriteString(text)
		}
	}
	sameNames(t, "reason", manual, found(`\tReason[A-Z]\w+ +(?:\w+ +)?= "([a-z_]+)"`, code.String()))
}

// TestManualNamesTests wants every test that a page names to be there. TestCut… is every test that begins so.
func TestManualNamesTests(t *testing.T) {
	var all strings.Builder
	for _, text := range sourceTexts(t, "_test.go") {
		all.WriteString(text)
	}
	tests := found(`(?m)^func (Test\w+)\(`, all.String())
	for page, text := range manualPages(t) {
		for _, name := range found(`\b(Test[A-Z]\w*…?)`, text) {
			prefix, begins := strings.CutSuffix(name, "…")
			if !slices.ContainsFunc(tests, func(test string) bool {
				return test == name || begins && strings.HasPrefix(test, prefix)
			}) {
				t.Errorf("%s names the test %s, which is not there", page, name)
			}
		}
	}
}

// TestManualLinks wants every file that a page leads to, and every make target it names, to be there.
func TestManualLinks(t *testing.T) {
	for page, text := range manualPages(t) {
		for _, link := range found(`\]\(([^):]+)\)`, text) {
			file, _, _ := strings.Cut(link, "#")
			if _, err := os.Stat(filepath.Join("../..", path.Join(path.Dir(page), file))); file != "" && err != nil {
				t.Errorf("%s leads to %s: %v", page, link, err)
			}
		}
		for _, target := range found("`?make ([a-z]+)`", text) {
			if !strings.Contains(readFile(t, "../../Makefile"), "\n"+target+":") {
				t.Errorf("%s tells of make %s, which is not there", page, target)
			}
		}
	}
}

// TestPromisesNameTheirTests wants every row of the promises to name a test,
// with the folder it is in.
func TestPromisesNameTheirTests(t *testing.T) {
	rows := 0
	named := regexp.MustCompile("`(Test\\w+…?)`|\\bin `([a-z0-9/]+)`")
	for row := range strings.Lines(readFile(t, "../../docs/promises.md")) {
		if !strings.HasPrefix(row, "| ") || strings.HasPrefix(row, "| ---") || strings.HasPrefix(row, "| #") || strings.HasPrefix(row, "| what went wrong") {
			continue
		}
		rows++
		var tests []string
		all := 0
		for _, m := range named.FindAllStringSubmatch(row, -1) {
			if m[1] != "" {
				tests, all = append(tests, m[1]), all+1
				continue
			}
			for _, name := range tests {
				if !testIn(t, m[2], name) {
					t.Errorf("%s is not in %s: %s", name, m[2], row)
				}
			}
			tests = nil
		}
		if all == 0 || len(tests) > 0 {
			t.Errorf("a row names no test, or %v without a folder: %s", tests, row)
		}
	}
	if rows < 30 {
		t.Errorf("there are %d rows", rows)
	}
}

// testIn tells whether a folder has a test; a name that ends with … is the beginning of one.
func testIn(t *testing.T, folder, name string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("../..", folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	end := "("
	if begin, begins := strings.CutSuffix(name, "…"); begins {
		name, end = begin, ""
	}
	return slices.ContainsFunc(files, func(file string) bool { return strings.Contains(readFile(t, file), "\nfunc "+name+end) })
}

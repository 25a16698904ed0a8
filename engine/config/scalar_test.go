package config

import (
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// TestScan reads scalars of every sort and looks for the place of one letter in each.
func TestScan(t *testing.T) {
	for _, test := range []struct{ name, text string }{
		{"plain", "k: a b X c"},
		{"plain over lines", "k: a b\n  c X\n\n  d"},
		{"plain before a comment", "k: a X b # c"},
		{"plain in a list", "k: [ä, b X c, d]"},
		{"single quotes", "k: 'it''s X ö'"},
		{"single quotes over lines", "k: 'a  \n\n   b X c\n  d'"},
		{"double quotes", `k: "a\tb \"X\" \x41\u00e4\U0001F600"`},
		{"double quotes over lines", "k: \"a \\\n   b\n\n   \\ c X  \n  d\""},
		{"literal", "k: |\n  a\n    b X\n\n  c\n"},
		{"literal, kept", "k: |+\n  a X\n\n\nl: m"},
		{"literal, stripped", "k: |-\n  a X\n\n\nl: m"},
		{"literal, with its indentation", "k: |2\n    a\n   X b\n"},
		{"literal, with a comment", "k: | # why + not\n  a X\n"},
		{"literal, at the end", "k: |\n  a X"},
		{"literal, blank lines first", "k: |\n\n\n  a X\n"},
		{"folded", "k: >\n  a\n  b X\n\n  c\n    d\n    e\n  f\n"},
		{"folded, stripped", "k: >-\n\n  a\n\n\n  b X"},
		{"folded, with tabs", "k: >\n  a\n  \tb\n  c X\n"},
		{"anchored", "k: &name a X"},
		{"tagged", "k: !!str a X"},
		{"anchored literal", "k: &name |\n  a X\n"},
		{"empty literal", "k: |\nl: X"},
		{"windows", "k: >-\r\n  a\r\n  b X\r\n\r\n  c\r\n"},
		{"other line breaks", "j: a\u0085k: b X"},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := newFile("test.yaml", "/test.yaml", []byte(test.text))
			var doc yaml.Node
			if err := yaml.Unmarshal(f.text, &doc); err != nil {
				t.Fatal(err)
			}
			for _, n := range scalars(&doc) {
				got := f.scan(n)
				if got.at == nil {
					t.Fatalf("%q is not found", n.Value)
				}
				if len(got.at) != len(n.Value)+1 {
					t.Fatalf("%d places for %d bytes", len(got.at), len(n.Value))
				}
				if i := strings.IndexByte(n.Value, 'X'); i >= 0 && f.text[got.at[i]] != 'X' {
					t.Errorf("the X of %q is at %d of %q", n.Value, got.at[i], test.text)
				}
			}
		})
	}
}

func scalars(n *yaml.Node) []*yaml.Node {
	if n.Kind == yaml.ScalarNode {
		return []*yaml.Node{n}
	}
	var all []*yaml.Node
	for _, c := range n.Content {
		all = append(all, scalars(c)...)
	}
	return all
}

// FuzzScan reads any YAML: every place is one of the text, and they only go forward.
func FuzzScan(f *testing.F) {
	for _, seed := range []string{"k: >-\n  a\n  b\n", `"\x41\
  b"`, "'it''s'", "|2-\n   a\n", "&a !!str b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		file := newFile("test.yaml", "/test.yaml", []byte(text))
		var doc yaml.Node
		if len(text) > 1<<12 || yaml.Unmarshal(file.text, &doc) != nil {
			return
		}
		for _, n := range scalars(&doc) {
			last := 0
			got := file.scan(n)
			for _, at := range append(got.at, got.span.to) {
				if at < last || at > len(file.text) {
					t.Fatalf("%q: places %v, span %v in %q", n.Value, got.at, got.span, text)
				}
				last = at
			}
		}
	})
}

func TestRender(t *testing.T) {
	long := strings.Repeat("x", 200)
	for _, test := range []struct {
		name    string
		problem Problem
		want    string
	}{
		{"a word", Problem{Position: Position{"a.yaml", 7, 5}, EndColumn: 10, Msg: "unknown setting tabel", Hint: "did you mean table?", Text: "    tabel: orders"},
			"a.yaml:7:5: error: unknown setting tabel (did you mean table?)\n  7 |     tabel: orders\n    |     ^~~~~\n"},
		{"a warning", Problem{Position: Position{"a.yaml", 1234, 1}, EndColumn: 2, Warning: true, Msg: "m", Text: "x"},
			"a.yaml:1234:1: warning: m\n1234 | x\n     | ^\n"},
		{"behind a tab and an umlaut", Problem{Position: Position{"a.yaml", 1, 3}, EndColumn: 5, Msg: "m", Text: "\täbc"},
			"a.yaml:1:3: error: m\n  1 | \täbc\n    | \t ^~\n"},
		{"at the end of the line", Problem{Position: Position{"a.yaml", 1, 3}, EndColumn: 4, Msg: "m", Text: "ab"},
			"a.yaml:1:3: error: m\n  1 | ab\n    |   ^\n"},
		{"far out", Problem{Position: Position{"a.yaml", 1, 181}, EndColumn: 300, Msg: "m", Text: long},
			"a.yaml:1:181: error: m\n  1 | …" + strings.Repeat("x", 80) + "\n    |  " + strings.Repeat(" ", 60) + "^" + strings.Repeat("~", 19) + "\n"},
		{"the file as a whole", Problem{Position: Position{File: "a.yaml"}, Msg: "the file is empty"},
			"a.yaml: error: the file is empty\n"},
		{"for a terminal's sake", Problem{Position: Position{"a.yaml", 1, 1}, EndColumn: 2, Msg: "m \x1b[2J", Text: "x\x1b[2J"},
			"a.yaml:1:1: error: m \ufffd[2J\n  1 | x\ufffd[2J\n    | ^\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var b strings.Builder
			Problems{test.problem}.Render(&b, false)
			if b.String() != test.want {
				t.Errorf("got\n%s\nwant\n%s", b.String(), test.want)
			}
			b.Reset()
			Problems{test.problem}.Render(&b, true)
			uncoloured := strings.NewReplacer(red, "", yellow, "", bold, "", plain, "").Replace(b.String())
			if uncoloured != test.want {
				t.Errorf("with colour\n%s", uncoloured)
			}
		})
	}
}

package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// maxAliased is how many values the aliases of a file may stand for. It bounds
// the work that a few lines of aliases of aliases can make.
const maxAliased = 10_000

// parse reads a file's YAML into a tree of plain mappings, lists and scalars,
// without aliases and merge keys. It is nil when there is none; then there is a problem.
func (l *loader) parse(f *file) *yaml.Node {
	if at := invalidUTF8(f.text); at >= 0 {
		l.add(f.problem(span{at, at + 1}, "the file is not UTF-8 text", "save it as UTF-8"))
		return nil
	}
	r := &byteReader{text: f.text}
	dec := yaml.NewDecoder(r)
	var doc yaml.Node
	if err := decodeNode(dec, &doc); err != nil && !errors.Is(err, io.EOF) {
		l.add(f.syntaxProblem(err.Error(), r.read))
		return nil
	}
	if len(doc.Content) == 0 || doc.Content[0].Kind == yaml.ScalarNode && doc.Content[0].Tag == "!!null" {
		l.add(Problem{Position: Position{File: f.name}, Msg: "the file is empty", Hint: "name sources, sinks and pipelines"})
		return nil
	}
	var second yaml.Node
	if err := decodeNode(dec, &second); err == nil {
		at := f.start(&second)
		l.add(f.problem(span{at, at + 1}, "a second document begins here", "put it into a file of its own; --- stands at most at the top"))
		return nil
	} else if !errors.Is(err, io.EOF) {
		l.add(f.syntaxProblem(err.Error(), r.read))
		return nil
	}
	x := expansion{loader: l, file: f}
	root := x.expand(doc.Content[0])
	if x.aliased > maxAliased {
		return nil
	}
	return root
}

// decodeNode reads the next document as nodes. yaml.v3 has panicked on hostile
// text before; that is a fault in the text, not the end of the engine.
func decodeNode(dec *yaml.Decoder, n *yaml.Node) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("cannot be read as YAML: %v", v)
		}
	}()
	return dec.Decode(n)
}

// byteReader hands out a text byte by byte, so that what was read when the
// parser gave up tells where: its own errors have a line at best, and not
// always the right one.
type byteReader struct {
	text []byte
	read int
}

func (r *byteReader) Read(p []byte) (int, error) {
	if r.read >= len(r.text) {
		return 0, io.EOF
	}
	p[0] = r.text[r.read]
	r.read++
	return 1, nil
}

func invalidUTF8(text []byte) int {
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && size <= 1 {
			return i
		}
		i += size
	}
	return -1
}

// expansion writes aliases and merge keys out, and refuses what a
// configuration has no use for.
type expansion struct {
	*loader
	file    *file
	aliased int          // how many values aliases stand for so far
	open    []*yaml.Node // the anchored nodes that are being written out
	outer   *yaml.Node   // the outermost alias that is
}

func (x *expansion) expand(n *yaml.Node) *yaml.Node {
	if x.outer != nil {
		x.aliased++
	}
	if x.aliased > maxAliased {
		if x.aliased == maxAliased+1 && x.outer != nil {
			x.addAt(x.file, x.outer, fmt.Sprintf("the aliases up to here stand for more than %d values", maxAliased), "use fewer of them")
		}
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: brokenTag, Line: n.Line, Column: n.Column}
	}
	if n.Kind == yaml.AliasNode {
		return x.alias(n)
	}
	if n.Anchor != "" {
		x.open = append(x.open, n)
		defer func() { x.open = x.open[:len(x.open)-1] }()
	}
	out := *n
	out.Content = nil
	if n.Style&yaml.TaggedStyle != 0 && !strings.HasPrefix(n.Tag, "!!") {
		at := x.file.offset(n.Line, n.Column)
		whole := x.file.lineAt(at)
		whole.from = at
		x.add(x.file.problem(whole, "YAML reads "+n.Tag+" as a tag", "quote this: "+quoted(x.file, whole)))
		out.Tag = brokenTag
		return &out
	}
	if n.Kind == yaml.MappingNode {
		x.mapping(n, &out)
		return &out
	}
	for _, c := range n.Content {
		out.Content = append(out.Content, x.expand(c))
	}
	return &out
}

// brokenTag marks a node whose problem is already told.
const brokenTag = "broken"

func (x *expansion) alias(n *yaml.Node) *yaml.Node {
	for _, o := range x.open {
		if o == n.Alias {
			x.addAt(x.file, n, "*"+n.Value+" stands within itself", "")
			return &yaml.Node{Kind: yaml.ScalarNode, Tag: brokenTag, Line: n.Line, Column: n.Column}
		}
	}
	if x.outer == nil {
		x.outer = n
		defer func() { x.outer = nil }()
	}
	return x.expand(n.Alias)
}

// mapping expands the values and puts in what << merges; a key of the mapping
// itself goes before a merged one, an earlier merge before a later.
func (x *expansion) mapping(n, out *yaml.Node) {
	seen := make(map[string]*yaml.Node, len(n.Content)/2)
	var merges []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Kind == yaml.AliasNode {
			key = x.alias(key)
		}
		switch first := seen[key.Value]; {
		case key.Kind != yaml.ScalarNode:
			x.strangeKey(key)
			out.Tag = brokenTag
		case key.Tag == "!!merge":
			merges = append(merges, value)
		case first != nil:
			x.addAt(x.file, key, key.Value+" stands here twice",
				fmt.Sprintf("the first is at %v", x.file.position(x.file.start(first))))
		default:
			seen[key.Value] = key
			out.Content = append(out.Content, key, x.expand(value))
		}
	}
	for _, m := range merges {
		x.merge(m, out, seen)
	}
}

func (x *expansion) merge(m, out *yaml.Node, seen map[string]*yaml.Node) {
	from := x.expand(m)
	list := []*yaml.Node{from}
	if from.Kind == yaml.SequenceNode {
		list = from.Content
	}
	for _, part := range list {
		if part.Kind != yaml.MappingNode {
			x.addAt(x.file, m, "<< takes a mapping", "write <<: *name")
			return
		}
		for i := 0; i+1 < len(part.Content); i += 2 {
			if key := part.Content[i]; seen[key.Value] == nil {
				seen[key.Value] = key
				out.Content = append(out.Content, key, part.Content[i+1])
			}
		}
	}
}

func (x *expansion) strangeKey(key *yaml.Node) {
	at := x.file.offset(key.Line, key.Column)
	// {{ x }} without quotes is a mapping as the key of a mapping.
	if at > 0 && x.file.text[at] == '{' && x.file.text[at-1] == '{' {
		whole := x.file.lineAt(at)
		whole.from = at - 1
		x.add(x.file.problem(whole, "YAML reads {{ as the beginning of a mapping", "quote this: "+quoted(x.file, whole)))
		return
	}
	x.addAt(x.file, key, "a key must be a text", "")
}

// quoted is a part of a line as it should have been written.
func quoted(f *file, s span) string {
	value := strings.TrimRight(string(bytes.TrimSpace(f.text[s.from:s.to])), ",")
	switch {
	case !strings.Contains(value, "'"):
		return "'" + value + "'"
	case !strings.ContainsAny(value, `"\`):
		return `"` + value + `"`
	}
	return "'" + strings.ReplaceAll(value, "'", "''") + "'"
}

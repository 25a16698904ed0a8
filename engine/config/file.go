package config

import (
	"bytes"
	"sort"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// file is one text of the configuration. Places in it are counted in bytes from
// its start; lines and columns are for YAML on the way in and for people on the
// way out, who do not count alike.
type file struct {
	name string // as it was given, for messages
	path string // absolute
	text []byte // without a byte order mark

	yamlLines []int // where each line starts as YAML counts them
	lines     []int // and as editors do
	hidden    []span
}

// span is a part of a file's text, in bytes; to is behind its last one.
type span struct{ from, to int }

var byteOrderMark = []byte("\xef\xbb\xbf")

func newFile(name, path string, text []byte) *file {
	f := &file{name: name, path: path, text: bytes.TrimPrefix(text, byteOrderMark)}
	f.yamlLines, f.lines = []int{0}, []int{0}
	for i := 0; i < len(f.text); {
		n := lineBreak(f.text[i:])
		if n == 0 {
			i++
			continue
		}
		i += n
		f.yamlLines = append(f.yamlLines, i)
		if f.text[i-1] == '\n' {
			f.lines = append(f.lines, i)
		}
	}
	return f
}

// lineBreak is how many bytes of a line break the text begins with. YAML 1.1
// has more of them than editors know.
func lineBreak(text []byte) int {
	switch {
	case len(text) == 0:
		return 0
	case bytes.HasPrefix(text, []byte("\r\n")):
		return 2
	case text[0] == '\n' || text[0] == '\r':
		return 1
	case bytes.HasPrefix(text, []byte("\u0085")):
		return 2
	case bytes.HasPrefix(text, []byte("\u2028")), bytes.HasPrefix(text, []byte("\u2029")):
		return 3
	}
	return 0
}

// offset is the place of a line and a column as YAML counts them, both from 1.
func (f *file) offset(line, column int) int {
	if line < 1 || line > len(f.yamlLines) {
		return len(f.text)
	}
	at := f.yamlLines[line-1]
	for ; column > 1 && at < len(f.text); column-- {
		_, size := utf8.DecodeRune(f.text[at:])
		at += size
	}
	return at
}

// lineAt is the part of the text that is the line of a place, without its break.
func (f *file) lineAt(at int) span {
	n := f.lineNumber(at)
	s := span{f.lines[n], len(f.text)}
	if n+1 < len(f.lines) {
		s.to = f.lines[n+1]
	}
	for s.to > s.from && (f.text[s.to-1] == '\n' || f.text[s.to-1] == '\r') {
		s.to--
	}
	return s
}

// lineNumber is the line of a place, from 0.
func (f *file) lineNumber(at int) int {
	return sort.SearchInts(f.lines, at+1) - 1
}

func (f *file) position(at int) Position {
	at = min(max(at, 0), len(f.text))
	n := f.lineNumber(at)
	return Position{File: f.name, Line: n + 1, Column: utf8.RuneCount(f.text[f.lines[n]:at]) + 1}
}

// problem is one at a part of the file.
func (f *file) problem(s span, msg, hint string) Problem {
	p := Problem{Position: f.position(s.from), Msg: msg, Hint: hint}
	line := f.lineAt(s.from)
	end := f.position(min(max(s.to, s.from), max(line.to, s.from)))
	p.EndColumn = max(end.Column, p.Column+1)
	p.Text = string(f.text[line.from:line.to])
	return p
}

// hide takes the secrets that are written in the file out of the line a problem
// shows. Places stay where they are.
func (f *file) hide(p *Problem) {
	if p.Line == 0 || p.Text == "" {
		return
	}
	from := f.lines[p.Line-1]
	text := []rune(p.Text)
	for _, h := range f.hidden {
		first := utf8.RuneCount(f.text[from:min(max(h.from, from), from+len(p.Text))])
		last := utf8.RuneCount(f.text[from:min(max(h.to, from), from+len(p.Text))])
		for i := first; i < last; i++ {
			text[i] = '*'
		}
	}
	p.Text = string(text)
}

// start is where a node begins, behind its anchor and tag.
func (f *file) start(n *yaml.Node) int {
	at := f.offset(n.Line, n.Column)
	for at < len(f.text) && (f.text[at] == '&' && n.Anchor != "" || f.text[at] == '!' && n.Style&yaml.TaggedStyle != 0) {
		after := bytes.IndexAny(f.text[at:], " \t\r\n,[]{}")
		if after < 0 {
			return at
		}
		next := at + after
		for next < len(f.text) && (f.text[next] == ' ' || f.text[next] == '\t') {
			next++
		}
		if n.Value == "" && n.Kind == yaml.ScalarNode || lineBreak(f.text[next:]) > 0 {
			return at
		}
		at = next
	}
	return at
}

// span is the part of the text that a node takes: the whole of a scalar, the
// first sign of anything else.
func (f *file) span(n *yaml.Node) span {
	if n.Kind == yaml.ScalarNode {
		return f.scan(n).span
	}
	at := f.start(n)
	if n.Kind == yaml.AliasNode {
		return span{at, at + 1 + len(n.Value)}
	}
	return span{at, at + 1}
}

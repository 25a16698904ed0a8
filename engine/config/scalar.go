package config

import (
	"strconv"

	"gopkg.in/yaml.v3"
)

// text is the value of a scalar, with the place in the file of each of its
// bytes: what YAML takes away (quotes, escapes, indentation, folded lines) lies
// between a value and the file, and a fault is shown in the file.
type text struct {
	value string
	at    []int // at[i] is where value[i] stands, at[len(value)] where the value ends; nil: not known
	span  span  // the scalar, with its quotes
}

// part is the part of the file where a part of the value stands.
func (t text) part(from, length int) span {
	if t.at == nil || from < 0 || from > len(t.value) {
		return t.span
	}
	return span{t.at[from], t.at[min(from+max(length, 0), len(t.value))]}
}

// scan finds a scalar's value in the file again. YAML's parser tells where a
// scalar starts and what came of it, but not how; where the two do not agree in
// every byte, the places within are not known.
func (f *file) scan(n *yaml.Node) text {
	start := f.start(n)
	s := &scanner{src: f.text, pos: start, want: n.Value}
	switch {
	case n.Style&yaml.DoubleQuotedStyle != 0:
		s.doubleQuoted()
	case n.Style&yaml.SingleQuotedStyle != 0:
		s.singleQuoted()
	case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		s.block(n.Style&yaml.LiteralStyle != 0)
	default:
		s.plain()
	}
	t := text{value: n.Value, span: span{start, s.pos}}
	if string(s.out) == n.Value {
		t.at = append(s.at, s.end)
	} else {
		t.span.to = min(start+1, len(f.text))
	}
	return t
}

// scanner reads a scalar as YAML does and notes where each byte comes from.
type scanner struct {
	src  []byte
	pos  int
	want string // what YAML's parser made of it
	out  []byte
	at   []int
	end  int // where the value ends
}

func (s *scanner) emit(at int, b byte) {
	s.out = append(s.out, b)
	s.at = append(s.at, at)
}

func (s *scanner) done() bool { return s.pos >= len(s.src) }

func (s *scanner) blank() bool { return s.src[s.pos] == ' ' || s.src[s.pos] == '\t' }

func (s *scanner) lineBreak() int { return lineBreak(s.src[s.pos:]) }

// gap reads blanks and line breaks as flow scalars fold them. escaped: the
// first line break is escaped and leaves nothing.
func (s *scanner) gap(escaped bool) {
	from, breaks := s.pos, 0
	if escaped {
		s.pos += s.lineBreak()
	}
	for !s.done() && (s.blank() || s.lineBreak() > 0) {
		if n := s.lineBreak(); n > 0 {
			breaks++
			s.pos += n
		} else {
			s.pos++
		}
	}
	switch {
	case escaped:
	case breaks == 0:
		for i := from; i < s.pos; i++ {
			s.emit(i, s.src[i])
		}
		return
	case breaks == 1:
		s.emit(from, ' ')
		return
	default:
		breaks--
	}
	for range breaks {
		s.emit(from, '\n')
	}
}

func (s *scanner) plain() {
	s.end = s.pos
	for !s.done() && len(s.out) < len(s.want) {
		if s.blank() || s.lineBreak() > 0 {
			s.gap(false)
			continue
		}
		s.emit(s.pos, s.src[s.pos])
		s.pos++
		s.end = s.pos
	}
	s.pos = s.end
}

func (s *scanner) singleQuoted() {
	for s.pos++; !s.done(); {
		switch {
		case s.src[s.pos] == '\'' && s.pos+1 < len(s.src) && s.src[s.pos+1] == '\'':
			s.emit(s.pos, '\'')
			s.pos += 2
		case s.src[s.pos] == '\'':
			s.end = s.pos
			s.pos++
			return
		case s.blank() || s.lineBreak() > 0:
			s.gap(false)
		default:
			s.emit(s.pos, s.src[s.pos])
			s.pos++
		}
	}
}

func (s *scanner) doubleQuoted() {
	for s.pos++; !s.done(); {
		switch {
		case s.src[s.pos] == '"':
			s.end = s.pos
			s.pos++
			return
		case s.src[s.pos] == '\\':
			s.escape()
		case s.blank() || s.lineBreak() > 0:
			s.gap(false)
		default:
			s.emit(s.pos, s.src[s.pos])
			s.pos++
		}
	}
}

// escapes are the escapes of one character (YAML 1.2, section 5.7).
var escapes = map[byte]string{
	'0': "\x00", 'a': "\a", 'b': "\b", 't': "\t", '\t': "\t", 'n': "\n", 'v': "\v", 'f': "\f", 'r': "\r", 'e': "\x1b",
	' ': " ", '"': "\"", '\'': "'", '/': "/", '\\': "\\", 'N': "\u0085", '_': "\u00a0", 'L': "\u2028", 'P': "\u2029",
}

// escapeDigits is how many hexadecimal digits follow the other escapes.
var escapeDigits = map[byte]int{'x': 2, 'u': 4, 'U': 8}

func (s *scanner) escape() {
	at := s.pos
	s.pos++
	if s.done() {
		return
	}
	if s.lineBreak() > 0 {
		s.gap(true)
		return
	}
	c := s.src[s.pos]
	s.pos++
	if digits := escapeDigits[c]; digits > 0 && s.pos+digits <= len(s.src) {
		code, _ := strconv.ParseUint(string(s.src[s.pos:s.pos+digits]), 16, 32)
		s.pos += digits
		s.emitAll(at, string(rune(code)))
		return
	}
	s.emitAll(at, escapes[c])
}

// emitAll notes all bytes at one place.
func (s *scanner) emitAll(at int, value string) {
	for i := range len(value) {
		s.emit(at, value[i])
	}
}

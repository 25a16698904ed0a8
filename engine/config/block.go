package config

import "strings"

// block reads a | or > scalar. Its indentation is that of its first line, or, where
// the header gives a number, one that only the node above knows; so each that
// can be is tried until the value comes out right.
func (s *scanner) block(literal bool) {
	header := s.pos
	for !s.done() && s.lineBreak() == 0 {
		s.pos++
	}
	chomp := byte(0)
	for _, c := range s.src[header+1 : s.pos] {
		if c == '+' || c == '-' {
			chomp = c
		}
		if c == '#' || c == ' ' {
			break
		}
	}
	if !s.done() {
		s.pos += s.lineBreak()
	}
	body := s.pos
	for indent := s.indentation(); indent > 0; indent-- {
		s.pos, s.out, s.at = body, nil, nil
		s.blockLines(literal, chomp, indent)
		if string(s.out) == s.want {
			break
		}
	}
	if s.end < body { // an empty one
		s.end = header + 1
	}
	s.pos = s.end
}

// indentation is that of the first line that is not blank.
func (s *scanner) indentation() int {
	for line := range strings.Lines(string(s.src[s.pos:])) {
		rest := strings.TrimLeft(line, " ")
		if strings.TrimRight(rest, "\r\n") != "" {
			return len(line) - len(rest)
		}
	}
	return 0
}

// blockLines is the reading of yaml.v3's yaml_parser_scan_block_scalar, with places.
func (s *scanner) blockLines(literal bool, chomp byte, indent int) {
	s.end = s.pos
	trailing := s.blankLines(indent)
	leading, leadingBlank := -1, false // where the break before this line stands
	for s.indented(indent) {
		s.pos += indent
		blank := s.blank()
		switch {
		case leading >= 0 && !literal && !leadingBlank && !blank:
			if len(trailing) == 0 {
				s.emit(leading, ' ')
			}
		case leading >= 0:
			s.emit(leading, '\n')
		}
		for _, at := range trailing {
			s.emit(at, '\n')
		}
		leadingBlank = blank
		for !s.done() && s.lineBreak() == 0 {
			s.emit(s.pos, s.src[s.pos])
			s.pos++
		}
		s.end = s.pos
		leading = -1
		if !s.done() {
			leading = s.pos
			s.pos += s.lineBreak()
		}
		trailing = s.blankLines(indent)
	}
	if chomp != '-' && leading >= 0 {
		s.emit(leading, '\n')
	}
	if chomp == '+' {
		for _, at := range trailing {
			s.emit(at, '\n')
		}
	}
}

// blankLines reads lines that hold nothing but indentation, and returns where their breaks stand.
func (s *scanner) blankLines(indent int) (breaks []int) {
	for {
		at := s.pos
		for at < len(s.src) && at-s.pos < indent && s.src[at] == ' ' {
			at++
		}
		n := lineBreak(s.src[at:])
		if n == 0 {
			return breaks
		}
		breaks = append(breaks, at)
		s.pos = at + n
	}
}

// indented tells whether a line of the scalar begins here.
func (s *scanner) indented(indent int) bool {
	if s.pos+indent >= len(s.src) {
		return false
	}
	for _, c := range s.src[s.pos : s.pos+indent] {
		if c != ' ' {
			return false
		}
	}
	return true
}

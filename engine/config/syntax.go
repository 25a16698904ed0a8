package config

import (
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// syntaxProblem makes a problem of YAML's own complaint. The parser says little
// of what was meant, so the lines around the place where it gave up are looked
// at for the mistakes people make.
func (f *file) syntaxProblem(complaint string, read int) Problem {
	complaint = strings.TrimPrefix(complaint, "yaml: ")
	if at, ok := f.unknownAnchor(complaint); ok {
		return f.explain(at)
	}
	if at := f.controlCharacter(); at >= 0 && strings.Contains(complaint, "control characters") {
		return f.problem(span{at, at + 1}, "a control character stands here", "remove it")
	}
	line := f.lineNumber(max(min(read, len(f.text))-1, 0))
	said, saidLine := complaint, -1
	if m := complaintLine.FindStringSubmatch(complaint); m != nil {
		said = m[2]
		n, _ := strconv.Atoi(m[1])
		saidLine = n - 1
	}
	// Where it stopped, the lines before (a value goes on over lines until it
	// does not fit), and where the parser says it was.
	keyMissed := strings.Contains(said, "mapping values") || strings.Contains(said, "expected ':'")
	for _, n := range []int{line, f.before(line), f.before(f.before(line)), saidLine, saidLine + 1} {
		if n < 0 || n >= len(f.lines) {
			continue
		}
		if p, ok := f.mistake(f.split(n), n == line || keyMissed); ok {
			return p
		}
	}
	if strings.Contains(said, "end of stream") || strings.Contains(said, "document indicator") {
		for n := range f.lines {
			if p, ok := f.unclosedQuote(f.split(n)); ok {
				return p
			}
		}
	}
	return f.plainComplaint(said, line)
}

var complaintLine = regexp.MustCompile(`^line (\d+): (?s)(.*)$`)

// before is the line before that is neither empty nor a comment, -1 if there is none.
func (f *file) before(n int) int {
	for n--; n >= 0; n-- {
		line := f.lineAt(f.lines[n])
		if text := strings.TrimSpace(string(f.text[line.from:line.to])); text != "" && text[0] != '#' {
			return n
		}
	}
	return -1
}

// yamlLine is a line cut into what a person sees in it.
type yamlLine struct {
	whole span
	text  string
	value string // what stands behind the key, or behind the dash
	at    span   // where the value stands
	key   string
}

var keyAndValue = regexp.MustCompile(`^(\s*(?:- +)*)(?:([^\s"'#:{}\[\],&*!|>%@` + "`" + `-][^\s"'#:{}\[\],]*|"[^"]*"|'[^']*')\s*:(?:[ \t]+|$))?(.*?)\s*$`)

func (f *file) split(n int) yamlLine {
	whole := f.lineAt(f.lines[n])
	l := yamlLine{whole: whole, text: string(f.text[whole.from:whole.to])}
	m := keyAndValue.FindStringSubmatchIndex(l.text)
	if m == nil {
		l.at = whole
		return l
	}
	if m[4] >= 0 {
		l.key = l.text[m[4]:m[5]]
	}
	l.value = withoutComment(l.text[m[6]:m[7]])
	l.at = span{whole.from + m[6], whole.from + m[6] + len(l.value)}
	return l
}

// withoutComment is a value without the comment behind it. In front of a quote's
// end a # is not one, so texts in quotes are left as they are.
func withoutComment(value string) string {
	if value == "" || strings.ContainsRune(`"'[{`, rune(value[0])) {
		return value
	}
	if i := strings.Index(value, " #"); i >= 0 {
		return strings.TrimRight(value[:i], " \t")
	}
	return value
}

// mistake looks for what people do wrong on a line. What can also be meant as
// it stands is looked for only where the parser stopped or missed a key.
func (f *file) mistake(l yamlLine, keyMissed bool) (Problem, bool) {
	for _, look := range []struct {
		apt  bool
		find func(yamlLine) (Problem, bool)
	}{
		{true, f.tab}, {true, f.sign}, {true, f.textAfterQuote}, {true, f.unclosedQuote}, {true, f.bareReference},
		{true, f.colonInText}, {keyMissed, f.noBlankAfterColon}, {true, f.unclosedBracket},
	} {
		if !look.apt {
			continue
		}
		if p, ok := look.find(l); ok {
			return p, true
		}
	}
	return Problem{}, false
}

func (f *file) tab(l yamlLine) (Problem, bool) {
	at := strings.IndexByte(l.text, '\t')
	if at < 0 || strings.TrimLeft(l.text[:at], " -") != "" || strings.TrimSpace(l.text[at:]) == "" {
		return Problem{}, false
	}
	return f.problem(span{l.whole.from + at, l.whole.from + at + 1}, "a tab stands in the indentation", "YAML indents with spaces only"), true
}

// signs are what YAML gives a meaning when a value begins with it.
var signs = map[byte]string{
	'%': "%", '@': "@", '`': "`", '!': "! (a tag)", '&': "& (an anchor)", '*': "* (an alias)",
}

// meantSign is an anchor, an alias or a tag that is one.
var meantSign = regexp.MustCompile(`^(?:[&*][\w-]+(?:\s|$)|!!)`)

func (f *file) sign(l yamlLine) (Problem, bool) {
	if l.value == "" {
		return Problem{}, false
	}
	sign, ok := signs[l.value[0]]
	if strings.HasPrefix(l.value, "{{") {
		sign, ok = "{{ (a mapping)", true
	}
	if !ok || meantSign.MatchString(l.value) {
		return Problem{}, false
	}
	return f.problem(l.at, "to YAML a value that begins with "+sign+" is not a text", "quote this: "+quoted(f, l.at)), true
}

// closing is where the quote that a value begins with closes, -1 where it does not.
func closing(value string) int {
	quote := value[0]
	for i := 1; i < len(value); i++ {
		switch {
		case quote == '"' && value[i] == '\\':
			i++
		case quote == '\'' && value[i] == '\'' && i+1 < len(value) && value[i+1] == '\'':
			i++
		case value[i] == quote:
			return i
		}
	}
	return -1
}

// mayFollowQuote tells whether the rest of a line can stand behind a text in quotes.
func mayFollowQuote(rest string) bool {
	after := strings.TrimLeft(rest, " \t\r")
	return after == "" || after[0] == '#' && after != rest || strings.ContainsRune(":,]}", rune(after[0]))
}

func (f *file) textAfterQuote(l yamlLine) (Problem, bool) {
	if l.value == "" || l.value[0] != '"' && l.value[0] != '\'' {
		return Problem{}, false
	}
	end := closing(l.value)
	if end < 0 {
		return Problem{}, false
	}
	if mayFollowQuote(l.value[end+1:]) {
		return Problem{}, false
	}
	return f.problem(l.at, "to YAML this text ends at its second quote", "quote the whole of it: "+quoted(f, l.at)), true
}

func (f *file) unclosedQuote(l yamlLine) (Problem, bool) {
	if l.value == "" || l.value[0] != '"' && l.value[0] != '\'' || closing(l.value) >= 0 {
		return Problem{}, false
	}
	// A text may go on over lines; then its end looks like one.
	rest := string(f.text[l.at.from:])
	if end := closing(rest); end >= 0 {
		line, _, _ := strings.Cut(rest[end+1:], "\n")
		if mayFollowQuote(line) {
			return Problem{}, false
		}
	}
	return f.problem(l.at, "this quote is not closed", "end the text with "+l.value[:1]), true
}

// bareReference is ${NAME} without quotes inside [ ] or { }, where the braces are YAML's.
func (f *file) bareReference(l yamlLine) (Problem, bool) {
	if l.value == "" || l.value[0] != '[' && l.value[0] != '{' {
		return Problem{}, false
	}
	quote := byte(0)
	for i := range len(l.value) {
		c := l.value[i]
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case strings.HasPrefix(l.value[i:], "${") || strings.HasPrefix(l.value[i:], "$${"):
			end := strings.IndexByte(l.value[i:], '}') + 1
			if end == 0 {
				end = len(l.value) - i
			}
			at := span{l.at.from + i, l.at.from + i + end}
			return f.problem(at, "inside [ ] and { } the braces are YAML's", `quote this: "`+string(f.text[at.from:at.to])+`"`), true
		}
	}
	return Problem{}, false
}

func (f *file) colonInText(l yamlLine) (Problem, bool) {
	if l.value == "" || strings.ContainsRune(`"'[{|>`, rune(l.value[0])) || l.key == "" {
		return Problem{}, false
	}
	if !strings.Contains(l.value, ": ") && !strings.HasSuffix(l.value, ":") {
		return Problem{}, false
	}
	msg := "to YAML a colon and a space end a key"
	if strings.Contains(l.value, " ? ") {
		msg = "YAML reads the : of a ? b : c as the end of a key"
	}
	return f.problem(l.at, msg, "quote this: "+quoted(f, l.at)), true
}

var noBlank = regexp.MustCompile(`^\s*(?:- +)*([a-z_]+):[^\s:/]|^\s*(?:- +)*([a-z_]+):/[^/]`)

func (f *file) noBlankAfterColon(l yamlLine) (Problem, bool) {
	m := noBlank.FindStringSubmatchIndex(l.text)
	if m == nil {
		return Problem{}, false
	}
	word := m[2:4]
	if word[0] < 0 {
		word = m[4:6]
	}
	at := span{l.whole.from + word[0], l.whole.from + word[1] + 1}
	return f.problem(at, "a space is missing after the colon", "write "+string(f.text[at.from:at.to])+" and a space"), true
}

// unclosedBracket is a [ or { that does not close on its line, while the next
// lines are not deeper.
func (f *file) unclosedBracket(l yamlLine) (Problem, bool) {
	if l.value == "" || l.value[0] != '[' && l.value[0] != '{' {
		return Problem{}, false
	}
	closer := byte(']')
	if l.value[0] == '{' {
		closer = '}'
	}
	if strings.IndexByte(l.value, closer) >= 0 {
		return Problem{}, false
	}
	return f.problem(span{l.at.from, l.at.from + 1}, "this "+l.value[:1]+" is not closed", "end it with "+string(closer)), true
}

// unknownAnchor finds the *x of "unknown anchor 'x' referenced", which comes without a line.
func (f *file) unknownAnchor(complaint string) (int, bool) {
	rest, ok := strings.CutPrefix(complaint, "unknown anchor '")
	if !ok {
		return 0, false
	}
	name, _, _ := strings.Cut(rest, "'")
	at := regexp.MustCompile(`(?:^|[\s,\[{])\*` + regexp.QuoteMeta(name)).FindIndex(f.text)
	if at == nil {
		return 0, false
	}
	return at[1] - len(name) - 1, true
}

// explain tells that a * in the text is not a multiplication.
func (f *file) explain(at int) Problem {
	s := span{at, f.lineAt(at).to}
	if i := strings.IndexAny(string(f.text[s.from:s.to]), ",]}#"); i >= 0 {
		s.to = s.from + i
	}
	return f.problem(s, "to YAML a value that begins with * (an alias) is not a text", "quote this: "+quoted(f, s))
}

func (f *file) controlCharacter() int {
	for i := 0; i < len(f.text); {
		r, size := utf8.DecodeRune(f.text[i:])
		if unicode.IsControl(r) && r != '\t' && r != '\n' && r != '\r' && r != '\u0085' {
			return i
		}
		i += size
	}
	return -1
}

// complaints are what is left of YAML's own words.
var complaints = []struct{ has, msg, hint string }{
	{"did not find expected key", "this line does not fit those above it", "indent it as its neighbours are"},
	{"did not find expected '-' indicator", "this line does not fit the list above it", "begin it with - as the other items, or indent it as the list's own key"},
	{"mapping values are not allowed", "a key cannot stand here", "begin it on a line of its own, indented as its neighbours are"},
	{"block sequence entries are not allowed", "a list cannot begin here", "begin it on a line of its own"},
	{"could not find expected ':'", "this line has no colon", "write word: value"},
	{"tab character", "a tab stands in the indentation", "YAML indents with spaces only"},
	{"unknown escape character", "YAML does not know this escape", "use single quotes, or double the backslash"},
	{"exceeded max depth", "this is nested too deeply", ""},
}

func (f *file) plainComplaint(said string, line int) Problem {
	whole := f.lineAt(f.lines[line])
	for n := line; n > 0 && len(strings.TrimSpace(string(f.text[whole.from:whole.to]))) == 0; n-- {
		whole = f.lineAt(f.lines[n-1])
	}
	for whole.from < whole.to && (f.text[whole.from] == ' ' || f.text[whole.from] == '\t') {
		whole.from++
	}
	for _, c := range complaints {
		if strings.Contains(said, c.has) {
			return f.problem(whole, c.msg, c.hint)
		}
	}
	return f.problem(whole, "this is not YAML: "+said, "")
}

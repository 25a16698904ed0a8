package expression

import (
	"errors"
	"regexp"
	"strings"

	"github.com/expr-lang/expr/file"

	"github.com/trotline/trotline/event"
)

// fail notes what is wrong at a place; the first one in the text is kept.
func (c *compilation) fail(at file.Location, msg, hint string) {
	e := c.at(at, msg, hint)
	if c.fault == nil || e.Offset < c.fault.Offset {
		c.fault = e
	}
}

// at is a fault at a place that expr counts in characters.
func (c *compilation) at(at file.Location, msg, hint string) *event.TextError {
	from := byteOffset(c.text, at.From)
	return &event.TextError{Offset: from, Len: max(byteOffset(c.text, at.To)-from, 0), Msg: msg, Hint: hint}
}

// byteOffset is where the character n starts, counted in bytes.
func byteOffset(text string, n int) int {
	for i := range text {
		if n == 0 {
			return i
		}
		n--
	}
	return len(text)
}

// errorOf is an error of expr's parser or checker, in words that say what to do.
func (c *compilation) errorOf(err error) *event.TextError {
	var fe *file.Error
	if !errors.As(err, &fe) {
		return &event.TextError{Len: len(c.text), Msg: err.Error()}
	}
	if strings.HasPrefix(fe.Message, "unexpected token EOF") {
		return &event.TextError{Offset: len(strings.TrimRight(c.text, " \t\r\n")), Msg: "the expression ends too early"}
	}
	for _, l := range lessons {
		m := l.message.FindStringSubmatch(fe.Message)
		if m == nil {
			continue
		}
		e := c.at(fe.Location, "", "")
		e.Msg, e.Hint = l.teach(m, c.text[:e.Offset])
		if l.find != nil {
			e.Offset, e.Len = l.find(c.text, m, e.Offset, e.Len)
		}
		return e
	}
	return c.at(fe.Location, fe.Message, "")
}

// lesson is a message of expr and what is said instead.
type lesson struct {
	message *regexp.Regexp
	// teach gives the message and the hint; before is the text up to the fault.
	teach func(match []string, before string) (msg, hint string)
	// find corrects the place where expr's is off; nil leaves it.
	find func(text string, match []string, offset, length int) (int, int)
}

var lessons = []lesson{
	{regexp.MustCompile(`^unexpected token \w+\("((?s).*)"\)$`), unexpected, nil},
	{regexp.MustCompile(`^unrecognized character: .* '(.*)'$`), unrecognized, nil},
	{regexp.MustCompile(`^literal not terminated$`), says("the text that starts here is not closed", "end it with the quote it starts with"), opening},
	{regexp.MustCompile(`^unclosed comment$`), says("the comment that starts here is not closed", "end it with */"), opening},
	{regexp.MustCompile(`^invalid char escape$`), says(`the text holds an unknown \ escape`, `a backslash is written \\; between backquotes it is itself`), nil},
	{regexp.MustCompile(`^bad number syntax: "(.*)"$`), func(m []string, _ string) (string, string) {
		return m[1] + " is no number", "a text is quoted, and a name starts with a letter"
	}, locate},
	{regexp.MustCompile(`^invalid integer literal: .*parsing "(.*?)"`), says("the number has more than 64 bits", "to compare it as it is written, write string(body.id) == '…'"), locate},
	{regexp.MustCompile(`^integer literal is too large$`), says("the number has more than 64 bits", ""), nil},
	{regexp.MustCompile(`^unknown name (.*)$`), func(m []string, _ string) (string, string) {
		return "unknown name " + m[1], "let names are known only after the ; of their let"
	}, nil},
	{regexp.MustCompile(`^invalid operation: (\S+) \(mismatched types (.+) and (.+)\)$`), mismatched, nil},
	{regexp.MustCompile(`^invalid operation: (\S+) \(mismatched type (.+)\)$`), func(m []string, _ string) (string, string) {
		return m[1] + " cannot be applied to " + goType(m[2]), ""
	}, nil},
	{regexp.MustCompile(`^non-bool expression \(type (.+)\) used as condition$`), func(m []string, _ string) (string, string) {
		return "a condition must be true or false, and this is " + goType(m[1]), ""
	}, nil},
	{regexp.MustCompile(`^predicate should return boolean \(got (.+)\)$`), func(m []string, _ string) (string, string) {
		return "this must give true or false for each element, and gives " + goType(m[1]), ""
	}, nil},
	{regexp.MustCompile(`^builtin (\w+) takes only array \(got (.+)\)$`), func(m []string, _ string) (string, string) {
		return m[1] + " wants a list, and gets " + goType(m[2]), ""
	}, nil},
	{regexp.MustCompile(`^type (\S+) has no (field|method) (\w+)$`), func(m []string, _ string) (string, string) {
		return goType(m[1]) + " has no " + m[2] + " " + m[3], ""
	}, nil},
	{regexp.MustCompile(`^cannot use (\S+) as type (\S+) in array$`), func(m []string, _ string) (string, string) {
		return goType(m[1]) + " is never in a list of which each element is " + goType(m[2]), ""
	}, nil},
	{regexp.MustCompile(`^Operator \((.+)\) and coalesce expressions`), func(m []string, _ string) (string, string) {
		return "?? and " + m[1] + " cannot stand side by side", "write brackets: (a ?? b) " + m[1] + " c"
	}, nil},
	{regexp.MustCompile(`^expected at least (\d+) arguments$`), func(m []string, _ string) (string, string) {
		return "it takes at least " + m[1] + " arguments", ""
	}, nil},
	{regexp.MustCompile(`^compilation failed: expression exceeds`), says("the expression is too long: it has more than ten thousand parts", ""), nil},
}

func says(msg, hint string) func([]string, string) (string, string) {
	return func([]string, string) (string, string) { return msg, hint }
}

// opening points at the quote or the comment's start that nothing closes.
func opening(text string, _ []string, offset, length int) (int, int) {
	for i := 0; i < len(text); i++ {
		n := 1
		switch {
		case strings.HasPrefix(text[i:], "//"):
			n = strings.IndexByte(text[i:], '\n')
		case strings.HasPrefix(text[i:], "/*"):
			n = strings.Index(text[i+2:], "*/") + 4
			if n < 4 {
				return i, 2
			}
		case strings.IndexByte("'\"`", text[i]) >= 0:
			if n = quotedLen(text[i:]); n < 0 || strings.Contains(text[i:i+n], "\n") && text[i] != '`' {
				return i, 1
			}
		}
		if n < 1 {
			break
		}
		i += n - 1
	}
	return offset, length
}

// locate finds what the message quotes, which ends near the fault.
func locate(text string, match []string, offset, length int) (int, int) {
	if i := strings.LastIndex(text[:min(offset+length, len(text))], match[1]); i >= 0 {
		return i, len(match[1])
	}
	return offset, length
}

func unexpected(m []string, before string) (msg, hint string) {
	token := m[1]
	last := before
	if fields := strings.Fields(before); len(fields) > 0 {
		last = fields[len(fields)-1]
	}
	switch {
	case token == "=":
		hint = "compare with =="
	case token == "#" || token == ".":
		hint = "# and .field are the element, inside all, map, filter and the like; elsewhere write body.field"
	case token == "&":
		hint = "write && or and"
	case token == ":" && !strings.Contains(before, "?"):
		hint = "an object stands in { }, and after map(list, in brackets as well: ({name: .name})"
	case isWord(token, "and", "or", "not", "in"):
		hint = "write " + strings.ToLower(token) + " in small letters"
	case isWord(last, "and", "or", "not", "in") && strings.ToLower(last) != last:
		hint = "write " + strings.ToLower(last) + " in small letters"
	case strings.HasSuffix(last, "|") && !strings.HasSuffix(last, "||"):
		hint = "one | hands a value to a function: write || or or"
	}
	return token + " is not expected here", hint
}

func isWord(word string, words ...string) bool {
	for _, w := range words {
		if strings.EqualFold(word, w) {
			return true
		}
	}
	return false
}

func unrecognized(m []string, _ string) (msg, hint string) {
	if strings.Contains("“”‘’„«»", m[1]) {
		hint = `a text stands between " or '`
	}
	return m[1] + " is not expected here", hint
}

func mismatched(m []string, _ string) (msg, hint string) {
	if m[2] == "unknown" || m[3] == "unknown" { // a known type and one that is not known never clash: it is nil
		return m[1] + " cannot be applied to nil", "compare with == nil, or give a value for it: body.x ?? 0"
	}
	a, b := goType(m[2]), goType(m[3])
	pair := a + " and " + b
	switch m[1] {
	case "==", "!=":
		msg = pair + " are never equal"
	case "<", "<=", ">", ">=":
		msg = pair + " have no order"
	default:
		msg = m[1] + " cannot be applied to " + pair
	}
	text, number := a == "a text" || b == "a text", a == "a number" || b == "a number"
	switch {
	case text && number && m[1] == "+":
		hint = "write string(…) around the number"
	case text && number:
		hint = "write float(…) around the text"
	case text && (a == "a time" || b == "a time"):
		hint = "write parse_time(…) around the text"
	}
	return msg, hint
}

// goType names a type of Go as [described] names a value.
func goType(name string) string {
	switch name {
	case "int", "float64":
		return "a number"
	case "string":
		return "a text"
	case "bool":
		return "true or false"
	case "nil":
		return "nil"
	case "time.Time":
		return "a time"
	case "time.Duration":
		return "a duration"
	case "[]uint8", "[]byte":
		return "bytes"
	case "*time.Location":
		return "a time zone"
	case "unknown":
		return "a value"
	}
	switch {
	case strings.HasPrefix(name, "["):
		return "a list"
	case strings.HasPrefix(name, "map["):
		return "an object"
	}
	return "something else"
}

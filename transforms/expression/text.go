package expression

import (
	"strings"
	"unicode/utf8"
)

var textFunctions = []*function{
	define("string(value any) text", "a text of a number, true or false, a time or bytes", toText),
	define("trim(text text, characters? text) text", "without the spaces, or these characters, at both ends", trimWith(strings.TrimSpace, strings.Trim)),
	define("trimPrefix(text text, prefix? text) text", "without the prefix", trimWith(trimSpacePrefix, strings.TrimPrefix)),
	define("trimSuffix(text text, suffix? text) text", "without the suffix", trimWith(trimSpaceSuffix, strings.TrimSuffix)),
	define("upper(text text) text", "in upper case", mapText(strings.ToUpper)),
	define("lower(text text) text", "in lower case", mapText(strings.ToLower)),
	define("split(text text, separator text, parts? int) list", "its parts between the separators", splitWith(strings.SplitN)),
	define("splitAfter(text text, separator text, parts? int) list", "its parts, each with its separator", splitWith(strings.SplitAfterN)),
	define("replace(text text, old text, new text, times? int) text", "with old replaced by new", replaceText),
	define("repeat(text text, times int) text", "the text so many times", repeatText),
	define("join(list list, separator? text) text", "the elements, which are texts or numbers, as one text", joinText),
	define("indexOf(text text, part text) int", "where the part first stands, in characters; -1 nowhere", indexText(strings.Index)),
	define("lastIndexOf(text text, part text) int", "where the part last stands, in characters; -1 nowhere", indexText(strings.LastIndex)),
	define("hasPrefix(text text, prefix text) bool", "whether it starts with the prefix", testText(strings.HasPrefix)),
	define("hasSuffix(text text, suffix text) bool", "whether it ends with the suffix", testText(strings.HasSuffix)),
	define("redact(text text) text", "*** and its last 4 characters", redact),
}

func toText(s *site, _ *frame, a []any) (any, error) {
	if text, ok := timeText(a[0]); ok {
		return text, nil
	}
	text, err := scalarText(a[0])
	if err != nil {
		f := s.fault(0, a[0], "is %s, which has no text", described(a[0]))
		if _, isList := asList(a[0]); isList || described(a[0]) == "an object" {
			f.hint = "write json(" + s.text(0) + ")"
		}
		return nil, f
	}
	return text, nil
}

func mapText(f func(string) string) operation {
	return func(_ *site, _ *frame, a []any) (any, error) { return f(a[0].(string)), nil }
}

func testText(f func(text, part string) bool) operation {
	return func(_ *site, _ *frame, a []any) (any, error) { return f(a[0].(string), a[1].(string)), nil }
}

func trimWith(alone func(string) string, with func(text, what string) string) operation {
	return func(_ *site, _ *frame, a []any) (any, error) {
		if len(a) == 1 {
			return alone(a[0].(string)), nil
		}
		return with(a[0].(string), a[1].(string)), nil
	}
}

func trimSpacePrefix(text string) string { return strings.TrimPrefix(text, " ") }
func trimSpaceSuffix(text string) string { return strings.TrimSuffix(text, " ") }

func splitWith(f func(text, separator string, n int) []string) operation {
	return func(_ *site, fr *frame, a []any) (any, error) {
		n := -1
		if len(a) == 3 {
			n = a[2].(int)
		}
		parts := f(a[0].(string), a[1].(string), n)
		return textList(parts), fr.charge(len(parts))
	}
}

func textList(texts []string) []any {
	list := make([]any, len(texts))
	for i, t := range texts {
		list[i] = t
	}
	return list
}

func replaceText(_ *site, f *frame, a []any) (any, error) {
	text, old, with, n := a[0].(string), a[1].(string), a[2].(string), -1
	if len(a) == 4 {
		n = a[3].(int)
	}
	times := strings.Count(text, old)
	if n >= 0 {
		times = min(times, n)
	}
	if len(with) > 0 && times > maxText/len(with) {
		return nil, errText
	}
	text = strings.Replace(text, old, with, n)
	return text, checkText(f, len(text))
}

func repeatText(s *site, f *frame, a []any) (any, error) {
	text, n := a[0].(string), a[1].(int)
	switch {
	case n < 0:
		return nil, s.fault(1, n, "is negative")
	case len(text) > 0 && n > maxText/len(text):
		return nil, errText
	}
	return strings.Repeat(text, n), f.charge(n * len(text) / 64)
}

func joinText(s *site, f *frame, a []any) (any, error) {
	separator := ""
	if len(a) == 2 {
		separator = a[1].(string)
	}
	var b strings.Builder
	for i, item := range a[0].([]any) {
		if !isScalar(item) {
			return nil, s.fault(0, item, "has %s at place %d, and join wants texts", described(item), i)
		}
		text, err := scalarText(item)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			b.WriteString(separator)
		}
		b.WriteString(text)
		if b.Len() > maxText {
			return nil, errText
		}
	}
	return b.String(), f.charge(b.Len() / 64)
}

// checkText fails for a text that has become too long.
func checkText(f *frame, length int) error {
	if length > maxText {
		return errText
	}
	return f.charge(length / 64)
}

func indexText(f func(text, part string) int) operation {
	return func(_ *site, _ *frame, a []any) (any, error) {
		text := a[0].(string)
		i := f(text, a[1].(string))
		if i < 0 {
			return -1, nil
		}
		return utf8.RuneCountInString(text[:i]), nil
	}
}

func redact(_ *site, _ *frame, a []any) (any, error) {
	const kept = 4
	runes := []rune(a[0].(string))
	if len(runes) <= kept {
		return "***", nil
	}
	return "***" + string(runes[len(runes)-kept:]), nil
}

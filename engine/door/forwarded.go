package door

import "strings"

// forwardedFor are the for parameters of Forwarded headers (RFC 7239), one for
// each element; "" for an element without one, and for one that is broken.
func forwardedFor(lines []string) []string {
	var hops []string
	for _, line := range lines {
		for _, element := range splitUnquoted(line, ',') {
			hops = append(hops, forParameter(element))
		}
	}
	return hops
}

// forParameter is an element's for parameter without its quotes.
func forParameter(element string) string {
	for _, pair := range splitUnquoted(element, ';') {
		name, value, _ := strings.Cut(pair, "=")
		if !strings.EqualFold(strings.TrimSpace(name), "for") {
			continue
		}
		value = strings.TrimSpace(value)
		if inner, ok := strings.CutPrefix(value, `"`); ok {
			// No address has a character that would have to be escaped.
			value, _ = strings.CutSuffix(inner, `"`)
		}
		return value
	}
	return ""
}

// splitUnquoted splits a text at a separator that does not stand in a quoted string (RFC 9110, section 5.6.4).
func splitUnquoted(text string, separator byte) []string {
	var parts []string
	quoted, begin := false, 0
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			quoted = !quoted
		case c == '\\' && quoted:
			i++
		case c == separator && !quoted:
			parts = append(parts, text[begin:i])
			begin = i + 1
		}
	}
	return append(parts, text[begin:])
}

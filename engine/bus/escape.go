package bus

import "strings"

// Header values of NATS are lines of text, while ids, paths and error texts may
// hold anything. So they are percent-encoded (RFC 3986, section 2.1), byte by
// byte; whatever is escaped comes back exactly.

const upperHex = "0123456789ABCDEF"

// escapeAttribute writes a CloudEvents attribute as the HTTP and NATS bindings
// of CloudEvents 1.0.2, section 3.1.3.2, ask: everything outside U+0021 to
// U+007E, the quote and the percent sign are encoded.
func escapeAttribute(s string) string {
	return escape(s, func(c byte) bool { return c <= ' ' || c >= 0x7f || c == '"' || c == '%' })
}

// escapeValue writes any other text. Spaces and quotes stay readable, except
// for spaces at the ends, which NATS clients trim.
func escapeValue(s string) string {
	if s == "" {
		return s
	}
	unsafe := func(c byte) bool { return c < ' ' || c >= 0x7f || c == '%' }
	if s[0] != ' ' && s[len(s)-1] != ' ' {
		return escape(s, unsafe)
	}
	inner := strings.Trim(s, " ")
	if inner == "" {
		return strings.Repeat("%20", len(s))
	}
	before := strings.Index(s, inner)
	after := len(s) - before - len(inner)
	return strings.Repeat("%20", before) + escape(inner, unsafe) + strings.Repeat("%20", after)
}

// escapeName writes the name of a header. Names of HTTP headers are tokens
// (RFC 9110, section 5.6.2) and stay as they are, but for the percent sign.
func escapeName(s string) string {
	return escape(s, func(c byte) bool { return c <= ' ' || c >= 0x7f || c == '%' || c == ':' })
}

func escape(s string, unsafe func(byte) bool) string {
	n := 0
	for i := range len(s) {
		if unsafe(s[i]) {
			n++
		}
	}
	if n == 0 {
		return s
	}
	b := make([]byte, 0, len(s)+2*n)
	for i := range len(s) {
		c := s[i]
		if unsafe(c) {
			b = append(b, '%', upperHex[c>>4], upperHex[c&15])
			continue
		}
		b = append(b, c)
	}
	return string(b)
}

// unescape reads what the functions above wrote. A percent sign that two hex
// digits do not follow is taken as it stands: other programs write headers too.
func unescape(s string) string {
	first := strings.IndexByte(s, '%')
	if first < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	b = append(b, s[:first]...)
	for i := first; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			hi, lo := unhex(s[i+1]), unhex(s[i+2])
			if hi < 16 && lo < 16 {
				b = append(b, hi<<4|lo)
				i += 2
				continue
			}
		}
		b = append(b, s[i])
	}
	return string(b)
}

// unhex is the value of a hex digit; 16 if it is none.
func unhex(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	}
	return 16
}

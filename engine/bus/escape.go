package bus

import "strings"

// Header values of NATS are lines of text, while ids, paths and error texts may
// hold anything. So they are percent-encoded (RFC 3986, section 2.1), byte by
// byte; whatever is escaped comes back exactly.

const upperHex = "0123456789ABCDEF"

// unsafeBytes are the bytes to be encoded in a place.
type unsafeBytes [256]bool

func unsafeIn(more string) *unsafeBytes {
	var u unsafeBytes
	for c := range u {
		u[c] = c <= ' ' || c >= 0x7f || c == '%' || strings.IndexByte(more, byte(c)) >= 0
	}
	return &u
}

var (
	// unsafeAttribute: a CloudEvents attribute, as the HTTP and NATS bindings of
	// CloudEvents 1.0.2, section 3.1.3.2, ask: everything outside U+0021 to
	// U+007E, the quote and the percent sign.
	unsafeAttribute = unsafeIn(`"`)
	// unsafeField: a name or a value of a query string (WHATWG URL, section 5.1).
	unsafeField = unsafeIn("&=+;#")
)

// writeEscaped writes a text, its unsafe bytes encoded.
func writeEscaped(b *strings.Builder, s string, unsafe *unsafeBytes) {
	plain := 0
	for i := range len(s) {
		if c := s[i]; unsafe[c] {
			b.WriteString(s[plain:i])
			b.Write([]byte{'%', upperHex[c>>4], upperHex[c&15]})
			plain = i + 1
		}
	}
	b.WriteString(s[plain:])
}

func escapeAttribute(s string) string {
	for i := range len(s) {
		if unsafeAttribute[s[i]] {
			var b strings.Builder
			b.Grow(len(s) + 32)
			writeEscaped(&b, s, unsafeAttribute)
			return b.String()
		}
	}
	return s
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

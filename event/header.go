package event

import "strings"

// HeaderValue writes a text so that it can be the value of a header: bytes
// outside the printable ASCII, spaces, quotes and percent signs become %XX, as
// the CloudEvents HTTP binding 1.0.2, section 3.1.3.2, has it. An event's id
// comes from strangers and may hold anything.
func HeaderValue(text string) string {
	plain := true
	for i := range len(text) {
		if escaped(text[i]) {
			plain = false
			break
		}
	}
	if plain {
		return text
	}
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(text) {
		c := text[i]
		if !escaped(c) {
			b.WriteByte(c)
			continue
		}
		b.Write([]byte{'%', hex[c>>4], hex[c&15]})
	}
	return b.String()
}

func escaped(c byte) bool { return c <= ' ' || c > '~' || c == '"' || c == '%' }

// ValidHeaderName tells whether a text can be the name of a header: a token
// (RFC 9110, section 5.6.2).
func ValidHeaderName(name string) bool {
	for i := range len(name) {
		c := name[i]
		letter := 'a' <= c|0x20 && c|0x20 <= 'z'
		if !letter && (c < '0' || c > '9') && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return name != ""
}

// ValidHeaderValue tells whether a text can be the value of a header: it holds
// no control characters but tabs (RFC 9110, section 5.5).
func ValidHeaderValue(value string) bool {
	for i := range len(value) {
		if c := value[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

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

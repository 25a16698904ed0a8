package event

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
)

// Limits bound what a JSON body may hold, beside what encoding/json bounds. Zero bounds nothing.
type Limits struct {
	Depth  int // how deep objects and lists nest
	Values int // how many values there are, on all levels: objects, lists, and what stands in them
}

// Body is a JSON body of bytes that a stranger sent; the error says that they
// cannot be decoded or are beyond the limits. Where the fields of an object are
// is found in the same pass.
func (l Limits) Body(raw []byte) (*Body, error) {
	b := NewCheckedBody(JSON, raw)
	var err error
	b.index.Do(func() { err = b.find(l) })
	if errors.Is(err, errSyntax) {
		_, err = Decode(JSON, raw)
	}
	return b, err
}

// CheckJSON tells whether JSON can be decoded and is within the limits, in one
// pass that decodes nothing: it may be asked about what a stranger sent.
func (l Limits) CheckJSON(raw []byte) error {
	err := l.check(raw)
	if errors.Is(err, errSyntax) {
		_, err = Decode(JSON, raw)
	}
	return err
}

// maxDepth is how deep encoding/json lets a text nest.
const maxDepth = 10_000

// errSyntax says no more than that a text is not JSON: decoding tells where and why.
var errSyntax = errors.New("not JSON")

// scan is where the JSON value ends that a text begins with, and how many values
// that holds. It accepts what encoding/json does, in one pass and without recursion.
func (l Limits) scan(text []byte) (end, values int, err error) { return l.scanOn(text, 0, 0) }

// scanOn is scan for a value that stands at a depth, behind so many others.
func (l Limits) scanOn(text []byte, depth, before int) (end, values int, err error) {
	open := make([]byte, 0, 64) // the brackets that are to come, the innermost last
	i := 0
value:
	for values = before + 1; ; values++ {
		if l.Values > 0 && values > l.Values {
			return 0, 0, l.tooMany()
		}
		i = skipSpace(text, i)
		switch c := at(text, i); c {
		case '{', '[':
			if err := l.checkDepth(depth + len(open) + 1); err != nil {
				return 0, 0, err
			}
			bracket := c + 2 // ASCII has one character between the two
			open = append(open, bracket)
			i = skipSpace(text, i+1)
			if at(text, i) == bracket {
				break
			}
			if c == '{' {
				i = skipKey(text, i)
			}
			continue
		case '"':
			i = skipString(text, i)
		case 't':
			i = skipWord(text, i, "true")
		case 'f':
			i = skipWord(text, i, "false")
		case 'n':
			i = skipWord(text, i, "null")
		default:
			i = skipNumber(text, i)
		}
		// From where a value ended to where the next one begins.
		for len(open) > 0 {
			bracket := open[len(open)-1]
			i = skipSpace(text, i)
			switch at(text, i) {
			case bracket:
				open = open[:len(open)-1]
				i++
			case ',':
				i++
				if bracket == '}' {
					i = skipKey(text, skipSpace(text, i))
				}
				continue value
			default:
				return 0, 0, errSyntax
			}
		}
		if i < 0 {
			return 0, 0, errSyntax
		}
		return i, values, nil
	}
}

func (l Limits) tooMany() error { return fmt.Errorf("it holds more than %d values", l.Values) }

// checkDepth names the limit that was set; that of encoding/json is left to decoding.
func (l Limits) checkDepth(depth int) error {
	if l.Depth > 0 && depth > l.Depth {
		return fmt.Errorf("it nests deeper than %d levels", l.Depth)
	}
	if depth > maxDepth {
		return errSyntax
	}
	return nil
}

// check tells whether a text is one JSON value within the limits.
func (l Limits) check(text []byte) error {
	end, _, err := l.scan(text)
	if err == nil && skipSpace(text, end) < len(text) {
		err = errSyntax
	}
	return err
}

// The functions below return the place behind what they skip, or -1 if it is
// not at i; and they take -1, where nothing is.

// at is the byte at a place; beyond the text it is 0, which begins nothing in JSON.
func at(text []byte, i int) byte {
	if uint(i) < uint(len(text)) {
		return text[i]
	}
	return 0
}

func skipSpace(text []byte, i int) int {
	for uint(i) < uint(len(text)) && text[i] <= ' ' && isSpace(text[i]) {
		i++
	}
	return i
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }

func skipWord(text []byte, i int, word string) int {
	if bytes.HasPrefix(text[i:], []byte(word)) {
		return i + len(word)
	}
	return -1
}

// skipKey skips a field's name and the colon behind it.
func skipKey(text []byte, i int) int { return skipColon(text, skipString(text, i)) }

func skipColon(text []byte, i int) int {
	if i = skipSpace(text, i); at(text, i) != ':' {
		return -1
	}
	return i + 1
}

// skipString looks at eight bytes at a time, and not at what is no ASCII:
// encoding/json reads invalid UTF-8 too.
func skipString(text []byte, i int) int {
	if at(text, i) != '"' {
		return -1
	}
	for i++; ; {
		for i+8 <= len(text) {
			special := specials(binary.LittleEndian.Uint64(text[i:]))
			if special != 0 {
				i += bits.TrailingZeros64(special) / 8
				break
			}
			i += 8
		}
		switch c := at(text, i); {
		case c == '"':
			return i + 1
		case c == '\\':
			if i = skipEscape(text, i); i < 0 {
				return -1
			}
		case c < ' ':
			return -1
		default: // in the last bytes of the text
			i++
		}
	}
}

// specials finds what cannot stand in a string as it is: the lowest bit that is
// set is in the first byte of a word that is a quote, a backslash or a control
// character. To subtract n from each byte sets the high bit of the lowest that
// is below n; one that had it set before is no ASCII.
func specials(word uint64) uint64 {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	quote, backslash, control := (word^'"'*ones)-ones, (word^'\\'*ones)-ones, word-' '*ones
	return (quote | backslash | control) &^ word & highs
}

func skipEscape(text []byte, i int) int {
	switch at(text, i+1) {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 2
	case 'u':
		for j := i + 2; j < i+6; j++ {
			if !isHex(at(text, j)) {
				return -1
			}
		}
		return i + 6
	}
	return -1
}

func isHex(c byte) bool { return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'f' }

func isDigit(c byte) bool { return c-'0' <= 9 }

func skipNumber(text []byte, i int) int {
	if at(text, i) == '-' {
		i++
	}
	if at(text, i) == '0' {
		i++
	} else {
		i = skipDigits(text, i)
	}
	if at(text, i) == '.' {
		i = skipDigits(text, i+1)
	}
	if at(text, i)|0x20 == 'e' {
		i++
		if sign := at(text, i); sign == '+' || sign == '-' {
			i++
		}
		return skipDigits(text, i)
	}
	return i
}

// skipDigits skips one digit or more.
func skipDigits(text []byte, i int) int {
	start := i
	for uint(i) < uint(len(text)) && isDigit(text[i]) {
		i++
	}
	if i == start {
		return -1
	}
	return i
}

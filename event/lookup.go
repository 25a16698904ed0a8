package event

import (
	"bytes"
	"encoding/json"
)

// Lookup is the value that a path of field names leads to; nil where it leads
// nowhere. It equals what following the path through [Body.Value] gives, but a
// JSON body that is asked for a few fields is not decoded whole for them: most
// events are filtered and named by two or three of their fields.
func (b *Body) Lookup(path ...string) (any, error) {
	if b.format != JSON || b.decoded.Load() || b.lookups.Add(1) > maxLookups {
		v, err := b.Value()
		if err != nil {
			return nil, err
		}
		for _, name := range path {
			object, _ := v.(map[string]any)
			v = object[name]
		}
		return v, nil
	}
	if err := b.Check(); err != nil {
		return nil, err
	}
	if !b.checked {
		return nil, nil // an empty body
	}
	text := bytes.TrimLeft(b.raw, jsonSpace)
	for _, name := range path {
		if text = field(text, name); text == nil {
			return nil, nil
		}
	}
	return fragment(text)
}

// maxLookups is after how many a body is decoded whole: each reads all of its bytes.
const maxLookups = 8

// Check tells whether the bytes can be decoded, without keeping what they hold.
func (b *Body) Check() error {
	if b.format != JSON || b.decoded.Load() {
		_, err := b.Value()
		return err
	}
	b.check.Do(func() { b.checked = json.Valid(b.raw) })
	if b.checked {
		return nil
	}
	_, err := b.Value() // knows what is wrong, and that an empty body is nil
	return err
}

const jsonSpace = " \t\r\n"

// fragment decodes a value at the start of a valid JSON text.
func fragment(text []byte) (any, error) {
	if len(text) == 0 {
		return nil, nil
	}
	text = text[:len(text)-len(skipValue(text))]
	switch text[0] {
	case '{', '[':
		return decodeJSON(text)
	case '"':
		if plain := text[1 : len(text)-1]; isPlain(plain) {
			return string(plain), nil
		}
		return decodeJSON(text)
	case 't':
		return true, nil
	case 'f':
		return false, nil
	case 'n':
		return nil, nil
	}
	return json.Number(text), nil
}

// field is the text of an object's field, from its value on; nil if the text is
// no object or has no such field. Of a name that is there twice the last one
// counts, as everywhere.
func field(text []byte, name string) (found []byte) {
	if len(text) == 0 || text[0] != '{' {
		return nil
	}
	text = bytes.TrimLeft(text[1:], jsonSpace)
	for text[0] != '}' {
		rest := skipValue(text)
		key := text[1 : len(text)-len(rest)-1]
		// Behind the colon stands the value.
		value := bytes.TrimLeft(bytes.TrimLeft(rest, jsonSpace)[1:], jsonSpace)
		if isKey(key, name) {
			found = value
		}
		text = bytes.TrimLeft(skipValue(value), jsonSpace)
		if text[0] == ',' {
			text = bytes.TrimLeft(text[1:], jsonSpace)
		}
	}
	return found
}

// isKey tells whether a key, as it is written between its quotes, is a name.
func isKey(key []byte, name string) bool {
	if isPlain(key) {
		return string(key) == name
	}
	var decoded string
	quoted := append(append(append(make([]byte, 0, len(key)+2), '"'), key...), '"')
	return json.Unmarshal(quoted, &decoded) == nil && decoded == name
}

// isPlain tells whether what stands between quotes is the text itself: ASCII
// without escapes.
func isPlain(text []byte) bool {
	for _, c := range text {
		if c == '\\' || c >= 0x80 {
			return false
		}
	}
	return true
}

// skipValue is what follows the value at the start of a valid JSON text.
func skipValue(text []byte) []byte {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			i = endOfString(text, i)
		case '{', '[':
			depth++
			continue
		case '}', ']':
			depth--
		case ',', ':', ' ', '\t', '\r', '\n':
			if depth > 0 {
				continue
			}
			return text[i:]
		default:
			if depth > 0 {
				continue
			}
			// A number or a word ends where something else begins.
			if end := bytes.IndexAny(text[i:], ",:}] \t\r\n"); end >= 0 {
				return text[i+end:]
			}
			return nil
		}
		if depth <= 0 {
			return text[min(i+1, len(text)):]
		}
	}
	return nil
}

// endOfString is the place of the quote that ends the string begun at a place.
func endOfString(text []byte, start int) int {
	for i := start + 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return len(text) - 1
}

package event

import "encoding/json"

// Lookup is the value that a path of field names leads to; nil where it leads
// nowhere. It equals what following the path through [Body.Value] gives, but a
// JSON body that is asked for a few fields is not decoded whole for them: most
// events are filtered and named by two or three of their fields.
func (b *Body) Lookup(path ...string) (any, error) {
	if b.format != JSON || len(path) == 0 || b.decoded.Load() || b.lookups.Add(1) > maxLookups {
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
	text := b.raw[skipSpace(b.raw, 0):]
	for _, name := range path {
		var err error
		if text, err = field(text, name); err != nil {
			return nil, b.fault()
		}
	}
	if text == nil {
		return nil, nil
	}
	return fragment(text)
}

// maxLookups is after how many a body is decoded whole: each reads all of its bytes.
const maxLookups = 8

// Check tells whether the bytes can be decoded, without keeping what they hold.
func (b *Body) Check() error {
	if b.format != JSON || b.decoded.Load() {
		return b.fault()
	}
	b.check.Do(func() { b.checked = Limits{}.check(b.raw) == nil })
	if b.checked {
		return nil
	}
	return b.fault()
}

// fault is what decoding says of the bytes: it knows what is wrong, and that an
// empty body is nil.
func (b *Body) fault() error {
	_, err := b.Value()
	return err
}

// fragment decodes the text of one JSON value.
func fragment(text []byte) (any, error) {
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

// field is the text of a field's value; nil if what the text begins with is no
// object or has no such field. Of a name that is there twice the last one
// counts, as everywhere.
func field(text []byte, name string) (found []byte, err error) {
	if at(text, 0) != '{' {
		return nil, nil
	}
	text = text[skipSpace(text, 1):]
	if at(text, 0) == '}' {
		return nil, nil
	}
	for {
		quote := skipString(text, 0)
		colon := skipColon(text, quote)
		if colon < 0 {
			return nil, errSyntax
		}
		value := text[skipSpace(text, colon):]
		end, _, err := Limits{}.scan(value)
		if err != nil {
			return nil, err
		}
		if isKey(text[1:quote-1], name) {
			found = value[:end]
		}
		next := skipSpace(value, end)
		switch at(value, next) {
		case '}':
			return found, nil
		case ',':
			text = value[skipSpace(value, next+1):]
		default:
			return nil, errSyntax
		}
	}
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

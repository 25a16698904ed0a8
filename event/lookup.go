package event

import (
	"encoding/json"
	"slices"
)

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
	text, err := b.field(path[0])
	if err != nil {
		return nil, b.fault()
	}
	for _, name := range path[1:] {
		if text, err = field(text, name); err != nil {
			return nil, b.fault()
		}
	}
	if text == nil {
		return nil, nil
	}
	return fragment(text)
}

// maxLookups is after how many a body is decoded whole: what each leads to is read anew.
const maxLookups = 16

// span is where a field stands in a body's bytes: its key, without the quotes,
// and its value. No body comes near 2 GiB.
type span struct{ key, keyEnd, value, end int32 }

// field is the text of a field of the outermost object, nil if it has no such
// field. Where its fields are is found once.
func (b *Body) field(name string) ([]byte, error) {
	b.index.Do(func() { b.broken = b.find(Limits{}) != nil })
	if b.broken {
		return nil, errSyntax
	}
	for _, s := range slices.Backward(b.fields) {
		if isKey(b.raw[s.key:s.keyEnd], name) {
			return b.raw[s.value:s.end], nil
		}
	}
	return nil, nil
}

// find finds the fields of the outermost object, and checks all there is on the way.
func (b *Body) find(l Limits) error {
	start := skipSpace(b.raw, 0)
	if at(b.raw, start) != '{' {
		return l.check(b.raw)
	}
	b.fields = make([]span, 0, 16)
	end, err := l.eachField(b.raw, start, func(s span) { b.fields = append(b.fields, s) })
	if err == nil && skipSpace(b.raw, end) < len(b.raw) {
		err = errSyntax
	}
	return err
}

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
	_, err = Limits{}.eachField(text, 0, func(s span) {
		if isKey(text[s.key:s.keyEnd], name) {
			found = text[s.value:s.end]
		}
	})
	return found, err
}

// eachField finds the fields of the object that begins at a place, and where it ends.
func (l Limits) eachField(text []byte, start int, found func(span)) (end int, err error) {
	if err := l.checkDepth(1); err != nil {
		return 0, err
	}
	key := skipSpace(text, start+1)
	if at(text, key) == '}' {
		return key + 1, nil
	}
	for values := 1; ; {
		quote := skipString(text, key)
		colon := skipColon(text, quote)
		if colon < 0 {
			return 0, errSyntax
		}
		value := skipSpace(text, colon)
		var length int
		if length, values, err = l.scanOn(text[value:], 1, values); err != nil {
			return 0, err
		}
		found(span{int32(key + 1), int32(quote - 1), int32(value), int32(value + length)})
		next := skipSpace(text, value+length)
		switch at(text, next) {
		case '}':
			return next + 1, nil
		case ',':
			key = skipSpace(text, next+1)
		default:
			return 0, errSyntax
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

package transforms

import (
	"bytes"
	"encoding/json"
	"strconv"

	"github.com/trotline/trotline/event"
)

// repeated is the first field that a body's bytes hold twice; false where there
// is none. We read the last of them, as most do, but what goes on is the bytes:
// another reader may see in them what no schema has looked at.
func repeated(b *event.Body) (pointer string, found bool) {
	if b.Made() || b.Format() != event.JSON && b.Format() != event.NDJSON {
		return "", false
	}
	raw, _ := b.Raw() // of bytes it is those
	w := fieldWalk{dec: json.NewDecoder(bytes.NewReader(raw))}
	w.dec.UseNumber()
	if b.Format() == event.NDJSON {
		w.open = []level{{}}
	}
	for {
		token, err := w.dec.Token()
		if err != nil { // the end: the body has been decoded before
			return "", false
		}
		if w.step(token) {
			return w.pointer(), true
		}
	}
}

// fieldWalk goes through JSON token by token.
type fieldWalk struct {
	dec  *json.Decoder
	open []level // the objects and lists around the next token, the innermost last
}

// level is an object or a list on the way.
type level struct {
	seen    map[string]bool // nil in a list
	name    string          // of the field, once it is read
	inField bool
	index   int // in a list: how many items there were
}

// step takes a token, and tells whether it is a field's name for the second time.
func (w *fieldWalk) step(token json.Token) bool {
	top := len(w.open) - 1
	if name, ok := token.(string); ok && top >= 0 && w.open[top].seen != nil && !w.open[top].inField {
		l := &w.open[top]
		again := l.seen[name]
		l.seen[name], l.name, l.inField = true, name, true
		return again
	}
	switch token {
	case json.Delim('{'):
		w.open = append(w.open, level{seen: map[string]bool{}})
		return false
	case json.Delim('['):
		w.open = append(w.open, level{})
		return false
	case json.Delim('}'), json.Delim(']'):
		w.open = w.open[:top]
	}
	w.ended()
	return false
}

// ended tells the innermost level that one of its values is over.
func (w *fieldWalk) ended() {
	if len(w.open) == 0 {
		return
	}
	l := &w.open[len(w.open)-1]
	l.inField = false
	l.index++
}

func (w *fieldWalk) pointer() string {
	path := make([]string, len(w.open))
	for i, l := range w.open {
		path[i] = l.name
		if l.seen == nil {
			path[i] = strconv.Itoa(l.index)
		}
	}
	return pointer(path)
}

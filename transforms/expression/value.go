package expression

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/textproto"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// The values that expressions handle are those of a decoded body (nil, bool,
// string, json.Number, []any, map[string]any), int and float64 as results of
// calculation, []byte, time.Time, time.Duration, *time.Location, and the views
// below, which look like objects. Other Go values, which a step may have put
// into a body, are taken for what they resemble.

// headerView is an object of a request's headers: the first value of each, by a name in any case.
type headerView http.Header

// queryView is an object of a query's parameters: the first value of each.
type queryView url.Values

// nameView is an object whose names are found in any case; it holds them in lower case.
type nameView map[string]string

// headerField gives the first value of a header. name must be canonical.
func headerField(h headerView, name string) (string, bool) {
	if values := h[name]; len(values) > 0 {
		return values[0], true
	}
	for other, values := range h {
		if len(values) > 0 && strings.EqualFold(other, name) {
			return values[0], true
		}
	}
	return "", false
}

// member is base.key, base["key"] or base[0]; nil where there is no such thing.
func member(base, key any) any {
	v, _ := lookup(base, key)
	return v
}

// lookup tells also whether there is such a member.
func lookup(base, key any) (any, bool) {
	switch b := base.(type) {
	case nil, string, []byte:
		return nil, false
	case map[string]any:
		if name, ok := keyText(key); ok {
			v, ok := b[name]
			return v, ok
		}
		return nil, false
	case []any:
		if i, ok := index(key, len(b)); ok {
			return b[i], true
		}
		return nil, false
	}
	return lookupOther(base, key)
}

func lookupOther(base, key any) (any, bool) {
	if _, ok := key.(string); !ok {
		if list, ok := asList(base); ok {
			return lookup(list, key)
		}
	}
	name, ok := keyText(key)
	if !ok {
		return nil, false
	}
	var text string
	switch b := base.(type) {
	case headerView:
		text, ok = headerField(b, textproto.CanonicalMIMEHeaderKey(name))
	case queryView:
		if ok = len(b[name]) > 0; ok {
			text = b[name][0]
		}
	case nameView:
		text, ok = b[strings.ToLower(name)]
	default:
		v := reflect.ValueOf(base)
		if v.Kind() != reflect.Map || v.Type().Key().Kind() != reflect.String {
			return nil, false
		}
		field := v.MapIndex(reflect.ValueOf(name).Convert(v.Type().Key()))
		if !field.IsValid() {
			return nil, false
		}
		return field.Interface(), true
	}
	if !ok {
		return nil, false
	}
	return text, true
}

// keyText is a value as an object's key.
func keyText(key any) (string, bool) {
	switch k := key.(type) {
	case string:
		return k, true
	case json.Number:
		return string(k), true
	case int:
		return strconv.Itoa(k), true
	case bool:
		return strconv.FormatBool(k), true
	}
	if _, ok := toNumber(key); ok {
		text, err := scalarText(key)
		return text, err == nil
	}
	return "", false
}

// index is a value as a place in a list; a negative one counts from the end.
func index(key any, length int) (int, bool) {
	i, ok := key.(int)
	if !ok {
		n, isNumber := toNumber(key)
		if _, isText := key.(string); isText || !isNumber {
			return 0, false
		}
		if i, ok = n.whole(); !ok {
			return 0, false
		}
	}
	if i < 0 {
		i += length
	}
	return i, i >= 0 && i < length
}

// asList is a value as a list; bytes are none.
func asList(v any) ([]any, bool) {
	switch v := v.(type) {
	case []any:
		return v, true
	case nil, []byte, string, json.Number, map[string]any, int, float64, bool:
		return nil, false
	}
	rv := reflect.ValueOf(v)
	if k := rv.Kind(); k != reflect.Slice && k != reflect.Array {
		return nil, false
	}
	list := make([]any, rv.Len())
	for i := range list {
		list[i] = rv.Index(i).Interface()
	}
	return list, true
}

// asObject is a value as an object.
func asObject(v any) (map[string]any, bool) {
	switch v := v.(type) {
	case map[string]any:
		return v, true
	case nil, []any, []byte, string, json.Number, int, float64, bool:
		return nil, false
	case headerView:
		object := make(map[string]any, len(v))
		for name, values := range v {
			if len(values) > 0 {
				object[strings.ToLower(name)] = values[0]
			}
		}
		return object, true
	case queryView:
		object := make(map[string]any, len(v))
		for name, values := range v {
			if len(values) > 0 {
				object[name] = values[0]
			}
		}
		return object, true
	}
	rv := reflect.ValueOf(v)
	if rv.Kind() != reflect.Map || rv.Type().Key().Kind() != reflect.String {
		return nil, false
	}
	object := make(map[string]any, rv.Len())
	for it := rv.MapRange(); it.Next(); {
		object[it.Key().String()] = it.Value().Interface()
	}
	return object, true
}

// plain turns what only expressions know into what a body can hold.
func plain(v any) any {
	switch v := v.(type) {
	case nil, bool, string, json.Number, int, float64, []byte, time.Time:
		return v
	case time.Duration:
		return v.String()
	case *time.Location:
		return v.String()
	}
	if list, ok := asList(v); ok {
		out := make([]any, len(list))
		for i, item := range list {
			out[i] = plain(item)
		}
		return out
	}
	if object, ok := asObject(v); ok {
		out := make(map[string]any, len(object))
		for k, field := range object {
			out[k] = plain(field)
		}
		return out
	}
	return v
}

// scalarText is a text, a number or a boolean as a text.
func scalarText(v any) (string, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case json.Number:
		return string(v), nil
	case int:
		return strconv.Itoa(v), nil
	case bool:
		return strconv.FormatBool(v), nil
	case []byte:
		if utf8.Valid(v) {
			return string(v), nil
		}
		return "", &fault{arg: -1, value: v, msg: "it gives bytes that are no text", hint: "write base64(…) or hex(…)"}
	case time.Time:
		return "", &fault{arg: -1, value: v, msg: "it gives a time, not a text", hint: "write format_time(…)"}
	}
	if _, ok := toNumber(v); ok {
		b, err := json.Marshal(v)
		return string(b), err
	}
	return "", &fault{arg: -1, value: v, msg: fmt.Sprintf("it gives %s, not a text", described(v))}
}

// equal tells whether two values are the same. Numbers are compared as numbers,
// whatever they are written like; values of different kinds are never equal.
func equal(a, b any) bool {
	switch a := a.(type) {
	case nil:
		return b == nil
	case string:
		b, ok := b.(string)
		return ok && a == b
	case bool:
		b, ok := b.(bool)
		return ok && a == b
	case []byte:
		b, ok := b.([]byte)
		return ok && bytes.Equal(a, b)
	case time.Time:
		b, ok := b.(time.Time)
		return ok && a.Equal(b)
	case time.Duration:
		b, ok := b.(time.Duration)
		return ok && a == b
	}
	if b == nil {
		return false
	}
	if m, ok := toNumber(a); ok {
		n, ok := toNumber(b)
		return ok && m.compare(n) == 0
	}
	if list, ok := asList(a); ok {
		other, ok := asList(b)
		return ok && slices.EqualFunc(list, other, equal)
	}
	if object, ok := asObject(a); ok {
		other, ok := asObject(b)
		return ok && maps.EqualFunc(object, other, equal)
	}
	return false
}

// firstKeys are the first keys of an object in their order, at most n.
func firstKeys(object map[string]any, n int) []string {
	keys := sortedKeys(object)
	return keys[:min(n, len(keys))]
}

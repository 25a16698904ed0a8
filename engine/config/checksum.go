package config

import (
	"crypto/sha256"
	"fmt"
	"hash"
	"reflect"
	"slices"
	"strings"

	"github.com/trotline/trotline/event"
)

// checksum is equal for settings that make the same sink.
func (l *loader) checksum(kind string, settings any) string {
	h := sha256.New()
	fmt.Fprintf(h, "%q", kind)
	l.hash(h, reflect.ValueOf(settings), "")
	return fmt.Sprintf("%x", h.Sum(nil))
}

// hash writes a value such that different values are different texts.
func (l *loader) hash(h hash.Hash, v reflect.Value, tag reflect.StructTag) {
	if v.Kind() == reflect.Interface || v.Kind() == reflect.Pointer {
		if v.IsNil() {
			fmt.Fprint(h, "nil;")
			return
		}
		switch x := v.Interface().(type) {
		case event.Expr:
			fmt.Fprintf(h, "expr %q;", x.Text())
		case event.Template:
			fmt.Fprintf(h, "template %q;", x.Text())
		default:
			l.hash(h, v.Elem(), tag)
		}
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		fmt.Fprint(h, "{")
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() {
				fmt.Fprintf(h, "%s:", f.Name)
				l.hash(h, v.Field(i), f.Tag)
			}
		}
		fmt.Fprint(h, "}")
	case reflect.Slice:
		if v.IsNil() {
			fmt.Fprint(h, "nil;")
			return
		}
		fmt.Fprintf(h, "[%d ", v.Len())
		for i := range v.Len() {
			l.hash(h, v.Index(i), tag)
		}
	case reflect.Map:
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
		fmt.Fprintf(h, "map %d ", len(keys))
		for _, k := range keys {
			fmt.Fprintf(h, "%q:", k.String())
			l.hash(h, v.MapIndex(k), tag)
		}
	case reflect.String:
		fmt.Fprintf(h, "%q;", v.String())
		if v.Type() == pathType && v.String() != "" && tag.Get("watch") == "true" {
			data, _ := l.readFile(v.String())
			fmt.Fprintf(h, "%x;", sha256.Sum256(data))
		}
	case reflect.Bool:
		fmt.Fprintf(h, "%t;", v.Bool())
	case reflect.Int, reflect.Int64:
		fmt.Fprintf(h, "%d;", v.Int())
	case reflect.Float64:
		fmt.Fprintf(h, "%v;", v.Float())
	case reflect.Uint8:
		fmt.Fprintf(h, "%d,", v.Uint())
	}
}

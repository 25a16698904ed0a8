package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/trotline/trotline/event"
)

// decoder writes nodes of one file over structs.
type decoder struct {
	*loader
	file  *file
	scope event.Scope  // what the expressions being decoded may see
	made  *event.Shape // what those see that look at what a step makes
}

// field is a setting: where it is written to, and what its tags say.
type field struct {
	word  string
	value reflect.Value
	tag   reflect.StructTag
	key   *yaml.Node // where the word stands in the file
}

func (f field) required() bool { return f.tag.Get("required") == "true" }

// fieldsOf are the settings of several structs that are written as one. The
// first one that knows a word has it.
func fieldsOf(targets ...any) []field {
	var fields []field
	for _, t := range targets {
		v := reflect.ValueOf(t).Elem()
		for i := range v.NumField() {
			f := v.Type().Field(i)
			word, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
			if !f.IsExported() || word == "" || word == "-" || slices.ContainsFunc(fields, func(f field) bool { return f.word == word }) {
				continue
			}
			fields = append(fields, field{word: word, value: v.Field(i), tag: f.Tag})
		}
	}
	return fields
}

func words(fields []field) []string {
	list := make([]string, len(fields))
	for i, f := range fields {
		list[i] = f.word
	}
	return list
}

// object writes a node over one or several structs that are one to the user.
// owner is the word the node belongs to, where a missing setting is shown;
// later are words of the language that this build does not have. It tells
// whether all of it is right.
func (d *decoder) object(n, owner *yaml.Node, later []string, targets ...any) bool {
	before := d.errors
	fields := fieldsOf(targets...)
	if n.Tag == brokenTag {
		return false
	}
	if short, ok := shortField(fields, n); ok {
		given := map[string]bool{short.word: true}
		short.key, short.word = owner, owner.Value
		d.value(n, short.value, short)
		return d.complete(owner, fields, given) && d.errors == before
	}
	if n.Kind != yaml.MappingNode {
		d.notSettings(n, owner, fields)
		return false
	}
	given := make(map[string]bool, len(fields)) // also what was probably meant to be
	var last []func()
	for key, value := range pairs(n) {
		i := slices.IndexFunc(fields, func(f field) bool { return f.word == key.Value })
		if i < 0 {
			d.unknown(key, fields, later)
			given[event.Nearest(key.Value, words(fields))] = true
			continue
		}
		given[key.Value] = true
		if isNull(value) {
			hint := "give it one, or remove the line"
			if fields[i].required() {
				hint = fields[i].tag.Get("doc")
			}
			d.empty(key, hint)
			continue
		}
		fields[i].key = key
		if fields[i].tag.Get("sees") == "made" { // what a step makes is known once the rest of it is
			last = append(last, func() { d.value(value, fields[i].value, fields[i]) })
			continue
		}
		d.value(value, fields[i].value, fields[i])
	}
	if s, ok := targets[0].(event.Shaper); ok && d.errors == before {
		d.made = s.Made()
	}
	for _, decode := range last {
		decode()
	}
	d.complete(owner, fields, given)
	return d.errors == before
}

// shortField is the setting that a node stands for by itself, if there is one.
func shortField(fields []field, n *yaml.Node) (field, bool) {
	for _, f := range fields {
		switch f.tag.Get("short") {
		case "all":
			return f, true
		case "true":
			return f, n.Kind != yaml.MappingNode && !isNull(n)
		}
	}
	return field{}, false
}

// complete tells whether every required setting is given.
func (d *decoder) complete(owner *yaml.Node, fields []field, given map[string]bool) bool {
	ok := true
	for _, f := range fields {
		if f.required() && !given[f.word] {
			d.addAt(d.file, owner, f.word+" is missing", f.tag.Get("doc"))
			ok = false
		}
	}
	return ok
}

// notSettings is the problem of something else where settings belong.
func (d *decoder) notSettings(n, owner *yaml.Node, fields []field) {
	known := "known here: " + strings.Join(words(fields), ", ")
	switch {
	case n.Tag == brokenTag:
	case isNull(n):
		for _, f := range fields {
			if f.tag.Get("short") != "" {
				known = f.tag.Get("doc")
			}
		}
		d.empty(owner, known)
	case n.Kind == yaml.ScalarNode && noBlank.MatchString(n.Value):
		d.addAt(d.file, n, "this is a text, not settings", "put a space after the colon")
	default:
		d.addAt(d.file, n, owner.Value+" wants settings, not "+kindOf(n), known)
	}
}

// empty is the problem of a word without a value.
func (d *decoder) empty(key *yaml.Node, hint string) {
	s := d.file.span(key)
	line := d.file.lineAt(s.from)
	rest := string(d.file.text[min(s.to, line.to):line.to])
	if after := strings.TrimLeft(rest, " \t:"); strings.HasPrefix(after, "#") {
		hint = "to YAML a comment begins at the #; if it is not meant as one, quote it"
	}
	d.add(d.file.problem(s, key.Value+" has no value", hint))
}

func (d *decoder) unknown(key *yaml.Node, fields []field, later []string) {
	if slices.Contains(later, key.Value) {
		d.addAt(d.file, key, key.Value+" is not in this version", "")
		return
	}
	known := words(fields)
	hint := didYouMean(key.Value, known)
	for _, f := range fields {
		if slices.Contains(innerWords(f.value.Type()), key.Value) {
			hint = "it belongs under " + f.word
			break
		}
	}
	d.addAt(d.file, key, "unknown setting "+key.Value, hint)
}

// innerWords are the settings of a setting that is a struct.
func innerWords(t reflect.Type) []string {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || oneValue[t] {
		return nil
	}
	return words(fieldsOf(reflect.New(t).Interface()))
}

// value writes a node over a setting, as the setting's type says.
func (d *decoder) value(n *yaml.Node, v reflect.Value, f field) {
	if n.Tag == brokenTag || d.special(n, v, f) {
		return
	}
	switch v.Kind() {
	case reflect.Slice:
		d.list(n, v, f)
	case reflect.Map:
		d.table(n, v, f)
	case reflect.Pointer:
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		d.object(n, d.owner(n, f), nil, v.Interface())
	case reflect.Struct:
		d.object(n, d.owner(n, f), nil, v.Addr().Interface())
	case reflect.Bool:
		d.boolean(n, v, f)
	case reflect.Int, reflect.Int64:
		d.integer(n, v, f)
	case reflect.Float64:
		d.number(n, v, f)
	case reflect.String:
		d.string(n, v, f)
	default:
		panic(fmt.Sprintf("config: the setting %s is a %s", f.word, v.Type()))
	}
}

// owner is where a nested setting's own problems are shown: its word, or, for
// an item of a list, its beginning.
func (d *decoder) owner(n *yaml.Node, f field) *yaml.Node {
	if f.key != nil {
		return f.key
	}
	return &yaml.Node{Kind: n.Kind, Style: n.Style, Line: n.Line, Column: n.Column, Value: f.word}
}

// list writes a list. One value alone is a list of one, as far as it cannot be taken for anything else.
func (d *decoder) list(n *yaml.Node, v reflect.Value, f field) {
	items := n.Content
	switch n.Kind {
	case yaml.ScalarNode:
		items = []*yaml.Node{n}
	case yaml.MappingNode:
		d.addAt(d.file, n, f.word+" wants a list, not settings", "begin each item with -")
		return
	}
	out := reflect.MakeSlice(v.Type(), len(items), len(items))
	inner := f
	inner.key = nil
	for i, item := range items {
		if isNull(item) {
			d.addAt(d.file, item, "an item of "+f.word+" is empty", "")
			continue
		}
		d.value(item, out.Index(i), inner)
	}
	if len(items) == 0 && f.required() {
		d.addAt(d.file, n, f.word+" is empty", f.tag.Get("doc"))
	}
	v.Set(out)
}

func (d *decoder) table(n *yaml.Node, v reflect.Value, f field) {
	if n.Kind != yaml.MappingNode {
		d.addAt(d.file, n, f.word+" wants names with values", "write name: value on lines of their own below it")
		return
	}
	out := reflect.MakeMapWithSize(v.Type(), len(n.Content)/2)
	for key, value := range pairs(n) {
		if isNull(value) && v.Type().Elem() != mappingType {
			d.empty(key, "give it one, or remove the line")
			continue
		}
		item := reflect.New(v.Type().Elem()).Elem()
		inner := f
		inner.word, inner.key = key.Value, key
		d.value(value, item, inner)
		out.SetMapIndex(reflect.ValueOf(key.Value).Convert(v.Type().Key()), item)
	}
	if len(n.Content) == 0 && f.required() {
		d.addAt(d.file, n, f.word+" is empty", f.tag.Get("doc"))
	}
	v.Set(out)
}

// pairs are the keys and values of a mapping.
func pairs(n *yaml.Node) func(yield func(key, value *yaml.Node) bool) {
	return func(yield func(key, value *yaml.Node) bool) {
		for i := 0; i+1 < len(n.Content); i += 2 {
			if !yield(n.Content[i], n.Content[i+1]) {
				return
			}
		}
	}
}

// child is the key and the value of a word in a mapping, nil if it is not there.
func child(n *yaml.Node, word string) (key, value *yaml.Node) {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil, nil
	}
	for k, v := range pairs(n) {
		if k.Value == word {
			return k, v
		}
	}
	return nil, nil
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

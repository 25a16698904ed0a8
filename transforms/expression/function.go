package expression

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// operation is what an operator or a function does. Its arguments are already
// of the kinds its signature names.
type operation func(s *site, f *frame, args []any) (any, error)

// function is a function of the language.
type function struct {
	name      string
	signature string
	doc       string
	params    []param
	result    *kind
	call      operation
	impure    bool // it depends on the event, not on its arguments alone
}

type param struct {
	name     string
	kind     *kind
	optional bool
	repeated bool
}

// kind is what a parameter takes or a function gives.
type kind struct {
	name    string
	wanted  string                  // in an error: upper wants a text
	typ     reflect.Type            // what the type checker is told of a result
	fits    []reflect.Type          // what the type checker lets pass, beside what it does not know
	convert func(v any) (any, bool) // nil takes anything
}

var kinds = []*kind{
	{name: "any", wanted: "a value", typ: anyType},
	{name: "text", wanted: "a text", typ: textType, fits: []reflect.Type{textType, bytesType}, convert: asText},
	{name: "data", wanted: "a text or bytes", typ: bytesType, fits: []reflect.Type{textType, bytesType}, convert: asData},
	{name: "number", wanted: "a number", typ: anyType, fits: []reflect.Type{intType, floatType}, convert: asNumber},
	{name: "int", wanted: "a whole number", typ: intType, fits: []reflect.Type{intType, floatType}, convert: asInt},
	{name: "float", wanted: "a number", typ: floatType},
	{name: "bool", wanted: "true or false", typ: boolType, fits: []reflect.Type{boolType}},
	{name: "list", wanted: "a list", typ: listType, convert: func(v any) (any, bool) { return asList(v) }},
	{name: "object", wanted: "an object", typ: objectType, convert: func(v any) (any, bool) { return asObject(v) }},
	{name: "time", wanted: "a time", typ: timeType, fits: []reflect.Type{timeType}, convert: as[time.Time]},
	{name: "duration", wanted: "a duration", typ: durationType, fits: []reflect.Type{durationType}, convert: as[time.Duration]},
	{name: "zone", wanted: "a time zone", typ: zoneType, fits: []reflect.Type{zoneType}, convert: as[*time.Location]},
}

func as[T any](v any) (any, bool) {
	t, ok := v.(T)
	return t, ok
}

func asText(v any) (any, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case []byte:
		return string(v), utf8.Valid(v)
	}
	return "", false
}

func asData(v any) (any, bool) {
	switch v := v.(type) {
	case string:
		return []byte(v), true
	case []byte:
		return v, true
	}
	return nil, false
}

func asNumber(v any) (any, bool) {
	n, ok := toNumber(v)
	return n, ok && n.huge == ""
}

func asInt(v any) (any, bool) {
	n, ok := toNumber(v)
	if !ok {
		return 0, false
	}
	return n.whole()
}

// define makes a function of its signature: name(text text, times? int, more... any) result.
func define(signature, doc string, call operation) *function {
	name, rest, _ := strings.Cut(signature, "(")
	list, result, ok := strings.Cut(rest, ") ")
	if !ok {
		panic("expression: bad signature " + signature)
	}
	fn := &function{name: name, signature: signature, doc: doc, result: kindNamed(result), call: call}
	if list == "" {
		return fn
	}
	for p := range strings.SplitSeq(list, ", ") {
		name, k, _ := strings.Cut(p, " ")
		def := param{kind: kindNamed(k)}
		name, def.optional = strings.CutSuffix(name, "?")
		def.name, def.repeated = strings.CutSuffix(name, "...")
		fn.params = append(fn.params, def)
	}
	return fn
}

func kindNamed(name string) *kind {
	i := slices.IndexFunc(kinds, func(k *kind) bool { return k.name == name })
	if i < 0 {
		panic("expression: no kind " + name)
	}
	return kinds[i]
}

// ofEvent marks a function that depends on the event.
func ofEvent(fn *function) *function {
	fn.impure = true
	return fn
}

var functions = slices.Concat(textFunctions, numberFunctions, listFunctions, timeFunctions, codecFunctions, idFunctions)

var functionByName = func() map[string]*function {
	byName := make(map[string]*function, len(functions))
	for _, fn := range functions {
		byName[fn.name] = fn
	}
	return byName
}()

// arity tells in words how many arguments the function takes.
func (fn *function) arity() string {
	least, most := 0, len(fn.params)
	for _, p := range fn.params {
		if !p.optional && !p.repeated {
			least++
		}
		if p.repeated {
			most = -1
		}
	}
	switch {
	case most < 0:
		return fmt.Sprintf("at least %s", count(max(least, 1)))
	case least == most:
		return count(least)
	default:
		return fmt.Sprintf("%d to %s", least, count(most))
	}
}

func count(n int) string {
	switch n {
	case 0:
		return "no arguments"
	case 1:
		return "1 argument"
	}
	return fmt.Sprintf("%d arguments", n)
}

// param is the parameter of the argument i, nil if it takes no such argument.
func (fn *function) param(i int) *param {
	if last := len(fn.params) - 1; i > last {
		if last >= 0 && fn.params[last].repeated {
			return &fn.params[last]
		}
		return nil
	}
	return &fn.params[i]
}

func (fn *function) takes(n int) bool {
	for i, p := range fn.params {
		if i >= n && !p.optional && !p.repeated {
			return false
		}
	}
	return n == 0 && !fn.onlyRepeated() || n > 0 && fn.param(n-1) != nil
}

func (fn *function) onlyRepeated() bool { return len(fn.params) > 0 && fn.params[0].repeated }

// check is what the type checker asks: do the types that are known fit?
func (fn *function) check(args []reflect.Type) (reflect.Type, error) {
	if !fn.takes(len(args)) {
		return anyType, fmt.Errorf("%s takes %s, got %d: %s", fn.name, fn.arity(), len(args), fn.signature)
	}
	for i, t := range args {
		k := fn.param(i).kind
		if k.convert == nil || fitsKind(k, t) {
			continue
		}
		return anyType, fmt.Errorf("%s wants %s, and gets %s: %s", fn.name, k.wanted, typeDescribed(t), fn.signature)
	}
	return fn.result.typ, nil
}

func fitsKind(k *kind, t reflect.Type) bool {
	switch {
	case t == nil:
		return false // nil
	case t.Kind() == reflect.Interface:
		return true
	case k.name == "list":
		return t.Kind() == reflect.Slice && t != bytesType
	case k.name == "object":
		return t.Kind() == reflect.Map
	}
	return slices.Contains(k.fits, t)
}

// typeDescribed names a type as [described] names a value.
func typeDescribed(t reflect.Type) string {
	if t == nil {
		return "nil"
	}
	switch t {
	case bytesType:
		return "bytes"
	case timeType:
		return "a time"
	case durationType:
		return "a duration"
	}
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "a text"
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.Map:
		return "an object"
	}
	if t.ConvertibleTo(floatType) {
		return "a number"
	}
	return "something else"
}

// apply converts the arguments and calls the function.
func (fn *function) apply(s *site, f *frame, given []any) (any, error) {
	args := make([]any, len(given))
	for i, v := range given {
		if err := f.charge(cost(v)); err != nil {
			return nil, err
		}
		p := fn.param(i)
		if p.kind.convert == nil {
			args[i] = v
			continue
		}
		var ok bool
		if args[i], ok = p.kind.convert(v); !ok {
			return nil, fn.refuse(s, i, v, p.kind)
		}
	}
	return fn.call(s, f, args)
}

func (fn *function) refuse(s *site, i int, v any, k *kind) *fault {
	if n, ok := toNumber(v); ok && n.huge != "" {
		return s.beyond(i, v, n)
	}
	if n, ok := toNumber(v); ok && k.name == "int" && n.huge == "" {
		return s.fault(i, v, "is no whole number, and %s wants one", fn.name)
	}
	if _, ok := v.([]byte); ok && k.name == "text" {
		return s.fault(i, v, "is bytes that are no text")
	}
	return s.wants(i, v, k.wanted)
}

// beyond is the fault of a number that is too large to calculate with.
func (s *site) beyond(i int, v any, n num) *fault {
	if n.isHugeInt() {
		return s.fault(i, v, "is an integer beyond 64 bits")
	}
	return s.fault(i, v, "is a number beyond 64 bits")
}

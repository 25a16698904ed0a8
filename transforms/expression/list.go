package expression

import (
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/trotline/trotline/event"
)

var listFunctions = []*function{
	define("len(value any) int", "how many elements, fields, characters or bytes", length),
	define("type(value any) text", "nil, bool, int, float, string, array, map, time, duration or bytes", typeName),
	define("first(list any) any", "the first element, nil of an empty list", elementAt(0)),
	define("last(list any) any", "the last element, nil of an empty list", elementAt(-1)),
	define("get(value any, key any) any", "an element or field; nil where there is none", func(_ *site, _ *frame, a []any) (any, error) {
		return member(a[0], a[1]), nil
	}),
	define("list(value any) list", "the value if it is a list, else a list of it, and none of nil: what XML or a form repeats only now and then", toList),
	define("take(list list, n int) list", "the first n elements", take),
	define("keys(object object) list", "the names of the fields, sorted", keys),
	define("values(object object) list", "the fields in the order of their names", values),
	define("toPairs(object object) list", "a list [name, value] for each field, in the order of the names", toPairs),
	define("fromPairs(pairs list) object", "an object of lists [name, value]", fromPairs),
	define("reverse(list list) list", "the elements the other way round", reverse),
	define("uniq(list list) list", "each different element once", uniq),
	define("concat(lists... list) list", "all elements of all lists", concat),
	define("flatten(list list) list", "the elements, those of lists inside it as well", flatten),
	define("sort(list list, order? text) list", `the elements in their order, "asc" or "desc"`, sortList),
}

// overPairs finish the functions for which the machine collects pairs [element,
// key]: those whose keys need the order or the text of this package, and those
// whose loop backwards leaves values behind on the machine's stack.
var overPairs = map[string]*function{
	"sortBy":        define("sortBy(pairs list, order? text) list", "", sortByKey),
	"groupBy":       define("groupBy(pairs list) object", "", groupByKey),
	"findLast":      define("findLast(pairs list) any", "", findLast),
	"findLastIndex": define("findLastIndex(pairs list) any", "", findLastIndex),
}

func length(s *site, _ *frame, a []any) (any, error) {
	switch v := a[0].(type) {
	case string:
		return utf8.RuneCountInString(v), nil
	case []byte:
		return len(v), nil
	}
	if list, ok := asList(a[0]); ok {
		return len(list), nil
	}
	if object, ok := asObject(a[0]); ok {
		return len(object), nil
	}
	return nil, s.wants(0, a[0], "a list, an object or a text")
}

// typeNames are what type() calls the kinds that [described] names, but for numbers.
var typeNames = map[string]string{
	"nil": "nil", "true or false": "bool", "a text": "string", "bytes": "bytes", "a time": "time",
	"a duration": "duration", "a list": "array", "an object": "map", "a time zone": "zone",
}

func typeName(_ *site, _ *frame, a []any) (any, error) {
	if n, ok := toNumber(a[0]); ok {
		if n.isInt || n.isHugeInt() {
			return "int", nil
		}
		return "float", nil
	}
	return typeNames[described(a[0])], nil
}

func elementAt(i int) operation {
	return func(s *site, _ *frame, a []any) (any, error) {
		if a[0] == nil {
			return nil, nil
		}
		list, ok := asList(a[0])
		if !ok {
			return nil, s.wants(0, a[0], "a list")
		}
		return member(list, i), nil
	}
}

func toList(_ *site, _ *frame, a []any) (any, error) {
	if a[0] == nil {
		return []any{}, nil
	}
	if list, ok := asList(a[0]); ok {
		return list, nil
	}
	return []any{a[0]}, nil
}

func take(s *site, _ *frame, a []any) (any, error) {
	list, n := a[0].([]any), a[1].(int)
	if n < 0 {
		return nil, s.fault(1, n, "is negative")
	}
	return list[:min(n, len(list)):min(n, len(list))], nil
}

func sortedKeys(object map[string]any) []string { return slices.Sorted(maps.Keys(object)) }

func keys(_ *site, _ *frame, a []any) (any, error) {
	return textList(sortedKeys(a[0].(map[string]any))), nil
}

func values(_ *site, _ *frame, a []any) (any, error) {
	object := a[0].(map[string]any)
	list := make([]any, 0, len(object))
	for _, k := range sortedKeys(object) {
		list = append(list, object[k])
	}
	return list, nil
}

func toPairs(_ *site, _ *frame, a []any) (any, error) {
	object := a[0].(map[string]any)
	list := make([]any, 0, len(object))
	for _, k := range sortedKeys(object) {
		list = append(list, []any{k, object[k]})
	}
	return list, nil
}

func fromPairs(s *site, _ *frame, a []any) (any, error) {
	object := map[string]any{}
	for i, item := range a[0].([]any) {
		pair, ok := asList(item)
		if !ok || len(pair) != 2 {
			return nil, s.fault(0, item, "has at place %d no list of two, [name, value]", i)
		}
		name, ok := keyText(pair[0])
		if !ok {
			return nil, s.fault(0, item, "has %s as a name at place %d", described(pair[0]), i)
		}
		object[name] = pair[1]
	}
	return object, nil
}

func reverse(_ *site, _ *frame, a []any) (any, error) {
	list := slices.Clone(a[0].([]any))
	slices.Reverse(list)
	return list, nil
}

// uniq finds equal elements by a text that is the same for equal values, so
// that a long list does not take the square of its length.
func uniq(_ *site, f *frame, a []any) (any, error) {
	list := []any{}
	seen := map[string]bool{}
	for _, item := range a[0].([]any) {
		id, err := identity(item)
		if err != nil {
			return nil, err
		}
		if err := f.charge(len(id) / 64); err != nil {
			return nil, err
		}
		if !seen[id] {
			seen[id] = true
			list = append(list, item)
		}
	}
	return list, nil
}

// identity is a text that is the same for values that are [equal], and different for others.
func identity(v any) (string, error) {
	b, err := event.EncodeJSON(canonical(v))
	return described(v) + string(b), err
}

// canonical writes equal numbers the same way, at any depth.
func canonical(v any) any {
	if n, ok := toNumber(v); ok {
		switch i, whole := n.whole(); {
		case n.huge != "":
			return n.huge
		case whole:
			return i
		}
		return n.f
	}
	if list, ok := asList(v); ok {
		out := make([]any, len(list))
		for i, item := range list {
			out[i] = canonical(item)
		}
		return out
	}
	if object, ok := asObject(v); ok {
		out := make(map[string]any, len(object))
		for k, field := range object {
			out[k] = canonical(field)
		}
		return out
	}
	return plain(v)
}

func concat(_ *site, f *frame, a []any) (any, error) {
	all := []any{}
	for _, list := range a {
		all = append(all, list.([]any)...)
	}
	return all, f.charge(len(all))
}

func flatten(_ *site, f *frame, a []any) (any, error) {
	flat := []any{}
	var walk func(list []any)
	walk = func(list []any) {
		for _, item := range list {
			if inner, ok := asList(item); ok {
				walk(inner)
				continue
			}
			flat = append(flat, item)
		}
	}
	walk(a[0].([]any))
	return flat, f.charge(len(flat))
}

func sortList(s *site, _ *frame, a []any) (any, error) {
	list := slices.Clone(a[0].([]any))
	return list, sortBy(s, list, a[1:], func(item any) any { return item })
}

func sortByKey(s *site, _ *frame, a []any) (any, error) {
	pairs := slices.Clone(a[0].([]any))
	if err := sortBy(s, pairs, a[1:], func(pair any) any { return pair.([]any)[1] }); err != nil {
		return nil, err
	}
	for i, pair := range pairs {
		pairs[i] = pair.([]any)[0]
	}
	return pairs, nil
}

// sortBy sorts by a key; equal ones keep their order.
func sortBy(s *site, list []any, direction []any, key func(any) any) error {
	sign := 1
	if len(direction) == 1 {
		switch direction[0] {
		case "asc":
		case "desc":
			sign = -1
		default:
			return s.fault(1, direction[0], `is neither "asc" nor "desc"`)
		}
	}
	var failed *fault
	slices.SortStableFunc(list, func(x, y any) int {
		a, b := key(x), key(y)
		c, ok := order(a, b)
		if !ok && failed == nil {
			failed = s.fault(-1, a, "%s cannot compare %s with %s", s.name, described(a), described(b))
		}
		return sign * c
	})
	if failed != nil {
		return failed
	}
	return nil
}

func groupByKey(s *site, _ *frame, a []any) (any, error) {
	groups := map[string]any{}
	for _, item := range a[0].([]any) {
		pair := item.([]any)
		name, ok := keyText(pair[1])
		if !ok {
			return nil, s.fault(-1, pair[1], "groupBy wants a text, a number or true or false as the key, and got %s", described(pair[1]))
		}
		group, _ := groups[name].([]any)
		groups[name] = append(group, pair[0])
	}
	return groups, nil
}

func findLast(s *site, _ *frame, a []any) (any, error) {
	pairs := a[0].([]any)
	i, err := lastTrue(s, pairs)
	if i < 0 || err != nil {
		return nil, err
	}
	return pairs[i].([]any)[0], nil
}

func findLastIndex(s *site, _ *frame, a []any) (any, error) {
	i, err := lastTrue(s, a[0].([]any))
	if i < 0 || err != nil {
		return nil, err
	}
	return i, nil
}

func lastTrue(s *site, pairs []any) (int, error) {
	for i, pair := range slices.Backward(pairs) {
		key := pair.([]any)[1]
		holds, ok := key.(bool)
		switch {
		case !ok:
			return -1, s.wants(1, key, "true or false")
		case holds:
			return i, nil
		}
	}
	return -1, nil
}

// slice is list[from:to] and text[from:to], in elements and characters. nil has nothing to slice.
func slice(s *site, f *frame, a []any) (any, error) {
	if a[0] == nil {
		return nil, nil
	}
	if err := f.charge(cost(a[0])); err != nil {
		return nil, err
	}
	if list, ok := asList(a[0]); ok {
		from, to, err := bounds(s, a, len(list))
		if err != nil {
			return nil, err
		}
		return list[from:to:to], nil
	}
	switch v := a[0].(type) {
	case []byte:
		from, to, err := bounds(s, a, len(v))
		if err != nil {
			return nil, err
		}
		return v[from:to:to], nil
	case string:
		from, to, err := bounds(s, a, utf8.RuneCountInString(v))
		if err != nil {
			return nil, err
		}
		return runes(v, from, to), nil
	}
	return nil, s.fault(0, a[0], "is %s, and only a list or a text has parts [from:to]", described(a[0]))
}

// bounds reads from and to, which may be left out, count from the end and reach beyond it.
func bounds(s *site, a []any, length int) (from, to int, err error) {
	ends := [2]int{0, length}
	for i, v := range a[1:3] {
		if _, leftOut := v.(missing); leftOut {
			continue
		}
		n, ok := toNumber(v)
		whole, isWhole := n.whole()
		switch {
		case v == nil:
			return 0, 0, s.fault(i+1, nil, "is nil")
		case !ok || !isWhole:
			return 0, 0, s.wants(i+1, v, "a whole number")
		case whole < 0:
			whole += length
		}
		ends[i] = min(max(whole, 0), length)
	}
	return min(ends[0], ends[1]), ends[1], nil
}

// missing stands for an end of a slice that is left out.
type missing struct{}

// runes are the characters from..to of a text.
func runes(text string, from, to int) string {
	start, n := len(text), 0
	for i := range text {
		if n == from {
			start = i
		}
		if n == to {
			return text[start:i]
		}
		n++
	}
	return strings.Clone(text[start:])
}

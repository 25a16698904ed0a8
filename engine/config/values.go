package config

import (
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/trotline/trotline/event"
)

var (
	prefixType    = reflect.TypeFor[netip.Prefix]()
	fileType      = reflect.TypeFor[event.File]()
	mappingType   = reflect.TypeFor[*event.Mapping]()
	exprType      = reflect.TypeFor[event.Expr]()
	templateType  = reflect.TypeFor[event.Template]()
	secretType    = reflect.TypeFor[event.Secret]()
	durationType  = reflect.TypeFor[event.Duration]()
	sizeType      = reflect.TypeFor[event.Size]()
	rateType      = reflect.TypeFor[event.Rate]()
	rateKeyType   = reflect.TypeFor[RateKey]()
	pathType      = reflect.TypeFor[event.Path]()
	formatType    = reflect.TypeFor[event.Format]()
	aggregateType = reflect.TypeFor[event.Aggregate]()
	rawType       = reflect.TypeFor[raw]()
	answerType    = reflect.TypeFor[event.AnswerRule]()
)

// oneValue are the structs that are written as one value, not by their fields.
var oneValue = map[reflect.Type]bool{
	fileType: true, mappingType.Elem(): true, prefixType: true, rawType: true, aggregateType: true, answerType: true,
}

// special decodes the types that are not decoded as what they are made of; it is
// false for the others.
func (d *decoder) special(n *yaml.Node, v reflect.Value, f field) bool {
	switch v.Type() {
	case secretType:
		d.secret(n, v, f)
	case durationType:
		measured(d, n, v, f, aDuration, event.ParseDuration)
	case sizeType:
		measured(d, n, v, f, aSize, event.ParseSize)
	case rateType:
		d.rate(n, v, f)
	case rateKeyType:
		d.rateKey(n, v, f)
	case pathType:
		d.path(n, v, f)
	case fileType:
		d.attached(n, v, f)
	case reflect.PointerTo(fileType):
		v.Set(reflect.New(fileType))
		d.attached(n, v.Elem(), f)
	case prefixType:
		d.prefix(n, v, f)
	case formatType:
		d.format(n, v, f)
	case exprType:
		d.expression(n, v, f)
	case templateType:
		d.template(n, v, f)
	case mappingType:
		d.mapping(n, v)
	case aggregateType:
		d.aggregate(n, v, f)
	case answerType:
		d.answerRule(n, v, f)
	case rawType:
		v.Set(reflect.ValueOf(raw{n}))
	default:
		return false
	}
	return true
}

// plainText is a scalar's text with the values from outside; false when there is a problem.
func (d *decoder) plainText(n *yaml.Node, f field) (resolved, bool) {
	if n.Kind != yaml.ScalarNode {
		d.addAt(d.file, n, f.word+" wants a text, not "+kindOf(n), "")
		return resolved{}, false
	}
	r, ok := d.resolve(n, nil)
	if !ok {
		return r, false
	}
	if r.value == "" && f.required() {
		msg := f.word + " is empty"
		if r.outside {
			msg = fmt.Sprintf("%s is empty: %s has no value", f.word, n.Value)
		}
		d.add(d.file.problem(r.span, msg, f.tag.Get("doc")))
		return r, false
	}
	return r, true
}

// textOnly is plainText that refuses what YAML takes for something else.
func (d *decoder) textOnly(n *yaml.Node, f field) (resolved, bool) {
	if n.Kind == yaml.ScalarNode {
		switch n.Tag {
		case "!!bool", "!!int", "!!float", "!!null":
			hint := `quote it: "` + n.Value + `"`
			if t := f.value.Type(); t == secretType || (t.Kind() == reflect.Slice || t.Kind() == reflect.Map) && t.Elem() == secretType {
				hint = "quote it"
			}
			d.addAt(d.file, n, f.word+" wants a text, and YAML reads this as "+kindOf(n), hint)
			return resolved{}, false
		}
	}
	return d.plainText(n, f)
}

// kindOf is what a person calls what YAML made of a text.
func kindOf(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "settings"
	case yaml.SequenceNode:
		return "a list"
	}
	switch n.Tag {
	case "!!bool":
		return "a boolean"
	case "!!int", "!!float":
		return "a number"
	case "!!null":
		return "nothing"
	}
	return "a text"
}

func (d *decoder) string(n *yaml.Node, v reflect.Value, f field) {
	r, ok := d.textOnly(n, f)
	if !ok {
		return
	}
	if enum := f.tag.Get("enum"); enum != "" && !d.oneOf(n, r, f, strings.Split(enum, ",")) {
		return
	}
	v.SetString(r.value)
}

func (d *decoder) oneOf(n *yaml.Node, r resolved, f field, known []string) bool {
	if slices.Contains(known, r.value) {
		return true
	}
	word := r.value
	if r.outside {
		word = n.Value
	}
	d.add(d.file.problem(r.span, fmt.Sprintf("%s cannot be %s", f.word, word), didYouMean(word, known)))
	return false
}

func (d *decoder) format(n *yaml.Node, v reflect.Value, f field) {
	var known []string
	for _, format := range event.Formats {
		known = append(known, string(format))
	}
	if r, ok := d.textOnly(n, f); ok && d.oneOf(n, r, f, known) {
		v.SetString(r.value)
	}
}

func (d *decoder) secret(n *yaml.Node, v reflect.Value, f field) {
	d.hideLiterals(n)
	r, ok := d.textOnly(n, f)
	if !ok {
		return
	}
	d.keepOut(r.value, "***", true)
	v.SetString(r.value)
}

// hideLiterals keeps what is written in a secret's place out of the lines that
// problems show; a ${…} may be seen.
func (d *decoder) hideLiterals(n *yaml.Node) {
	if n.Kind != yaml.ScalarNode {
		return
	}
	t, last := d.file.scan(n), 0
	for _, p := range reference.FindAllStringIndex(n.Value, -1) {
		d.file.hidden = append(d.file.hidden, t.part(last, p[0]-last))
		last = p[1]
	}
	if last == 0 {
		d.file.hidden = append(d.file.hidden, t.span)
	} else {
		d.file.hidden = append(d.file.hidden, t.part(last, len(n.Value)-last))
	}
}

// yes is what people write for booleans.
var yes = map[string]string{
	"yes": "true", "y": "true", "on": "true", "1": "true", "no": "false", "n": "false", "off": "false", "0": "false",
}

func (d *decoder) boolean(n *yaml.Node, v reflect.Value, f field) {
	r, ok := d.plainText(n, f)
	switch {
	case !ok:
	case n.Tag == "!!bool" || r.outside && (r.value == "true" || r.value == "false"):
		v.SetBool(strings.EqualFold(r.value, "true"))
	default:
		hint := "write it without quotes"
		if word, ok := yes[strings.ToLower(n.Value)]; ok {
			hint = "write " + word
		}
		what := n.Value
		if n.Style != 0 {
			what = "a text"
		}
		d.add(d.file.problem(r.span, f.word+" wants true or false, not "+what, hint))
	}
}

func (d *decoder) integer(n *yaml.Node, v reflect.Value, f field) {
	r, ok := d.plainText(n, f)
	if !ok {
		return
	}
	i, err := strconv.ParseInt(r.value, 10, 64)
	digits := strings.TrimPrefix(r.value, "-")
	switch {
	case n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0 && !r.outside && err == nil:
		d.add(d.file.problem(r.span, f.word+" wants a number, and this is a text", "write "+r.value+" without quotes"))
	case err != nil:
		d.add(d.file.problem(r.span, f.word+" wants a whole number, not "+n.Value, ""))
	case len(digits) > 1 && digits[0] == '0':
		d.add(d.file.problem(r.span, "a number with a leading 0 could be meant as octal", "write "+strconv.FormatInt(i, 10)))
	case d.within(r, f, float64(i), plainBound):
		v.SetInt(i)
	}
}

func (d *decoder) number(n *yaml.Node, v reflect.Value, f field) {
	r, ok := d.plainText(n, f)
	if !ok {
		return
	}
	x, err := strconv.ParseFloat(r.value, 64)
	switch {
	case n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0 && !r.outside && err == nil:
		d.add(d.file.problem(r.span, f.word+" wants a number, and this is a text", "write "+r.value+" without quotes"))
	case err != nil || x != x:
		hint := ""
		if percent, err := strconv.ParseFloat(strings.TrimSuffix(r.value, "%"), 64); err == nil && strings.HasSuffix(r.value, "%") {
			hint = "write " + strconv.FormatFloat(percent/100, 'f', -1, 64)
		}
		d.add(d.file.problem(r.span, f.word+" wants a number, not "+n.Value, hint))
	case d.within(r, f, x, plainBound):
		v.SetFloat(x)
	}
}

// plainBound is a bound without a unit.
func plainBound(text string) float64 {
	b, _ := strconv.ParseFloat(text, 64) // it is a tag of ours
	return b
}

// within tells whether a number is between the bounds its tags give.
func (d *decoder) within(r resolved, f field, x float64, parse func(string) float64) bool {
	if low, ok := f.tag.Lookup("min"); ok && x < parse(low) {
		d.add(d.file.problem(r.span, fmt.Sprintf("%s must be at least %s", f.word, low), ""))
		return false
	}
	if high, ok := f.tag.Lookup("max"); ok && x > parse(high) {
		d.add(d.file.problem(r.span, fmt.Sprintf("%s must be at most %s", f.word, high), ""))
		return false
	}
	return true
}

// unit is what a number with a unit is, in words.
type unit struct{ what, hint, guess string }

var (
	aDuration = unit{"a duration", "write 250ms, 30s, 5m, 24h or 7d", "s"}
	aSize     = unit{"a size", "write 64KiB, 5MiB or 20GiB", "B"}
	aRate     = unit{"a rate", "write 50/s, 1000/m, 10/h or 5/d", "/s"}
)

// measured decodes a number with a unit.
func measured[T ~int64](d *decoder, n *yaml.Node, v reflect.Value, f field, u unit, parse func(string) (T, error)) {
	r, ok := d.plainText(n, f)
	if !ok {
		return
	}
	x, err := parse(r.value)
	if err != nil {
		d.notMeasured(n, r, f, u)
		return
	}
	if d.within(r, f, float64(x), func(bound string) float64 { b, _ := parse(bound); return float64(b) }) {
		v.SetInt(int64(x))
	}
}

// notMeasured is the problem of a duration, a size or a rate that is none.
func (d *decoder) notMeasured(n *yaml.Node, r resolved, f field, u unit) {
	if _, err := strconv.ParseUint(r.value, 10, 63); err == nil && !r.outside {
		d.add(d.file.problem(r.span, f.word+" has no unit", "write "+n.Value+u.guess))
		return
	}
	hint := u.hint
	if other := f.tag.Get("else"); other != "" {
		hint += "; " + other
	}
	d.add(d.file.problem(r.span, fmt.Sprintf("%s wants %s, not %s", f.word, u.what, n.Value), hint))
}

func (d *decoder) rate(n *yaml.Node, v reflect.Value, f field) {
	r, ok := d.plainText(n, f)
	if !ok {
		return
	}
	rate, err := event.ParseRate(r.value)
	if err != nil {
		d.notMeasured(n, r, f, aRate)
		return
	}
	v.Set(reflect.ValueOf(rate))
}

func (d *decoder) prefix(n *yaml.Node, v reflect.Value, f field) {
	r, ok := d.textOnly(n, f)
	if !ok {
		return
	}
	if addr, err := netip.ParseAddr(r.value); err == nil && addr.Zone() == "" {
		v.Set(reflect.ValueOf(netip.PrefixFrom(addr, addr.BitLen())))
		return
	}
	p, err := netip.ParsePrefix(r.value)
	switch {
	case err != nil:
		d.add(d.file.problem(r.span, n.Value+" is neither an address nor a network", "write 192.0.2.7 or 10.0.0.0/8"))
	case p != p.Masked():
		d.add(d.file.problem(r.span, n.Value+" has bits beyond its mask", "write "+d.maskedHint(r, p)))
	default:
		v.Set(reflect.ValueOf(p))
	}
}

func (d *decoder) maskedHint(r resolved, p netip.Prefix) string {
	if r.outside {
		return "the network's own address"
	}
	return p.Masked().String()
}

func (d *decoder) path(n *yaml.Node, v reflect.Value, f field) {
	r, ok := d.textOnly(n, f)
	if !ok || r.value == "" {
		return
	}
	path := d.file.resolvePath(r.value)
	if f.tag.Get("watch") == "true" {
		d.watch(path)
		// Whether it is there is for its kind to say; what is in it makes the configuration another one.
		if data, err := d.readFile(path); err == nil {
			d.note("watched "+path, data)
		}
	}
	v.SetString(path)
}

// attached reads a file that belongs to the configuration.
func (d *decoder) attached(n *yaml.Node, v reflect.Value, f field) {
	r, ok := d.textOnly(n, f)
	if !ok || r.value == "" {
		return
	}
	path := d.file.resolvePath(r.value)
	d.watch(path)
	data, err := d.readFile(path)
	if err != nil {
		d.add(d.file.problem(r.span, d.shown(fmt.Sprintf("cannot read %s: %v", path, plainError(err))), "a relative path starts at the folder of this file"))
		return
	}
	d.attach(path, data)
	v.Set(reflect.ValueOf(event.File{Path: path, Data: data}))
}

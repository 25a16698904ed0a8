package config

import (
	"encoding/json"
	"errors"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/trotline/trotline/event"
)

func (d *decoder) expression(n *yaml.Node, v reflect.Value, f field) {
	if n.Kind != yaml.ScalarNode {
		d.addAt(d.file, n, f.word+" wants an expression, not "+kindOf(n), "")
		return
	}
	inner := *d
	switch f.tag.Get("sees") {
	case "event": // a source's split comes after the request has become an event
		inner.scope.Request = false
	case "made":
		inner.scope.Body = d.made
	}
	if x := inner.compile(n, event.Want(f.tag.Get("want"))); x != nil {
		v.Set(reflect.ValueOf(x))
	}
}

// rateKey decodes one of two words or an expression. A single word that is
// neither, and no expression either, was probably meant to be one of the two.
func (d *decoder) rateKey(n *yaml.Node, v reflect.Value, f field) {
	inner := *d
	inner.scope.Request, inner.scope.Head = true, true
	switch _, unknown := d.language.Expr(n.Value, inner.scope); {
	case n.Value == "source":
	case n.Value == "ip":
		v.Set(reflect.ValueOf(RateKey{IP: true}))
	case unknown != nil && variableName.MatchString(n.Value) && n.Value != "body" && n.Value != "raw":
		d.addAt(d.file, n, f.word+" wants source, ip or an expression, not "+n.Value, `write per: headers["X-Tenant"] for a limit for each value of a header`)
	default:
		var key RateKey
		inner.expression(n, reflect.ValueOf(&key.Expr).Elem(), field{word: f.word, tag: `want:"string"`, key: f.key})
		v.Set(reflect.ValueOf(key))
	}
}

// likeStatus is what was meant as a status.
var likeStatus = regexp.MustCompile(`^\s*[0-9]+([xX]+|\s*-\s*[0-9]+)?\s*$`)

// answerRule decodes some statuses, or an expression on an answer.
func (d *decoder) answerRule(n *yaml.Node, v reflect.Value, f field) {
	rule, ok := event.ParseStatus(n.Value)
	switch {
	case n.Kind != yaml.ScalarNode:
		d.addAt(d.file, n, f.word+" wants statuses or an expression, not "+kindOf(n), `write 409, 5xx, or body.code == "busy"`)
		return
	case !ok && likeStatus.MatchString(n.Value):
		d.addAt(d.file, n, n.Value+" is no status that can stand here", "write 409, 5xx or 500-504, from 300 on; an expression sees the others too: status == 202")
		return
	case !ok:
		inner := *d
		inner.scope = event.Scope{Answer: true}
		rule = event.AnswerRule{Expr: inner.compile(n, event.Bool)}
	}
	v.Set(reflect.ValueOf(rule))
}

// compile compiles a scalar; nil when there is a problem.
func (d *decoder) compile(n *yaml.Node, want event.Want) event.Expr {
	t := d.file.scan(n)
	switch {
	case n.Tag == "!!timestamp":
		d.addAt(d.file, n, n.Value+" is a date to YAML and a subtraction to an expression", `a literal text is quoted twice: "'`+n.Value+`'"`)
		return nil
	case strings.TrimSpace(n.Value) == "":
		d.addAt(d.file, n, "the expression is empty", d.commentHint(n, t))
		return nil
	}
	if p := outsideOfExpression(n.Value); p != nil {
		d.add(d.file.problem(t.part(p[0], p[1]-p[0]), "${ } is not for expressions", d.envHint(n.Value[p[0]:p[1]])))
		return nil
	}
	scope := d.scope
	scope.Want = want
	x, err := d.language.Expr(n.Value, scope)
	if err != nil {
		d.fault(n, t, err)
		return nil
	}
	return x
}

// outsideOfExpression is where a ${NAME} or ${file:…} stands in an expression.
func outsideOfExpression(expression string) []int {
	for _, p := range reference.FindAllStringIndex(expression, -1) {
		inner := strings.TrimSuffix(strings.TrimPrefix(expression[p[0]:p[1]], "${"), "}")
		name, _, _ := strings.Cut(inner, ":-")
		if variableName.MatchString(name) || strings.HasPrefix(inner, "file:") {
			return p
		}
	}
	return nil
}

func (d *decoder) envHint(word string) string {
	name, _, _ := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(word, "${"), "}"), ":-")
	if strings.HasPrefix(name, "file:") {
		return "put it into an environment variable and write env.NAME"
	}
	return "write env." + name
}

// fault shows the language's complaint in the file.
func (d *decoder) fault(n *yaml.Node, t text, err error) {
	at, msg, hint := t.span, err.Error(), ""
	var te *event.TextError
	if errors.As(err, &te) {
		at, msg, hint = t.part(te.Offset, max(te.Len, 1)), te.Msg, te.Hint
		if te.Offset >= len(t.value) && t.at != nil { // it ends too early: point at its end
			at = span{t.at[len(t.value)], t.at[len(t.value)] + 1}
		}
		if c := d.commentHint(n, t); c != "" && (te.Offset+max(te.Len, 1) >= len(strings.TrimSpace(t.value)) || oddQuotes(t.value)) {
			hint = c
		}
	}
	d.add(d.file.problem(at, d.shown(msg), d.shown(hint)))
}

// commentHint is for an expression that goes on in what YAML takes for a comment.
func (d *decoder) commentHint(n *yaml.Node, t text) string {
	if n.Style&^yaml.TaggedStyle != 0 {
		return ""
	}
	line := d.file.lineAt(t.span.from)
	rest := string(d.file.text[min(t.span.to, line.to):line.to])
	if !strings.HasPrefix(strings.TrimLeft(rest, " \t"), "#") {
		return ""
	}
	whole := span{t.span.from, line.to}
	return "to YAML a comment begins at the #; if it is not meant as one, quote this: " + quoted(d.file, whole)
}

func oddQuotes(text string) bool {
	return strings.Count(text, `"`)%2 == 1 || strings.Count(text, `'`)%2 == 1
}

// template compiles a text that may hold {{ expressions }}. Values from outside
// are texts in it, whatever they hold.
func (d *decoder) template(n *yaml.Node, v reflect.Value, f field) {
	if n.Kind != yaml.ScalarNode {
		d.addAt(d.file, n, f.word+" wants a text, not "+kindOf(n), "put it between quotes")
		return
	}
	switch n.Tag {
	case "!!bool", "!!int", "!!float":
		d.addAt(d.file, n, f.word+" wants a text, and YAML reads this as "+kindOf(n), `quote it: "`+n.Value+`"`)
		return
	}
	if p := outsideInBraces(n.Value); p != nil {
		d.add(d.file.problem(d.file.scan(n).part(p[0], p[1]-p[0]), "${ } is not for expressions", d.envHint(n.Value[p[0]:p[1]])))
		return
	}
	r, ok := d.resolve(n, escapeBraces)
	if !ok {
		return
	}
	if r.value == "" && f.required() {
		d.add(d.file.problem(r.span, f.word+" is empty", f.tag.Get("doc")))
		return
	}
	scope := d.scope
	if f.tag.Get("sees") == "event" { // an answer is made once the request has become an event
		scope.Request = false
	}
	x, err := d.language.Template(r.value, scope)
	if err != nil {
		d.fault(n, r.text, err)
		return
	}
	v.Set(reflect.ValueOf(x))
}

// escapeBraces makes a value that a template shows as it is. Single braces are
// escaped too: they could meet one of the text around them.
func escapeBraces(value string) string {
	return strings.ReplaceAll(value, "{", `{{ "{" }}`)
}

// outsideInBraces is where a ${NAME} stands within {{ }}.
func outsideInBraces(template string) []int {
	for _, p := range reference.FindAllStringIndex(template, -1) {
		before := template[:p[0]]
		if open := strings.LastIndex(before, "{{"); open >= 0 && !strings.Contains(before[open:], "}}") {
			return p
		}
	}
	return nil
}

// call is a function with what is between its parentheses.
var call = regexp.MustCompile(`^\s*([A-Za-z_]+)\s*\((?s:(.*))\)\s*$`)

// aggregate decodes a figure of a window: sum(body.amount).
func (d *decoder) aggregate(n *yaml.Node, v reflect.Value, f field) {
	known := strings.Join(event.AggregateFunctions, ", ")
	if n.Kind != yaml.ScalarNode {
		d.addAt(d.file, n, f.word+" wants a figure, not "+kindOf(n), "write count() or sum(body.amount)")
		return
	}
	t := d.file.scan(n)
	parts := call.FindStringSubmatchIndex(n.Value)
	if parts == nil {
		hint := "write count() or sum(body.amount); known here: " + known
		if word := strings.TrimSpace(n.Value); slices.Contains(event.AggregateFunctions, word) {
			hint = "write " + word + "(body.amount)"
			if word == "count" {
				hint = "write count()"
			}
		}
		d.addAt(d.file, n, f.word+" is no figure of a window", hint)
		return
	}
	a := event.Aggregate{Function: n.Value[parts[2]:parts[3]], Text: strings.TrimSpace(n.Value)}
	if !slices.Contains(event.AggregateFunctions, a.Function) {
		d.add(d.file.problem(t.part(parts[2], parts[3]-parts[2]), "a window has no function "+a.Function, didYouMean(a.Function, event.AggregateFunctions)))
		return
	}
	inner := n.Value[parts[4]:parts[5]]
	if strings.TrimSpace(inner) == "" {
		if a.Function != "count" {
			d.addAt(d.file, n, a.Function+"() does not say of what", "write "+a.Function+"(body.amount)")
			return
		}
		v.Set(reflect.ValueOf(a))
		return
	}
	scope := d.scope
	if scope.Want = event.Any; a.Function == "count" {
		scope.Want = event.Bool
	}
	x, err := d.language.Expr(inner, scope)
	if err != nil {
		var te *event.TextError
		if errors.As(err, &te) {
			moved := *te
			moved.Offset += parts[4]
			err = &moved
		}
		d.fault(n, t, err)
		return
	}
	a.Of = x
	v.Set(reflect.ValueOf(a))
}

func (d *decoder) mapping(n *yaml.Node, v reflect.Value) {
	if m := d.tree(n); m != nil {
		v.Set(reflect.ValueOf(m))
	}
}

// tree is a tree of expressions: a text is an expression, other scalars are
// themselves. nil when there is a problem.
func (d *decoder) tree(n *yaml.Node) *event.Mapping {
	switch n.Kind {
	case yaml.MappingNode:
		m := &event.Mapping{Fields: []event.MappedField{}}
		ok := true
		for key, value := range pairs(n) {
			inner := d.tree(value)
			ok = ok && inner != nil
			m.Fields = append(m.Fields, event.MappedField{Name: key.Value, Value: inner})
		}
		if !ok {
			return nil
		}
		return m
	case yaml.SequenceNode:
		m := &event.Mapping{Items: []*event.Mapping{}}
		ok := true
		for _, item := range n.Content {
			inner := d.tree(item)
			ok = ok && inner != nil
			m.Items = append(m.Items, inner)
		}
		if !ok {
			return nil
		}
		return m
	}
	return d.leaf(n)
}

func (d *decoder) leaf(n *yaml.Node) *event.Mapping {
	switch n.Tag {
	case brokenTag:
		return nil
	case "!!null":
		return &event.Mapping{}
	case "!!bool":
		return &event.Mapping{Value: strings.EqualFold(n.Value, "true")}
	case "!!int", "!!float":
		if !json.Valid([]byte(n.Value)) {
			d.addAt(d.file, n, n.Value+" is not a number as JSON writes it", "write it in plain decimal digits, or quote it twice for a text")
			return nil
		}
		return &event.Mapping{Value: json.Number(n.Value)}
	}
	x := d.compile(n, event.Any)
	if x == nil {
		return nil
	}
	return &event.Mapping{Expr: x}
}

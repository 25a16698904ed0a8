package expression

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/expr-lang/expr/ast"

	"github.com/trotline/trotline/event"
)

// names checks that every name of an expression is known.
type names struct {
	*compilation
	functions map[ast.Node]bool     // identifiers that are called
	prefixes  map[ast.Node]ast.Node // what the identifiers env and results are the start of: their member
	declared  map[string]bool       // by let
}

func (c *compilation) checkNames(root ast.Node) {
	n := &names{c, map[ast.Node]bool{}, map[ast.Node]ast.Node{}, map[string]bool{}}
	ast.Walk(&root, visitor(n.collect))
	ast.Walk(&root, visitor(n.check))
}

type visitor func(ast.Node)

func (v visitor) Visit(n *ast.Node) { v(*n) }

func (n *names) collect(node ast.Node) {
	switch node := node.(type) {
	case *ast.CallNode:
		n.functions[node.Callee] = true
	case *ast.MemberNode:
		n.prefixes[node.Node] = node
	case *ast.VariableDeclaratorNode:
		n.declared[node.Name] = true
	}
}

func (n *names) check(node ast.Node) {
	switch node := node.(type) {
	case *ast.IdentifierNode:
		if n.functions[node] {
			n.checkFunction(node)
			return
		}
		n.checkVariable(node)
	case *ast.BinaryNode:
		n.checkPattern(node)
	case *ast.CallNode:
		n.checkCallee(node)
	case *ast.BuiltinNode:
		if _, ok := predicates[node.Name]; !ok && functionByName[node.Name] == nil {
			n.fail(node.Location(), "unknown function "+node.Name, "")
		}
	}
}

func (n *names) checkVariable(node *ast.IdentifierNode) {
	name := node.Value
	v := n.variable(name)
	switch {
	case n.declared[name]:
		return
	case v == nil && n.scope.Answer && variableByName[name] != nil:
		n.fail(node.Location(), name+" is not there: this looks at what the receiver answered", "there are status, headers, body and error")
		return
	case v == nil:
		n.fail(node.Location(), "unknown name "+name, n.meant(name))
		return
	case v.later && n.scope.Request:
		n.fail(node.Location(), name+" is not there yet: the source is only making the event", "")
		return
	case v.read && n.scope.Head:
		n.fail(node.Location(), name+" is not there yet: this is asked before the body is read", "there are headers, query, params, path, method and remote_ip")
		return
	case name == "results" && n.scope.Results == nil:
		n.fail(node.Location(), "results is there only inside a chain", "")
		return
	}
	switch name {
	case "env":
		n.checkEnv(node)
	case "results":
		n.checkResults(node)
	}
}

// checkEnv asks for env.NAME, whose value is known now.
func (n *names) checkEnv(node *ast.IdentifierNode) {
	n.private = true
	m, _ := n.prefixes[node].(*ast.MemberNode)
	if m == nil {
		n.fail(node.Location(), "env wants the name of a variable", "write env.NAME")
		return
	}
	name, ok := m.Property.(*ast.StringNode)
	if !ok {
		n.fail(m.Property.Location(), "the name of a variable of the environment must be written out", "write env.NAME")
		return
	}
	if _, ok := n.env(name.Value); !ok {
		n.fail(name.Location(), fmt.Sprintf("the environment has no variable %s", name.Value), "")
	}
}

func (n *names) checkResults(node *ast.IdentifierNode) {
	m, _ := n.prefixes[node].(*ast.MemberNode)
	if m == nil {
		return
	}
	name, ok := m.Property.(*ast.StringNode)
	if !ok || slices.Contains(n.scope.Results, name.Value) {
		return
	}
	hint := "the sinks before this place: " + sentence(n.scope.Results)
	if len(n.scope.Results) == 0 {
		hint = "no sink stands before this place"
	} else if near := event.Nearest(name.Value, n.scope.Results); near != "" {
		hint = fmt.Sprintf("did you mean %s? %s", near, hint)
	}
	n.fail(name.Location(), fmt.Sprintf("results has no sink %s", name.Value), hint)
}

// foreign are words of other languages.
var foreign = map[string]string{
	"null": "nil", "None": "nil", "undefined": "nil", "NULL": "nil", "Nil": "nil",
	"True": "true", "TRUE": "true", "yes": "true", "False": "false", "FALSE": "false", "no": "false",
	"AND": "and", "OR": "or", "NOT": "not", "IN": "in",
	"event": "body", "payload": "body", "data": "body", "this": "body", "json": "body", "header": "headers", "request": "headers",
}

func (n *names) meant(name string) string {
	if word, ok := foreign[name]; ok {
		return "write " + word
	}
	if functionByName[name] != nil || predicates[name].signature != "" {
		return fmt.Sprintf("it is a function: write %s(…)", name)
	}
	known := slices.Collect(maps.Keys(n.declared))
	for _, v := range n.variables() {
		known = append(known, v.name)
	}
	slices.Sort(known)
	literal := fmt.Sprintf(`a literal text is quoted twice: "'%s'"`, name)
	if near := event.Nearest(name, known); near != "" {
		return fmt.Sprintf("did you mean %s? %s", near, literal)
	}
	return literal
}

func (n *names) checkPattern(node *ast.BinaryNode) {
	pattern, ok := node.Right.(*ast.StringNode)
	if !ok || node.Operator != "matches" {
		return
	}
	if _, err := regexp.Compile(pattern.Value); err != nil {
		n.fail(pattern.Location(), "this is no regular expression: "+reason(err), "")
	}
}

func (n *names) checkFunction(node *ast.IdentifierNode) {
	name := node.Value
	switch {
	case functionByName[name] != nil:
		return
	case n.declared[name] || n.variable(name) != nil:
		n.fail(node.Location(), name+" is no function", "")
		return
	}
	n.fail(node.Location(), "unknown function "+name, n.functionMeant(name))
}

func (n *names) functionMeant(name string) string {
	known := slices.Sorted(maps.Keys(predicates))
	for _, fn := range functions {
		known = append(known, fn.name)
	}
	near := event.Nearest(name, known)
	for _, k := range known {
		if near == "" && len(k) >= 3 && strings.HasPrefix(strings.ToLower(name), k) {
			near = k
		}
	}
	if near == "" {
		return ""
	}
	return "did you mean " + near + "?"
}

// checkCallee refuses to call what can be no function.
func (n *names) checkCallee(call *ast.CallNode) {
	switch callee := call.Callee.(type) {
	case *ast.IdentifierNode:
		return
	case *ast.MemberNode:
		name, ok := callee.Property.(*ast.StringNode)
		if ok && isMethod(name.Value) {
			return
		}
		if ok && functionByName[name.Value] != nil {
			n.fail(name.Location(), "a value has no method "+name.Value, fmt.Sprintf("write %s(%s)", name.Value, shorten(callee.Node.String(), 80)))
			return
		}
		n.fail(callee.Property.Location(), "a value has no methods", "functions are written before it: upper(body.name)")
		return
	}
	n.fail(call.Location(), "this is no function", "")
}

// isMethod tells a method of Go's times from a field: it starts with a capital.
func isMethod(name string) bool {
	for _, c := range name {
		return unicode.IsUpper(c)
	}
	return false
}

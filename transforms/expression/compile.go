package expression

import (
	"fmt"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/builtin"
	"github.com/expr-lang/expr/checker"
	"github.com/expr-lang/expr/checker/nature"
	"github.com/expr-lang/expr/compiler"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/types"

	"github.com/trotline/trotline/event"
)

// maxExpression is how long an expression may be, in bytes; it keeps the
// parser's recursion far from the end of the stack.
const maxExpression = 64 << 10

// compilation is one expression on its way to a program.
type compilation struct {
	text  string
	scope event.Scope
	env   func(string) (string, bool)
	// private and convert are those of the program.
	private, convert bool
	// fault is the first thing that is wrong.
	fault *event.TextError
}

// compile makes a program of a text. The error is a *[event.TextError].
func (l language) compile(text string, scope event.Scope) (*program, error) {
	c := &compilation{text: text, scope: scope, env: l.env}
	tree, err := c.parse()
	if err != nil {
		return nil, err
	}
	for _, check := range []func(ast.Node){c.checkNames, c.checkShape} {
		if check(tree.Node); c.fault != nil {
			return nil, c.fault
		}
	}
	if err := c.checkTypes(tree); err != nil {
		return nil, err
	}
	r := &rewriter{compilation: c, functions: conf.FunctionsTable{}}
	tree.Node = r.node(tree.Node)
	if c.fault != nil {
		return nil, c.fault
	}
	p := &program{
		text: text, want: scope.Want,
		private: c.private, convert: c.convert, request: scope.Request,
	}
	config := conf.New(nil)
	config.Functions = r.functions
	if _, err := checker.Check(tree, config); err != nil {
		return nil, c.errorOf(err)
	}
	if p.code, err = compiler.Compile(tree, config); err != nil {
		return nil, &event.TextError{Len: len(text), Msg: "the expression cannot be compiled"}
	}
	return p, nil
}

func (c *compilation) parse() (*parser.Tree, error) {
	if strings.TrimSpace(c.text) == "" {
		return nil, &event.TextError{Len: len(c.text), Msg: "the expression is empty"}
	}
	if len(c.text) > maxExpression {
		return nil, &event.TextError{Len: len(c.text), Msg: "the expression is longer than 64 KiB"}
	}
	config := conf.New(nil)
	config.Functions = declared
	tree, err := parser.ParseWithConfig(c.text, config)
	if err != nil {
		return nil, c.errorOf(err)
	}
	return tree, nil
}

// declared are the functions as the parser and the type checker know them. It
// leaves out those that loop, which are the parser's own, and type, which is a
// variable too: there expr's function makes the parser tell the two apart.
var declared = func() conf.FunctionsTable {
	table := conf.FunctionsTable{}
	for _, fn := range functions {
		if _, loops := predicates[fn.name]; !loops && fn.name != "type" {
			table[fn.name] = &builtin.Function{Name: fn.name, Func: undefined, Validate: fn.check}
		}
	}
	return table
}()

func undefined(...any) (any, error) { return nil, nil }

// variableTypes is what the type checker knows of the variables.
func (c *compilation) variableTypes() nature.Nature {
	known := types.Map{}
	for _, v := range c.variables() {
		known[v.name] = types.Any
		switch v.kind {
		case textType:
			known[v.name] = types.String
		case intType:
			known[v.name] = types.Int
		case timeType:
			known[v.name] = timeNature{}
		}
	}
	known["env"] = types.TypeOf(map[string]string{})
	return known.Nature()
}

type timeNature struct{}

func (timeNature) Nature() nature.Nature { return nature.FromType(timeType) }
func (timeNature) Equal(types.Type) bool { return false }
func (timeNature) String() string        { return "time" }

// checkTypes finds what can never work, as far as types are known before the event is.
func (c *compilation) checkTypes(tree *parser.Tree) error {
	config := conf.New(nil)
	config.Functions = declared
	config.Env = c.variableTypes()
	if _, err := checker.Check(tree, config); err != nil {
		return c.errorOf(err)
	}
	given := c.kindOf(tree.Node)
	if given == "" {
		return nil
	}
	isNumeric := given == "a number" || given == "a whole number"
	for _, rule := range []struct {
		want   event.Want
		wanted string
		fits   bool
	}{
		{event.Bool, "true or false", given == "true or false"},
		{event.List, "a list", given == "a list"},
		{event.String, "a text", given == "a text" || isNumeric || given == "true or false"},
	} {
		if c.scope.Want == rule.want && !rule.fits {
			return &event.TextError{Len: len(c.text), Msg: fmt.Sprintf("it gives %s, and %s is wanted", given, rule.wanted)}
		}
	}
	return nil
}

// kindOf is the kind of value that an expression always gives, "" if it depends.
// The checker's own answer is not asked: it takes a ? "x" : body.y for a text.
func (c *compilation) kindOf(n ast.Node) string {
	switch n := n.(type) {
	case *ast.NilNode:
		return "nil"
	case *ast.BoolNode:
		return "true or false"
	case *ast.StringNode:
		return "a text"
	case *ast.IntegerNode, *ast.FloatNode:
		return "a number"
	case *ast.ArrayNode:
		return "a list"
	case *ast.MapNode:
		return "an object"
	case *ast.IdentifierNode:
		if v := c.variable(n.Value); v != nil && v.kind != nil {
			return typeDescribed(v.kind)
		}
	case *ast.UnaryNode:
		if n.Operator == "!" || n.Operator == "not" {
			return "true or false"
		}
	case *ast.BinaryNode:
		switch n.Operator {
		case "==", "!=", "<", "<=", ">", ">=", "in", "contains", "startsWith", "endsWith", "matches", "and", "or", "&&", "||":
			return "true or false"
		case "/", "%", "**", "^":
			return "a number"
		case "..":
			return "a list"
		}
	case *ast.ConditionalNode:
		if k := c.kindOf(n.Exp1); k == c.kindOf(n.Exp2) {
			return k
		}
	case *ast.CallNode:
		if name, ok := n.Callee.(*ast.IdentifierNode); ok {
			return resultKind(name.Value)
		}
	case *ast.BuiltinNode:
		if p, ok := predicates[n.Name]; ok {
			return p.gives
		}
		return resultKind(n.Name)
	}
	return ""
}

func resultKind(name string) string {
	fn := functionByName[name]
	if fn == nil || fn.result.typ == anyType && fn.result.name != "number" {
		return ""
	}
	return fn.result.wanted
}

package expression

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"regexp/syntax"
	"strconv"
	"time"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/builtin"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/file"
)

// rewriter makes of a checked tree the tree that the machine runs. Each
// operator, member access and function becomes a call of an operation of this
// package, made for its site; the machine keeps the control: and, or, ??, the
// ternary, let and the loops. The old tree stays as it is, since the sites show
// parts of it in errors. What operations have only constants for operands is
// calculated now, so that its errors are found before any event comes.
type rewriter struct {
	*compilation
	functions conf.FunctionsTable
}

func (r *rewriter) node(n ast.Node) ast.Node {
	switch n := n.(type) {
	case *ast.IdentifierNode:
		if v := r.variable(n.Value); v != nil {
			return r.path(n, v, nil, n.Location())
		}
		return n
	case *ast.UnaryNode:
		return r.unary(n)
	case *ast.BinaryNode:
		return r.binary(n)
	case *ast.ChainNode:
		return r.node(n.Node) // every member access is what ?. asks for
	case *ast.MemberNode:
		return r.member(n)
	case *ast.SliceNode:
		return r.slice(n)
	case *ast.CallNode:
		return r.callNode(n)
	case *ast.BuiltinNode:
		return r.builtin(n)
	case *ast.ConditionalNode:
		return located(&ast.ConditionalNode{Ternary: n.Ternary, Cond: r.truth(n.Cond, "a condition"), Exp1: r.node(n.Exp1), Exp2: r.node(n.Exp2)}, n.Location())
	case *ast.VariableDeclaratorNode:
		return located(&ast.VariableDeclaratorNode{Name: n.Name, Value: r.node(n.Value), Expr: r.node(n.Expr)}, n.Location())
	case *ast.SequenceNode:
		return located(&ast.SequenceNode{Nodes: r.nodes(n.Nodes)}, n.Location())
	case *ast.ArrayNode:
		return located(&ast.ArrayNode{Nodes: r.nodes(n.Nodes)}, n.Location())
	case *ast.MapNode:
		return r.mapNode(n)
	}
	return n // literals and #, which are the machine's own
}

func (r *rewriter) nodes(list []ast.Node) []ast.Node {
	out := make([]ast.Node, len(list))
	for i, n := range list {
		out[i] = r.node(n)
	}
	return out
}

func located(n ast.Node, at file.Location) ast.Node {
	n.SetLocation(at)
	return n
}

func (r *rewriter) site(name string, n ast.Node, operands ...ast.Node) *site {
	return &site{name: name, source: r.text, node: n, operands: operands}
}

// call is the call of an operation with operands that are rewritten already.
func (r *rewriter) call(s *site, op operation, result reflect.Type, operands ...ast.Node) ast.Node {
	name := fmt.Sprintf("$%d", len(r.functions))
	fn := &builtin.Function{Name: name, Func: func(args ...any) (any, error) {
		return op(s, args[0].(*frame), args[1:])
	}}
	if result == boolType { // spares the machine a look at the value
		in := make([]reflect.Type, len(operands)+1)
		for i := range in {
			in[i] = anyType
		}
		fn.Types = []reflect.Type{reflect.FuncOf(in, []reflect.Type{boolType}, false)}
	}
	r.functions[name] = fn
	at := s.node.Location()
	env := located(&ast.IdentifierNode{Value: "$env"}, at)
	callee := located(&ast.IdentifierNode{Value: name}, at)
	return located(&ast.CallNode{Callee: callee, Arguments: append([]ast.Node{env}, operands...)}, at)
}

// pure is call for an operation that depends on nothing but its operands.
func (r *rewriter) pure(s *site, op operation, result reflect.Type, operands ...ast.Node) ast.Node {
	args := make([]any, len(operands))
	for i, o := range operands {
		var ok bool
		if args[i], ok = constant(o); !ok {
			return r.call(s, op, result, operands...)
		}
	}
	v, err := op(s, &frame{}, args)
	if err != nil {
		r.fail(s.node.Location(), faultText(err), "")
		return located(&ast.NilNode{}, s.node.Location())
	}
	if lit := literal(v); lit != nil {
		return located(lit, s.node.Location())
	}
	return r.call(s, op, result, operands...)
}

func faultText(err error) string {
	var f *fault
	if errors.As(err, &f) {
		return f.text()
	}
	return err.Error()
}

func constant(n ast.Node) (any, bool) {
	switch n := n.(type) {
	case *ast.NilNode:
		return nil, true
	case *ast.BoolNode:
		return n.Value, true
	case *ast.StringNode:
		return n.Value, true
	case *ast.BytesNode:
		return n.Value, true
	case *ast.IntegerNode:
		return n.Value, true
	case *ast.FloatNode:
		return n.Value, true
	case *ast.ConstantNode:
		return n.Value, true
	}
	return nil, false
}

// literal is a node of a constant, nil where the value is better made anew each time.
func literal(v any) ast.Node {
	switch v := v.(type) {
	case nil:
		return &ast.NilNode{}
	case bool:
		return &ast.BoolNode{Value: v}
	case string:
		return &ast.StringNode{Value: v}
	case int:
		return &ast.IntegerNode{Value: v}
	case float64:
		return &ast.FloatNode{Value: v}
	case time.Time, time.Duration, *time.Location:
		return &ast.ConstantNode{Value: v}
	}
	return nil
}

func (r *rewriter) unary(n *ast.UnaryNode) ast.Node {
	switch n.Operator {
	case "-":
		return r.pure(r.site(`"-"`, n, n.Node), negate, anyType, r.node(n.Node))
	case "+":
		return r.pure(r.site(`"+"`, n, n.Node), positive, anyType, r.node(n.Node))
	}
	return located(&ast.UnaryNode{Operator: n.Operator, Node: r.truth(n.Node, strconv.Quote(n.Operator))}, n.Location())
}

func (r *rewriter) binary(n *ast.BinaryNode) ast.Node {
	switch n.Operator {
	case "and", "or", "&&", "||":
		return located(&ast.BinaryNode{Operator: n.Operator, Left: r.truth(n.Left, strconv.Quote(n.Operator)), Right: r.truth(n.Right, strconv.Quote(n.Operator))}, n.Location())
	case "??":
		return located(&ast.BinaryNode{Operator: n.Operator, Left: r.node(n.Left), Right: r.node(n.Right)}, n.Location())
	case "-", "*":
		r.convert = true // it may make a duration
	}
	op, result := binaryOperations[n.Operator], anyType
	if r.kindOf(n) == "true or false" {
		result = boolType
	}
	left, right := r.node(n.Left), r.node(n.Right)
	if pattern, ok := right.(*ast.StringNode); ok && n.Operator == "matches" {
		re, err := regexp.Compile(pattern.Value)
		if err != nil {
			r.fail(pattern.Location(), "this is no regular expression: "+reason(err), "")
			return n
		}
		op = matchesConstant(re)
	}
	return r.pure(r.site(strconv.Quote(n.Operator), n, n.Left, n.Right), op, result, left, right)
}

// reason is what is wrong with a regular expression, without the expression.
func reason(err error) string {
	var e *syntax.Error
	if errors.As(err, &e) {
		return e.Code.String()
	}
	return "it cannot be read"
}

// truth is a node that gives true or false, or fails.
func (r *rewriter) truth(n ast.Node, wantedBy string) ast.Node {
	if r.kindOf(n) == "true or false" {
		return r.node(n)
	}
	return r.pure(r.site(wantedBy, n, n), mustBool, boolType, r.node(n))
}

func mustBool(s *site, _ *frame, a []any) (any, error) {
	if _, ok := a[0].(bool); !ok {
		return nil, s.wants(0, a[0], "true or false")
	}
	return a[0], nil
}

func (r *rewriter) slice(n *ast.SliceNode) ast.Node {
	operands := []ast.Node{r.node(n.Node), nil, nil}
	for i, end := range []ast.Node{n.From, n.To} {
		if end == nil {
			operands[i+1] = &ast.ConstantNode{Value: missing{}}
			continue
		}
		operands[i+1] = r.node(end)
	}
	return r.pure(r.site("[:]", n, n.Node, n.From, n.To), slice, anyType, operands...)
}

func (r *rewriter) callNode(n *ast.CallNode) ast.Node {
	if callee, ok := n.Callee.(*ast.IdentifierNode); ok {
		return r.function(n, functionByName[callee.Value], n.Arguments)
	}
	m := n.Callee.(*ast.MemberNode)
	name, _ := constant(m.Property)
	r.convert = true // it may give a duration
	operands := append([]ast.Node{m.Node}, n.Arguments...)
	return r.pure(r.site(fmt.Sprint(name), n, operands...), method(fmt.Sprint(name)), anyType, r.nodes(operands)...)
}

func (r *rewriter) function(n ast.Node, fn *function, args []ast.Node) ast.Node {
	return r.apply(n, fn, args, r.nodes(args)...)
}

// apply is the call of a function with arguments that are rewritten already.
func (r *rewriter) apply(n ast.Node, fn *function, args []ast.Node, rewritten ...ast.Node) ast.Node {
	if !fn.takes(len(rewritten)) {
		r.fail(n.Location(), fmt.Sprintf("%s takes %s, got %d: %s", fn.name, fn.arity(), len(rewritten), fn.signature), "")
		return n
	}
	switch fn.result.name {
	case "duration", "zone":
		r.convert = true
	}
	s := r.site(fn.name, n, args...)
	if fn.impure {
		return r.call(s, fn.apply, fn.result.typ, rewritten...)
	}
	return r.pure(s, fn.apply, fn.result.typ, rewritten...)
}

// builtin is one of expr's own functions: one that loops, or one of the others
// written with :: before it.
func (r *rewriter) builtin(n *ast.BuiltinNode) ast.Node {
	p, loops := predicates[n.Name]
	if !loops {
		return r.function(n, functionByName[n.Name], n.Arguments)
	}
	args := n.Arguments
	switch n.Name {
	case "sum":
		if len(args) == 1 {
			return r.function(n, functionByName["sum"], args)
		}
		return r.apply(n, functionByName["sum"], args[:1], r.loop(n, "map", p, args[1]))
	case "sortBy":
		pairs := r.loop(n, "map", p, withKey(args[1]))
		return r.apply(n, overPairs[n.Name], args, append([]ast.Node{pairs}, r.nodes(args[2:])...)...)
	case "groupBy", "findLast", "findLastIndex":
		return r.apply(n, overPairs[n.Name], args, r.loop(n, "map", predicate{}, withKey(args[1])))
	case "count":
		if len(args) == 1 {
			return r.loop(n, n.Name, p, located(&ast.PredicateNode{Node: located(&ast.PointerNode{}, n.Location())}, n.Location()))
		}
	}
	return r.loop(n, n.Name, p, args[1], args[2:]...)
}

// withKey makes of the expression for a key one for the pair [element, key].
func withKey(body ast.Node) ast.Node {
	at := body.Location()
	pair := &ast.ArrayNode{Nodes: []ast.Node{located(&ast.PointerNode{}, at), body.(*ast.PredicateNode).Node}}
	return located(&ast.PredicateNode{Node: located(pair, at)}, at)
}

// loop is a loop of the machine over a list. Each turn is charged.
func (r *rewriter) loop(n *ast.BuiltinNode, name string, p predicate, body ast.Node, more ...ast.Node) ast.Node {
	list := r.pure(r.site(n.Name, n, n.Arguments[0]), mustList, listType, r.node(n.Arguments[0]))
	inner := body.(*ast.PredicateNode).Node
	op, result := turn, anyType
	if p.test {
		op, result = testTurn, boolType
	}
	each := r.call(r.site(n.Name, inner, inner), op, result, r.node(inner))
	predicate := located(&ast.PredicateNode{Node: each}, body.Location())
	return located(&ast.BuiltinNode{Name: name, Arguments: append([]ast.Node{list, predicate}, r.nodes(more)...)}, n.Location())
}

func mustList(s *site, _ *frame, a []any) (any, error) {
	list, ok := asList(a[0])
	if !ok {
		return nil, s.wants(0, a[0], "a list")
	}
	return list, nil
}

func turn(_ *site, f *frame, a []any) (any, error) { return a[0], f.charge(1) }

func testTurn(s *site, f *frame, a []any) (any, error) {
	if err := f.charge(1); err != nil {
		return nil, err
	}
	return mustBool(s, f, a)
}

func (r *rewriter) mapNode(n *ast.MapNode) ast.Node {
	pairs := make([]ast.Node, len(n.Pairs))
	for i, p := range n.Pairs {
		pair := p.(*ast.PairNode)
		key := r.pure(r.site("a name", pair.Key, pair.Key), mustKey, textType, r.node(pair.Key))
		pairs[i] = located(&ast.PairNode{Key: key, Value: r.node(pair.Value)}, pair.Location())
	}
	return located(&ast.MapNode{Pairs: pairs}, n.Location())
}

func mustKey(s *site, _ *frame, a []any) (any, error) {
	key, ok := keyText(a[0])
	if !ok {
		return nil, s.wants(0, a[0], "a text")
	}
	return key, nil
}

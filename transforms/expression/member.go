package expression

import (
	"net/textproto"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
)

// member is a.b, a["b"] and a[0]. What is constant of a.b.c is one call.
func (r *rewriter) member(n *ast.MemberNode) ast.Node {
	base, keys := ast.Node(n), []any(nil)
	for {
		if chain, ok := base.(*ast.ChainNode); ok {
			base = chain.Node
			continue
		}
		m, ok := base.(*ast.MemberNode)
		if !ok {
			break
		}
		key, ok := constant(m.Property)
		if !ok {
			break
		}
		keys = append([]any{key}, keys...)
		base = m.Node
	}
	if name, ok := base.(*ast.IdentifierNode); ok {
		if v := r.variable(name.Value); v != nil && len(keys) > 0 {
			return r.path(n, v, keys, n.Location())
		}
	}
	if len(keys) > 0 {
		return r.call(r.site("member access", n, base), walk(keys), anyType, r.node(base))
	}
	return r.call(r.site("member access", n, n.Node, n.Property), fetch, anyType, r.node(n.Node), r.node(n.Property))
}

func fetch(_ *site, _ *frame, a []any) (any, error) { return member(a[0], a[1]), nil }

func walk(keys []any) operation {
	return func(_ *site, _ *frame, a []any) (any, error) { return follow(a[0], keys), nil }
}

func follow(v any, keys []any) any {
	for _, k := range keys {
		v = member(v, k)
	}
	return v
}

// path is a variable, or what keys lead to from it.
func (r *rewriter) path(n ast.Node, v *variable, keys []any, at file.Location) ast.Node {
	s := r.site(v.name, located(&ast.NilNode{}, at), n)
	load, first := v.load, ""
	if len(keys) > 0 {
		first, _ = keys[0].(string)
	}
	switch {
	case v.name == "env":
		value, _ := r.env(first)
		return located(&ast.StringNode{Value: value}, at)
	case v.name == "headers" && first != "" && !r.scope.Answer:
		name := textproto.CanonicalMIMEHeaderKey(first)
		keys = keys[1:]
		load = func(f *frame) (any, error) {
			value, ok := headerField(headerView(f.event.Request.Info().Header), name)
			if !ok {
				return nil, nil
			}
			return value, nil
		}
	case v.name == "results" && first != "":
		r.convert = r.convert || leaksView(keys)
		keys = keys[1:]
		load = func(f *frame) (any, error) { return f.answer(first), nil }
	case v.view && first == "":
		r.convert = true
	case v.field != nil:
		if names, ok := allNames(keys); ok {
			keys = nil
			load = func(f *frame) (any, error) { return v.field(f, names) }
		}
	}
	return r.call(s, func(_ *site, f *frame, _ []any) (any, error) {
		value, err := load(f)
		if err != nil || len(keys) == 0 {
			return value, err
		}
		return follow(value, keys), nil
	}, anyType)
}

// allNames are keys that are all names of fields.
func allNames(keys []any) ([]string, bool) {
	names := make([]string, len(keys))
	for i, k := range keys {
		name, ok := k.(string)
		if !ok {
			return nil, false
		}
		names[i] = name
	}
	return names, len(names) > 0
}

// leaksView tells whether results.<sink>… is or holds the view of the headers.
func leaksView(keys []any) bool {
	return len(keys) == 1 || len(keys) == 2 && keys[1] != "status" && keys[1] != "body"
}

package expression

import (
	"fmt"

	"github.com/expr-lang/expr/ast"

	"github.com/trotline/trotline/event"
)

// checkShape refuses a field of the body that the steps before do not make.
func (c *compilation) checkShape(root ast.Node) {
	if c.scope.Body == nil {
		return
	}
	ast.Walk(&root, visitor(func(n ast.Node) {
		m, ok := n.(*ast.MemberNode)
		if !ok || m.Method {
			return
		}
		name, ok := m.Property.(*ast.StringNode)
		shape := c.shape(m.Node)
		if !ok || shape == nil {
			return
		}
		if _, known := shape.Fields[name.Value]; known {
			return
		}
		fields := shape.Names()
		hint := "the map before makes: " + sentence(fields)
		if len(fields) == 0 {
			hint = "the map before makes no fields"
		} else if near := event.Nearest(name.Value, fields); near != "" {
			hint = fmt.Sprintf("did you mean %s? %s", near, hint)
		}
		c.fail(name.Location(), fmt.Sprintf("%s has no field %s", shorten(m.Node.String(), 80), name.Value), hint)
	}))
}

// shape is what is known of what an expression gives.
func (c *compilation) shape(n ast.Node) *event.Shape {
	switch n := n.(type) {
	case *ast.IdentifierNode:
		if n.Value == "body" {
			return c.scope.Body
		}
	case *ast.ChainNode:
		return c.shape(n.Node)
	case *ast.MemberNode:
		name, ok := n.Property.(*ast.StringNode)
		if base := c.shape(n.Node); ok && base != nil {
			return base.Fields[name.Value]
		}
	}
	return nil
}

package door

import (
	"fmt"
	"net/url"
	"strings"
)

// node is a place in the tree of paths: one part of a path leads to the next.
// Paths are matched as they are written, part by part: nothing is cleaned and
// nobody is redirected, for a sender would drop the body on the way.
type node struct {
	fixed map[string]*node
	any   *node // a {name} part
	route *route
}

// parsePath cuts a pattern into its parts; a {name} part is "" among them.
func parsePath(pattern string) (parts, params []string, err error) {
	rest, ok := strings.CutPrefix(pattern, "/")
	if !ok {
		return nil, nil, fmt.Errorf("the path %q must begin with /", pattern)
	}
	for part := range strings.SplitSeq(rest, "/") {
		name, isParam := strings.CutPrefix(part, "{")
		if isParam {
			name, isParam = strings.CutSuffix(name, "}")
		}
		switch {
		case isParam && name != "" && !strings.ContainsAny(name, "{}"):
			parts, params = append(parts, param), append(params, name)
		case strings.ContainsAny(part, "{}"):
			return nil, nil, fmt.Errorf("the path %q: %q is not a {name} between two slashes", pattern, part)
		default:
			parts = append(parts, part)
		}
	}
	return parts, params, nil
}

// param stands for a {name} in the parts of a pattern; no fixed part has braces.
const param = "{}"

func (n *node) add(parts []string, r *route) error {
	for _, part := range parts {
		n = n.child(part)
	}
	if n.route != nil {
		return fmt.Errorf("the path %s takes what the source %s takes at %s", r.Path, n.route.Source, n.route.Path)
	}
	n.route = r
	return nil
}

// child is the node behind a part; it is made if it is not there yet.
func (n *node) child(part string) *node {
	if part == param {
		if n.any == nil {
			n.any = &node{}
		}
		return n.any
	}
	if n.fixed == nil {
		n.fixed = make(map[string]*node)
	}
	next := n.fixed[part]
	if next == nil {
		next = &node{}
		n.fixed[part] = next
	}
	return next
}

// find walks the tree; from left to right, a fixed part goes before a {name}.
// values gathers what the names stand for.
func (n *node) find(parts, values []string) (*route, []string) {
	if len(parts) == 0 {
		return n.route, values
	}
	if next := n.fixed[parts[0]]; next != nil {
		if r, found := next.find(parts[1:], values); r != nil {
			return r, found
		}
	}
	if n.any != nil && parts[0] != "" {
		return n.any.find(parts[1:], append(values, parts[0]))
	}
	return nil, nil
}

// match finds the route of a request's path, and what the {name} parts stand
// for; nil if there is none.
func (t *Table) match(u *url.URL) (*route, map[string]string) {
	// RawPath is set only where a path is written in an unusual way, such as
	// with an escaped slash; the parts are told apart before they are unescaped.
	if u.RawPath == "" {
		if r := t.static[u.Path]; r != nil {
			return r, nil
		}
	}
	path, ok := strings.CutPrefix(u.EscapedPath(), "/")
	if !ok {
		return nil, nil
	}
	parts := strings.Split(path, "/")
	for i, part := range parts {
		plain, err := url.PathUnescape(part)
		if err != nil {
			return nil, nil
		}
		parts[i] = plain
	}
	r, values := t.root.find(parts, nil)
	if r == nil {
		return nil, nil
	}
	params := make(map[string]string, len(values))
	for i, v := range values {
		params[r.params[i]] = v
	}
	return r, params
}

package config

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"

	"gopkg.in/yaml.v3"
)

// reference is a ${…} in a text, or the $${ that is a plain ${.
var reference = regexp.MustCompile(`\$\$\{|\$\{[^}]*\}?`)

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// resolved is a scalar's text with the values from outside in it.
type resolved struct {
	text
	outside bool // some of it is from outside
}

// resolve puts the values from outside into a scalar. It is done on the parsed
// tree, so a value cannot become YAML. escape is applied to each value, so that it cannot
// become code either; nil leaves them as they are. It is false when a value is
// missing; then there is a problem.
func (d *decoder) resolve(n *yaml.Node, escape func(string) string) (resolved, bool) {
	raw := d.file.scan(n)
	out := resolved{text: text{span: raw.span}}
	places := reference.FindAllStringIndex(raw.value, -1)
	if places == nil {
		out.text = raw
		return out, true
	}
	ok, last := true, 0
	var at []int
	put := func(value string, from, to int, literal bool) {
		out.value += value
		for i := range len(value) {
			switch {
			case raw.at == nil:
			case literal:
				at = append(at, raw.at[from+i])
			default:
				at = append(at, raw.at[from])
			}
		}
	}
	for _, p := range places {
		put(raw.value[last:p[0]], last, p[0], true)
		last = p[1]
		word := raw.value[p[0]:p[1]]
		if word == "$${" {
			put("${", p[0], p[1], false)
			continue
		}
		value, msg, hint := d.lookUp(word)
		if msg != "" {
			d.add(d.file.problem(raw.part(p[0], len(word)), msg, hint))
			ok = false
			continue
		}
		out.outside = true
		d.keepOut(value, word, strings.HasPrefix(word, "${file:"))
		if escape != nil {
			value = escape(value)
		}
		put(value, p[0], p[1], false)
	}
	put(raw.value[last:], last, len(raw.value), true)
	if raw.at != nil {
		out.at = append(at, raw.at[len(raw.value)])
	}
	return out, ok
}

// lookUp is the value of a ${…}, or what is wrong with it.
func (d *decoder) lookUp(word string) (value, msg, hint string) {
	inner, closed := strings.CutSuffix(strings.TrimPrefix(word, "${"), "}")
	if !closed {
		return "", "this ${ is not closed", "end it with }, or write $${ for a plain ${"
	}
	if path, ok := strings.CutPrefix(inner, "file:"); ok {
		return d.lookUpFile(path)
	}
	name, fallback, hasFallback := strings.Cut(inner, ":-")
	if !variableName.MatchString(name) {
		return "", word + " does not name an environment variable", "write ${NAME}, ${NAME:-default}, ${file:/path}, or $${ for a plain ${"
	}
	value, ok := d.options.Env(name)
	d.note("env "+name, []byte(value))
	switch {
	case value == "" && hasFallback: // as in a shell, an empty variable is as good as none
		return fallback, "", ""
	case !ok:
		return "", "the environment variable " + name + " is not set", "set it, or write ${" + name + ":-default}"
	}
	return value, "", ""
}

func (d *decoder) lookUpFile(path string) (value, msg, hint string) {
	if path == "" {
		return "", "${file:} names no file", "write ${file:/run/secrets/name}"
	}
	path = d.file.resolvePath(path)
	data, err := d.readFile(path)
	d.watch(path)
	if err != nil {
		return "", fmt.Sprintf("cannot read %s: %v", path, plainError(err)), ""
	}
	d.note("file "+path, data)
	return strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r"), "", ""
}

// resolvePath is a path of the file as an absolute one.
func (f *file) resolvePath(path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(filepath.Dir(f.path), path)
}

// replacement stands for a value that a problem must not show.
type replacement struct {
	value, shown string
	secret       bool
}

// keepOut sees to it that no problem shows a value from outside, or a secret.
func (l *loader) keepOut(value, shown string, secret bool) {
	if len(value) >= 4 { // shorter ones are in every other word
		l.replacements = append(l.replacements, replacement{value, shown, secret})
	}
}

// shown is a text that holds what was read, or that somebody else has written (a
// kind's check, the language), without values from outside.
func (l *loader) shown(text string) string {
	for _, r := range l.replacements {
		text = strings.ReplaceAll(text, r.value, r.shown)
	}
	return text
}

// withoutSecrets is the last look at a text before it leaves. Values from
// outside that are no secrets are left: they may be ordinary words of ours.
func (l *loader) withoutSecrets(text string) string {
	for _, r := range l.replacements {
		if r.secret {
			text = strings.ReplaceAll(text, r.value, r.shown)
		}
	}
	return text
}

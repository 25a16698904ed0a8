package config

import (
	"fmt"
	"io"
	"strings"
	"unicode"
)

// The colours of [Problems.Render].
const (
	red    = "\x1b[1;31m"
	yellow = "\x1b[1;33m"
	bold   = "\x1b[1m"
	plain  = "\x1b[0m"
)

// maxShown is how much of a line is shown around a fault, in runes.
const maxShown = 120

// Render writes every problem for a person: the place and what is wrong, the
// line, and what of it is at fault.
//
//	pipelines.yaml:7:5: error: unknown setting tabel (did you mean table?)
//	  7 |     tabel: orders
//	    |     ^~~~~
func (ps Problems) Render(w io.Writer, color bool) {
	paint := func(code, text string) string {
		if !color {
			return text
		}
		return code + text + plain
	}
	for _, p := range ps {
		kind := paint(red, "error:")
		if p.Warning {
			kind = paint(yellow, "warning:")
		}
		if p.File != "" {
			fmt.Fprintf(w, "%s ", paint(bold, p.Position.String()+":"))
		}
		fmt.Fprintf(w, "%s %s", kind, printable(p.Msg))
		if p.Hint != "" {
			fmt.Fprintf(w, " (%s)", printable(p.Hint))
		}
		fmt.Fprintln(w)
		if p.Line > 0 && p.Text != "" {
			line, blanks, marks := p.excerpt()
			gutter := fmt.Sprintf("%3d | ", p.Line)
			fmt.Fprintf(w, "%s%s\n", gutter, line)
			fmt.Fprintf(w, "%s| %s%s\n", strings.Repeat(" ", len(gutter)-2), blanks, paint(red, marks))
		}
	}
}

// excerpt is the line, as much of it as is worth showing, what stands below it
// before the fault, and the mark below the fault. Tabs stay tabs in both, so
// that the mark is in its place whatever their width.
func (p Problem) excerpt() (line, blanks, marks string) {
	runes := []rune(printable(p.Text))
	from := min(p.Column-1, len(runes))
	to := min(max(p.EndColumn-1, from+1), max(len(runes), from+1))
	first, last := 0, len(runes)
	if from > maxShown {
		first = from - maxShown/2
	}
	last = min(last, first+maxShown)
	to = max(min(to, last), from+1)

	line = string(runes[first:last])
	if first > 0 {
		line = "…" + line
		blanks = " "
	}
	if last < len(runes) {
		line += "…"
	}
	for _, r := range runes[first:from] {
		if r == '\t' {
			blanks += "\t"
		} else {
			blanks += " "
		}
	}
	return line, blanks, "^" + strings.Repeat("~", to-from-1)
}

// printable takes the control characters out of a text that a stranger wrote:
// a terminal would obey them.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r)) {
			return unicode.ReplacementChar
		}
		return r
	}, text)
}

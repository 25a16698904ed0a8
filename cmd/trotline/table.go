package main

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// table lines columns up for a person. The last column is cut to what the
// terminal has room for.
type table struct {
	head []string
	rows [][]string
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

// write prints the table; a width of 0 has no end.
func (t *table) write(w io.Writer, width int, color bool) {
	widths := make([]int, len(t.head))
	for _, row := range append([][]string{t.head}, t.rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(plain(cell)))
		}
	}
	line := func(row []string) string {
		var b strings.Builder
		last := len(row) - 1
		for i, cell := range row {
			cell = plain(cell)
			if i < last {
				b.WriteString(cell + strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+2))
				continue
			}
			room := width - utf8.RuneCountInString(b.String())
			if width > 0 {
				cell = cut(cell, max(room, 20))
			}
			b.WriteString(cell)
		}
		return strings.TrimRight(b.String(), " ")
	}
	fmt.Fprintln(w, paint(color, dim, line(t.head)))
	for _, row := range t.rows {
		fmt.Fprintln(w, line(row))
	}
}

// cut is the text, or its start and … where it has more than n characters.
func cut(text string, n int) string {
	if utf8.RuneCountInString(text) <= n {
		return text
	}
	return string([]rune(text)[:max(n-1, 0)]) + "…"
}

// plain is a text on one line that cannot command the terminal: ids and
// answers come from strangers.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text)
}

// plainLines is plain for a text of several lines.
func plainLines(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return ' '
		}
		return r
	}, text)
}

// width is how many columns a terminal has; 0 where nobody cuts lines.
func (t *terminal) width() int {
	if !isTerminal(t.out) {
		return 0
	}
	if n, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && n > 0 {
		return n
	}
	return columns(t.out)
}

// when is a time as a person reads it, in the local zone: the day only where it is not today.
func when(at, now time.Time) string {
	if at.IsZero() {
		return "-"
	}
	at, now = at.Local(), now.Local()
	if at.Format(time.DateOnly) == now.Format(time.DateOnly) {
		return at.Format(time.TimeOnly)
	}
	return at.Format("Jan _2 15:04:05")
}

// bytesOf is a size as a person reads it.
func bytesOf[N int | uint64](n N) string {
	switch {
	case n < 1<<10:
		return fmt.Sprintf("%d B", n)
	case n < 1<<20:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	case n < 1<<30:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
}

// ageOf is how long something has waited, as a person reads it; "-" where nothing does.
func ageOf(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	switch {
	case d <= 0:
		return "-"
	case d < time.Second:
		return "<1s"
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%dd%02dh", int(d.Hours())/24, int(d.Hours())%24)
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

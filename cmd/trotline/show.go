package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/trotline/trotline/admin"
)

// pairs are names and values, one a line.
type pairs struct {
	t     *terminal
	lines [][2]string
}

// add shows a value under a name, unless there is none.
func (p *pairs) add(name, value string) {
	if value != "" {
		p.lines = append(p.lines, [2]string{name, value})
	}
}

// moment is how a time is shown where it must be exact.
const moment = "2006-01-02 15:04:05.000 MST"

func (p *pairs) addTime(name string, at time.Time) {
	if !at.IsZero() {
		p.add(name, at.Local().Format(moment))
	}
}

func (p *pairs) addNumber(name string, n int) {
	if n != 0 {
		p.add(name, strconv.Itoa(n))
	}
}

func (p *pairs) addEvent(e admin.Event) {
	p.add("event", e.ID)
	p.add("source", e.Source)
	p.add("type", e.Type)
	p.addTime("accepted", e.Time)
	p.add("size", bytesOf(e.Size))
}

func (p *pairs) addRequest(r admin.Request) {
	request := r.Method + " " + r.Path
	if len(r.Query) > 0 {
		request += "?" + r.Query.Encode()
	}
	if r.RemoteIP != "" {
		request += " from " + r.RemoteIP
	}
	p.add("request", strings.TrimSpace(request))
	for _, name := range slices.Sorted(maps.Keys(r.Headers)) {
		for _, value := range r.Headers[name] {
			p.add("  "+name, value)
		}
	}
}

// write prints the pairs and forgets them. A value of several lines goes on under its first.
func (p *pairs) write() {
	width := 0
	for _, l := range p.lines {
		width = max(width, len(l[0]))
	}
	below := "\n" + strings.Repeat(" ", width+2)
	for _, l := range p.lines {
		name := paint(p.t.colorOut, dim, l[0]) + strings.Repeat(" ", width-len(l[0])+2)
		fmt.Fprintln(p.t.out, name+strings.ReplaceAll(plainLines(l[1]), "\n", below))
	}
	p.lines = nil
}

// writeBody prints a body under a headline.
func (p *pairs) writeBody(headline string, b admin.Payload) {
	fmt.Fprintf(p.t.out, "\n%s\n", paint(p.t.colorOut, bold, headline+" ("+b.Format+")"))
	fmt.Fprintln(p.t.out, plainLines(indented(b)))
}

func indented(b admin.Payload) string {
	var pretty bytes.Buffer
	if len(b.Body) > 0 && json.Indent(&pretty, b.Body, "", "  ") == nil {
		return pretty.String()
	}
	return bodyText(b)
}

// bodyText is a body as text, on the lines it came with.
func bodyText(b admin.Payload) string {
	switch {
	case len(b.Body) > 0:
		return string(b.Body)
	case len(b.Base64) > 0:
		return base64.StdEncoding.EncodeToString(b.Base64)
	}
	return b.Text
}

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/mattn/go-isatty"
)

// defaultFile is the configuration when none is named.
const defaultFile = "pipelines.yaml"

// globals are the flags every command has.
type globals struct {
	JSON     bool   `name:"json" help:"Output for programs."`
	NoColor  bool   `name:"no-color" help:"No colours; NO_COLOR does the same."`
	LogLevel string `name:"log-level" enum:"debug,info,warn,error" default:"info" help:"What run logs: debug, info, warn, error."`
	Admin    string `name:"admin" env:"TROTLINE_ADMIN" placeholder:"ADDRESS" help:"The running engine's admin address; else the file says it."`
	Token    string `name:"token" env:"TROTLINE_TOKEN" placeholder:"TOKEN" help:"The admin token; better in the environment than here."`
}

// terminal is where a command reads and writes, and for whom.
type terminal struct {
	*globals
	in          io.Reader
	out, errOut io.Writer
	colorOut    bool
	colorErr    bool
}

func newTerminal(g *globals, in io.Reader, out, errOut io.Writer) *terminal {
	colors := !g.NoColor && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" // https://no-color.org
	return &terminal{
		globals: g, in: in, out: out, errOut: errOut,
		colorOut: colors && isTerminal(out), colorErr: colors && isTerminal(errOut),
	}
}

func isTerminal(w any) bool {
	f, ok := w.(*os.File)
	return ok && (isatty.IsTerminal(f.Fd()) || isatty.IsCygwinTerminal(f.Fd()))
}

// complain writes an error to where errors go.
func (t *terminal) complain(err error) {
	fmt.Fprintln(t.errOut, paint(t.colorErr, red, "trotline:"), err)
}

// printJSON writes a value for programs: one document, indented.
func (t *terminal) printJSON(value any) error {
	enc := json.NewEncoder(t.out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(value)
}

// color is an SGR parameter (ECMA-48, section 8.3.117).
type color string

const (
	bold   color = "1"
	dim    color = "2"
	red    color = "31"
	green  color = "32"
	yellow color = "33"
	cyan   color = "36"
)

// paint is the text in a colour, if colours are wanted.
func paint(on bool, c color, text string) string {
	if !on {
		return text
	}
	return "\x1b[" + string(c) + "m" + text + "\x1b[0m"
}

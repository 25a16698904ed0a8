// Command trotline runs pipelines for webhooks from one file, and shows what
// becomes of the events.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

// commands are the whole command line.
type commands struct {
	globals

	Run     runCommand     `cmd:"" help:"Run the pipelines; reload when a file changes."`
	Check   checkCommand   `cmd:"" help:"Show every problem of a configuration, with its place."`
	Status  statusCommand  `cmd:"" help:"Show how the running engine is, and what waits where; exit 1 if it takes no events."`
	Send    sendCommand    `cmd:"" help:"Sign a payload as the source's sender would, and post it."`
	Events  eventsCommand  `cmd:"" help:"Look at stored events."`
	Dead    deadCommand    `cmd:"" help:"Find, mend, replay and drop what could not be delivered."`
	Presets presetsCommand `cmd:"" help:"List the providers whose way of signing is known, or explain one."`
	Schema  schemaCommand  `cmd:"" help:"Print the JSON Schema of the file, for editors."`
	Version versionCommand `cmd:"" help:"Show the version."`
}

func main() {
	os.Exit(execute(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// execute runs one command line and returns its exit code.
func execute(args []string, in io.Reader, out, errOut io.Writer) int {
	var c commands
	parser := kong.Must(&c,
		kong.Name("trotline"),
		kong.Description("A declarative pipeline engine for webhooks: write a file, run it, edit it."),
		kong.UsageOnError(),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Writers(out, errOut),
		kong.Vars{"defaultFile": defaultFile},
	)
	parsed, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintf(errOut, "trotline: %v\nTry 'trotline --help'.\n", err)
		return exitUsage
	}
	t := newTerminal(&c.globals, in, out, errOut)
	// The second signal is left to its default: it ends a command that waits.
	// run listens for itself.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	parsed.BindTo(ctx, (*context.Context)(nil))
	return exitCode(t, parsed.Run(t))
}

// The exit codes.
const (
	exitDone        = 0
	exitNo          = 1 // the answer is no: problems found, not there, refused
	exitUsage       = 2
	exitUnreachable = 3 // the engine or the server cannot be reached
)

// failure is an error with the exit code it ends in.
type failure struct {
	code int
	err  error
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

func fail(code int, format string, args ...any) error {
	return &failure{code, fmt.Errorf(format, args...)}
}

// errTold ends a command with [exitNo] whose output has said why.
var errTold = errors.New("told")

// exitCode says what went wrong and what to exit with.
func exitCode(t *terminal, err error) int {
	var f *failure
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, errTold):
		return exitNo
	case errors.As(err, &f):
		t.complain(f.err)
		return f.code
	}
	t.complain(err)
	return exitNo
}

// isNo tells whether an error is the engine's no, rather than that it could not be asked.
func isNo(err error) bool {
	var f *failure
	return errors.As(err, &f) && f.code == exitNo
}

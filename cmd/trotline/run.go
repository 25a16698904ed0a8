package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"

	"github.com/trotline/trotline/engine"
	"github.com/trotline/trotline/engine/bus"
)

// runCommand runs the pipelines until it is told to stop.
type runCommand struct {
	Files []string `arg:"" optional:"" name:"file" help:"Files, or folders of *.yaml (${defaultFile})."`
}

// Run opens everything, tells what runs where, and waits. A SIGHUP reloads; the
// first SIGINT or SIGTERM stops in order, the second abandons what is under way.
func (c *runCommand) Run(ctx context.Context, t *terminal) error {
	// First of all: a hangup that comes while the engine opens must not end the process.
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	tuneRuntime()
	log, flush := newLog(t)
	defer flush()
	options := engineOptions(c.Files, log)
	conf, problems := engine.Check(options)
	if conf == nil {
		problems.Render(t.errOut, t.colorErr)
		return errTold
	}
	// Before the engine, so that an address in use is told before a store is opened.
	listener, err := net.Listen("tcp", conf.Server.Admin.Listen)
	if err != nil {
		return fmt.Errorf("%s: server.admin.listen: %w", conf.Files[0].Path, inUse(err))
	}
	defer listener.Close()
	e, err := engine.Open(ctx, options)
	if err != nil {
		return opening(t, err)
	}
	conf = e.Config()
	beside := serveAdmin(e, conf, listener, log)
	tellStart(t, log, e, conf, listener.Addr().String())
	defer reloadAt(ctx, hangups, e)()
	defer context.AfterFunc(ctx, func() { stopping(log, e, beside) })()
	err = e.Run(ctx)
	return errors.Join(err, beside.close())
}

// opening says why an engine could not be opened.
func opening(t *terminal, err error) error {
	var problems *engine.ProblemsError
	switch {
	case errors.As(err, &problems): // the file was changed between two looks at it
		problems.Problems.Render(t.errOut, t.colorErr)
		return errTold
	case errors.Is(err, bus.ErrUnavailable):
		return fail(exitUnreachable, "cannot reach the store: %w", err)
	}
	return inUse(err)
}

// inUse adds what to do to an address that another program has.
func inUse(err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%w: another program listens there, perhaps another `trotline run`", err)
	}
	return err
}

// reloadAt reloads at each signal until the function it returns is called.
func reloadAt(ctx context.Context, hangups chan os.Signal, e *engine.Engine) (end func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range hangups {
			e.Reload(ctx) // the engine logs what became of it
		}
	}()
	return func() {
		signal.Stop(hangups)
		close(hangups)
		<-done
	}
}

// stopping tells that the first signal has come, and listens for the second,
// for as long as the process lives.
func stopping(log *slog.Logger, e *engine.Engine, beside *adminServer) {
	log.Info("stopping: requests and deliveries under way are finished, for up to 30s each; a second signal abandons them, and they come again at the next start")
	beside.endTails()
	again := make(chan os.Signal, 1)
	signal.Notify(again, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-again
		log.Warn("abandoning what is under way; nothing is lost, it comes again at the next start")
		e.Abandon()
	}()
}

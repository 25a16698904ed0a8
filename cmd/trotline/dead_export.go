package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"strconv"
)

type deadExport struct {
	engineFlags
	refusedFlag
	deadFilter
	Limit  int    `placeholder:"N" help:"At most so many, the oldest first."`
	Output string `short:"o" placeholder:"FILE" help:"Write to this file, which must not be there yet, instead of standard output."`
}

// Run writes the dead letters, a line of JSON each.
func (c *deadExport) Run(ctx context.Context, t *terminal) error {
	engine, err := newClient(t, c.engineFlags)
	if err != nil {
		return err
	}
	query := c.addTo(c.query())
	if c.Limit > 0 {
		query.Set("limit", strconv.Itoa(c.Limit))
	}
	body, err := engine.open(ctx, http.MethodGet, "/api/dead/export", query)
	if err != nil {
		return err
	}
	defer body.Close()
	if c.Output == "" {
		return copied(t.out, body)
	}
	file, err := os.OpenFile(c.Output, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fail(exitUsage, "%s is there already; name another file", c.Output)
	}
	if err != nil {
		return err
	}
	lines := &lineCounter{to: file}
	if err := copied(lines, body); err != nil {
		file.Close()
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	fmt.Fprintf(t.errOut, "%s written to %s\n", counted(lines.n, c.noun()), c.Output)
	return nil
}

// copied copies to the end. An answer that breaks off is one of an engine that stopped, or lost its store.
func copied(to io.Writer, from io.Reader) error {
	if _, err := io.Copy(to, from); err != nil {
		return fail(exitUnreachable, "the export broke off: %w", err)
	}
	return nil
}

// lineCounter counts the lines that pass.
type lineCounter struct {
	to io.Writer
	n  int
}

func (c *lineCounter) Write(p []byte) (int, error) {
	for _, b := range p {
		if b == '\n' {
			c.n++
		}
	}
	return c.to.Write(p)
}

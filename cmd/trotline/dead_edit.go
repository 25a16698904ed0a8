package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/trotline/trotline/admin"
)

type deadEdit struct {
	engineFlags
	Number  uint64 `arg:"" help:"The dead letter's number."`
	Body    string `placeholder:"FILE" help:"Take the new body from this file, - for standard input, instead of opening an editor."`
	Restore bool   `help:"Give it the body it had before it was edited."`
}

// Validate is called by kong.
func (c *deadEdit) Validate() error {
	if c.Restore && c.Body != "" {
		return fmt.Errorf("say either --restore or --body")
	}
	return nil
}

// Run changes the body of a dead letter.
func (c *deadEdit) Run(ctx context.Context, t *terminal) error {
	engine, err := newClient(t, c.engineFlags)
	if err != nil {
		return err
	}
	if c.Restore {
		var d admin.DeadDetail
		if err := engine.ask(ctx, http.MethodPost, letterPath(c.Number)+"/restore", nil, &d); err != nil {
			return err
		}
		return t.tellEdited(&d, "has its first body again")
	}
	var before admin.DeadDetail
	if err := engine.get(ctx, letterPath(c.Number), nil, &before); err != nil {
		return err
	}
	body, err := c.newBody(t, &before)
	if err != nil {
		return err
	}
	if len(bytes.TrimSpace(body)) == 0 {
		return fail(exitNo, "the new body is empty; nothing was changed")
	}
	var after admin.DeadDetail
	if err := engine.send(ctx, http.MethodPut, letterPath(c.Number)+"/body", bytes.NewReader(body), &after); err != nil {
		return err
	}
	if after.Edited.Equal(before.Edited) {
		return t.tellEdited(&after, "is as it was")
	}
	return t.tellEdited(&after, "is edited")
}

func (t *terminal) tellEdited(d *admin.DeadDetail, what string) error {
	if t.JSON {
		return t.printJSON(d)
	}
	n := strconv.FormatUint(d.Sequence, 10)
	fmt.Fprintf(t.out, "dead letter %s %s; replay it: trotline dead replay %s\n", n, what, n)
	return nil
}

// newBody is what the user makes of the body.
func (c *deadEdit) newBody(t *terminal, d *admin.DeadDetail) ([]byte, error) {
	switch c.Body {
	case "":
		return edited(t, d)
	case "-":
		return io.ReadAll(t.in)
	}
	return os.ReadFile(c.Body)
}

// edited opens the body in the user's editor.
func edited(t *terminal, d *admin.DeadDetail) ([]byte, error) {
	before := d.Payload
	if d.Sink == "" && d.Original != nil {
		before = *d.Original // it runs through its pipeline again from the start
	}
	if len(before.Base64) > 0 {
		return nil, fail(exitUsage, "the body is no text; give the new one with --body FILE")
	}
	folder, err := os.MkdirTemp("", "trotline-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	text := []byte(indented(before) + "\n")
	file := filepath.Join(folder, fmt.Sprintf("dead-letter-%d.%s", d.Sequence, before.Format))
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return nil, err
	}
	if err := openEditor(t, file); err != nil {
		return nil, err
	}
	after, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	if bytes.Equal(after, text) {
		return nil, fail(exitNo, "nothing was changed")
	}
	return bytes.TrimSuffix(after, []byte("\n")), nil
}

// openEditor opens a file in $VISUAL or $EDITOR, which may have arguments.
func openEditor(t *terminal, file string) error {
	editor := os.Getenv("VISUAL")
	if editor == "" {
		editor = os.Getenv("EDITOR")
	}
	words := strings.Fields(editor)
	if len(words) == 0 {
		return fail(exitUsage, "there is no editor: set EDITOR, or give the new body with --body FILE")
	}
	c := exec.Command(words[0], append(words[1:], file)...)
	c.Stdin, c.Stdout, c.Stderr = t.in, t.out, t.errOut
	if err := c.Run(); err != nil {
		return fail(exitNo, "the editor %s: %w; nothing was changed", words[0], err)
	}
	return nil
}

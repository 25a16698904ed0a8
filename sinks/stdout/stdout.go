// Package stdout is the sink that prints: one line of JSON for each event, on
// the standard output of the process.
package stdout

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"

	"github.com/trotline/trotline/event"
)

// Kind is the sink kind stdout.
func Kind() event.SinkKind {
	return event.SinkKind{
		Name:     "stdout",
		Doc:      "prints one line of JSON for each event",
		Settings: func() any { return &Settings{Format: "body"} },
		Batch:    100,
		Open: func(_ context.Context, settings any, _ event.SinkOptions) (event.Sink, error) {
			return open(settings, standard), nil
		},
	}
}

// Settings are what the configuration may say about a stdout sink.
type Settings struct {
	Format string `yaml:"format" enum:"body,event" doc:"what a line holds: the body alone, or the event with its id, source, type, time and delivery id"`
}

// standard is the one standard output of the process, whichever sinks print there.
var standard = newPrinter(os.Stdout)

func open(settings any, to *printer) *sink {
	return &sink{line: event.LineWriter(event.SettingsOf[Settings](settings).Format), to: to}
}

type sink struct {
	line func(d *event.Delivery, w *bytes.Buffer) error
	to   *printer
}

// Deliver prints the batch in one piece. A delivered verdict says that the
// operating system took the line, not that a reader or a disk has it.
func (s *sink) Deliver(ctx context.Context, batch []*event.Delivery) []event.Verdict {
	verdicts := make([]event.Verdict, len(batch))
	ends := make([]int, len(batch)) // where each delivery's line ends; 0: it has none
	var lines bytes.Buffer
	for i, d := range batch {
		if err := s.line(d, &lines); err != nil {
			verdicts[i].Err = event.Permanentf("event %q cannot be printed: %w", d.Event.ID, err)
			continue
		}
		lines.WriteByte('\n')
		ends[i] = lines.Len()
	}
	if lines.Len() == 0 {
		return verdicts
	}
	n, err := s.to.print(ctx, lines.Bytes())
	for i, end := range ends {
		if end > n {
			verdicts[i].Err = fmt.Errorf("print to stdout: %w", err)
		}
	}
	return verdicts
}

// printer writes pieces one after the other. A reader that stops reading
// blocks a write for as long as it likes, so that a write goes on in a
// goroutine of its own when its caller cannot wait any longer; the others wait
// for their turn no longer than their contexts allow.
type printer struct {
	turn chan struct{} // holds the right to write
	w    io.Writer
	torn bool // the last write broke off within a line
}

func newPrinter(w io.Writer) *printer {
	return &printer{turn: make(chan struct{}, 1), w: w}
}

// print writes whole lines and returns how many bytes of them were written.
func (p *printer) print(ctx context.Context, lines []byte) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	select {
	case p.turn <- struct{}{}:
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	type result struct {
		n   int
		err error
	}
	done := make(chan result, 1)
	go func() {
		n, err := p.write(lines)
		<-p.turn
		done <- result{n, err}
	}()
	select {
	case r := <-done:
		return r.n, r.err
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

func (p *printer) write(lines []byte) (int, error) {
	if p.torn {
		if _, err := p.w.Write([]byte("\n")); err != nil {
			return 0, err
		}
		p.torn = false
	}
	n, err := p.w.Write(lines)
	p.torn = n > 0 && lines[n-1] != '\n'
	return n, err
}

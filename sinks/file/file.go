// Package file is the sink that appends one line of JSON for each event to a
// file, and has it on the disk before it says so.
package file

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync"

	"github.com/trotline/trotline/event"
)

// Kind is the sink kind file.
func Kind() event.SinkKind {
	return event.SinkKind{
		Name:     "file",
		Doc:      "appends one line of JSON for each event to a file",
		Settings: func() any { return &Settings{Format: "body"} },
		Batch:    500,
		Open:     open,
	}
}

// Settings are what the configuration may say about a file sink.
type Settings struct {
	Path   event.Path `yaml:"path" required:"true" doc:"the file; it and its folders are made when the first event comes"`
	Format string     `yaml:"format" enum:"body,event" doc:"what a line holds: the body alone, or the event with its id, source, type, time and delivery id"`
	Rotate *Rotate    `yaml:"rotate" doc:"when to put the file aside and begin a new one; left out: never"`
}

// Rotate says when a file is put aside, and what becomes of it then.
type Rotate struct {
	Size event.Size     `yaml:"size" doc:"before it grows beyond this, such as 100MiB"`
	Age  event.Duration `yaml:"age" doc:"at each multiple of this since Monday 0:00 UTC, such as 24h for a file a day"`
	Keep int            `yaml:"keep" doc:"how many files put aside are kept, the newest; 0 keeps all"`
	Gzip bool           `yaml:"gzip" doc:"compress the files put aside"`
}

// Validate implements [event.Validator].
func (s *Settings) Validate() []*event.FieldError {
	r := s.Rotate
	if r == nil {
		return nil
	}
	var problems []*event.FieldError
	if r.Size == 0 && r.Age == 0 {
		problems = append(problems, &event.FieldError{
			Path: "rotate", Msg: "does not say when", Hint: "add size: 100MiB, or age: 24h, or both",
		})
	}
	if r.Keep < 0 {
		problems = append(problems, &event.FieldError{Path: "rotate.keep", Msg: "must not be negative", Hint: "0 keeps all"})
	}
	return problems
}

func open(_ context.Context, settings any, o event.SinkOptions) (event.Sink, error) {
	s := event.SettingsOf[Settings](settings)
	path := string(s.Path)
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file: name a file that does not exist yet, or one of JSON lines", path)
	}
	log := o.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &sink{line: event.LineWriter(s.Format), writer: startWriter(path, o.Name, s.Rotate, log)}, nil
}

type sink struct {
	line   func(d *event.Delivery, w *bytes.Buffer) error
	writer *writer
}

// Deliver appends the batch and returns when it is on the disk.
func (s *sink) Deliver(ctx context.Context, batch []*event.Delivery) []event.Verdict {
	verdicts := make([]event.Verdict, len(batch))
	lines := buffers.Get().(*bytes.Buffer)
	for i, d := range batch {
		if err := s.line(d, lines); err != nil {
			verdicts[i].Err = event.Permanentf("event %q cannot be written as JSON: %w", d.Event.ID, err)
			continue
		}
		lines.WriteByte('\n')
	}
	if lines.Len() == 0 {
		return verdicts
	}
	if err := s.writer.write(ctx, lines.Bytes()); err != nil {
		for i := range verdicts {
			if verdicts[i].Err == nil {
				verdicts[i].Err = err
			}
		}
		return verdicts // the writer may not be done with the buffer
	}
	if lines.Cap() <= keptBuffer {
		lines.Reset()
		buffers.Put(lines)
	}
	return verdicts
}

// buffers are used again: the lines of a batch are most of what a delivery allocates.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// keptBuffer is the largest that is.
const keptBuffer = 1 << 20

// Close ends the writer. A compression that is under way and takes longer than
// ctx is given up; the next start makes up for it.
func (s *sink) Close(ctx context.Context) error { return s.writer.close(ctx) }

package file

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/trotline/trotline/event"
	"github.com/trotline/trotline/event/eventtest"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(childPath); path != "" {
		writeUntilKilled(path)
	}
	goleak.VerifyTestMain(m)
}

func TestSuite(t *testing.T) {
	eventtest.SinkSuite(t, eventtest.Sink{
		Kind: Kind(),
		Receiver: func(t *testing.T) eventtest.Receiver {
			dir := filepath.Join(t.TempDir(), "some", "folder")
			path := filepath.Join(dir, "events.jsonl")
			return eventtest.Receiver{
				Settings: &Settings{Path: event.Path(path), Format: "event"},
				Arrived:  func(t *testing.T) []string { return ids(t, path) },
				Stop: func(t *testing.T) { // something else stands where the folder was
					must(t, os.MkdirAll(dir, 0o750))
					must(t, os.Rename(dir, dir+".away"))
					must(t, os.WriteFile(dir, nil, 0o600))
				},
				Start: func(t *testing.T) {
					must(t, os.Remove(dir))
					must(t, os.Rename(dir+".away", dir))
				},
			}
		},
		Bad: func() *event.Delivery { return eventtest.DeliveryJSON("bad", `{"open":`) },
	})
}

func TestFormats(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out")
	s := start(t, &Settings{Path: event.Path(path), Format: "body"})
	text := eventtest.Delivery("text", nil)
	text.Event.Body = event.NewBody(event.Text, []byte("one\ntwo"))
	deliver(t, s, eventtest.DeliveryJSON("json", "{\n\"id\": 1234567890123456789,\n\"price\": 10.10}"), text)
	if want := "{\"id\":1234567890123456789,\"price\":10.10}\n\"one\\ntwo\"\n"; read(t, path) != want {
		t.Errorf("the file holds %q, want %q", read(t, path), want)
	}
}

func TestSettings(t *testing.T) {
	for _, c := range []struct {
		rotate *Rotate
		want   string
	}{
		{nil, ""},
		{&Rotate{Size: 1}, ""},
		{&Rotate{Age: 1, Keep: 7, Gzip: true}, ""},
		{&Rotate{Gzip: true}, "rotate: does not say when (add size: 100MiB, or age: 24h, or both)"},
		{&Rotate{Size: 1, Keep: -1}, "rotate.keep: must not be negative (0 keeps all)"},
	} {
		got := ""
		for _, problem := range (&Settings{Rotate: c.rotate}).Validate() {
			got += problem.Error()
		}
		if got != c.want {
			t.Errorf("%+v: %q, want %q", c.rotate, got, c.want)
		}
	}
}

func TestPathIsAFolder(t *testing.T) {
	_, err := Kind().Open(t.Context(), &Settings{Path: event.Path(t.TempDir())}, event.SinkOptions{Name: "x"})
	if err == nil || !strings.Contains(err.Error(), "is not a regular file") {
		t.Errorf("error %v", err)
	}
}

// Somebody moves the file from under the sink; what was confirmed is in what he
// moved, what comes later in the path's file of now.
func TestMovedAway(t *testing.T) {
	for _, c := range []struct {
		name string
		move func(path string) error
		want string
	}{
		{"renamed", func(p string) error { return os.Rename(p, p+".1") }, "2\n"},
		{"removed", os.Remove, "2\n"},
		{"replaced", func(p string) error {
			return errors.Join(os.Remove(p), os.WriteFile(p, []byte("0\n"), 0o600))
		}, "0\n2\n"},
		{"truncated", func(p string) error { return os.Truncate(p, 0) }, "2\n"},
		{"folder removed", func(p string) error { return os.RemoveAll(filepath.Dir(p)) }, "2\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "folder", "out")
			s := start(t, &Settings{Path: event.Path(path), Format: "body"})
			deliver(t, s, eventtest.Delivery("a", 1))
			must(t, c.move(path))
			deliver(t, s, eventtest.Delivery("b", 2))
			if got := read(t, path); got != c.want {
				t.Errorf("the file holds %q, want %q", got, c.want)
			}
		})
	}
}

func TestTwoSinksOnOneFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "out")
		settings := &Settings{Path: event.Path(path), Format: "body"}
		first, err := Kind().Open(t.Context(), settings, event.SinkOptions{Name: "first"})
		must(t, err)
		deliver(t, first, eventtest.Delivery("a", 1))

		second := start(t, settings)
		v := second.Deliver(t.Context(), []*event.Delivery{eventtest.Delivery("b", 2)})
		if v[0].Err == nil || event.IsPermanent(v[0].Err) || !strings.Contains(v[0].Err.Error(), "is held by sink first of process") {
			t.Errorf("the second sink on one file: %v", v[0].Err)
		}

		// As after an edit: the old sink is closed while the new one waits for the file.
		verdicts := make(chan []event.Verdict)
		go func() { verdicts <- second.Deliver(t.Context(), []*event.Delivery{eventtest.Delivery("b", 2)}) }()
		must(t, first.(event.Closer).Close(t.Context()))
		if v := <-verdicts; v[0].Err != nil {
			t.Errorf("after the first was closed: %v", v[0].Err)
		}
		if got := read(t, path); got != "1\n2\n" {
			t.Errorf("the file holds %q", got)
		}
	})
}

func TestRotateBySize(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out")
	s := start(t, &Settings{Path: event.Path(path), Format: "body", Rotate: &Rotate{Size: 20}})
	var want strings.Builder
	for n := range 50 {
		deliver(t, s, eventtest.Delivery("e", n), eventtest.Delivery("e", n))
		fmt.Fprintf(&want, "%d\n%d\n", n, n)
	}
	files := asideFiles(t, path)
	var got strings.Builder
	for _, name := range append(files, path) {
		text := read(t, name)
		if len(text) > 20 {
			t.Errorf("%s grew to %d bytes", name, len(text))
		}
		got.WriteString(text)
	}
	if got.String() != want.String() {
		t.Errorf("over %d files: %q", len(files), got.String())
	}
}

func TestRotateByAge(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out")
	s := start(t, &Settings{Path: event.Path(path), Format: "body", Rotate: &Rotate{Age: event.Duration(24 * time.Hour)}})
	deliver(t, s, eventtest.Delivery("a", 1))
	yesterday := eventtest.Time
	must(t, os.Chtimes(path, yesterday, yesterday))
	deliver(t, s, eventtest.Delivery("b", 2))
	if got := read(t, path+".20260314T150926.535897Z"); got != "1\n" {
		t.Errorf("put aside: %q", got)
	}
	if got := read(t, path); got != "2\n" {
		t.Errorf("the new file holds %q", got)
	}
}

func TestKeepAndGzip(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "out")
	// What an earlier process left: a compression cut short, and one that ended before its source was removed.
	old, cut := path+".20200101T000000.000000Z", path+".20200102T000000.000000Z"
	for name, text := range map[string]string{
		old: "old\n", old + ".gz": "whatever",
		cut: "cut\n", cut + ".gz.tmp": "half",
		path + ".20200101.backup": "a stranger's", path + ".lock.20200101T000000.000000Z": "another's",
	} {
		must(t, os.WriteFile(name, []byte(text), 0o600))
	}
	settings := &Settings{Path: event.Path(path), Format: "body", Rotate: &Rotate{Size: 1, Keep: 4, Gzip: true}}
	s, err := Kind().Open(t.Context(), settings, event.SinkOptions{Name: "test"})
	must(t, err)
	for n := range 4 {
		deliver(t, s, eventtest.Delivery("e", n))
	}
	must(t, s.(event.Closer).Close(t.Context()))

	files := asideFiles(t, path)
	var got []string
	for _, name := range files {
		got = append(got, unzip(t, name))
	}
	if want := []string{"cut\n", "0\n", "1\n", "2\n"}; !slices.Equal(got, want) {
		t.Errorf("kept %q in %q, want %q", got, files, want)
	}
	for _, name := range []string{path + ".20200101.backup", path + ".lock.20200101T000000.000000Z"} {
		read(t, name)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*.tmp")); len(left) > 0 {
		t.Errorf("left over: %q", left)
	}
}

// Many callers at once, over many rotations: each line is somewhere, once.
func TestConcurrentRotation(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out")
	s, err := Kind().Open(t.Context(), &Settings{
		Path: event.Path(path), Format: "event", Rotate: &Rotate{Size: 4096, Gzip: true},
	}, event.SinkOptions{Name: "test"})
	must(t, err)
	const callers, calls = 8, 20
	var wg sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			for i := range calls {
				deliver(t, s, eventtest.Numbered(c*calls+i))
			}
		})
	}
	wg.Wait()
	must(t, s.(event.Closer).Close(t.Context()))
	found := ids(t, path)
	for _, name := range asideFiles(t, path) {
		found = append(found, idsOf(t, unzip(t, name))...)
	}
	slices.Sort(found)
	if n := len(slices.Compact(found)); n != callers*calls || len(found) != n {
		t.Errorf("%d lines, %d different ones, want %d", len(found), n, callers*calls)
	}
}

func BenchmarkDeliver(b *testing.B) {
	path := filepath.Join(b.TempDir(), "out")
	s, err := Kind().Open(b.Context(), &Settings{Path: event.Path(path), Format: "event"}, event.SinkOptions{Name: "bench"})
	if err != nil {
		b.Fatal(err)
	}
	defer s.(event.Closer).Close(b.Context())
	d := eventtest.DeliveryJSON("bench", `{"order_id": 1, "total": 10.10}`)
	b.SetParallelism(64)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if v := s.Deliver(b.Context(), []*event.Delivery{d}); v[0].Err != nil {
				b.Error(v[0].Err)
			}
		}
	})
}

// start is an open sink that the end of the test closes.
func start(t *testing.T, settings *Settings) event.Sink {
	t.Helper()
	s, err := Kind().Open(t.Context(), settings, event.SinkOptions{Name: "test", Log: slog.New(slog.DiscardHandler)})
	must(t, err)
	t.Cleanup(func() {
		if err := s.(event.Closer).Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
	return s
}

func deliver(t *testing.T, s event.Sink, batch ...*event.Delivery) {
	t.Helper()
	for i, v := range s.Deliver(t.Context(), batch) {
		if v.Err != nil {
			t.Errorf("delivery %d: %v", i, v.Err)
		}
	}
}

// asideFiles are the files put aside, the oldest first.
func asideFiles(t *testing.T, path string) []string {
	t.Helper()
	names, err := filepath.Glob(path + ".2*Z*")
	must(t, err)
	slices.Sort(names)
	return names
}

func ids(t *testing.T, path string) []string {
	t.Helper()
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	must(t, err)
	return idsOf(t, string(text))
}

func idsOf(t *testing.T, text string) []string {
	t.Helper()
	var found []string
	for line := range strings.Lines(text) {
		var record struct {
			DeliveryID string `json:"delivery_id"`
		}
		if err := json.Unmarshal([]byte(line), &record); err != nil {
			t.Errorf("line %q: %v", line, err)
		}
		found = append(found, record.DeliveryID)
	}
	return found
}

func unzip(t *testing.T, name string) string {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewBufferString(read(t, name)))
	must(t, err)
	text, err := io.ReadAll(z)
	must(t, err)
	return string(text)
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	must(t, err)
	return string(text)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

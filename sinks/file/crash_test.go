package file

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/trotline/trotline/event"
	"github.com/trotline/trotline/event/eventtest"
)

func TestRepair(t *testing.T) {
	for _, c := range []struct{ name, before, after string }{
		{"empty", "", ""},
		{"whole", "{}\n{\"a\":1}\n", "{}\n{\"a\":1}\n"},
		{"torn", "{\"a\":1}\n{\"a\":", "{\"a\":1}\n"},
		{"torn from the start", "{\"a\":", ""},
		{"torn string", "\"one\"\n\"tw", "\"one\"\n"},
		{"a number may be torn", "1234\n12", "1234\n"},
		{"zeros after a power cut", "{\"a\":1}\n\x00\x00\x00", "{\"a\":1}\n"},
		{"zeros and later lines after a power cut", "{\"a\":1}\n{\"a\x00\x00\x00\n{\"a\":3}\n", "{\"a\":1}\n"},
		{"zeros, later lines and a torn one", "{\"a\":1}\n\x00\x00:2}\n{\"a\":3}\n{\"a", "{\"a\":1}\n"},
		{"only the end is missing", "{\"a\":1}\n{\"a\":2}", "{\"a\":1}\n{\"a\":2}\n"},
		{"a long torn line", "{}\n[\"" + strings.Repeat("x", 1<<20), "{}\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "out")
			must(t, os.WriteFile(path, []byte(c.before), 0o600))
			s := start(t, &Settings{Path: event.Path(path), Format: "body"})
			deliver(t, s, eventtest.Delivery("a", "next"))
			if got := read(t, path); got != c.after+"\"next\"\n" {
				t.Errorf("the file holds %.80q, want %.80q and the next line", got, c.after)
			}
		})
	}
}

// A path that leads to somebody else's file costs him nothing.
func TestForeignFile(t *testing.T) {
	const text = "some: yaml\nwithout: an end"
	path := filepath.Join(t.TempDir(), "out")
	foreign := text + "\n\x7fELF"
	must(t, os.WriteFile(path, []byte(foreign), 0o600))
	s := start(t, &Settings{Path: event.Path(path), Format: "body"})
	v := s.Deliver(t.Context(), []*event.Delivery{eventtest.Delivery("a", 1)})
	if v[0].Err == nil || event.IsPermanent(v[0].Err) || !strings.Contains(v[0].Err.Error(), "left alone") {
		t.Errorf("verdict %v", v[0].Err)
	}
	if got := read(t, path); got != foreign {
		t.Errorf("the file became %q", got)
	}
}

// childPath is set for the process that TestKilled starts and kills.
const childPath = "TROTLINE_TEST_CHILD_PATH"

// writeUntilKilled delivers for ever and prints the id of what is confirmed.
func writeUntilKilled(path string) {
	s, err := Kind().Open(context.Background(), &Settings{
		Path: event.Path(path), Format: "event", Rotate: &Rotate{Size: 16 << 10, Gzip: true},
	}, event.SinkOptions{Name: "child"})
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	for n := 0; ; n += 10 {
		batch := make([]*event.Delivery, 10)
		for i := range batch {
			batch[i] = eventtest.Numbered(n + i)
		}
		for i, v := range s.Deliver(context.Background(), batch) {
			if v.Err != nil {
				fmt.Println("error", v.Err)
				os.Exit(1)
			}
			fmt.Println(batch[i].ID)
		}
	}
}

// A process killed at any moment, in rotations and compressions too, leaves
// every line it has confirmed, and whole lines alone once the next one begins.
func TestKilled(t *testing.T) {
	for round := range 5 {
		path := filepath.Join(t.TempDir(), "out")
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), childPath+"="+path)
		out, err := cmd.StdoutPipe()
		must(t, err)
		must(t, cmd.Start())
		var confirmed []string
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if strings.HasPrefix(lines.Text(), "error") {
				t.Error(lines.Text())
			}
			confirmed = append(confirmed, lines.Text())
			if len(confirmed) == 300+round*37 {
				must(t, cmd.Process.Kill()) // and read on to the end of what it has said
			}
		}
		_ = cmd.Wait()

		s, err := Kind().Open(t.Context(), &Settings{
			Path: event.Path(path), Format: "event", Rotate: &Rotate{Size: 16 << 10, Gzip: true},
		}, event.SinkOptions{Name: "next"})
		must(t, err)
		deliver(t, s, eventtest.Numbered(1_000_000))
		must(t, s.(event.Closer).Close(t.Context()))

		found := ids(t, path)
		for _, name := range asideFiles(t, path) {
			if !strings.HasSuffix(name, ".gz") {
				t.Errorf("%s was left as it is", name)
				continue
			}
			found = append(found, idsOf(t, unzip(t, name))...)
		}
		slices.Sort(found)
		// The last line that the pipe held may itself be cut short.
		for _, id := range confirmed[:len(confirmed)-1] {
			if _, ok := slices.BinarySearch(found, id); !ok {
				t.Errorf("round %d: %s was confirmed and is gone", round, id)
			}
		}
	}
}

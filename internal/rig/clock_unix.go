//go:build unix

package rig

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Clock is the wall clock of a program of [BuildClocked], which can be wrong.
// What such a program measures, it measures by the monotonic clock, which never is.
type Clock struct{ file *os.File }

// clockVariable names the file that says how wrong the clock is.
const clockVariable = "TROTLINE_TEST_CLOCK"

// NewClock is a clock that is right.
func NewClock(t testing.TB) *Clock {
	t.Helper()
	file, err := os.Create(filepath.Join(t.TempDir(), "clock"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	c := &Clock{file}
	if err := c.Set(0); err != nil {
		t.Fatal(err)
	}
	return c
}

// Env is what to run the program with.
func (c *Clock) Env() string { return clockVariable + "=" + c.file.Name() }

// Set makes the clock wrong by so many whole seconds, at once.
func (c *Clock) Set(wrong time.Duration) error {
	seconds := int64(wrong / time.Second)
	_, err := c.file.WriteAt(binary.NativeEndian.AppendUint64(nil, uint64(seconds)), 0)
	return err
}

// A static Go program asks the kernel for the time without a library in
// between, so the standard library it is built with is changed: time.Now adds
// what stands in a file.
const (
	nowAsks = "sec, nsec, mono := runtimeNow()\n\tif mono == 0 {"
	nowAdds = "sec, nsec, mono := runtimeNow()\n\tsec += *wrong\n\tif mono == 0 {"

	wrongClock = `package time

import (
	"syscall"
	"unsafe"
)

// wrong is by how many seconds the clock is.
var wrong = mapped()

func mapped() *int64 {
	name, ok := syscall.Getenv("` + clockVariable + `")
	if !ok {
		return new(int64)
	}
	file, err := syscall.Open(name, syscall.O_RDONLY, 0)
	if err != nil {
		panic(err)
	}
	memory, err := syscall.Mmap(file, 0, 8, syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		panic(err)
	}
	return (*int64)(unsafe.Pointer(&memory[0]))
}
`
)

// BuildClocked is [Build], and the program's wall clock is a [Clock].
func BuildClocked(path, program string) error {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return fmt.Errorf("where the standard library is: %w", err)
	}
	source := filepath.Join(strings.TrimSpace(string(root)), "src", "time")
	text, err := os.ReadFile(filepath.Join(source, "time.go"))
	if err != nil {
		return err
	}
	if strings.Count(string(text), nowAsks) != 1 {
		return fmt.Errorf("%s has changed: where its Now asks for the time is not found", source)
	}
	changed, added, overlay := path+".time.go", path+".clock.go", path+".overlay"
	list, err := json.Marshal(map[string]any{"Replace": map[string]string{
		filepath.Join(source, "time.go"): changed, filepath.Join(source, "clock.go"): added,
	}})
	err = errors.Join(err,
		os.WriteFile(changed, []byte(strings.Replace(string(text), nowAsks, nowAdds, 1)), 0o600),
		os.WriteFile(added, []byte(wrongClock), 0o600),
		os.WriteFile(overlay, list, 0o600),
	)
	if err != nil {
		return err
	}
	return build(path, program, "-overlay", overlay)
}

package e2e

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// maxMemory is what an engine may take up, whatever is sent, waits or lies in its
// store; but for large bodies ([maxLarge]).
const maxMemory = 300 << 20

// rss is how much memory the process has now, and peak how much it had at the
// most since it began, or since [engine.forgetPeak]; in bytes. As [engine.cpu],
// they are 0 where the system is not Linux.
func (e *engine) rss() int  { e.t.Helper(); return e.memory("VmRSS:") }
func (e *engine) peak() int { e.t.Helper(); return e.memory("VmHWM:") }

// forgetPeak makes [engine.peak] begin at what is in memory now.
func (e *engine) forgetPeak() {
	e.t.Helper()
	if err := os.WriteFile(e.proc("clear_refs"), []byte("5"), 0); err != nil && isLinux {
		e.t.Fatal(err)
	}
}

// memory reads a line of the process's status.
func (e *engine) memory(line string) int {
	e.t.Helper()
	_, rest, told := strings.Cut(string(e.told("status")), line)
	if !told {
		return 0
	}
	kilobytes, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		e.t.Fatal(err)
	}
	return kilobytes << 10
}

// clockTick is the unit of CPU times in /proc, which is 1/100 s on every Linux (USER_HZ, proc(5)).
const clockTick = 10 * time.Millisecond

// cpu is the time the process has spent on the CPU, in and out of the kernel.
func (e *engine) cpu() time.Duration {
	e.t.Helper()
	text := e.told("stat")
	if text == nil {
		return 0
	}
	// The second field, the name, may hold blanks; it ends at the last parenthesis.
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	var ticks int
	for _, field := range fields[11:13] {
		n, err := strconv.Atoi(string(field))
		if err != nil {
			e.t.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * clockTick
}

const isLinux = runtime.GOOS == "linux"

// told is what Linux tells of the process; nil where the system is another.
func (e *engine) told(of string) []byte {
	e.t.Helper()
	text, err := os.ReadFile(e.proc(of))
	if err != nil && isLinux {
		e.t.Fatal(err)
	}
	return text
}

func (e *engine) proc(file string) string {
	return fmt.Sprintf("/proc/%d/%s", e.process.PID(), file)
}

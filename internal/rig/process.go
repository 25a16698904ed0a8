package rig

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Process is a program that may be ended and started again. What it writes goes to one log.
type Process struct {
	Program string
	Args    []string
	Folder  string      // it runs here
	Log     string      // the file its output goes to
	Env     []string    // beside our own
	Ready   func() bool // whether it does its work

	mu     sync.Mutex
	cmd    *exec.Cmd
	exited chan struct{} // closed when the process has ended
	up     chan struct{} // closed when it does its work
}

// startLimit is how long a program may take to be ready: on a busy machine, after a crash.
const startLimit = 60 * time.Second

// Start starts the program and waits until it is ready. When it is not, it does not run any more.
func (p *Process) Start(ctx context.Context) error {
	log, err := os.OpenFile(p.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(p.Program, p.Args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = p.Folder, log, log
	cmd.Env = append(os.Environ(), p.Env...)
	if err := cmd.Start(); err != nil {
		return err
	}
	exited := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(exited)
	}()
	p.mu.Lock()
	p.cmd, p.exited = cmd, exited
	if p.up == nil {
		p.up = make(chan struct{})
	}
	up := p.up
	p.mu.Unlock()
	if !Within(ctx, startLimit, func() bool { return closed(exited) || p.Ready() }) {
		p.Kill()
		return fmt.Errorf("%s is not ready after %s:\n%s", filepath.Base(p.Program), startLimit, p.LastLines(20))
	}
	if closed(exited) {
		return fmt.Errorf("%s ended at its start (%s):\n%s", filepath.Base(p.Program), cmd.ProcessState, p.LastLines(20))
	}
	if !closed(up) {
		close(up)
	}
	return nil
}

func closed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// AwaitUp waits until the program does its work; false when ctx ended first.
func (p *Process) AwaitUp(ctx context.Context) bool {
	p.mu.Lock()
	if p.up == nil {
		p.up = make(chan struct{})
	}
	up := p.up
	p.mu.Unlock()
	select {
	case <-up:
		return true
	case <-ctx.Done():
		return false
	}
}

// Signal sends a signal; who waits for the program meanwhile waits for its next start.
func (p *Process) Signal(s syscall.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return nil
	}
	if (s == syscall.SIGKILL || s == syscall.SIGTERM) && p.up != nil && closed(p.up) {
		p.up = make(chan struct{})
	}
	if err := p.cmd.Process.Signal(s); !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}

// Kill ends the program at once, if it runs.
func (p *Process) Kill() {
	if p.cmd == nil {
		return
	}
	_ = p.Signal(syscall.SIGKILL)
	<-p.exited
}

// Ended waits until the program has ended by itself; false when it has not in time.
func (p *Process) Ended(ctx context.Context, limit time.Duration) bool {
	return Within(ctx, limit, func() bool { return closed(p.exited) })
}

// ExitCode is that of the program that has ended.
func (p *Process) ExitCode() int { return p.cmd.ProcessState.ExitCode() }

// Running tells whether the program was started and has not ended.
func (p *Process) Running() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cmd != nil && !closed(p.exited)
}

// PID is the process id of the program that was started last.
func (p *Process) PID() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cmd.Process.Pid
}

// Logged is everything the program has written, over all its starts.
func (p *Process) Logged() string {
	text, err := os.ReadFile(p.Log)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err.Error()
	}
	return string(text)
}

// LastLines are the end of what it has written.
func (p *Process) LastLines(n int) string {
	lines := strings.Split(strings.TrimSpace(p.Logged()), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// Answers tells whether a URL answers with 200.
func Answers(url string) bool {
	client := http.Client{Timeout: 5 * time.Second}
	answer, err := client.Get(url)
	if err != nil {
		return false
	}
	answer.Body.Close()
	return answer.StatusCode == http.StatusOK
}

// Metric is the sum of the series of a name whose labels hold all the given
// texts, such as `result="applied"`; -1 where nobody answers.
func Metric(admin, name string, labels ...string) float64 {
	answer, err := http.Get("http://" + admin + "/metrics")
	if err != nil {
		return -1
	}
	defer answer.Body.Close()
	var sum float64
	lines := bufio.NewScanner(answer.Body)
	for lines.Scan() {
		series, value, _ := strings.Cut(lines.Text(), " ")
		found, rest, _ := strings.Cut(series, "{")
		if found != name || !containsAll(rest, labels) {
			continue
		}
		if v, err := strconv.ParseFloat(value, 64); err == nil {
			sum += v
		}
	}
	return sum
}

func containsAll(text string, parts []string) bool {
	for _, p := range parts {
		if !strings.Contains(text, p) {
			return false
		}
	}
	return true
}

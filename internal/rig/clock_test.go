//go:build unix

package rig

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

const tells = `package main

import (
	"fmt"
	"time"
)

func main() {
	start := time.Now()
	fmt.Println(start.Unix())
	fmt.Scanln()
	fmt.Println(time.Now().Unix(), time.Since(start) < time.Minute)
}
`

// A program's clock is as wrong as it is told to be, while it runs too, and it
// measures right all the same.
func TestClock(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the standard library; run without -short")
	}
	folder := t.TempDir()
	source, program := filepath.Join(folder, "main.go"), filepath.Join(folder, "tells")
	if err := os.WriteFile(source, []byte(tells), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := BuildClocked(program, source); err != nil {
		t.Fatal(err)
	}
	clock := NewClock(t)
	set := func(wrong time.Duration) {
		if err := clock.Set(wrong); err != nil {
			t.Fatal(err)
		}
	}
	set(-time.Hour)
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), clock.Env())
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	told := bufio.NewReader(out)
	first, err := told.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	set(24 * time.Hour)
	in.Close()
	second, err := told.ReadString('\n')
	if err := errors.Join(err, cmd.Wait()); err != nil {
		t.Fatal(err)
	}
	words := strings.Fields(first + second)
	if len(words) != 3 || words[2] != "true" {
		t.Fatalf("it tells %q", words)
	}
	for i, want := range []time.Duration{-time.Hour, 24 * time.Hour} {
		seconds, err := strconv.ParseInt(words[i], 10, 64)
		if wrong := time.Until(time.Unix(seconds, 0)); err != nil || (wrong-want).Abs() > time.Minute {
			t.Errorf("the clock is wrong by %v, want %v", wrong, want)
		}
	}
}

// Command bench measures Trotline against the limit of the machine it runs on:
// a bare net/http handler that reads a body, checks its signature and answers.
// The generator, the limit, the receiver and Trotline are processes of their
// own, all sharing the machine's cores; every event is counted by its id.
//
//	go run ./bench                      the whole table
//	go run ./bench -scenario http       one scenario
//	go run ./bench -scenario door       what ids and a preset cost at the door
//	go run ./bench -rounds 1 -time 2s   a quick look
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"
)

// roles are what a child process of the benchmark can be.
var roles = map[string]func(ctx context.Context, args []string) error{
	"limit":    serveLimit,
	"receiver": serveReceiver,
	"load":     generate,
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) > 0 {
		if role, ok := roles[args[0]]; ok {
			return role(ctx, args[1:])
		}
	}
	if runtime.GOOS != "linux" {
		return fmt.Errorf("the benchmark reads the CPU time and the memory of processes from /proc: run it on Linux, not %s", runtime.GOOS)
	}
	o, err := parseOptions(args)
	if err != nil {
		return err
	}
	return measure(ctx, o)
}

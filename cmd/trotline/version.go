package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/nats-io/nats-server/v2/server"
)

// versionCommand tells what this binary is made of.
type versionCommand struct{}

// build is what a binary is made of.
type build struct {
	Version  string `json:"version"`
	Commit   string `json:"commit,omitempty"`
	Modified bool   `json:"modified,omitempty"` // the tree had changes beside the commit
	Time     string `json:"time,omitempty"`     // of the commit
	Go       string `json:"go"`
	NATS     string `json:"nats_server"`
	Platform string `json:"platform"`
}

// readBuild takes what the Go command has put into the binary.
func readBuild() build {
	b := build{Version: "(devel)", Go: runtime.Version(), NATS: server.VERSION, Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	if info.Main.Version != "" {
		b.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Commit = s.Value
		case "vcs.time":
			b.Time = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	return b
}

// Run prints it.
func (versionCommand) Run(t *terminal) error {
	b := readBuild()
	if t.JSON {
		return t.printJSON(b)
	}
	fmt.Fprintf(t.out, "trotline %s (%s)\n", b.Version, b.Platform)
	if b.Commit != "" {
		modified := ""
		if b.Modified {
			modified = ", with changes"
		}
		fmt.Fprintf(t.out, "commit %s of %s%s\n", b.Commit, b.Time, modified)
	}
	fmt.Fprintf(t.out, "%s, nats-server %s\n", b.Go, b.NATS)
	return nil
}

//go:build profile

package main

import (
	"os"
	"os/signal"
	"runtime/pprof"
	"syscall"
)

// A binary built with the tag profile writes where its processor time went, up
// to SIGTERM, to the file that TROTLINE_PROFILE names: `make profile` makes what
// release builds are optimised by.
func init() {
	file, err := os.Create(os.Getenv("TROTLINE_PROFILE"))
	if err == nil {
		err = pprof.StartCPUProfile(file)
	}
	if err != nil {
		panic(err)
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	go func() {
		<-stop
		pprof.StopCPUProfile()
		file.Close()
	}()
}

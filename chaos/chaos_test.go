//go:build unix

// Package chaos runs the binary through faults drawn from a seed, under load,
// and counts every event by its id at every sink. The same seed gives the same
// load and the same faults at the same times; what they meet is up to chance.
//
//	make chaos SEEDS=50            the seeds from 1 to 50
//	make chaos SEEDS=1 SEED=17     one of them again
//	make chaos-planted             builds with a planted fault, which must be found
package chaos

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/trotline/trotline/internal/rig"
)

var (
	seeds     = flag.Int("seeds", 3, "how many seeds to run")
	firstSeed = flag.Uint64("seed", 1, "the first of them")
	keep      = flag.String("keep", "", "a folder to keep the logs of failed seeds in")
)

// The programs under test, built once.
var binary, natsServer string

// planted is the environment that chooses a planted fault; none.
var planted []string

func TestMain(m *testing.M) {
	flag.Parse()
	code, err := buildAndRun(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func buildAndRun(m *testing.M) (int, error) {
	if testing.Short() {
		return m.Run(), nil
	}
	folder, err := os.MkdirTemp("", "trotline-chaos-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(folder)
	binary, natsServer = filepath.Join(folder, "trotline"), filepath.Join(folder, "nats-server")
	err = errors.Join(
		rig.BuildClocked(binary, "github.com/trotline/trotline/cmd/trotline"),
		rig.Build(natsServer, "github.com/nats-io/nats-server/v2", ""),
	)
	if err != nil {
		return 0, err
	}
	return m.Run(), nil
}

// TestPlans draws each plan twice: a seed is all there is to it.
func TestPlans(t *testing.T) {
	for seed := uint64(1); seed <= 100; seed++ {
		if a, b := newPlan(seed).String(), newPlan(seed).String(); a != b {
			t.Fatalf("one seed, two plans:\n%s\n%s", a, b)
		}
	}
}

// TestChaos runs the seeds, two at a time.
func TestChaos(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a minute; run without -short")
	}
	var mu sync.Mutex
	var verdicts []*verdict
	t.Run("seeds", func(t *testing.T) {
		for i := range *seeds {
			p := newPlan(*firstSeed + uint64(i))
			t.Run(fmt.Sprint(p.seed), func(t *testing.T) {
				t.Parallel()
				v := try(t, p)
				mu.Lock()
				verdicts = append(verdicts, v)
				mu.Unlock()
				for _, finding := range v.findings {
					t.Error(finding)
				}
			})
		}
	})
	writeReport(os.Stdout, verdicts)
}

// try runs a plan and judges what has become of it.
func try(t *testing.T, p *plan) *verdict {
	t.Helper()
	t.Log(p)
	start := time.Now()
	v := &verdict{plan: p}
	defer func() { v.took = time.Since(start) }()
	w := newWorld(t, p)
	watching, stop := context.WithCancel(t.Context())
	defer stop()
	go w.troubles.watch(watching)
	err := w.run()
	v.befallen = w.befallen
	if err == nil {
		err = w.restart()
	}
	var held holdings
	if err == nil {
		held, err = w.settle()
	}
	if err == nil {
		w.judge(v, held)
	} else {
		v.find("%v", err)
	}
	if len(v.findings) > 0 {
		t.Logf("what befell the engine:\n%s", &w.troubles)
		t.Logf("the engine's log ends:\n%s", w.engine.LastLines(30))
		w.keepLogs()
	}
	return v
}

// keepLogs saves what the processes wrote from being removed with the test.
func (w *world) keepLogs() {
	if *keep == "" {
		return
	}
	logs, err := filepath.Glob(filepath.Join(w.folder, "*log"))
	for _, log := range logs {
		to := filepath.Join(*keep, fmt.Sprintf("seed-%d-%s", w.plan.seed, filepath.Base(log)))
		err = errors.Join(err, copyFile(to, log))
	}
	if err != nil {
		w.t.Error(err)
	}
}

func copyFile(to, from string) error {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	return errors.Join(err, dst.Close())
}

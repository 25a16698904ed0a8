package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"
)

// rig is everything that runs during the benchmark.
type rig struct {
	folder   string
	self     string // this program, which is also the limit, the receiver and the generator
	limit    *process
	receiver *process
	trotline *process

	limitAddr, deliveryAddr, controlAddr, doorAddr, adminAddr string
}

const configuration = `# written by the benchmark
server:
  listen: %q
  admin: {listen: %q}
nats:
  embedded: {dir: ./data, max_disk: 8GiB}
durability: disk
sources:
  to_file:
    path: /hooks/file
    verify: {hmac: {header: %[3]s, prefix: "sha256=", secrets: ["%[4]s"]}}
    id: body.id
  to_http:
    path: /hooks/http
    verify: {hmac: {header: %[3]s, prefix: "sha256=", secrets: ["%[4]s"]}}
    id: body.id
sinks:
  lines: {type: file, path: ./out.jsonl}
  receiver: {type: http, url: "http://%[5]s/events", concurrency: 32}
pipelines:
  file:
    from: to_file
    steps:
      - filter: body.event == "new_order" && body.amount >= 100
    to: [lines]
  http:
    from: to_http
    steps:
      - filter: body.event == "new_order" && body.amount >= 100
    to: [receiver]
`

// build makes the folder, the binary if none is given, and the configuration,
// and starts the processes.
func build(ctx context.Context, scenario, binary string) (_ *rig, err error) {
	r := &rig{}
	if r.self, err = os.Executable(); err != nil {
		return nil, err
	}
	if r.folder, err = os.MkdirTemp("", "trotline-bench-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			r.end()
		}
	}()
	for _, addr := range []*string{&r.limitAddr, &r.deliveryAddr, &r.controlAddr, &r.doorAddr, &r.adminAddr} {
		if *addr, err = freeAddr(); err != nil {
			return nil, err
		}
	}
	if binary == "" {
		binary = filepath.Join(r.folder, "trotline")
		if out, err := exec.CommandContext(ctx, "go", "build", "-o", binary, "github.com/trotline/trotline/cmd/trotline").CombinedOutput(); err != nil {
			return nil, fmt.Errorf("build trotline: %w\n%s", err, out)
		}
	} else if binary, err = filepath.Abs(binary); err != nil {
		return nil, err
	}
	texts := map[string]string{"pipelines.yaml": fmt.Sprintf(configuration, r.doorAddr, r.adminAddr, signatureHeader, secret, r.deliveryAddr)}
	if scenario == "door" {
		texts["door.yaml"] = fmt.Sprintf(doorConfiguration, signatureHeader, secret)
	}
	for name, text := range texts {
		if err := os.WriteFile(filepath.Join(r.folder, name), []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	return r, r.start(ctx, binary, slices.Collect(maps.Keys(texts)))
}

func (r *rig) start(ctx context.Context, binary string, files []string) (err error) {
	if r.limit, err = begin(r.folder, "limit", r.self, "limit", "-addr", r.limitAddr); err != nil {
		return err
	}
	if err := r.limit.awaitReady(ctx, func() bool { return listening(r.limitAddr) }); err != nil {
		return err
	}
	if r.receiver, err = begin(r.folder, "receiver", r.self, "receiver", "-addr", r.deliveryAddr, "-control", r.controlAddr); err != nil {
		return err
	}
	if err := r.receiver.awaitReady(ctx, func() bool { return listening(r.deliveryAddr) && listening(r.controlAddr) }); err != nil {
		return err
	}
	if r.trotline, err = begin(r.folder, "trotline", binary, append([]string{"run"}, files...)...); err != nil {
		return err
	}
	return r.trotline.awaitReady(ctx, func() bool { return r.get("http://"+r.adminAddr+"/readyz", nil) == nil })
}

// end stops what was started and removes the folder.
func (r *rig) end() {
	for _, p := range []*process{r.trotline, r.receiver, r.limit} {
		if p != nil {
			p.end()
		}
	}
	_ = os.RemoveAll(r.folder)
}

// get asks for JSON.
func (r *rig) get(url string, into any) error {
	answer, err := http.Get(url)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, answer.Status)
	}
	if into == nil {
		return nil
	}
	return json.NewDecoder(answer.Body).Decode(into)
}

// load runs the generator in a process of its own.
func (r *rig) load(ctx context.Context, o loadOptions) (*load, error) {
	args := []string{"load", "-addr", o.addr, "-path", o.path, "-run", fmt.Sprint(o.run), "-count", fmt.Sprint(o.count),
		"-conns", fmt.Sprint(o.conns), "-time", o.time.String(), "-rate", fmt.Sprint(o.rate), "-again=" + fmt.Sprint(o.again)}
	cmd := exec.CommandContext(ctx, r.self, args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("the load generator: %w", err)
	}
	l := &load{}
	if err := json.Unmarshal(out, l); err != nil {
		return nil, fmt.Errorf("the load generator's report: %w", err)
	}
	return l, nil
}

// delivered are the arrivals of a run at the receiver.
func (r *rig) delivered(run int) (*arrivals, error) {
	a := &arrivals{}
	return a, r.get(fmt.Sprintf("http://%s/%d", r.controlAddr, run), a)
}

func (r *rig) deliveredCount(run int) int {
	var n int
	if err := r.get(fmt.Sprintf("http://%s/%d/count", r.controlAddr, run), &n); err != nil {
		return 0
	}
	return n
}

// drainTime is how long a scenario may go on delivering after its load has ended.
const drainTime = 60 * time.Second

// drain waits until count has reached want, or stops rising for long.
func drain(ctx context.Context, want int, count func() int) {
	ctx, cancel := context.WithTimeout(ctx, drainTime)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for count() < want {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

package main

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const githubPath = "/hooks/github"

// doors are the sources whose cost at the door is compared: each differs from
// the one before in one thing.
var doors = [...]struct {
	name, path string
	target     float64 // of what the one before accepts
}{
	{name: "hmac, without ids", path: "/hooks/plain"},
	{name: "hmac, with ids", path: "/hooks/named", target: targetIDs},
	{name: "preset github", path: githubPath, target: targetPreset},
}

const doorConfiguration = `# written by the benchmark
sources:
  plain:
    path: /hooks/plain
    verify: {hmac: {header: %[1]s, prefix: "sha256=", secrets: ["%[2]s"]}}
  named:
    path: /hooks/named
    verify: {hmac: {header: %[1]s, prefix: "sha256=", secrets: ["%[2]s"]}}
    id: body.id
  github:
    path: /hooks/github
    verify: {preset: github, secrets: ["%[2]s"]}
pipelines:
  none:
    from: [plain, named, github]
    steps:
      - filter: "false"
    to: [lines]
`

// measureDoor sends a load to each source, and waits until its events are
// handled. Each round begins with another one: what comes first finds a cold machine.
func (b *bench) measureDoor(ctx context.Context, o loadOptions) error {
	first := len(b.door[0])
	for n := range doors {
		i := (first + n) % len(doors)
		b.run++
		o.run, o.path = b.run, doors[i].path
		handled := b.rig.filtered()
		before, err := b.rig.trotline.cpu()
		if err != nil {
			return err
		}
		l, err := b.rig.load(ctx, o)
		if err != nil {
			return err
		}
		if l.accepted() == 0 {
			return fmt.Errorf("%s: not one of %d requests was accepted", doors[i].name, l.Sent)
		}
		drain(ctx, handled+l.accepted(), b.rig.filtered)
		after, err := b.rig.trotline.cpu()
		if err != nil {
			return err
		}
		b.door[i] = append(b.door[i], flow{
			accepted: l.rate(), refused: len(l.Refused), cpu: (after - before) / time.Duration(l.accepted()),
		})
	}
	return nil
}

// filtered is how many events the filter has taken out.
func (r *rig) filtered() int {
	answer, err := http.Get("http://" + r.adminAddr + "/metrics")
	if err != nil {
		return 0
	}
	defer answer.Body.Close()
	lines := bufio.NewScanner(answer.Body)
	for lines.Scan() {
		series, value, _ := strings.Cut(lines.Text(), " ")
		if strings.HasPrefix(series, `trotline_filtered_total{pipeline="none"`) {
			n, _ := strconv.ParseFloat(value, 64)
			return int(n)
		}
	}
	return 0
}

// door shows each source beside the one before it.
func (t *table) door(flows [len(doors)][]flow) {
	if len(flows[0]) == 0 {
		return
	}
	rate := func(i int) float64 { return of(flows[i], func(f flow) float64 { return f.accepted }) }
	cpu := func(i int) time.Duration { return of(flows[i], func(f flow) time.Duration { return f.cpu }) }
	for i, d := range doors {
		target := ""
		if i > 0 {
			share := rate(i) / rate(i-1)
			target = verdict(share >= d.target, "%.2f of the one above, ≥ %.2f", share, d.target)
		}
		t.row("accepted, "+d.name, perSecond(rate(i)), fmt.Sprintf("%.2f", rate(i)/t.limit), target)
	}
	for i, d := range doors {
		t.row("CPU per event, "+d.name, short(cpu(i)), "", "")
	}
}

package main

import (
	"cmp"
	"fmt"
	"io"
	"runtime"
	"slices"
	"text/tabwriter"
	"time"
)

// The targets, as shares of the limit or as they are.
const (
	targetAccepted = 0.35
	targetFile     = 0.2
	targetHTTP     = 0.15
	targetAnswer   = 15 * time.Millisecond
	targetIdle     = 60 << 20
	targetIDs      = 0.85 // of what a source without ids accepts
	targetPreset   = 0.95 // of what a source with ids accepts
)

// report prints the table. Its error tells of lost events; a missed target is only marked.
func (b *bench) report(out io.Writer, o options) error {
	fmt.Fprintf(out, "\n%d cores shared by all processes, %d connections, %d-byte signed JSON, durability: disk, medians of %d rounds of %s\n\n",
		runtime.NumCPU(), o.conns, bodySize, o.rounds, o.time)
	t := &table{w: tabwriter.NewWriter(out, 0, 0, 3, ' ', 0), limit: median(b.limit)}
	t.row("", "measured", "× limit", "target")
	t.row("limit: net/http, signature checked, nothing stored", perSecond(t.limit), "1.00", "")
	limitCPU := median(b.limitCPU)
	t.row("limit: CPU per request", short(limitCPU), "1.00", "")
	t.door(b.door)
	t.flow("to a file", b.file, targetFile)
	t.flow("to HTTP", b.http, targetHTTP)
	t.cpu("CPU per event, to a file", b.file, limitCPU)
	t.cpu("CPU per event, to HTTP", b.http, limitCPU)
	t.steady(b.steady, b.limitSteady, o.rate)
	t.row("RSS idle", mib(b.idle), "", verdict(b.idle <= targetIdle, "≤ %s", mib(targetIdle)))
	t.row("RSS at the end", mib(b.end), "", "")
	lost, doubled, refused := b.totals()
	t.row("accepted and lost", fmt.Sprint(lost), "", verdict(lost == 0, "0"))
	t.row("delivered twice", fmt.Sprint(doubled), "", verdict(doubled == 0, "0"))
	t.row("not accepted", fmt.Sprint(refused), "", verdict(refused == 0, "0"))
	if err := t.w.Flush(); err != nil {
		return err
	}
	if lost > 0 {
		return fmt.Errorf("%d accepted events were not delivered within %s", lost, drainTime)
	}
	return nil
}

func (b *bench) totals() (lost, doubled, refused int) {
	for _, f := range slices.Concat(b.file, b.http, b.steady, slices.Concat(b.door[:]...)) {
		lost, doubled, refused = lost+f.lost, doubled+f.doubled, refused+f.refused
	}
	return lost, doubled, refused
}

// table writes rows of: what, measured, its share of the limit, the target.
type table struct {
	w     *tabwriter.Writer
	limit float64
}

func (t *table) row(what, measured, share, target string) {
	fmt.Fprintf(t.w, "%s\t%s\t%s\t%s\n", what, measured, share, target)
}

// rate shows a rate of each flow, and the share of the limit it was in its own moment.
func (t *table) rate(what string, flows []flow, rate func(flow) float64, target float64) {
	share := of(flows, func(f flow) float64 { return rate(f) / f.limit })
	t.row(what, perSecond(of(flows, rate)), fmt.Sprintf("%.2f", share), verdict(share >= target, "≥ %.2f", target))
}

func (t *table) flow(name string, flows []flow, target float64) {
	if len(flows) == 0 {
		return
	}
	t.rate("accepted, "+name, flows, func(f flow) float64 { return f.accepted }, targetAccepted)
	t.rate("end to end, "+name, flows, func(f flow) float64 { return f.through }, target)
	t.row("undelivered when the load ends, "+name, fmt.Sprint(of(flows, func(f flow) int { return f.left })), "", "")
	t.row("drained after, "+name, short(of(flows, func(f flow) time.Duration { return f.drain })), "", "")
}

func (t *table) cpu(what string, flows []flow, limit time.Duration) {
	if len(flows) == 0 {
		return
	}
	cpu := of(flows, func(f flow) time.Duration { return f.cpu })
	t.row(what, short(cpu), fmt.Sprintf("%.2f", float64(cpu)/float64(limit)), "")
}

func (t *table) steady(flows, limit []flow, rate int) {
	if len(flows) == 0 {
		return
	}
	at := fmt.Sprintf(" at a steady %s", perSecond(float64(rate)))
	for i, p := range []string{"p50", "p99"} {
		answer := func(f flow) time.Duration { return f.answer[i] }
		ours, theirs := of(flows, answer), of(limit, answer)
		target := ""
		if i == 1 {
			target = verdict(ours <= targetAnswer, "≤ %s", targetAnswer)
		}
		t.row("limit: answer "+p+at, short(theirs), "1.00", "")
		t.row("answer "+p+at, short(ours), fmt.Sprintf("%.2f", float64(ours)/float64(theirs)), target)
	}
	for i, p := range []string{"p50", "p99"} {
		t.row("delivered "+p+at, short(of(flows, func(f flow) time.Duration { return f.journey[i] })), "", "")
	}
	t.row("CPU per event"+at, short(of(flows, func(f flow) time.Duration { return f.cpu })), "", "")
}

// of is the median of one figure over all rounds.
func of[T cmp.Ordered](flows []flow, figure func(flow) T) T {
	values := make([]T, len(flows))
	for i, f := range flows {
		values[i] = figure(f)
	}
	return median(values)
}

func median[T cmp.Ordered](values []T) T {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

func verdict(ok bool, format string, args ...any) string {
	word := "missed"
	if ok {
		word = "ok"
	}
	return fmt.Sprintf(format, args...) + " " + word
}

func perSecond(rate float64) string { return fmt.Sprintf("%.0f/s", rate) }

func short(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return fmt.Sprintf("%.0f µs", float64(d)/1e3)
	case d < time.Second:
		return fmt.Sprintf("%.1f ms", float64(d)/1e6)
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

func mib(bytes int64) string { return fmt.Sprintf("%.0f MiB", float64(bytes)/(1<<20)) }

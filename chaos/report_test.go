//go:build unix

package chaos

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
)

// columns are the faults of the report.
var columns = []struct {
	head   string
	faults []fault
}{
	{"KILL -9", []fault{kill, killNATS}},
	{"POWER CUT", []fault{cut}},
	{"DISK FULL", []fault{fill}},
	{"SIGSTOP", []fault{freeze, freezeNATS}},
	{"SIGTERM", []fault{stop}},
	{"CLOCK", []fault{jump}},
	{"POSTGRES", []fault{database}},
	{"RECEIVER", ofReceivers},
	{"EDIT", []fault{edit, badEdit}},
}

// writeReport writes a line for each seed, and one for all of them.
func writeReport(to io.Writer, verdicts []*verdict) {
	slices.SortFunc(verdicts, func(a, b *verdict) int { return cmp.Compare(a.plan.seed, b.plan.seed) })
	table := tabwriter.NewWriter(to, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(table, "SEED\tSTORE\t")
	for _, c := range columns {
		fmt.Fprint(table, c.head, "\t")
	}
	fmt.Fprint(table, "EVENTS\tSENT AGAIN\tACCEPTED\tLOST\tDOUBLED\tDISORDERED\tDEAD\tTIME\t\t\n")
	all, sums := &verdict{}, make([]int, len(columns))
	for _, v := range verdicts {
		store, outcome := "embedded", "ok"
		if v.plan.external {
			store = "server"
		}
		if len(v.findings) > 0 {
			outcome = "FAILED"
			all.findings = append(all.findings, v.findings...)
		}
		fmt.Fprintf(table, "%d\t%s\t", v.plan.seed, store)
		for i, c := range columns {
			n := v.count(c.faults...)
			fmt.Fprintf(table, "%d\t", n)
			sums[i] += n
		}
		v.write(table, outcome)
		all.add(v)
	}
	fmt.Fprintf(table, "%d\tall\t", len(verdicts))
	for _, sum := range sums {
		fmt.Fprintf(table, "%d\t", sum)
	}
	all.write(table, "")
	_ = table.Flush()
}

func (v *verdict) write(to io.Writer, outcome string) {
	fmt.Fprintf(to, "%d\t%d\t%d\t%d\t%d\t%d\t%d\t%s\t%s\t\n", v.sent, v.again, v.accepted, v.lost, v.doubled, v.disorder, v.dead, v.took.Round(time.Second), outcome)
}

func (v *verdict) add(w *verdict) {
	v.sent, v.again, v.accepted = v.sent+w.sent, v.again+w.again, v.accepted+w.accepted
	v.lost, v.doubled, v.disorder, v.dead, v.took = v.lost+w.lost, v.doubled+w.doubled, v.disorder+w.disorder, v.dead+w.dead, v.took+w.took
}

package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/trotline/trotline/admin"
	"github.com/trotline/trotline/engine/stage"
	"github.com/trotline/trotline/event"
)

func (t *terminal) showDead(d *admin.DeadDetail) {
	p := pairs{t: t}
	p.add("number", strconv.FormatUint(d.Sequence, 10))
	p.addTime(died(d), d.Time)
	p.addTime("edited", d.Edited)
	p.add("pipeline", d.Pipeline)
	p.add("route", d.Route)
	p.add("sink", d.Sink)
	p.add("handed over by", d.After)
	p.add("step", d.Step)
	p.add("reason", d.Reason+" ("+sides[d.Class]+")")
	p.add("error", d.Error)
	p.add("expression", d.Expression)
	p.add("value", d.Value)
	p.addNumber("status", d.Status)
	p.add("answer", strings.TrimRight(d.Answer, "\r\n"))
	p.addNumber("attempts", d.Attempts)
	p.addAttempts(d)
	p.add("delivery", d.DeliveryID)
	p.add("generation", strconv.FormatUint(d.Generation, 10))
	p.addEvent(d.Event)
	p.addRequest(d.Request)
	p.addResults(d.Results)
	p.write()
	p.writeBody("body as it stood", d.Payload)
	if d.Original != nil {
		p.writeBody("body as it was received", *d.Original)
	}
	if d.Unedited != nil {
		p.writeBody("body before it was edited", *d.Unedited)
	}
	fmt.Fprintf(t.out, "\n%s\n", whatNext(d))
}

// died is what has befallen it.
func died(d *admin.DeadDetail) string {
	if d.Class == admin.ClassSender {
		return "refused"
	}
	return "died"
}

// sides says in words what a class of reasons means.
var sides = map[string]string{
	stage.ClassReceiver: "the receiver's side",
	stage.ClassOwn:      "our side",
	admin.ClassSender:   "its sender's side",
}

// addAttempts shows each attempt that is known, or when the first and the last was.
func (p *pairs) addAttempts(d *admin.DeadDetail) {
	if len(d.History) == 0 && d.Attempts > 0 {
		p.addTime("first attempt", d.FirstAttempt)
		p.addTime("last attempt", d.LastAttempt)
	}
	for _, h := range d.History {
		text := h.Time.Local().Format(moment)
		if h.Status != 0 {
			text += "  " + strconv.Itoa(h.Status)
		}
		p.add("  "+strconv.Itoa(h.Number), text+"  "+cut(plain(h.Error), 200))
	}
}

// addResults shows the sinks that its chain has passed.
func (p *pairs) addResults(results event.Results) {
	for _, sink := range slices.Sorted(maps.Keys(results)) {
		r := results[sink]
		if r.Reason == "" {
			p.add("delivered to", sink)
			continue
		}
		p.add("failed at", sink+"  "+r.Reason+": "+cut(plain(r.Error), 200))
	}
}

// whatNext says what can be done about a dead letter.
func whatNext(d *admin.DeadDetail) string {
	n := d.Sequence
	if d.Class == admin.ClassSender {
		return fmt.Sprintf("It was refused and is kept to be looked at: when the cause is mended, let its sender send it again.\n"+
			"Remove it for good: trotline dead drop --refused %d", n)
	}
	drop := fmt.Sprintf("\nOr remove it for good: trotline dead drop %d", n)
	if d.Reason == "removed" {
		return fmt.Sprintf("The sink is gone. Send it to another one: trotline dead replay %d --to SINK", n) + drop
	}
	if d.Sink == "" {
		return fmt.Sprintf("Mend the pipeline, or the body (trotline dead edit %d), then run it through again: trotline dead replay %d", n, n) + drop
	}
	goOn := "go on where it stopped"
	if d.Final {
		goOn = "deliver it there alone, since its chain has gone on"
	}
	return fmt.Sprintf("When the cause is mended, %s: trotline dead replay %d\n"+
		"Or mend its body first: trotline dead edit %d\n"+
		"Or send it elsewhere: trotline dead replay %d --to SINK", goOn, n, n, n) + drop
}

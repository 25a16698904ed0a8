package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

const (
	mib = 1 << 20
	// most is what the engine may take with a million ids, all in all, in MiB.
	most = 200
)

// TestAMillionIDs has the engine remember a million ids (a tenth of that unless
// the long variants are wanted) of events that are long gone, across a kill -9.
func TestAMillionIDs(t *testing.T) {
	slow(t)
	batches := 100
	if long {
		batches = 1000
	}
	e := newEngine(t, `
retention: {events: 1s}
sources:
  hub: {path: /hooks/hub, verify: none, decode: cloudevents}
sinks:
  nowhere: {type: stdout}
pipelines:
  all:
    from: hub
    steps: [{filter: "false"}]
    to: [nowhere]
`)
	e.start()
	idle := e.rss()
	for n := range batches {
		e.batch(n)
	}
	await(t, time.Minute, "everything is handled", func() bool { return e.metric("trotline_backlog") == 0 })
	await(t, time.Minute, "the events are gone", func() bool { return e.metric("trotline_stream_messages", `stream="events"`) < batchSize })
	known, loaded := e.metric("trotline_dedupe_ids"), e.rss()
	over := time.Now()
	await(t, time.Minute, "what the load left is given back", func() bool { return e.rss() < most*mib*3/4 })
	t.Logf("%.0f ids: %d MiB idle, %d after the load, %d after %s", known, idle/mib, loaded/mib, e.rss()/mib, time.Since(over).Round(time.Second))
	e.kill()
	before := time.Now()
	e.start()
	restart, restarted := time.Since(before), e.rss()
	await(t, time.Minute, "what the start left is given back", func() bool { return e.rss() < most*mib*3/4 })
	t.Logf("%d MiB after a restart of %s, then %d", restarted/mib, restart.Round(time.Millisecond), e.rss()/mib)
	if restarted > maxMemory {
		t.Errorf("with the start that reads them it takes %d MiB, more than %d", restarted/mib, maxMemory/mib)
	}
	if n := e.metric("trotline_dedupe_ids"); n != known || n != float64(batches*batchSize) {
		t.Errorf("%.0f ids were remembered, and %.0f after a kill -9; want %d", known, n, batches*batchSize)
	}
	for _, n := range []int{0, batches / 2, batches - 1} {
		if again := e.batch(n); again != batchSize {
			t.Errorf("batch %d: %d of %d are taken for duplicates after a kill -9", n, again, batchSize)
		}
	}
}

const batchSize = 1000

// batch sends a thousand events in one request, again if need be, and returns how many were duplicates.
func (e *engine) batch(n int) (duplicates int) {
	e.t.Helper()
	var events []string
	for i := range batchSize {
		events = append(events, fmt.Sprintf(`{"specversion":"1.0","id":"order-%d-%d","source":"/shop","type":"paid","data":{}}`, n, i))
	}
	body := "[" + strings.Join(events, ",") + "]"
	await(e.t, time.Minute, "the events are accepted", func() bool {
		answer, err := http.Post("http://"+e.door+"/hooks/hub", "application/cloudevents-batch+json", strings.NewReader(body))
		if err != nil {
			e.t.Fatal(err)
		}
		defer answer.Body.Close()
		var receipt struct{ Duplicates int }
		err = json.NewDecoder(answer.Body).Decode(&receipt)
		duplicates = receipt.Duplicates
		return err == nil && answer.StatusCode == http.StatusAccepted
	})
	return duplicates
}

package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// maxLarge is what the engine may take up while large bodies come from all
// sides, which are in memory several times on their way.
const maxLarge = 600 << 20

// TestLargeBodies sends many bodies of a megabyte at once: all are taken,
// within a bound of memory, which the system has back when they are delivered.
func TestLargeBodies(t *testing.T) {
	slow(t)
	const senders, each = 64, 3
	e := newEngine(t, sources+`
sinks:
  lines: {type: file, path: ./out.jsonl}
pipelines:
  all: {from: shop, to: [lines]}
`)
	e.start()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: senders}}
	defer client.CloseIdleConnections()
	padding := strings.Repeat("large ", 1<<20/6)
	var conns sync.WaitGroup
	for s := range senders {
		conns.Go(func() {
			for n := range each {
				body := fmt.Appendf(nil, `{"id":"%d-%d","padding":%q}`, s, n, padding)
				if a := deliver(t, client, e.door, body, sign(body)); a.status != http.StatusAccepted {
					t.Errorf("answered %d", a.status)
				}
			}
		})
	}
	conns.Wait()
	await(t, time.Minute, "everything is delivered", func() bool {
		return e.metric("trotline_delivered_total") == senders*each && e.metric("trotline_backlog") == 0
	})
	peak := e.peak()
	over := time.Now()
	await(t, time.Minute, "what they took is given back", func() bool { return e.rss() < 150*mib })
	t.Logf("%d MiB at the most, %d MiB %s later", peak/mib, e.rss()/mib, time.Since(over).Round(time.Second))
	if peak > maxLarge {
		t.Errorf("%d bodies of a MiB at once took %d MiB", senders, peak/mib)
	}
}

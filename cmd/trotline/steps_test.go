package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/trotline/trotline/engine"
)

// TestMistakesInSteps checks what is said of the mistakes people make in the
// settings of the steps that wait, ask and remember.
func TestMistakesInSteps(t *testing.T) {
	for step, want := range map[string]string{
		`sample: 10`:                     "sample must be at most 1",
		`sample: 10%`:                    "sample wants a number, not 10% (write 0.1)",
		`sample: {key: body.id}`:         "rate is missing",
		`delay: 5`:                       "delay has no unit (write 5s)",
		`delay: body.at`:                 "delay wants a duration, not body.at (write 250ms, 30s, 5m, 24h or 7d; for an expression write {until: …})",
		`delay: {}`:                      "delay does not say how long",
		`delay: {for: 5m, until: now()}`: "for and until cannot stand side by side",
		`delay: {until: 5m}`:             "5m is no number",
		`dedupe: {window: 5m}`:           "key is missing",
		`dedupe: {key: body.id, for: 1}`: "unknown setting for",
		`dedupe: {key: [a, b]}`:          "key wants an expression, not a list",
		`latest: {key: body.id}`:         "version is missing",
		`latest: {key: body.id, version: body.v, older: keep}`: "older cannot be keep (known here: drop, mark)",
		`window: 5m`:                                                                    "window wants settings",
		`window: {key: body.id}`:                                                        "window does not say when a window ends (add every: 5m",
		`window: {every: 5m, count: 3}`:                                                 "every and count cannot stand side by side",
		`window: {count: 3, late: 5m}`:                                                  "does not wait for late ones",
		`window: {count: 3, by: body.at}`:                                               "takes them as they come",
		`window: {count: 0}`:                                                            "count must be at least 1",
		`window: {every: 5m, aggregate: count()}`:                                       "aggregate wants names with values",
		`window: {every: 5m, aggregate: {n: count}}`:                                    "(write count())",
		`window: {every: 5m, aggregate: {n: sum}}`:                                      "(write sum(body.amount))",
		`window: {every: 5m, aggregate: {n: sum()}}`:                                    "sum() does not say of what",
		`window: {every: 5m, aggregate: {n: sun(body.n)}}`:                              "a window has no function sun (did you mean sum?",
		`window: {every: 5m, aggregate: {n: body.n}}`:                                   "n is no figure of a window",
		`window: {every: 5m, aggregate: {n: sum(bdoy.n)}}`:                              "bdoy",
		`window: {every: 5m, aggregate: {count: count()}}`:                              "count is a field that every window has",
		`window: {every: 5m, aggregate: {my-sum: sum(body.n)}}`:                         "cannot be the name of a figure",
		`window: {every: 5m, aggregate: {n: count()}, when: n > 5}`:                     "n",
		`window: {every: 5m, when: body.m > 5, aggregate: {n: count()}}`:                "m",
		`enrich: {into: x}`:                                                             "enrich asks nobody (add http: https://…, or table: {sink: …, key: …})",
		`enrich: {http: "https://a.example", table: {sink: db, key: body.id}, into: x}`: "http and table cannot stand side by side",
		`enrich: {table: {sink: db}, into: x}`:                                          "key is missing",
		`enrich: {table: {sink: heep, key: body.id}, into: x}`:                          "there is no sink heep (did you mean heap?",
		`enrich: {table: {sink: out, key: body.id}, into: x}`:                           "sink out is of type stdout, which has no rows to look up (name one of type postgres or sqlite)",
		`enrich: {table: {sink: heap, key: body.id}, into: x}`:                          "sink heap has no key to look a row up by (add key: [column] to the sink)",
		`enrich: {table: {sink: db, key: [body.id, body.n]}, into: x}`:                  "the key of sink db has other columns: id (give an expression for each of them, in their order)",
		`enrich: {table: {sink: db, key: bdoy.id}, into: x}`:                            "unknown name bdoy",
		`enrich: {http: "https://a.example", into: body.x}`:                             "a path starts inside the body (write x)",
		`enrich: {http: a.example, into: x}`:                                            "url is no http:// or https:// address",
		`enrich: {http: "https://a.example"}`:                                           "into is missing",
		`enrich: {http: "https://a.example", into: x, cache: 5}`:                        "cache has no unit (write 5s)",
		`enrich: {http: "https://a.example", into: x, on_fail: drop}`:                   "on_fail cannot be drop (known here: dead, pass)",
		`enrich: {http: {url: "https://a.example", body: {a: body.a}}, into: x}`:        "a GET request has no body",
		`enrich: {http: "https://a.example", into: x, cache: {size: 10}}`:               "ttl is missing",
		`enrich: {http: {url: "https://a.example/{{ body.id }", timeout: 1s}, into: x}`: "",
	} {
		file := filepath.Join(t.TempDir(), "pipelines.yaml")
		text := "sources: {shop: {path: /x, verify: none}}\nsinks: {out: {type: stdout}, db: {type: sqlite, path: x, table: t, key: [id]}, heap: {type: sqlite, path: y, table: t}}\npipelines:\n  p:\n    from: shop\n    steps:\n      - " + step + "\n    to: [out, db, heap]\n"
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, problems := engine.Check(engineOptions([]string{file}, slog.New(slog.DiscardHandler)))
		said := ""
		for _, p := range problems {
			said += p.String() + "\n"
			if p.Line != 7 {
				t.Errorf("%s: it is shown at line %d: %s", step, p.Line, p.String())
			}
		}
		if said == "" || !strings.Contains(said, want) {
			t.Errorf("%s\n  says %s  want %s", step, said, want)
		}
	}
}

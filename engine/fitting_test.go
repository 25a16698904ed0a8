package engine

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestASourceWithASchema refuses what does not fit before it is stored, says
// where, and takes a change of the schema's file as the edit it is.
func TestASourceWithASchema(t *testing.T) {
	file := filepath.Join(t.TempDir(), "order.json")
	schema := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	schema(`{"required": ["n"], "properties": {"n": {"type": "integer"}, "items": {"items": {"type": "string"}}}}`)
	r := rigOf(t, "shop\nid: string(body.n)\nhoneypot: website\nschema: "+file, "cloud\ndecode: cloudevents\nschema: "+file)
	for _, tt := range []struct{ source, contentType, body, want string }{
		{"shop", "application/json", `{"n":1}`, `202 {"id":"1"}`},
		{"shop", "application/json", `{"n":"2"}`, `400 {"type":"about:blank","title":"Bad Request","status":400,"detail":"The body does not fit the schema: /n: want integer, got string.","reason":"schema","errors":[{"pointer":"/n","detail":"want integer, got string"}]}`},
		{"shop", "application/json", `{"n":3,"items":["a",1,2]}`, `"errors":[{"pointer":"/items/1","detail":"want string, got number"},{"pointer":"/items/2","detail":"want string, got number"}]}`},
		{"shop", "application/json", `{"n":4,"n":5}`, `"detail":"The body does not fit the schema: /n: is there more than once."`},
		{"shop", "application/json", `{"n":1e999999}`, `/n: the number is too large to be checked."`},
		{"shop", "application/json", `{"n":"2","website":"x"}`, `202 {"id":`}, // what is not stored needs not fit
		{"shop", "application/x-www-form-urlencoded", "n=6", "/n: want integer, got string"},
		{"cloud", "application/cloudevents-batch+json", `[{"specversion":"1.0","source":"/s","id":"1","type":"t","n":1},{"specversion":"1.0","source":"/s","id":"2","type":"t"}]`, `/n: is missing`},
	} {
		if got := r.send(tt.source, tt.contentType, tt.body); !strings.Contains(got, tt.want) {
			t.Errorf("%s answered %s\nwant %s", tt.body, got, tt.want)
		}
	}
	if got := r.deliveries(1); len(got) != 1 || got["1"] != `{"n":1}` {
		t.Errorf("stored are %v", got)
	}
	if got := r.refused("shop", "schema"); got != 5 {
		t.Errorf("%v requests are counted", got)
	}

	schema(`{"properties": {"n": {"type": "string"}}}`)
	r.eventually(func() bool {
		status, _, _ := r.ask(http.MethodPost, "shop", http.Header{"Content-Type": {"application/json"}}, `{"n":"7"}`)
		return status == http.StatusAccepted
	})
}

// refused is how many requests of a source were turned away for a reason.
func (r *rig) refused(source, reason string) float64 {
	r.t.Helper()
	families, err := r.engine.metrics.Registry.Gather()
	if err != nil {
		r.t.Fatal(err)
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			labels := m.GetLabel()
			if family.GetName() == "trotline_refused_total" && labels[0].GetValue() == reason && labels[1].GetValue() == source {
				return m.GetCounter().GetValue()
			}
		}
	}
	return 0
}

// TestABrokenSchema is found with the file.
func TestABrokenSchema(t *testing.T) {
	r := &rig{t: t, file: filepath.Join(t.TempDir(), "pipelines.yaml")}
	for name, text := range map[string]string{
		"s.json": `{"type": "objekt"}`,
		"pipelines.yaml": "sources: {shop: {path: /a, verify: none, schema: s.json}}\n" +
			"sinks: {out: {type: recorder}}\npipelines: {all: {from: shop, to: out}}\n",
	} {
		if err := os.WriteFile(filepath.Join(filepath.Dir(r.file), name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.open(); err == nil || !strings.Contains(err.Error(), "source shop: "+filepath.Dir(r.file)+"/s.json: /type: ") {
		t.Errorf("the error is %v", err)
	}
}

package engine

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/trotline/trotline/engine/bus"
)

// rigOf is a rig with these sources: of each the first line is the name, the
// others are settings. All their events go to the recorder.
func rigOf(t *testing.T, entries ...string) *rig {
	t.Helper()
	r := &rig{t: t, file: filepath.Join(t.TempDir(), "pipelines.yaml")}
	var names []string
	text := "server: {listen: \"127.0.0.1:0\", admin: {listen: \"127.0.0.1:0\"}}\nnats: {embedded: {max_disk: 256MiB}}\nsources:\n"
	for _, entry := range entries {
		name, settings, _ := strings.Cut(entry, "\n")
		names = append(names, name)
		text += fmt.Sprintf("  %s:\n    path: /%s\n    verify: none\n    %s\n", name, name, strings.ReplaceAll(settings, "\n", "\n    "))
	}
	text += "sinks: {out: {type: recorder}}\npipelines: {all: {from: [" + strings.Join(names, ", ") + "], to: out}}\n"
	if err := os.WriteFile(r.file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.close)
	r.start()
	return r
}

// send sends a body to a source and returns the answer.
func (r *rig) send(source, contentType, body string) string {
	r.t.Helper()
	status, _, text := r.ask(http.MethodPost, source, http.Header{"Content-Type": {contentType}}, body)
	return fmt.Sprintf("%d %s", status, text)
}

func (r *rig) ask(method, source string, header http.Header, body string) (status int, h http.Header, text string) {
	r.t.Helper()
	request, err := http.NewRequestWithContext(r.t.Context(), method, "http://"+r.engine.Addr().String()+"/"+source, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	maps.Copy(request.Header, header)
	answer, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request) // follows no redirect
	if err != nil {
		r.t.Fatal(err)
	}
	defer answer.Body.Close()
	all, err := io.ReadAll(answer.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return answer.StatusCode, answer.Header, strings.TrimSpace(string(all))
}

func TestEveryListIsSplit(t *testing.T) {
	r := rigOf(t,
		"lines\nid: string(body[0].n)\nsplit: body",
		"rows\nid: body[0].n\nsplit: body",
		"elements\nid: body.orders[\"@id\"]\nsplit: list(body.orders.order)",
		"fields\nid: body.form\nsplit: list(body.item)",
	)
	for _, request := range []struct{ source, contentType, body string }{
		{"lines", "application/x-ndjson", "{\"n\":1}\n{\"n\":2.0}\n"},
		{"rows", "text/csv", "n,name\n7,a\n8,\"b,c\"\n"},
		{"elements", "application/xml", `<orders id="x"><order><n>1</n></order><order><n>2</n></order></orders>`},
		{"elements", "application/xml", `<orders id="y"><order><n>3</n></order></orders>`},
		{"fields", "application/x-www-form-urlencoded", "form=f&item=a&item=b"},
	} {
		if answer := r.send(request.source, request.contentType, request.body); !strings.HasPrefix(answer, "202 ") {
			t.Errorf("%s: answered %s", request.source, answer)
		}
	}
	want := map[string]string{
		"1/0": `{"n":1}`, "1/1": `{"n":2.0}`, "7/0": `{"n":"7","name":"a"}`, "7/1": `{"n":"8","name":"b,c"}`,
		"x/0": `{"n":"1"}`, "x/1": `{"n":"2"}`, "y/0": `{"n":"3"}`, "f/0": `"a"`, "f/1": `"b"`,
	}
	if got := r.deliveries(len(want)); !maps.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}

// A batch is stored event by event: each has its own id, by which it is known when the batch comes again, put together otherwise.
func TestEachEventOfABatchHasItsOwnID(t *testing.T) {
	r := rigOf(t, "cloud\ndecode: cloudevents")
	batch := func(ids ...int) string {
		events := make([]string, len(ids))
		for i, id := range ids {
			events[i] = fmt.Sprintf(`{"specversion":"1.0","source":"/shop","id":"%d","type":"t"}`, id)
		}
		return "[" + strings.Join(events, ",") + "]"
	}
	for _, tt := range []struct{ body, want string }{
		{batch(1, 2), `202 {"ids":["/shop 1","/shop 2"]}`},
		{batch(2, 3, 1), `202 {"ids":["/shop 2","/shop 3","/shop 1"],"duplicates":2}`},
		{batch(4, 4), `202 {"ids":["/shop 4","/shop 4"],"duplicates":1}`},
		{batch(), `204 `},
	} {
		if got := r.send("cloud", "application/cloudevents-batch+json", tt.body); got != tt.want {
			t.Errorf("answered %s, want %s", got, tt.want)
		}
	}
	got := r.deliveries(4)
	if ids := slices.Sorted(maps.Keys(got)); fmt.Sprint(ids) != "[/shop 1 /shop 2 /shop 3 /shop 4]" {
		t.Errorf("got %v", ids)
	}
}

func TestALargeBatchIsStoredInItsOrder(t *testing.T) {
	r := rigOf(t, "cloud\ndecode: cloudevents")
	const n = maxTogether + 500
	var body strings.Builder
	for i := range n {
		fmt.Fprintf(&body, `,{"specversion":"1.0","source":"/shop","id":"%d","type":"t"}`, i)
	}
	if got := r.send("cloud", "application/cloudevents-batch+json", "["+body.String()[1:]+"]"); !strings.HasPrefix(got, "202 ") {
		t.Fatalf("answered %.200s", got)
	}
	stored := 0
	err := r.engine.Bus().Events(t.Context(), bus.EventFilter{}, func(s *bus.Stored) bool {
		if want := fmt.Sprintf("/shop %d", stored); s.Event.ID != want {
			t.Fatalf("%s is stored where %s should be", s.Event.ID, want)
		}
		stored++
		return true
	})
	if err != nil || stored != n {
		t.Errorf("%d events are stored, %v", stored, err)
	}
}

func TestASourceAnswersAsTheFileSays(t *testing.T) {
	r := rigOf(t,
		"partner\nid: body.n\nevent_type: body.kind\nrespond: {status: 201, headers: {X-Kind: \"{{ type }}\"}, body: '{\"got\": \"{{ id }}\"}'}",
		"form\nhoneypot: website\ncors: https://shop.example.com\nmethods: [POST, HEAD]\nrespond: {redirect: \"/thanks?name={{ url_encode(body.name) }}\"}",
		"cloud\ndecode: cloudevents",
	)
	const form = "application/x-www-form-urlencoded"
	page := http.Header{"Origin": {"https://shop.example.com"}, "Content-Type": {form}}
	for _, tt := range []struct {
		name, method, source string
		header               http.Header
		body                 string
		status               int
		want, value, text    string
	}{
		{"an answer", "POST", "partner", http.Header{"Content-Type": {"application/json"}}, `{"n":"1","kind":"paid"}`, 201, "X-Kind", "paid", `{"got": "1"}`},
		{"a duplicate's", "POST", "partner", http.Header{"Content-Type": {"application/json"}}, `{"n":"1","kind":"paid"}`, 201, "Content-Type", "application/json", `{"got": "1"}`},
		{"a redirect", "POST", "form", page, "name=a+b&website=", 303, "Location", "/thanks?name=a+b", ""},
		{"what is trapped", "POST", "form", page, "name=spam&website=x", 303, "Location", "/thanks?name=spam", ""},
		{"another page", "POST", "form", http.Header{"Origin": {"https://evil.example.com"}, "Content-Type": {form}}, "name=a", 403, "Access-Control-Allow-Origin", "", `{"type":"about:blank","title":"Forbidden","status":403,"detail":"Pages of https://evil.example.com may not send here.","reason":"origin"}`},
		{"a preflight", "OPTIONS", "form", http.Header{"Origin": {"https://shop.example.com"}, "Access-Control-Request-Method": {"POST"}}, "", 204, "Access-Control-Allow-Origin", "https://shop.example.com", ""},
		{"a look before", "HEAD", "form", nil, "", 200, "Content-Type", "text/plain; charset=utf-8", ""},
		{"a sender's question", "OPTIONS", "cloud", http.Header{"Webhook-Request-Origin": {"x.example.com"}}, "", 200, "Webhook-Allowed-Origin", "x.example.com", ""},
	} {
		status, header, text := r.ask(tt.method, tt.source, tt.header, tt.body)
		if status != tt.status || header.Get(tt.want) != tt.value || text != tt.text {
			t.Errorf("%s: answered %d %s %q %s", tt.name, status, tt.want, header.Get(tt.want), text)
		}
	}
	got := r.deliveries(2)
	for _, body := range got {
		if strings.Contains(body, "spam") || len(got) != 2 {
			t.Errorf("got %v", got)
		}
	}
}

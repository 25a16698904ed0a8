package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/trotline/trotline/event"
)

// binary are the headers of a CloudEvent in binary mode, and more of them.
func binary(more ...string) []string {
	return append([]string{"ce-specversion", "1.0", "ce-id", "1", "ce-source", "/shop", "ce-type", "com.example.paid"}, more...)
}

func TestCloudEvents(t *testing.T) {
	const structured = `{"specversion":"1.0","id":"1","source":"/shop","type":"com.example.paid"`
	attributes := func(more map[string]any) map[string]any {
		all := map[string]any{"specversion": "1.0", "id": "1", "source": "/shop", "type": "com.example.paid"}
		for name, value := range more {
			all[name] = value
		}
		return all
	}
	tests := []struct {
		name    string
		header  []string
		body    string
		want    map[string]any // the body
		id      string         // "/shop 1" if it is ""
		refused string
	}{
		// Binary mode.
		{name: "json data", header: binary("Content-Type", "application/json; charset=utf-8", "ce-time", "2018-04-05T17:31:00Z"), body: `{"total":10.10}`,
			want: attributes(map[string]any{"time": "2018-04-05T17:31:00Z", "datacontenttype": "application/json; charset=utf-8", "data": map[string]any{"total": json.Number("10.10")}})},
		{name: "no data", header: binary(), want: attributes(nil)},
		{name: "json data without a type", header: binary(), body: `[1]`, want: attributes(map[string]any{"data": []any{json.Number("1")}})},
		{name: "xml data", header: binary("Content-Type", "application/xml"), body: `<much wow="xml"/>`,
			want: attributes(map[string]any{"datacontenttype": "application/xml", "data": `<much wow="xml"/>`})},
		{name: "text in latin 1", header: binary("Content-Type", "text/plain; charset=latin1"), body: "\xe4",
			want: attributes(map[string]any{"datacontenttype": "text/plain; charset=utf-8", "data": "ä"})},
		{name: "bytes", header: binary("Content-Type", "application/octet-stream"), body: "\xff\x00",
			want: attributes(map[string]any{"datacontenttype": "application/octet-stream", "data_base64": "/wA="})},
		{name: "text that is none", header: binary("Content-Type", "text/plain"), body: "\xff",
			want: attributes(map[string]any{"datacontenttype": "text/plain", "data_base64": "/w=="})},
		{name: "extensions", header: binary("ce-comexampleextension1", "value", "ce-comexampleothervalue", "5", "X-Other", "1"),
			want: attributes(map[string]any{"comexampleextension1": "value", "comexampleothervalue": "5"})},
		{name: "percent signs", header: binary("ce-subject", "Euro%20%E2%82%AC%20%F0%9F%98%80 %zz%2"), want: attributes(map[string]any{"subject": "Euro € 😀 %zz%2"})},
		{name: "percent signs once", header: binary("ce-subject", "%2520"), want: attributes(map[string]any{"subject": "%20"})},
		{name: "needless percent signs", header: binary("ce-subject", "%61%62c%e4%b8%ad"), want: attributes(map[string]any{"subject": "abc中"})},
		{name: "quoted", header: binary("ce-subject", `"a \"b\\ %22 c"`), want: attributes(map[string]any{"subject": `a "b\ " c`})},
		{name: "as the go sdk writes it", header: binary("ce-subject", `quo"te % 😀`), want: attributes(map[string]any{"subject": `quo"te % 😀`})},
		{name: "a quote alone", header: binary("ce-subject", `"`), want: attributes(map[string]any{"subject": `"`})},
		{name: "headers that are no attributes", header: binary("ce-data", "x", "ce-datacontenttype", "x/y", "ce-data_base64", "x", "ce-a-b", "x", "ce-", "x"), want: attributes(nil)},
		{name: "an id of any text", header: []string{"ce-specversion", "1.0", "ce-id", "a%20%C3%A4", "ce-source", "https://example.com/a?b#c", "ce-type", "t"},
			want: map[string]any{"specversion": "1.0", "id": "a ä", "source": "https://example.com/a?b#c", "type": "t"}, id: "https://example.com/a?b#c a ä"},

		{name: "overlong utf-8", header: binary("ce-subject", "%C0%A0"), refused: "400 cloudevent"},
		{name: "an attribute twice", header: binary("ce-id", "2"), refused: "400 cloudevent"},
		{name: "data that is no json", header: binary("Content-Type", "application/json"), body: `{`, refused: "400 decode"},
		{name: "data that closes the envelope", header: binary("Content-Type", "application/json"), body: `1},{"x":1`, refused: "400 decode"},
		{name: "no id", header: []string{"ce-specversion", "1.0", "ce-source", "/shop", "ce-type", "t"}, refused: "400 cloudevent"},
		{name: "an empty source", header: []string{"ce-specversion", "1.0", "ce-id", "1", "ce-source", "", "ce-type", "t"}, refused: "400 cloudevent"},
		{name: "no type", header: []string{"ce-specversion", "1.0", "ce-id", "1", "ce-source", "/shop"}, refused: "400 cloudevent"},
		{name: "another version", header: []string{"ce-specversion", "0.3", "ce-id", "1", "ce-source", "/shop", "ce-type", "t"}, refused: "400 cloudevent"},
		{name: "a source with a blank", header: []string{"ce-specversion", "1.0", "ce-id", "1", "ce-source", "a%20b", "ce-type", "t"}, refused: "400 cloudevent"},
		{name: "an endless id", header: []string{"ce-specversion", "1.0", "ce-id", strings.Repeat("a", 1024), "ce-source", "/shop", "ce-type", "t"}, refused: "400 cloudevent"},
		{name: "no cloudevent", header: []string{"Content-Type", "application/json"}, body: `{}`, refused: "415 cloudevent"},

		// Structured mode.
		{name: "structured", header: []string{"Content-Type", "application/cloudevents+json; charset=UTF-8"}, body: structured + `,"subject":null,"data":{"n":1.0}}`,
			want: attributes(map[string]any{"subject": nil, "data": map[string]any{"n": json.Number("1.0")}})},
		{name: "structured with headers", header: binary("Content-Type", "application/cloudevents+json", "ce-id", "2"), body: structured + `}`, want: attributes(nil)},
		{name: "structured bytes", header: []string{"Content-Type", "Application/CloudEvents+JSON"}, body: structured + `,"data_base64":"/wA="}`, want: attributes(map[string]any{"data_base64": "/wA="})},
		{name: "structured in utf-16", header: []string{"Content-Type", "application/cloudevents+json"}, body: "\xff\xfe" + strings.Join(strings.Split(structured+"}", ""), "\x00") + "\x00", want: attributes(nil)},

		{name: "broken json", header: []string{"Content-Type", "application/cloudevents+json"}, body: structured, refused: "400 decode"},
		{name: "no object", header: []string{"Content-Type", "application/cloudevents+json"}, body: `[]`, refused: "400 cloudevent"},
		{name: "nothing", header: []string{"Content-Type", "application/cloudevents+json"}, refused: "400 cloudevent"},
		{name: "an id that is a number", header: []string{"Content-Type", "application/cloudevents+json"}, body: `{"specversion":"1.0","id":1,"source":"/","type":"t"}`, refused: "400 cloudevent"},
		{name: "a type that is null", header: []string{"Content-Type", "application/cloudevents+json"}, body: `{"specversion":"1.0","id":"1","source":"/","type":null}`, refused: "400 cloudevent"},
		{name: "another format", header: binary("Content-Type", "application/cloudevents+avro"), refused: "415 cloudevent"},
		{name: "another format of a batch", header: binary("Content-Type", "application/cloudevents-batch+xml"), refused: "415 cloudevent"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e, refused := receive(t, opened(t, &Settings{Decode: "cloudevents"}), request(tt.body, tt.header...))
			if refused != tt.refused {
				t.Fatalf("got %q, want %q", refused, tt.refused)
			}
			if refused != "" {
				return
			}
			got, err := e.Body.Value()
			if err != nil || !reflect.DeepEqual(got, any(tt.want)) {
				t.Errorf("got  %v %v\nwant %v", got, err, tt.want)
			}
			if tt.id == "" {
				tt.id = "/shop 1"
			}
			if e.ID != tt.id || e.Type != tt.want["type"] || e.ContentType() != "application/cloudevents+json" {
				t.Errorf("it is called %q of type %q, sent as %s", e.ID, e.Type, e.ContentType())
			}
		})
	}
}

func TestCloudEventsAreNamedByTheSourceFirst(t *testing.T) {
	text := func(v string) event.Expr { return expr(func(*event.Event) (any, error) { return v, nil }) }
	src := opened(t, &Settings{Decode: "cloudevents", ID: text("mine"), EventType: text("my.type")})
	if e, refused := receive(t, src, request("", binary()...)); refused != "" || e.ID != "mine" || e.Type != "my.type" {
		t.Errorf("got %v, %q", e, refused)
	}
}

func TestCloudEventBatch(t *testing.T) {
	one := func(id, typ string) string {
		return fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"/shop","type":%q,"data":%q}`, id, typ, id)
	}
	src := opened(t, &Settings{Decode: "cloudevents"})
	tests := []struct {
		name, body string
		want       string // id, type and stamp of each
		refused    string // with the detail
	}{
		{name: "two", body: "[" + one("1", "paid") + ",\n" + one("2", "sent") + "]", want: "[/shop 1 paid stamp-1] [/shop 2 sent stamp-1-1] "},
		{name: "one", body: "[" + one("1", "paid") + "]", want: "[/shop 1 paid stamp-1] "},
		{name: "none", body: " [] "},
		{name: "no list", body: one("1", "paid"), refused: "400 cloudevent: The batch is no list."},
		{name: "nothing", body: "", refused: "400 cloudevent: The batch is no list."},
		{name: "broken", body: "[", refused: "400 decode: The body cannot be read as json: the JSON ends too early."},
		{name: "one that is none", body: "[" + one("1", "paid") + ",7]", refused: "400 cloudevent: Event 1 of the batch: The attribute specversion is missing, or no text."},
		{name: "too many", body: "[" + strings.Repeat("1,", 5000) + "1]", refused: "413 cloudevent: The batch holds more than 5000 events."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			receipt, err := src.Receive(context.Background(), request(tt.body, "Content-Type", "application/cloudevents-batch+json"))
			var refusal *event.Refusal
			if errors.As(err, &refusal) != (tt.refused != "") || refusal != nil && refusal.Error() != tt.refused {
				t.Fatalf("the error is %v, want %s", err, tt.refused)
			}
			if err != nil {
				return
			}
			got := ""
			for _, e := range append([]*event.Event{receipt.Event}, receipt.More...) {
				if e == nil {
					continue
				}
				got += fmt.Sprintf("[%s %s %s] ", e.ID, e.Type, e.Stamp)
				if data, err := e.Body.Lookup("data"); err != nil || "/shop "+data.(string) != e.ID || e.Body != e.Original {
					t.Errorf("%s has the data %v, %v", e.ID, data, err)
				}
			}
			if got != tt.want || got == "" && receipt.Status != http.StatusNoContent {
				t.Errorf("got %sstatus %d, want %s", got, receipt.Status, tt.want)
			}
		})
	}
}

func TestProbes(t *testing.T) {
	plain := opened(t, &Settings{Verify: &Verify{Bearer: &Bearer{Tokens: []event.Secret{"x"}}}})
	cloud := opened(t, &Settings{Decode: "cloudevents", Verify: &Verify{Bearer: &Bearer{Tokens: []event.Secret{"x"}}}})
	asking := []string{"WebHook-Request-Origin", "eventemitter.example.com", "WebHook-Request-Rate", "120", "WebHook-Request-Callback", "https://example.com/confirm"}
	tests := []struct {
		name   string
		src    event.Source
		method string
		header []string
		status int
		want   http.Header
	}{
		{"head", plain, "HEAD", nil, 200, nil},
		{"options", plain, "OPTIONS", nil, 204, nil},
		{"a sender that asks in vain", plain, "OPTIONS", asking, 204, nil},
		{"a sender that asks", cloud, "OPTIONS", asking, 200, http.Header{"Webhook-Allowed-Origin": {"eventemitter.example.com"}, "Webhook-Allowed-Rate": {"*"}}},
		{"somebody else", cloud, "OPTIONS", nil, 204, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := request("", tt.header...)
			r.Method = tt.method
			receipt, err := tt.src.Receive(context.Background(), r)
			if err != nil || receipt.Event != nil || receipt.Status != tt.status || !reflect.DeepEqual(receipt.Header, tt.want) {
				t.Errorf("got %+v %v", receipt, err)
			}
		})
	}
	for src, want := range map[event.Source]string{plain: "[]", cloud: "[OPTIONS]"} {
		if got := fmt.Sprint(src.(event.Handshaker).Methods()); got != want {
			t.Errorf("takes %s too, want %s", got, want)
		}
	}
}

// FuzzCloudEvents: whatever is accepted is a CloudEvent, named after its source and id.
func FuzzCloudEvents(f *testing.F) {
	f.Add("application/cloudevents+json", "", []byte(`{"specversion":"1.0","id":"1","source":"/shop","type":"t","data":{}}`))
	f.Add("application/cloudevents-batch+json", "", []byte(`[{"specversion":"1.0","id":"1","source":"/shop","type":"t"}]`))
	f.Add("application/json", `"a\"%20"`, []byte(`{"a":1}`))
	f.Add("text/plain; charset=latin1", "%E2%82%AC", []byte("\xe4"))
	src := opened(f, &Settings{Decode: "cloudevents"})
	f.Fuzz(func(t *testing.T, contentType, subject string, body []byte) {
		r := request(string(body), "Content-Type", contentType, "ce-subject", subject)
		if !strings.HasPrefix(contentType, "application/cloudevents") {
			for i := 0; i < len(binary()); i += 2 {
				r.Header.Set(binary()[i], binary()[i+1])
			}
		}
		receipt, err := src.Receive(context.Background(), r)
		var refusal *event.Refusal
		switch {
		case err != nil && !errors.As(err, &refusal):
			t.Fatalf("the error is %v, no refusal", err)
		case err != nil || receipt.Event == nil:
			return
		}
		for _, e := range append([]*event.Event{receipt.Event}, receipt.More...) {
			raw, _ := e.Body.Raw()
			id, err := e.Body.Lookup("id")
			if !json.Valid(raw) || err != nil || !strings.HasSuffix(e.ID, " "+id.(string)) {
				t.Errorf("%q is called %q: %v", raw, e.ID, err)
			}
		}
	})
}

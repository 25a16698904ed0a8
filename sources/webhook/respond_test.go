package webhook

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/trotline/trotline/event"
	"github.com/trotline/trotline/transforms/expression"
)

// text is a template of the real language, as a file would hold it.
func text(t testing.TB, template string) event.Template {
	t.Helper()
	made, err := expression.New(os.LookupEnv).Template(template, event.Scope{})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func texts(t testing.TB, pairs ...string) map[string]event.Template {
	m := make(map[string]event.Template)
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = text(t, pairs[i+1])
	}
	return m
}

func TestRespond(t *testing.T) {
	tests := []struct {
		name    string
		respond Respond
		status  int // 0 is the engine's own answer
		header  http.Header
		body    string
	}{
		{name: "a status", respond: Respond{Status: 204}, status: 204, header: http.Header{}},
		{name: "a text", respond: Respond{Body: text(t, "[accepted]")}, status: 200, header: http.Header{}, body: "[accepted]"},
		{name: "json", respond: Respond{Status: 201, Body: text(t, `{"id": "{{ id }}", "type": "{{ type }}", "order": {{ body.order }}}`)},
			status: 201, header: http.Header{"Content-Type": {"application/json"}}, body: `{"id": "7", "type": "paid", "order": 10.10}`},
		{name: "a content type", respond: Respond{Body: text(t, "<Ack>true</Ack>"), Headers: texts(t, "content-type", "text/xml", "X-Order", "{{ body.order }}")},
			status: 200, header: http.Header{"Content-Type": {"text/xml"}, "X-Order": {"10.10"}}, body: "<Ack>true</Ack>"},
		{name: "a number is no json", respond: Respond{Body: text(t, "7")}, status: 200, header: http.Header{}, body: "7"},
		{name: "html is a text", respond: Respond{Body: text(t, "{{ body.note }}")}, status: 200, header: http.Header{}, body: "<script>"},
		{name: "a redirect", respond: Respond{Redirect: text(t, "https://shop.example.com/thanks?id={{ url_encode(id) }}")},
			status: 303, header: http.Header{"Location": {"https://shop.example.com/thanks?id=7"}}},
		{name: "another redirect", respond: Respond{Status: 302, Redirect: text(t, "/thanks"), Headers: texts(t, "Set-Cookie", "a=b")},
			status: 302, header: http.Header{"Location": {"/thanks"}, "Set-Cookie": {"a=b"}}},

		{name: "a body that fails", respond: Respond{Status: 201, Body: text(t, "{{ body.absent }}")}},
		{name: "a header that fails", respond: Respond{Headers: texts(t, "X-A", "{{ body.absent }}")}},
		{name: "a header with a line break", respond: Respond{Headers: texts(t, "X-A", "{{ body.lines }}")}},
	}
	const body = `{"order": 10.10, "note": "<script>", "lines": "a\r\nSet-Cookie: b=c"}`
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			id := expr(func(*event.Event) (any, error) { return "7", nil })
			typ := expr(func(*event.Event) (any, error) { return "paid", nil })
			var log bytes.Buffer
			s := &Settings{Verify: &Verify{Way: "none"}, Respond: &tt.respond, ID: id, EventType: typ}
			if problems := s.Validate(); problems != nil {
				t.Fatal(problems[0])
			}
			src, err := Kind().Open(s, event.SourceOptions{Name: "shop", Log: slog.New(slog.NewTextHandler(&log, nil))})
			if err != nil {
				t.Fatal(err)
			}
			for range 2 { // a duplicate is answered the same
				receipt, err := src.Receive(context.Background(), request(body, "Content-Type", "application/json"))
				if err != nil {
					t.Fatal(err)
				}
				if receipt.Event.ID != "7" || receipt.Status != tt.status || !reflect.DeepEqual(receipt.Header, tt.header) || string(receipt.Body) != tt.body {
					t.Errorf("answered %d %v %q\nwant     %d %v %q", receipt.Status, receipt.Header, receipt.Body, tt.status, tt.header, tt.body)
				}
			}
			if told := strings.Count(log.String(), "could not be made"); told != 0 && tt.status != 0 || told != 1 && tt.status == 0 || strings.Contains(log.String(), "b=c") {
				t.Errorf("the log is %s", log.String())
			}
		})
	}
}

func TestValidateRespond(t *testing.T) {
	tests := []struct {
		name    string
		respond Respond
		want    string // "" is valid
	}{
		{"nothing", Respond{}, "respond: says nothing"},
		{"an empty body", Respond{Status: 200}, ""},
		{"an empty answer", Respond{Status: 204}, ""},
		{"a body without a status", Respond{Body: text(t, "ok")}, ""},
		{"204 with a body", Respond{Status: 204, Body: text(t, "ok")}, "respond.status: an answer with status 204 has no body"},
		{"a failure", Respond{Status: 500}, "respond.status: to a sender 500 says"},
		{"no status at all", Respond{Status: 42}, "respond.status: status cannot be 42"},
		{"a redirect without a target", Respond{Status: 303}, "respond.status: an answer with status 303 says where"},
		{"a redirect to nowhere", Respond{Redirect: text(t, "javascript:alert(1)")}, `respond.redirect: "javascript:alert(1)" is not where`},
		{"a redirect to a host", Respond{Redirect: text(t, "//evil.example.com")}, `respond.redirect: "//evil.example.com" is not where`},
		{"a redirect to a file", Respond{Redirect: text(t, "ftp://x/y")}, `respond.redirect: "ftp://x/y" is not where`},
		{"a redirect made of the event", Respond{Redirect: text(t, "{{ body.next }}")}, ""},
		{"a redirect that stays", Respond{Status: 308, Redirect: text(t, "/other")}, ""},
		{"a redirect by 304", Respond{Status: 304, Redirect: text(t, "/other")}, "respond.status: status cannot be 304"},
		{"headers", Respond{Headers: texts(t, "X-A", "1", "Content-Type", "text/xml")}, ""},
		{"a header that is none", Respond{Headers: texts(t, "X A", "1")}, `respond.headers.X A: "X A" is not the name`},
		{"a header of the connection", Respond{Headers: texts(t, "transfer-encoding", "chunked")}, "respond.headers.transfer-encoding: transfer-encoding is the server's"},
		{"a header with a line break", Respond{Headers: texts(t, "X-A", "a\nb")}, "respond.headers.X-A: X-A holds a control character"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			problems := tt.respond.Validate()
			if tt.want == "" && problems != nil || tt.want != "" && (len(problems) != 1 || !strings.HasPrefix(problems[0].Error(), tt.want)) {
				t.Errorf("found %v, want %q", problems, tt.want)
			}
		})
	}
}

func TestHoneypot(t *testing.T) {
	fails := expr(func(*event.Event) (any, error) { return nil, &event.StepError{} })
	const form = "application/x-www-form-urlencoded"
	tests := []struct {
		name, contentType, body string
		unwanted                string
		refused                 string
	}{
		{"empty", form, "name=ann&website=", "", "400 id"},
		{"blank", form, "name=ann&website=+%0A", "", "400 id"},
		{"absent", form, "name=ann", "", "400 id"},
		{"filled", form, "name=ann&website=http%3A%2F%2Fspam", "honeypot", ""},
		{"filled twice", form, "website=&website=x", "honeypot", ""},
		{"filled in json", "application/json", `{"website":"x"}`, "honeypot", ""},
		{"null in json", "application/json", `{"website":null}`, "", "400 id"},
		{"no object", "application/json", `["website"]`, "", "400 id"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			src := opened(t, &Settings{Honeypot: "website", ID: fails}) // what is trapped is not told that its id fails
			r := request(tt.body, "Content-Type", tt.contentType)
			receipt, err := src.Receive(context.Background(), r)
			if (err != nil) != (tt.refused != "") {
				t.Fatalf("the error is %v", err)
			}
			if err == nil && (receipt.Unwanted != tt.unwanted || receipt.Event == nil) {
				t.Errorf("the receipt is %+v", receipt)
			}
		})
	}
	src := opened(t, &Settings{Honeypot: "website", Respond: &Respond{Redirect: text(t, "/thanks")}})
	receipt, err := src.Receive(context.Background(), request("website=x", "Content-Type", form))
	if err != nil || receipt.Status != 303 || receipt.Header.Get("Location") != "/thanks" {
		t.Errorf("it is answered otherwise: %+v %v", receipt, err)
	}
}

package verify

import (
	"errors"
	"strings"
	"testing"

	"github.com/trotline/trotline/event"
)

func TestSecretsThatCannotVerify(t *testing.T) {
	tests := []struct {
		preset  string
		secrets []event.Secret
		want    string
	}{
		{"github", nil, "needs at least one secret"},
		{"github", []event.Secret{""}, "secret 1: is empty"},
		{"github", []event.Secret{"good", " \n"}, "secret 2: is empty"},
		{"standard_webhooks", []event.Secret{"whsec_"}, "secret 1: is empty"},
		{"standard_webhooks", []event.Secret{"whsec_===="}, "secret 1: is empty"},
		{"standard_webhooks", []event.Secret{"whsec_hunter2!"}, "secret 1: is not base64: copy it again from the sender's page"},
	}
	for _, tt := range tests {
		_, err := preset(t, tt.preset).Verifier(tt.secrets)
		if err == nil || err.Error() != tt.want {
			t.Errorf("%s: the error is %v, want %s", tt.preset, err, tt.want)
		}
	}
}

func TestCompileRefuses(t *testing.T) {
	good := func() Definition {
		return Definition{Header: "X", Separator: ",", Algorithm: "sha256", Encoding: "hex", Content: "{timestamp}.{body}",
			Timestamp: &TimestampDefinition{Field: "t=", Unit: "s", Tolerance: "5m"}}
	}
	if _, err := Compile(good()); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		change func(*Definition)
		want   string
	}{
		{func(d *Definition) { d.Header = "" }, "header is missing"},
		{func(d *Definition) { d.Algorithm = "md5" }, `unknown algorithm "md5"`},
		{func(d *Definition) { d.Encoding = "" }, `unknown encoding ""`},
		{func(d *Definition) { d.Key.Encoding = "rot13" }, `key: unknown encoding "rot13"`},
		{func(d *Definition) { d.Content = "" }, "the body is not signed"},
		{func(d *Definition) { d.Content = "{timestamp}" }, "the body is not signed"},
		{func(d *Definition) { d.Content = "{body}" }, "need each other"},
		{func(d *Definition) { d.Timestamp = nil }, "need each other"},
		{func(d *Definition) { d.Content = "{timestamp}{url}{body}" }, "unknown part {url}"},
		{func(d *Definition) { d.Content = "{timestamp}{header:}{body}" }, "unknown part {header:}"},
		{func(d *Definition) { d.Content = "{timestamp}{body" }, "is not closed"},
		{func(d *Definition) { d.Separator = "" }, "a field needs a list"},
		{func(d *Definition) { d.Timestamp.Header = "Y" }, "either header or field"},
		{func(d *Definition) { d.Timestamp.Field = "" }, "either header or field"},
		{func(d *Definition) { d.Timestamp.Unit = "fortnights" }, `unknown unit "fortnights"`},
		{func(d *Definition) { d.Timestamp.Tolerance = "" }, "tolerance"},
		{func(d *Definition) { d.ID = "the body" }, "id: \"the body\" leads nowhere"},
		{func(d *Definition) { d.Type = "header:" }, "type: \"header:\" leads nowhere"},
	}
	for _, tt := range tests {
		d := good()
		tt.change(&d)
		if _, err := Compile(d); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("the error is %v, want %s", err, tt.want)
		}
	}
}

func TestReadPresetsIsStrict(t *testing.T) {
	for file, want := range map[string]string{
		"a: {hedaer: X}": "hedaer",
		"a: {header: X}": "presets.yaml: a: unknown algorithm",
		"a: [":           "read presets.yaml",
	} {
		if _, err := readPresets([]byte(file)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: the error is %v, want %s", file, err, want)
		}
	}
}

func TestUnknownPreset(t *testing.T) {
	const all = "there are github, shopify, standard_webhooks, stripe"
	for name, hint := range map[string]string{
		"githbu": "did you mean github? " + all, "GitHub": "did you mean github? " + all,
		"standard_webhook": "did you mean standard_webhooks? " + all, "paypal": all, "": all,
	} {
		_, err := Preset(name)
		var f *event.FieldError
		if !errors.As(err, &f) || f.Hint != hint {
			t.Errorf("%q: %v, want the hint %s", name, err, hint)
		}
	}
}

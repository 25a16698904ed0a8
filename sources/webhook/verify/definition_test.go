package verify

import (
	"errors"
	"os"
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
		{"github", nil, "secrets: needs at least one secret"},
		{"github", []event.Secret{""}, "secrets: number 1 is empty"},
		{"github", []event.Secret{"good", " \n"}, "secrets: number 2 is empty"},
		{"standard_webhooks", []event.Secret{"whsec_"}, "secrets: number 1 is empty"},
		{"standard_webhooks", []event.Secret{"whsec_===="}, "secrets: number 1 is empty"},
		{"standard_webhooks", []event.Secret{"whsec_hunter2!"}, "secrets: number 1 is not base64: copy it again from the sender's page"},
	}
	for _, tt := range tests {
		_, err := preset(t, tt.preset).Verifier(Given{Secrets: tt.secrets})
		if err == nil || err.Error() != tt.want {
			t.Errorf("%s: the error is %v, want %s", tt.preset, err, tt.want)
		}
	}
}

func TestCompileRefuses(t *testing.T) {
	good := func() Definition {
		return Definition{Algorithm: "hmac-sha256", Content: "{timestamp}.{body}",
			Signature: SignatureDefinition{At: Places{"header:X"}, List: ",", Encoding: "hex"},
			Timestamp: TimestampDefinition{At: "item:t=", Unit: "s", Tolerance: "5m"}}
	}
	if _, err := Compile(good()); err != nil {
		t.Fatal(err)
	}
	shake := func(d *Definition, h HandshakeDefinition) { d.Handshake = []HandshakeDefinition{h} }
	get := map[string]string{"method": "GET"}
	tests := []struct {
		change func(*Definition)
		want   string
	}{
		{func(d *Definition) { d.Algorithm = "hmac-sha255" }, `algorithm: unknown word "hmac-sha255" (did you mean hmac-sha256?)`},
		{func(d *Definition) { d.Algorithm = "" }, "algorithm: is missing (there are ecdsa-sha1"},
		{func(d *Definition) { d.Algorithm = "sha256" }, "content: anyone can make a hash without a secret (put {secret} in it"},
		{func(d *Definition) { d.Algorithm = "token" }, "content: a token signs nothing"},
		{func(d *Definition) { d.Signature.At = nil }, "signature.at: is missing"},
		{func(d *Definition) { d.Signature.At = Places{"haeder:X"} }, `signature.at: "haeder:X" leads nowhere: did you mean header?`},
		{func(d *Definition) { d.Signature.At = Places{"header:"} }, `signature.at: "header:" leads nowhere`},
		{func(d *Definition) { d.Signature.At = Places{"body"} }, "signature.at: body is not a place for a signature"},
		{func(d *Definition) { d.Signature.At = Places{"timestamp"} }, "signature.at: timestamp cannot stand here"},
		{func(d *Definition) { d.Signature.Encoding = "" }, "signature.encoding: is missing"},
		{func(d *Definition) { d.Signature.Encoding = "hexx" }, `signature.encoding: unknown word "hexx" (did you mean hex?)`},
		{func(d *Definition) { d.Signature.Tag = "*" }, "signature.tag: a * needs what follows it"},
		{func(d *Definition) { d.Signature.List = "" }, "timestamp.at: item:t= needs a list (say in signature.list"},
		{func(d *Definition) { d.Key.Encoding = "rot13" }, `key.encoding: unknown word "rot13"`},
		{func(d *Definition) { d.Key.Digest = "rot13" }, `key.digest: unknown word "rot13"`},
		{func(d *Definition) { d.Key.Published = Places{"x"} }, "key.published: belongs to an algorithm with public keys"},
		{func(d *Definition) { d.Content, d.Timestamp = "", TimestampDefinition{} }, "content: the body is not signed"},
		{func(d *Definition) { d.Content = "{timestamp}" }, "content: the body is not signed"},
		{func(d *Definition) { d.Content = "{body}" }, "content: the timestamp is not signed"},
		{func(d *Definition) { d.Timestamp = TimestampDefinition{} }, "content: {timestamp} needs the timestamp setting"},
		{func(d *Definition) { d.Content = "{timestamp}{uri:x}{body}" }, `content: "uri:x" leads nowhere`},
		{func(d *Definition) { d.Content = "{timestamp}{boddy}" }, `content: "boddy" leads nowhere: did you mean body?`},
		{func(d *Definition) { d.Content = "{timestamp}{ body.a..b }" }, "a name between two dots is missing"},
		{func(d *Definition) { d.Content = "{timestamp}{body | sha265}" }, `content: unknown filter "sha265": did you mean sha256?`},
		{func(d *Definition) { d.Content = "{timestamp}{body" }, "content: {body is not closed"},
		{func(d *Definition) { d.Content = "{timestamp}{?{body}" }, "content: {? is not closed"},
		{func(d *Definition) { d.Content = "{timestamp}{?x}{body}" }, "content: {? … } without a place in it is never dropped"},
		{func(d *Definition) { d.Content = `{timestamp}\q{body}` }, `content: unknown escape \q`},
		{func(d *Definition) { d.Content = "{each.a}{timestamp}{body}" }, "content: each.a needs the each setting"},
		{func(d *Definition) { d.Content = "{input:a}{timestamp}{body}" }, "content: input:a is not one of the inputs (describe it under inputs)"},
		{func(d *Definition) { d.Each = "header:X" }, "each: header:X is not a list in the body"},
		{func(d *Definition) { d.Timestamp.At = "" }, "timestamp.at: is missing"},
		{func(d *Definition) { d.Timestamp.Unit = "fortnights" }, `timestamp.unit: unknown word "fortnights"`},
		{func(d *Definition) { d.Timestamp.Tolerance = "" }, "timestamp.tolerance: "},
		{func(d *Definition) { d.Require = []RequireDefinition{{At: "header:X"}} }, "require[0].is: is missing"},
		{func(d *Definition) { d.Require = []RequireDefinition{{At: "header:X", Is: "{secret}"}} }, "require[0].is: {secret} cannot stand here"},
		{func(d *Definition) { d.Content = "{body | hmac | hex}{timestamp}{body}" }, "content: the filter hmac cannot stand here"},
		{func(d *Definition) { d.Type = "{body | hmac | hex}" }, "type: the filter hmac cannot stand here"},
		{func(d *Definition) {
			d.Algorithm, d.Content = "sha256", "{secret}{timestamp}{body}"
			shake(d, HandshakeDefinition{When: get, Answer: AnswerDefinition{Body: "{query:a | hmac | hex}"}})
		}, "handshake[0].answer.body: the filter hmac needs an algorithm of HMAC"},
		{func(d *Definition) { d.Content = "{timestamp}{?{header:X}{body}}" }, "content: the body is not signed"},
		{func(d *Definition) { d.Content = "{?{timestamp}}{body}" }, "content: the timestamp is not signed"},
		{func(d *Definition) {
			d.Content = "{timestamp}"
			d.Require = []RequireDefinition{{At: "header:Digest", Is: "{body | sha256 | hex}"}}
		}, "require[0].at: header:Digest is not signed: whoever changes the body could change it (put it in the content)"},
		{func(d *Definition) {
			d.Content = "{timestamp}{header:Digest}"
			d.Require = []RequireDefinition{{At: "header:Digest", Is: "{body | crc32}"}}
		}, "content: the body is not signed"},
		{func(d *Definition) {
			*d = Definition{Algorithm: "jwt-hs256", Signature: SignatureDefinition{At: Places{"header:X"}}}
		}, "require: the body is not signed (require a claim that is a hash of it"},
		{func(d *Definition) {
			*d = Definition{Algorithm: "jwt-hs256", Content: "{body}", Signature: SignatureDefinition{At: Places{"body"}}}
		}, "content: the body is the token, with what it signs (leave it out)"},
		{func(d *Definition) {
			*d = Definition{Algorithm: "jwt-hs256", Content: "{secret}{body}", Signature: SignatureDefinition{At: Places{"header:X"}}}
		}, "content: {secret} cannot stand here"},
		{func(d *Definition) {
			*d = Definition{Algorithm: "jwt-hs256", Signature: SignatureDefinition{At: Places{"header:X", "body"}}}
		}, "signature.at[1]: body is not a place for a signature"},
		{func(d *Definition) {
			shake(d, HandshakeDefinition{When: map[string]string{"item:t=": "*"}})
		}, "handshake[0].when: item:t= cannot stand here"},
		{func(d *Definition) { d.Algorithm, d.Content = "ed25519", "{secret}{timestamp}{body}" }, "content: {secret} cannot stand here"},
		{func(d *Definition) { d.ID = "the body" }, `id: "the body" leads nowhere`},
		{func(d *Definition) { d.ID = "{body | sha256}" }, "id: sha256 gives bytes, not a text (write | sha256 | hex)"},
		{func(d *Definition) { d.Type = "header:" }, `type: "header:" leads nowhere`},
		{func(d *Definition) { d.Type = "item:t=" }, "type: item:t= is not part of an event"},
		{func(d *Definition) { shake(d, HandshakeDefinition{}) }, "handshake[0].when: is missing"},
		{func(d *Definition) {
			shake(d, HandshakeDefinition{When: get, Answer: AnswerDefinition{Body: "{secret}"}})
		}, "handshake[0].answer.body: {secret} cannot stand here"},
		{func(d *Definition) {
			d.Inputs = map[string]string{"token": "a token"}
			shake(d, HandshakeDefinition{When: get, Answer: AnswerDefinition{JSON: map[string]string{"a": "{input:token}"}}})
		}, "handshake[0].answer.json.a: input:token would be shown to anyone"},
		{func(d *Definition) {
			shake(d, HandshakeDefinition{When: get, Answer: AnswerDefinition{Status: 302}})
		}, "handshake[0].answer.status: 302 is not a success"},
		{func(d *Definition) {
			shake(d, HandshakeDefinition{When: get, Unsigned: true, Keep: "header:X"})
		}, "handshake[0].when: anyone could leave a key"},
		{func(d *Definition) {
			shake(d, HandshakeDefinition{When: get, Unsigned: true, Call: CallDefinition{At: "body.url", Hosts: Places{"a.b"}}})
		}, "handshake[0].call: anyone could make us call"},
		{func(d *Definition) {
			shake(d, HandshakeDefinition{When: get, Call: CallDefinition{At: "body.url", Hosts: Places{"*.com"}}})
		}, `handshake[0].call.hosts: "*.com" must name a domain`},
	}
	for _, tt := range tests {
		d := good()
		tt.change(&d)
		_, err := Compile(d)
		var f *event.FieldError
		if !errors.As(err, &f) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("the error is %v, want %s", err, tt.want)
		}
	}
}

// TestTheManualNamesEveryWord: what can be written is documented.
func TestTheManualNamesEveryWord(t *testing.T) {
	page, err := os.ReadFile("../../../docs/schemes.md")
	if err != nil {
		t.Fatal(err)
	}
	manual := string(page)
	var words []string
	for name := range algorithms {
		words = append(words, name[strings.LastIndex(name, "-")+1:])
	}
	words = append(append(append(append(words, sorted(filters)...), sorted(units)...), sorted(encodings)...), kindWords[1:]...)
	for _, word := range words {
		if !strings.Contains(manual, word) {
			t.Errorf("docs/schemes.md does not say %s", word)
		}
	}
}

func TestReadPresetsIsStrict(t *testing.T) {
	for file, want := range map[string]string{
		"a: {alg: X}":                         "alg",
		"a: {algorithm: X}":                   "presets.yaml: a: algorithm: unknown word",
		"a: {like: b}":                        "presets.yaml: a: like: there is no b",
		"a: {like: b}\nb: {like: c}\nc: {}\n": "is itself like another: name c",
		"a: [":                                "presets.yaml: a: yaml:",
	} {
		if _, err := readPresets(splitEntries(file)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: the error is %v, want %s", file, err, want)
		}
	}
}

func TestUnknownPreset(t *testing.T) {
	all, err := Presets()
	if err != nil {
		t.Fatal(err)
	}
	there := "there are " + names(all)
	for name, hint := range map[string]string{
		"githbu": "did you mean github? " + there, "GitHub": "did you mean github? " + there,
		"standard_webhook": "did you mean standard_webhooks? " + there, "nobodys": there, "": there,
	} {
		_, err := FindPreset(name)
		var f *event.FieldError
		if !errors.As(err, &f) || f.Hint != hint {
			t.Errorf("%q: %v, want the hint %s", name, err, hint)
		}
	}
}

// The part of the vectors' making that needs the providers' SDKs for Go: it
// reads a signed request as JSON and answers whether the SDK takes it.
package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"

	"code.gitea.io/sdk/gitea"
	"github.com/PagerDuty/go-pagerduty/webhookv3"
	"github.com/buildkite/go-buildkite/v4"
	"github.com/mailgun/mailgun-go/v4"
)

type request struct {
	Preset  string            `json:"preset"`
	Secret  string            `json:"secret"`
	Headers map[string]string `json:"headers"`
	Body    string            `json:"body"`
}

// accepts are the SDKs' own checks; an error is a no.
var accepts = map[string]func(request) bool{
	"buildkite": func(r request) bool {
		_, err := buildkite.ValidatePayload(r.http(), []byte(r.Secret))
		return err == nil
	},
	"gitea": func(r request) bool {
		ok, err := gitea.VerifyWebhookSignature(r.Secret, r.Headers["X-Gitea-Signature"], []byte(r.Body))
		return ok && err == nil
	},
	"mailgun": func(r request) bool {
		var body struct {
			Signature mailgun.Signature `json:"signature"`
		}
		if json.Unmarshal([]byte(r.Body), &body) != nil {
			return false
		}
		mg := mailgun.NewMailgun("example.com", "unused")
		mg.SetWebhookSigningKey(r.Secret)
		ok, err := mg.VerifyWebhookSignature(body.Signature)
		return ok && err == nil
	},
	"pagerduty": func(r request) bool { return webhookv3.VerifySignature(r.http(), r.Secret) == nil },
}

func (r request) http() *http.Request {
	req, err := http.NewRequest(http.MethodPost, "https://hooks.example.com", strings.NewReader(r.Body))
	if err != nil {
		panic(err)
	}
	for name, value := range r.Headers {
		req.Header.Set(name, value)
	}
	return req
}

func main() {
	var r request
	if err := json.NewDecoder(os.Stdin).Decode(&r); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	_ = json.NewEncoder(os.Stdout).Encode(accepts[r.Preset](r))
}

package httpsink

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/trotline/trotline/event"
)

// Kind is the sink kind http.
func Kind() event.SinkKind {
	return event.SinkKind{
		Name:     "http",
		Doc:      "sends each event as an HTTP request",
		Settings: func() any { return &Settings{Method: http.MethodPost} },
		Batch:    1,
		Open:     open,
	}
}

// Settings are what the configuration may say about an http sink.
type Settings struct {
	URL      event.Template            `yaml:"url" required:"true" doc:"where to send, http:// or https://"`
	Method   string                    `yaml:"method" enum:"POST,PUT,PATCH,DELETE" doc:"the request's method"`
	Headers  map[string]event.Template `yaml:"headers" doc:"headers of the request, beside and before Trotline's own"`
	Body     *event.Mapping            `yaml:"body" doc:"what to send as JSON; left out: the event's body as it stands, with its own content type"`
	RetryOn  []event.AnswerRule        `yaml:"retry_on" doc:"answers that are tried again, beside 408, 425, 429 and 5xx: statuses (409, 4xx, 401-404), or expressions on status, headers, body and error"`
	RefuseOn []event.AnswerRule        `yaml:"refuse_on" doc:"answers that refuse the event for good, before all others: statuses (501, 5xx), or expressions"`
	Auth     *Auth                     `yaml:"auth" doc:"how to prove who we are"`
	TLS      *TLS                      `yaml:"tls" doc:"certificates; left out: the system's authorities, and no certificate of ours"`
}

// Auth is what the Authorization header says: one of its fields.
type Auth struct {
	Bearer event.Secret `yaml:"bearer" doc:"a token: Authorization: Bearer <token>"`
	Basic  *Basic       `yaml:"basic" doc:"a name and a password (RFC 7617)"`
}

// Basic is a name and a password.
type Basic struct {
	User     string       `yaml:"user" required:"true" doc:"the name"`
	Password event.Secret `yaml:"password" doc:"the password"`
}

// TLS says whom to trust and who we are.
type TLS struct {
	CAFile             event.File `yaml:"ca_file" doc:"PEM certificates of the authorities to trust instead of the system's"`
	CertFile           event.Path `yaml:"cert_file" doc:"our PEM certificate; read anew for each connection, so that a renewed one is used"`
	KeyFile            event.Path `yaml:"key_file" doc:"the PEM key of our certificate"`
	ServerName         string     `yaml:"server_name" doc:"the name the receiver's certificate must have; left out: the URL's host"`
	InsecureSkipVerify bool       `yaml:"insecure_skip_verify" doc:"believe any certificate: whoever stands between can read and change everything"`
}

// Validate implements [event.Validator].
func (s *Settings) Validate() []*event.FieldError {
	var problems []*event.FieldError
	problem := func(path, hint, format string, args ...any) {
		problems = append(problems, &event.FieldError{Path: path, Msg: fmt.Sprintf(format, args...), Hint: hint})
	}
	if s.URL != nil {
		if text, ok := s.URL.Constant(); ok {
			if _, err := parseURL(text); err != nil {
				problem("url", "write https://host/path", "%v", err)
			}
		}
	}
	for name, value := range s.Headers {
		path := "headers." + name
		switch canonical := http.CanonicalHeaderKey(name); {
		case !event.ValidHeaderName(name):
			problem(path, "", "%q is not the name of a header", name)
		case ownHeaders[canonical]:
			problem(path, "leave it out", "%s is for the connection to set", canonical)
		case canonical == "Authorization" && s.Auth != nil:
			problem(path, "leave out one of the two", "auth sets this header as well")
		default:
			if text, ok := value.Constant(); ok && !event.ValidHeaderValue(text) {
				problem(path, "", "the value holds a line break or another control character")
			}
		}
	}
	if a := s.Auth; a != nil {
		if (a.Bearer == "") == (a.Basic == nil) {
			problem("auth", "write bearer: or basic:", "needs one way to prove who we are")
		}
		if !event.ValidHeaderValue(a.Bearer.Reveal()) {
			problem("auth.bearer", "is there a line break at its end?", "the token holds a control character")
		}
		if a.Basic != nil && strings.Contains(a.Basic.User, ":") {
			problem("auth.basic.user", "", "a name must not hold a colon (RFC 7617)")
		}
	}
	if t := s.TLS; t != nil && (t.CertFile == "") != (t.KeyFile == "") {
		problem("tls", "add the other one", "cert_file and key_file belong together")
	}
	return problems
}

// ownHeaders are what the HTTP client says about the connection and the length.
var ownHeaders = map[string]bool{
	"Connection": true, "Content-Length": true, "Keep-Alive": true, "Proxy-Connection": true,
	"Te": true, "Trailer": true, "Transfer-Encoding": true, "Upgrade": true,
}

package natssink

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/trotline/trotline/event"
)

// Kind is the sink kind nats.
func Kind() event.SinkKind {
	return event.SinkKind{
		Name:     "nats",
		Doc:      "publishes each event to a NATS subject",
		Settings: func() any { return &Settings{JetStream: true} },
		Batch:    100,
		Open:     open,
	}
}

// Settings are what the configuration may say about a nats sink.
type Settings struct {
	URL             event.Secret              `yaml:"url" required:"true" doc:"the servers, nats://host:4222 or tls://host:4222, several with commas between them"`
	CredentialsFile event.Path                `yaml:"credentials_file" doc:"a .creds file; read anew for each connection"`
	Subject         event.Template            `yaml:"subject" required:"true" doc:"where to publish"`
	JetStream       bool                      `yaml:"jetstream" doc:"wait until a stream has stored the event; false: publish to whoever listens at this moment"`
	Headers         map[string]event.Template `yaml:"headers" doc:"headers of the message, beside and before Trotline's own"`
}

// Validate implements [event.Validator].
func (s *Settings) Validate() []*event.FieldError {
	var problems []*event.FieldError
	problem := func(path string, err error, hint string) {
		problems = append(problems, &event.FieldError{Path: path, Msg: err.Error(), Hint: hint})
	}
	if s.URL != "" {
		if _, err := servers(s.URL.Reveal()); err != nil {
			problem("url", err, "write nats://host:4222")
		}
	}
	if s.Subject != nil {
		if text, ok := s.Subject.Constant(); ok {
			if err := checkSubject(text); err != nil {
				problem("subject", err, "write words with dots between them: orders.new")
			}
		}
	}
	for name, value := range s.Headers {
		if err := checkHeaderName(name); err != nil {
			problem("headers."+name, err, "")
			continue
		}
		if text, ok := value.Constant(); ok && !event.ValidHeaderValue(text) {
			problem("headers."+name, errControl, "")
		}
	}
	return problems
}

var errControl = errors.New("the value holds a line break or another control character")

// servers reads a list of URLs and returns the hosts in it, to be shown. Its
// errors do not show the URL, which may hold a password.
func servers(urls string) (hosts string, err error) {
	var list []string
	for text := range strings.SplitSeq(urls, ",") {
		text = strings.TrimSpace(text)
		if !strings.Contains(text, "://") {
			text = "nats://" + text
		}
		u, err := url.Parse(text)
		if err != nil {
			return "", errors.New("is not a URL, or not several with commas between them")
		}
		switch u.Scheme {
		case "nats", "tls", "ws", "wss":
		default:
			return "", fmt.Errorf("a URL begins with %s://, which NATS does not speak", u.Scheme)
		}
		if u.Hostname() == "" {
			return "", errors.New("a URL has no host")
		}
		list = append(list, u.Host)
	}
	return strings.Join(list, ","), nil
}

// checkSubject tells what makes a subject one that nothing can be published to.
func checkSubject(subject string) error {
	for token := range strings.SplitSeq(subject, ".") {
		switch token {
		case "":
			return errors.New("the subject is empty, or has an empty part")
		case "*", ">":
			return errors.New("the subject is a wildcard")
		}
	}
	for i := range len(subject) {
		if c := subject[i]; c <= ' ' || c == 0x7f {
			return errors.New("the subject holds a space or a control character")
		}
	}
	return nil
}

func checkHeaderName(name string) error {
	for i := range len(name) {
		if c := name[i]; c <= ' ' || c >= 0x7f || c == ':' {
			return fmt.Errorf("%q is not the name of a header", name)
		}
	}
	if name == "" {
		return errors.New("a header has no name")
	}
	return nil
}

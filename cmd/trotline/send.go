package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/trotline/trotline/engine"
	"github.com/trotline/trotline/engine/config"
	"github.com/trotline/trotline/event"
	"github.com/trotline/trotline/sources/webhook"
)

// sendCommand posts a payload as a source's sender would.
type sendCommand struct {
	Source string   `arg:"" help:"The source that is to receive it."`
	File   string   `arg:"" optional:"" help:"The payload; - or nothing is the standard input."`
	Data   *string  `short:"d" placeholder:"TEXT" help:"The payload itself."`
	Header []string `short:"H" sep:"none" placeholder:"NAME: VALUE" help:"A header more; a signature's header given here replaces ours."`
	Method string   `short:"X" help:"The method; the source's first one if left out."`
	To     string   `placeholder:"URL" help:"Where to, if not where the file says; without a path it is the source's."`
	Key    string   `placeholder:"FILE" help:"A private key (PEM) to sign with, where the source has but the public one."`
	Config []string `name:"config" short:"c" placeholder:"FILE" help:"The configuration (${defaultFile}); it has the address and the secret."`
}

// sent is the answer for programs.
type sent struct {
	URL    string          `json:"url"`
	Status int             `json:"status"`
	Body   json.RawMessage `json:"body,omitempty"`
	Text   string          `json:"text,omitempty"` // an answer that is no JSON
}

// Run signs, posts, and ends with 1 if the payload was not taken.
func (c *sendCommand) Run(ctx context.Context, t *terminal) error {
	conf, problems := engine.Check(engineOptions(c.Config, slog.New(slog.DiscardHandler)))
	if conf == nil {
		problems.Render(t.errOut, t.colorErr)
		return errTold
	}
	source, err := findSource(conf, c.Source)
	if err != nil {
		return err
	}
	payload, err := c.payload(t.in)
	if err != nil {
		return err
	}
	request, err := c.request(ctx, conf, source, payload)
	if err != nil {
		return err
	}
	return post(t, request)
}

func findSource(conf *config.Config, name string) (*config.Source, error) {
	var names []string
	for _, s := range conf.Sources {
		if s.Name == name {
			return s, nil
		}
		names = append(names, s.Name)
	}
	return nil, fail(exitUsage, "there is no source %s in %s; there are: %s", name, conf.Files[0].Path, strings.Join(names, ", "))
}

func (c *sendCommand) payload(in io.Reader) ([]byte, error) {
	if c.Data != nil {
		if c.File != "" {
			return nil, fail(exitUsage, "the payload is given twice: as --data and as %s", c.File)
		}
		return []byte(*c.Data), nil
	}
	if c.File == "" && isTerminal(in) {
		return nil, fail(exitUsage, "no payload: name a file, - for what you type, or give it with --data")
	}
	if c.File == "" || c.File == "-" {
		return io.ReadAll(in)
	}
	payload, err := os.ReadFile(c.File)
	if err != nil {
		return nil, fail(exitUsage, "the payload: %w", err)
	}
	return payload, nil
}

// request is the request as the source's sender would make it.
func (c *sendCommand) request(ctx context.Context, conf *config.Config, source *config.Source, payload []byte) (*http.Request, error) {
	settings, ok := source.Settings.(*webhook.Settings)
	if !ok {
		return nil, fail(exitUsage, "send can sign for a webhook source alone; %s is of type %s", source.Name, source.Kind)
	}
	method := c.Method
	if method == "" && len(source.Methods) > 0 {
		method = source.Methods[0]
	}
	target, err := c.target(conf, source)
	if err != nil {
		return nil, err
	}
	signed := unsigned(conf, source, method, target, payload)
	if err := c.addHeaders(signed.Header); err != nil { // some of them may be signed
		return nil, err
	}
	key, err := c.key()
	if err != nil {
		return nil, err
	}
	if err := webhook.SignWith(settings, signed, key); err != nil {
		return nil, fmt.Errorf("cannot sign for %s: %w", source.Name, err)
	}
	_, target.RawQuery, _ = strings.Cut(signed.URL, "?")
	r, err := http.NewRequestWithContext(ctx, method, target.String(), bytes.NewReader(signed.Body))
	if err != nil {
		return nil, fail(exitUsage, "%w", err)
	}
	maps.Copy(r.Header, signed.Header)
	r.Header.Set("User-Agent", "trotline-send/"+readBuild().Version)
	return r, c.addHeaders(r.Header)
}

// key is the private key to sign with; "" leaves it to the source's secrets.
func (c *sendCommand) key() (event.Secret, error) {
	if c.Key == "" {
		return "", nil
	}
	pem, err := os.ReadFile(c.Key)
	if err != nil {
		return "", fail(exitUsage, "--key: %w", err)
	}
	return event.Secret(pem), nil
}

// unsigned is the request as the door will see it: under the URL that senders call.
func unsigned(conf *config.Config, source *config.Source, method string, target *url.URL, payload []byte) *event.Request {
	base := target.Scheme + "://" + target.Host
	for _, public := range []string{conf.Server.PublicURL, source.PublicURL} {
		if public != "" {
			base = strings.TrimSuffix(public, "/")
		}
	}
	r := &event.Request{
		Method: method, URL: base + target.RequestURI(), Path: target.EscapedPath(), Query: target.Query(),
		Header: http.Header{}, Body: payload, Time: time.Now(),
	}
	if said := webhook.ContentType(source.Settings, payload); said != "" {
		r.Header.Set("Content-Type", said)
	}
	return r
}

func (c *sendCommand) addHeaders(h http.Header) error {
	for _, line := range c.Header {
		name, value, ok := strings.Cut(line, ":")
		if !ok || strings.TrimSpace(name) == "" {
			return fail(exitUsage, "-H %q: write NAME: VALUE", line)
		}
		h.Set(strings.TrimSpace(name), strings.TrimSpace(value))
	}
	return nil
}

// target is where the source listens, or where --to says.
func (c *sendCommand) target(conf *config.Config, source *config.Source) (*url.URL, error) {
	base := c.To
	if base == "" {
		base = doorURL(conf, conf.Server.Listen)
	}
	u, err := url.Parse(base)
	if err != nil || u.Host == "" {
		return nil, fail(exitUsage, "--to: %q is not a URL", c.To)
	}
	if u.Path != "" && u.Path != "/" {
		return u, nil
	}
	if strings.Contains(source.Path, "{") {
		return nil, fail(exitUsage, "the path of %s is %s: write the whole URL with --to", source.Name, source.Path)
	}
	u.Path = source.Path
	return u, nil
}

// maxShown is how much of an answer is read, in bytes.
const maxShown = 1 << 20

func post(t *terminal, r *http.Request) error {
	client := &http.Client{Timeout: answerTime, CheckRedirect: stay}
	answer, err := client.Do(r)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err // the URL may hold an API key
		}
		return fail(exitUnreachable, "cannot reach %s: is `trotline run` running? (--to names another address) (%w)", r.URL.Host, err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxShown))
	if err != nil {
		return fail(exitUnreachable, "the answer of %s was cut off: %w", r.URL.Host, err)
	}
	if err := t.tellSent(r, answer, bytes.TrimSpace(body)); err != nil {
		return err
	}
	if answer.StatusCode/100 != 2 {
		return errTold
	}
	return nil
}

func (t *terminal) tellSent(r *http.Request, answer *http.Response, body []byte) error {
	if t.JSON {
		s := sent{URL: r.URL.Scheme + "://" + r.URL.Host + r.URL.Path, Status: answer.StatusCode}
		if json.Valid(body) {
			s.Body = body
		} else {
			s.Text = string(body)
		}
		return t.printJSON(s)
	}
	c := green
	if answer.StatusCode/100 != 2 {
		c = red
	}
	_, err := fmt.Fprintf(t.out, "%s %s\n", paint(t.colorOut, c, answer.Status), plainLines(string(body)))
	return err
}

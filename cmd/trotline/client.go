package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/trotline/trotline/admin"
	"github.com/trotline/trotline/engine"
	"github.com/trotline/trotline/event"
)

// defaultAdmin is where an engine's API listens unless its file says otherwise.
const defaultAdmin = "127.0.0.1:8081"

// engineFlags say which engine a command speaks to.
type engineFlags struct {
	Config []string `name:"config" short:"c" placeholder:"FILE" help:"The configuration the engine runs (${defaultFile}); its server.admin says where it is."`
}

// client speaks to the API of a running engine.
type client struct {
	base  string // http://127.0.0.1:8081
	token event.Secret
	http  *http.Client
}

// newClient finds the engine: where --admin says, else where the file says, else at the default.
func newClient(t *terminal, f engineFlags) (*client, error) {
	c := &client{base: t.Admin, token: event.Secret(t.Token), http: &http.Client{CheckRedirect: stay}}
	if c.base == "" {
		listen, token, err := adminOfFile(t, f.Config)
		if err != nil {
			return nil, err
		}
		c.base = dialable(listen)
		if c.token == "" {
			c.token = token
		}
	}
	if !strings.Contains(c.base, "://") {
		c.base = "http://" + c.base
	}
	c.base = strings.TrimSuffix(c.base, "/")
	if u, err := url.Parse(c.base); err != nil || u.Host == "" {
		return nil, fail(exitUsage, "--admin: %q is not an address: write 127.0.0.1:8081 or https://host:port", t.Admin)
	}
	return c, nil
}

// stay follows no redirect: nothing we ask leads elsewhere, and neither a token
// nor a signed payload must follow.
func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// adminOfFile is where the configuration says the API listens. The file may be
// broken while an engine runs on what it said before, and just then the dead
// letters are asked for: so a broken file is told, and the default tried.
func adminOfFile(t *terminal, files []string) (listen string, token event.Secret, err error) {
	if len(files) == 0 {
		if _, err := os.Stat(defaultFile); errors.Is(err, os.ErrNotExist) {
			return defaultAdmin, "", nil
		}
	}
	conf, problems := engine.Check(engineOptions(files, slog.New(slog.DiscardHandler)))
	if conf == nil {
		for _, p := range problems {
			if !p.Warning {
				fmt.Fprintf(t.errOut, "%s\ntrotline: the file cannot tell where the engine is; trying %s (--admin names another address)\n", p, defaultAdmin)
				break
			}
		}
		return defaultAdmin, "", nil
	}
	return conf.Server.Admin.Listen, conf.Server.Admin.Token, nil
}

// queryOf are the parameters that have a value, from names and values in turn.
func queryOf(pairs ...string) url.Values {
	q := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	return q
}

// answerTime is how long an answer may take. What goes through all messages takes longer.
const answerTime = 30 * time.Second

// get asks for a path and reads its JSON.
func (c *client) get(ctx context.Context, path string, query url.Values, into any) error {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	return c.ask(ctx, http.MethodGet, path, query, into)
}

// getSlowly is get for a path that may have to look through all messages there are.
func (c *client) getSlowly(ctx context.Context, path string, query url.Values, into any) error {
	return c.ask(ctx, http.MethodGet, path, query, into)
}

// ask makes a request and reads the JSON of its answer.
func (c *client) ask(ctx context.Context, method, path string, query url.Values, into any) error {
	body, err := c.open(ctx, method, path, query)
	if err != nil {
		return err
	}
	return c.read(body, into)
}

// send makes a request with a body and reads the JSON of its answer.
func (c *client) send(ctx context.Context, method, path string, body io.Reader, into any) error {
	answer, err := c.request(ctx, method, path, nil, body)
	if err != nil {
		return err
	}
	return c.read(answer, into)
}

func (c *client) read(body io.ReadCloser, into any) error {
	defer body.Close()
	if err := json.NewDecoder(body).Decode(into); err != nil {
		return fail(exitUnreachable, "the answer of the engine at %s cannot be read: %w", c.base, err)
	}
	return nil
}

// open makes a request and returns the body of its answer, if that is one of success.
func (c *client) open(ctx context.Context, method, path string, query url.Values) (io.ReadCloser, error) {
	return c.request(ctx, method, path, query, nil)
}

func (c *client) request(ctx context.Context, method, path string, query url.Values, body io.Reader) (io.ReadCloser, error) {
	address := c.base + path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	r, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return nil, err
	}
	r.Header.Set("User-Agent", "trotline/"+readBuild().Version)
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token.Reveal())
	}
	answer, err := c.http.Do(r)
	if err != nil {
		return nil, c.unreachable(err)
	}
	if answer.StatusCode/100 == 2 {
		return answer.Body, nil
	}
	defer answer.Body.Close()
	return nil, c.refusal(answer)
}

func (c *client) unreachable(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err // without the address twice
	}
	return fail(exitUnreachable, "cannot reach the engine at %s: is `trotline run` running? (--admin names another address) (%w)",
		strings.TrimPrefix(c.base, "http://"), err)
}

// refusal is what an answer that is not of success means.
func (c *client) refusal(answer *http.Response) error {
	problem := &admin.Problem{}
	if err := json.NewDecoder(io.LimitReader(answer.Body, 64<<10)).Decode(problem); err != nil || problem.Status == 0 {
		return fail(exitUnreachable, "%s answers %s: it is not a trotline engine (--admin names another address)", c.base, answer.Status)
	}
	switch {
	case problem.Status == http.StatusUnauthorized:
		return fail(exitUnreachable, "the engine at %s asks for its token: set TROTLINE_TOKEN", c.base)
	case problem.Status >= 500:
		return fail(exitUnreachable, "the engine at %s: %w", c.base, problem)
	case problem.Status == http.StatusBadRequest:
		return &failure{exitUsage, problem}
	}
	return &failure{exitNo, problem}
}

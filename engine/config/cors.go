package config

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/trotline/trotline/event"
)

// CORS says which pages may send to a source from a browser.
type CORS struct {
	Origins []string       `yaml:"origins" short:"true" required:"true" doc:"whose pages: https://shop.example.com, https://*.example.com, or * for every page; a page of another origin is refused"`
	Headers []string       `yaml:"headers" doc:"what a page may put into the header, beside Content-Type"`
	MaxAge  event.Duration `yaml:"max_age" min:"1s" max:"24h" doc:"how long a browser may remember what it was told (10m)"`
}

func (c *CORS) check() (problems []*event.FieldError) {
	for i, origin := range c.Origins {
		if msg, hint := badOrigin(origin, len(c.Origins)); msg != "" {
			problems = append(problems, &event.FieldError{Path: fmt.Sprintf("cors.origins[%d]", i), Msg: msg, Hint: hint})
		}
	}
	for i, name := range c.Headers {
		if name != "*" && !event.ValidHeaderName(name) {
			problems = append(problems, &event.FieldError{Path: fmt.Sprintf("cors.headers[%d]", i), Msg: fmt.Sprintf("%q is not the name of a header", name)})
		}
	}
	return problems
}

// badOrigin is what is wrong with an origin, one of so many.
func badOrigin(origin string, of int) (msg, hint string) {
	scheme, host, found := strings.Cut(origin, "://")
	below, rest := "", host
	if strings.HasPrefix(host, "*.") {
		below, rest = "*.", host[len("*."):]
	}
	u, err := url.Parse(scheme + "://" + rest)
	switch {
	case origin == "*" && of > 1:
		return "* is every page, whatever stands beside it", "write * alone, or remove it"
	case origin == "*", origin == "":
		return "", ""
	case origin == "null":
		return "null is every page that has no origin, such as a file's", "write * for every page, or the origins you know"
	case !found:
		return "an origin begins with https:// or http://", "write https://" + strings.TrimSuffix(origin, "/")
	case err != nil || u.Host == "" || strings.Contains(u.Host, "*"):
		return origin + " is not an origin", "write https://shop.example.com, or https://*.example.com for every host below"
	case rest != u.Host:
		return "an origin has no path", "write " + scheme + "://" + below + u.Host
	case origin != strings.ToLower(origin):
		return "browsers write an origin in lower case", "write " + strings.ToLower(origin)
	case scheme == "https" && u.Port() == "443", scheme == "http" && u.Port() == "80":
		return "browsers leave the port " + u.Port() + " out", "write " + strings.TrimSuffix(origin, ":"+u.Port())
	}
	return "", ""
}

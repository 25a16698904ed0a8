package door

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/trotline/trotline/event"
)

// Table says where requests go, under the rules of one generation. It is
// immutable once it is in force.
type Table struct {
	generation uint64
	settings   Settings
	routes     []*route
	static     map[string]*route // routes without {name} parts, by their path
	root       node
}

// Settings are those of a table that hold for all its routes.
type Settings struct {
	// PublicURL is how senders write the address of this server
	// (https://hooks.example.com); "" takes it from the request.
	PublicURL string
	// TrustedProxies are those whose word for a sender's address is believed:
	// their PROXY header, and X-Forwarded-For.
	TrustedProxies []netip.Prefix
	// Forwarded: they write Forwarded (RFC 7239) and not X-Forwarded-For. A proxy
	// passes on what it does not write, so only one of the two can be believed.
	Forwarded bool
}

// Route is where the requests of one source come in.
type Route struct {
	Source      string
	Path        string         // "/hooks/{customer}/orders": a {name} is any one part
	Methods     []string       // none is POST
	MaxBody     int64          // bytes
	AllowIPs    []netip.Prefix // none is everyone
	PublicURL   string         // instead of the table's
	CORS        *CORS          // nil lets no page in a browser read an answer
	Rate        *Rate          // nil is no limit
	Concurrency int            // requests at once; 0 is no limit
	Receiver    event.Source
	KeepRefused bool // tell [Options.Refused] of the requests that the receiver refuses
}

// route is a Route as requests need it.
type route struct {
	Route
	params []string  // the names in the path, in their order
	allow  []string  // the Allow header
	rule   string    // the rate's; "" without one
	busy   semaphore // of those that have a concurrency; set by [Door.Swap]
}

// inForce is a table while it is in force.
type inForce struct {
	*Table
	superseded chan struct{} // closed when the next one is
}

// NewTable makes a table. Two routes whose paths take the same requests are an error.
func NewTable(generation uint64, s Settings, routes []Route) (*Table, error) {
	t := &Table{generation: generation, settings: s, static: make(map[string]*route)}
	t.settings.PublicURL = strings.TrimSuffix(s.PublicURL, "/")
	for _, r := range routes {
		if err := t.add(r); err != nil {
			return nil, fmt.Errorf("source %s: %w", r.Source, err)
		}
	}
	return t, nil
}

func (t *Table) add(r Route) error {
	if r.Receiver == nil {
		return fmt.Errorf("the route %s has no receiver", r.Path)
	}
	if len(r.Methods) == 0 {
		r.Methods = []string{http.MethodPost}
	}
	r.PublicURL = strings.TrimSuffix(r.PublicURL, "/")
	if r.PublicURL == "" {
		r.PublicURL = t.settings.PublicURL
	}
	parts, params, err := parsePath(r.Path)
	if err != nil {
		return err
	}
	made := &route{Route: r, params: params, allow: []string{strings.Join(slices.Sorted(slices.Values(r.Methods)), ", ")}}
	if r.Rate != nil {
		made.rule = r.Rate.rule(r.Source)
	}
	if err := t.root.add(parts, made); err != nil {
		return err
	}
	t.routes = append(t.routes, made)
	if len(params) == 0 {
		t.static[r.Path] = made
	}
	return nil
}

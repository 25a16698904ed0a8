// Package config turns the user's files into a typed tree: strictly, with the
// place of every word, and with every problem at once. It compiles expressions
// through the language it is given, and opens, binds and starts nothing.
//
// What a word may hold is said by the tags of a struct's fields, as [event.Kinds]
// describes them; the same decoder reads the configuration's own words and the
// settings of the kinds. Beside those tags there is sees:"event", for an
// expression of a source that is evaluated once the event is made.
package config

import (
	"net/netip"

	"github.com/trotline/trotline/event"
)

// Config is a configuration without a problem. It must not be changed.
type Config struct {
	// Files is every text that was read, the configuration and the files that
	// belong to it ([event.File]): what is kept with the generation.
	Files []File
	// Watch is every path whose change is an edit: the configuration's files and
	// folders, and the files they name, each once, absolute.
	Watch []string
	// Fingerprint is equal for two configurations that were made of the same:
	// the same texts, the same values from outside, the same watched files.
	Fingerprint [32]byte

	Server     Server
	NATS       NATS
	Durability string // disk, or os
	Dedupe     Dedupe
	Retention  Retention

	// Places are where the settings above stand, by their words: server, server.listen, …
	Places map[string]Position

	// In the order of the files, without what is disabled.
	Sources   []*Source
	Sinks     []*Sink
	Pipelines []*Pipeline
}

// File is a text that was read.
type File struct {
	Path   string // absolute
	Data   []byte
	Config bool // a configuration file; otherwise a file that one names
}

// Server is where webhooks arrive and where the engine is looked after.
type Server struct {
	Listen          string         `yaml:"listen" doc:"the address webhooks arrive at (:8080)"`
	Admin           Admin          `yaml:"admin" doc:"health, metrics, API and console"`
	PublicURL       string         `yaml:"public_url" doc:"what senders call; schemes that sign the URL need it"`
	TrustedProxies  []netip.Prefix `yaml:"trusted_proxies" doc:"whose X-Forwarded-For and PROXY header are believed; nobody's by default"`
	ForwardedHeader string         `yaml:"forwarded_header" enum:"X-Forwarded-For,Forwarded" doc:"the header in which the trusted proxies say whom they forward for (X-Forwarded-For)"`
	TLS             *TLS           `yaml:"tls" doc:"serve HTTPS"`
	Limits          Limits         `yaml:"limits" doc:"what senders can take up"`
}

// Limits bound what senders can take up. A zero, but for MaxBody, is the door's default.
type Limits struct {
	MaxBody       event.Size     `yaml:"max_body" min:"1B" max:"31MiB" doc:"the largest body a source takes that has no max_body itself (5MiB)"`
	Bodies        event.Size     `yaml:"bodies" min:"32MiB" doc:"the memory for all bodies that are being received (256MiB); those of 64KiB and more that are stored at once take a sixteenth of it"`
	Header        event.Size     `yaml:"header" min:"4KiB" max:"1MiB" doc:"the largest header of a request, all of its lines (64KiB)"`
	HeaderLines   int            `yaml:"header_lines" min:"16" max:"10000" doc:"how many lines a request's header may have (128)"`
	Requests      int            `yaml:"requests" min:"1" doc:"how many requests are handled at once (4096)"`
	Clients       int            `yaml:"clients" min:"1000" doc:"how many clients are remembered for the sources' rates (100000)"`
	Connections   int            `yaml:"connections" min:"1" doc:"how many connections are open at once (4096)"`
	Streams       int            `yaml:"streams" min:"1" max:"1000" doc:"how many requests an HTTP/2 connection carries at once (100)"`
	HeaderTimeout event.Duration `yaml:"header_timeout" min:"100ms" doc:"how long a request's header may take to come (10s)"`
	ReadTimeout   event.Duration `yaml:"read_timeout" min:"100ms" doc:"how long a request may take to come whole (30s)"`
	WriteTimeout  event.Duration `yaml:"write_timeout" min:"100ms" doc:"how long it may take from a request's header to the end of its answer (60s)"`
	IdleTimeout   event.Duration `yaml:"idle_timeout" min:"100ms" doc:"how long a connection may wait for its next request (2m)"`
}

// Admin is the listener for those who look after the engine.
type Admin struct {
	Listen string       `yaml:"listen" doc:"its address (127.0.0.1:8081); beyond loopback it needs a token"`
	Token  event.Secret `yaml:"token" doc:"what a client proves itself with"`
}

// TLS is how the server proves itself, and whom it asks to do the same.
type TLS struct {
	CertFile     event.Path `yaml:"cert_file" doc:"the certificate and its chain, PEM"`
	KeyFile      event.Path `yaml:"key_file" doc:"the certificate's key, PEM"`
	ACME         *ACME      `yaml:"acme" doc:"instead of the files: obtain certificates from an authority, such as Let's Encrypt"`
	ClientCAFile event.Path `yaml:"client_ca_file" doc:"the authorities that clients' certificates come from, PEM"`
	ClientAuth   string     `yaml:"client_auth" enum:"required,optional" doc:"whether a client must have a certificate, or sources with verify: mtls alone want one (required)"`
}

// ACME is an authority that certificates are obtained from.
type ACME struct {
	Domains   []string   `yaml:"domains" required:"true" doc:"the names that senders call"`
	Email     string     `yaml:"email" doc:"where the authority may write to"`
	Directory string     `yaml:"directory" doc:"the authority's address (Let's Encrypt's)"`
	CAFile    event.Path `yaml:"ca_file" doc:"the authorities of the directory's own certificate, PEM; those of the system when left out"`
	Cache     event.Path `yaml:"cache" doc:"the folder for the certificates and their keys (acme in the data folder)"`
}

// NATS is where events are stored: an embedded server, or a cluster.
type NATS struct {
	Embedded        *Embedded    `yaml:"embedded" doc:"a server of our own (the default)"` // nil if and only if there is a URL
	URL             event.Secret `yaml:"url" doc:"an existing server or cluster: nats://a:4222,nats://b:4222"`
	CredentialsFile event.Path   `yaml:"credentials_file" doc:"the credentials for the cluster"`
	Replicas        int          `yaml:"replicas" min:"1" max:"5" doc:"how many servers of the cluster hold each event (1)"`
	Prefix          string       `yaml:"prefix" doc:"what our streams' names begin with; several Trotlines can share a cluster (trotline)"`
}

// Embedded is the embedded server.
type Embedded struct {
	Dir     event.Path `yaml:"dir" doc:"where it keeps its files (./data beside the first file)"`
	MaxDisk event.Size `yaml:"max_disk" doc:"the most it may use of the disk; the engine chooses when left out"`
	Listen  string     `yaml:"listen" doc:"an address that lets other NATS clients in; none by default"`
}

// Retention is how long what is done with is kept.
type Retention struct {
	Events event.Duration `yaml:"events" min:"1s" doc:"how long handled events stay for replay (7d)"`
	Dead   event.Duration `yaml:"dead" min:"1s" doc:"how long dead letters stay (30d)"`
}

// Dedupe is how ids of events are remembered, so that a second delivery of one is no second event.
type Dedupe struct {
	Window event.Duration `yaml:"window" min:"1s" short:"true" doc:"how long an event's id is remembered (72h)"`
	MaxIDs int            `yaml:"max_ids" min:"1000" doc:"how many ids are remembered at the most; beyond it the oldest are forgotten early (4 million, or as many as a fortieth of max_disk holds)"`
}

// Source is a place where events come in.
type Source struct {
	Name     string   `yaml:"-"`
	Kind     string   `yaml:"-"`
	Settings any      `yaml:"-"` // the kind's
	Pos      Position `yaml:"-"`

	Path        string         `yaml:"path" required:"true" doc:"where it listens; a part may be a {name}, which expressions see in params"`
	Methods     []string       `yaml:"methods" enum:"GET,POST,PUT,PATCH,DELETE,HEAD,OPTIONS" doc:"the HTTP methods it takes (POST); HEAD and OPTIONS are answered and bring no event"`
	MaxBody     event.Size     `yaml:"max_body" min:"1B" max:"31MiB" doc:"the largest body it takes (server.limits.max_body, 5MiB); a message of the store holds 31MiB and a little more"`
	AllowIPs    []netip.Prefix `yaml:"allow_ips" doc:"the addresses that may send: 192.0.2.7, 10.0.0.0/8; everybody by default"`
	PublicURL   string         `yaml:"public_url" doc:"what this source's senders call, if not server.public_url"`
	Rate        *SourceRate    `yaml:"rate" doc:"how many requests it takes in a time; no limit by default"`
	Concurrency int            `yaml:"concurrency" min:"1" doc:"how many of its requests are handled at once; no limit but server.limits.requests by default"`
	KeepRefused bool           `yaml:"keep_refused" doc:"keep requests that are refused, without what proves their sender, to look at: trotline dead list --refused (false)"`
	CORS        *CORS          `yaml:"cors" doc:"which pages may send from a browser; none may read an answer by default"`
	Schema      event.File     `yaml:"schema" doc:"the file of a JSON Schema; a request whose body does not fit is refused with 400"`
	Split       event.Expr     `yaml:"split" want:"list" sees:"event" doc:"a list; each of its elements becomes an event"`
}

// SourceRate is how many requests a source takes in a time.
type SourceRate struct {
	Limit event.Rate `yaml:"limit" required:"true" short:"true" doc:"how many, in a second, a minute, an hour or a day: 100/s, 1000/m, 10/h, 5/d"`
	Per   RateKey    `yaml:"per" doc:"what has a limit of its own: the source, each ip, or each value of an expression on the request's header (source)"`
}

// RateKey is what has a limit of its own: each address, each value of an
// expression, or else the whole source.
type RateKey struct {
	IP   bool
	Expr event.Expr
}

// Sink is a place where events go.
type Sink struct {
	Name     string   `yaml:"-"`
	Kind     string   `yaml:"-"`
	Settings any      `yaml:"-"` // the kind's
	Pos      Position `yaml:"-"`
	// Checksum is equal as long as the kind's settings, resolved, and the files
	// they name are: then the running sink can stay. It says nothing of the
	// fields below.
	Checksum string `yaml:"-"`

	Timeout     event.Duration `yaml:"timeout" min:"1ms" doc:"how long an attempt may take (30s)"`
	Retry       Retry          `yaml:"retry" doc:"how often a failed delivery is attempted again"`
	Concurrency int            `yaml:"concurrency" min:"1" max:"10000" doc:"how many attempts run at once (8)"`
	Backlog     int            `yaml:"backlog" min:"0" doc:"how many deliveries may wait; beyond it they become dead letters; 0 is no limit (0)"`
	Batch       *Batch         `yaml:"batch" doc:"several deliveries in one attempt"`
	Rate        *SinkRate      `yaml:"rate" doc:"how many deliveries are attempted in a time, by all pipelines together; no limit by default"`
	Breaker     *Breaker       `yaml:"breaker" doc:"leave the sink alone for a while when it fails; it is not by default"`
}

// SinkRate is how many deliveries a sink is given in a time.
type SinkRate struct {
	Limit event.Rate `yaml:"limit" required:"true" short:"true" doc:"how many, in a second, a minute, an hour or a day: 50/s, 1000/m, 10/h, 5/d"`
	Per   event.Expr `yaml:"per" want:"string" doc:"an expression: each of its values has a limit of its own, and one that is beyond it delays no other"`
}

// Breaker is when a failing sink is left alone, and for how long. A zero is the
// engine's default.
type Breaker struct {
	Failures int            `yaml:"failures" min:"1" doc:"how many attempts must have failed, one after the other (10)"`
	Ratio    float64        `yaml:"ratio" min:"0.01" max:"1" doc:"or this part of all attempts within the window, if those are as many; it does not count by default"`
	Window   event.Duration `yaml:"window" min:"1s" doc:"how far ratio looks back (1m)"`
	Pause    event.Duration `yaml:"pause" min:"10ms" doc:"how long it is left alone, until one delivery tries whether it is back (30s)"`
}

// Retry is how often, and how long, a delivery is attempted.
type Retry struct {
	Attempts int            `yaml:"attempts" min:"0" doc:"at most so many; 0 is no limit (0)"`
	Initial  event.Duration `yaml:"initial" min:"1ms" doc:"the wait after the first attempt (1s)"`
	Max      event.Duration `yaml:"max" min:"1ms" doc:"the longest wait (10m)"`
	Factor   float64        `yaml:"factor" min:"1" max:"100" doc:"by which each wait is longer than the one before (2)"`
	Jitter   float64        `yaml:"jitter" min:"0" max:"1" doc:"the part of a wait that chance adds or takes away, 0 to 1 (0.2)"`
	MaxAfter event.Duration `yaml:"max_retry_after" doc:"the longest Retry-After of a receiver that is granted (1h)"`
	For      event.Duration `yaml:"for" doc:"no attempt later than this after the first; 0s is no limit (24h)"`
}

// Batch is how deliveries are gathered for one attempt.
type Batch struct {
	Size int            `yaml:"size" min:"1" max:"10000" doc:"the most deliveries in one; the kind's own number when left out"` // never 0
	Wait event.Duration `yaml:"wait" doc:"how long an incomplete one waits for more (0s)"`
}

// Pipeline is the way of events from sources to sinks.
type Pipeline struct {
	Name   string   `yaml:"-"`
	Pos    Position `yaml:"-"`
	Start  Start    `yaml:"-"`
	Steps  []Step   `yaml:"-"`
	Routes []Route  `yaml:"-"`
	// OrderBy gives the key whose events keep their order; nil: none do.
	OrderBy event.Expr `yaml:"-"`

	From     []string `yaml:"from" required:"true" doc:"the sources whose events it takes"`
	OnError  string   `yaml:"on_error" enum:"dead,drop,pass" doc:"what becomes of an event on which a step fails (dead)"`
	Match    string   `yaml:"match" enum:"all,first" doc:"whether every route whose when holds gets the event, or only the first (all)"`
	Unrouted string   `yaml:"unrouted" enum:"drop,dead" doc:"what becomes of an event that no route takes (drop)"`
}

// Start is where a new pipeline begins to read. The zero Start is now.
type Start struct {
	All  bool           // with the oldest event that is stored
	Back event.Duration // with what came at most so long ago
}

// Step is a transform of a pipeline.
type Step struct {
	// Name tells the steps of a pipeline apart in metrics and dead letters: the
	// kind and the place from 1, such as filter_2.
	Name     string
	Kind     string
	Settings any // the kind's
	Pos      Position
}

// Route is a way out of a pipeline.
type Route struct {
	Name  string
	When  event.Expr // nil: always
	Chain bool       // one hop after the other; otherwise side by side
	Hops  []Hop
	Pos   Position
}

// Hop is a sink on a route.
type Hop struct {
	Sink string
	When event.Expr     // nil: always
	Map  *event.Mapping // nil: the body as the steps left it
	// Continue and FailsTo are the hop's on_failure; neither of them is stop.
	Continue bool  // the chain goes on without what failed here
	FailsTo  []Hop // who is handed what failed here, instead of the dead letters
	Pos      Position
}

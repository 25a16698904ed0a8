package main

import (
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/trotline/trotline/engine"
	"github.com/trotline/trotline/engine/config"
)

// tellStart says what runs and where: a few lines for a person, a log line each for a program.
func tellStart(t *terminal, log *slog.Logger, e *engine.Engine, conf *config.Config, admin string) {
	base := doorURL(conf, e.Addr().String())
	if isTerminal(t.errOut) && !t.JSON {
		banner(t, conf, base, admin)
		return
	}
	for _, s := range conf.Sources {
		log.Info("a source listens", "source", s.Name, "url", base+s.Path, "methods", strings.Join(s.Methods, ","))
	}
	for _, p := range conf.Pipelines {
		log.Info("a pipeline runs", "pipeline", p.Name, "flow", flow(p))
	}
	for _, s := range conf.Sinks {
		log.Info("a sink runs", "sink", s.Name, "type", s.Kind)
	}
	log.Info("running", "version", readBuild().Version, "data", dataPlace(conf), "admin", "http://"+admin)
}

func banner(t *terminal, conf *config.Config, base, admin string) {
	word := func(w string) string { return paint(t.colorErr, bold, w) }
	fmt.Fprintf(t.errOut, "%s %s\n\n", word("trotline"), readBuild().Version)
	w := tabwriter.NewWriter(t.errOut, 0, 0, 2, ' ', 0)
	for _, s := range conf.Sources {
		fmt.Fprintf(w, "  source\t%s\t%s %s\n", s.Name, strings.Join(s.Methods, ","), base+s.Path)
	}
	for _, p := range conf.Pipelines {
		fmt.Fprintf(w, "  pipeline\t%s\t%s\n", p.Name, flow(p))
	}
	for _, s := range conf.Sinks {
		fmt.Fprintf(w, "  sink\t%s\t%s\n", s.Name, s.Kind)
	}
	fmt.Fprintf(w, "  data\t\t%s\n", dataPlace(conf))
	fmt.Fprintf(w, "  admin\t\thttp://%s\n", admin)
	_ = w.Flush()
	fmt.Fprintln(t.errOut)
	if len(conf.Sources) > 0 {
		fmt.Fprintf(t.errOut, "In another terminal, %s sends an event, and %s shows what came.\n",
			word("trotline send "+conf.Sources[0].Name+" --data '{…}' -c "+conf.Files[0].Path), word("trotline events list"))
	}
	fmt.Fprintf(t.errOut, "Edit %s and it reloads. Ctrl-C stops.\n\n", word(filepath.Base(conf.Files[0].Path)))
}

// flow is a pipeline in one line: shop → validate → filter → big: warehouse → crm, all: warehouse + dashboard.
func flow(p *config.Pipeline) string {
	parts := []string{strings.Join(p.From, "|")}
	for _, s := range p.Steps {
		parts = append(parts, s.Kind)
	}
	var routes []string
	for _, r := range p.Routes {
		routes = append(routes, routeFlow(r))
	}
	return strings.Join(append(parts, strings.Join(routes, ", ")), " → ")
}

func routeFlow(r config.Route) string {
	between := " + "
	if r.Chain {
		between = " → "
	}
	var hops []string
	for _, h := range r.Hops {
		hops = append(hops, h.Sink)
	}
	return r.Name + ": " + strings.Join(hops, between)
}

// doorURL is where senders on this machine reach a door that listens there.
func doorURL(conf *config.Config, listen string) string {
	scheme := "http"
	if conf.Server.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + dialable(listen)
}

// dialable is an address to connect to: one that listens everywhere is reached on loopback.
func dialable(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return listen
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}

func dataPlace(conf *config.Config) string {
	if conf.NATS.URL != "" || conf.NATS.Embedded == nil {
		return "in NATS, prefix " + conf.NATS.Prefix
	}
	return string(conf.NATS.Embedded.Dir)
}

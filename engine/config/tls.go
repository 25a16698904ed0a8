package config

import (
	"fmt"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/trotline/trotline/event"
)

// checkTLS finds what is missing, too much, or no certificate can be had for.
// store is the embedded server, nil beside a cluster.
func (l *loader) checkTLS(t *TLS, store *Embedded, e entry) {
	if t == nil {
		return
	}
	say := func(path, msg, hint string) { l.addAt(e.file, deepest(e, path), msg, hint) }
	if t.ClientAuth != "" && t.ClientCAFile == "" {
		say("tls.client_auth", "client_auth is about clients' certificates, and they are asked for none", "add client_ca_file, or remove it")
	}
	switch {
	case t.ACME != nil && (t.CertFile != "" || t.KeyFile != ""):
		say("tls.acme", "tls has files or acme, not both", "remove one of them")
	case t.ACME != nil:
		l.checkACME(t.ACME, store, say)
	case t.CertFile == "" && t.KeyFile == "":
		say("tls", "tls has no certificate", "add cert_file and key_file, or acme: {domains: [hooks.example.com]}")
	case t.KeyFile == "":
		say("tls", "key_file is missing", "the certificate's key, PEM")
	case t.CertFile == "":
		say("tls", "cert_file is missing", "the certificate and its chain, PEM")
	}
}

func (l *loader) checkACME(a *ACME, store *Embedded, say func(path, msg, hint string)) {
	for i, d := range a.Domains {
		if why := notCertifiable(d); why != "" {
			say(fmt.Sprintf("tls.acme.domains[%d]", i), l.shown(d)+" "+why, "name each host that senders call: hooks.example.com")
		}
	}
	if a.Email != "" && !strings.Contains(a.Email, "@") {
		say("tls.acme.email", "email is no address to write to", "write ops@example.com")
	}
	if u, err := url.Parse(a.Directory); a.Directory != "" && (err != nil || u.Scheme != "https" || u.Host == "") {
		say("tls.acme.directory", "directory wants an address of HTTPS", "write https://acme.example.com/directory")
	}
	if a.Cache == "" {
		a.Cache = event.Path(filepath.Join(l.dataFolder(store), "acme"))
	}
}

// notCertifiable is why no certificate can be had for a domain; "" if one can.
func notCertifiable(domain string) string {
	_, notIP := netip.ParseAddr(domain)
	switch {
	case strings.Contains(domain, "*"):
		return "is a wildcard, and those are certified by a DNS record alone"
	case notIP == nil:
		return "is an address, not a name"
	case strings.ContainsAny(domain, ":/@ ") || !strings.Contains(strings.Trim(domain, "."), "."):
		return "is no public name of a host"
	}
	return ""
}

// dataFolder is where the embedded server keeps its files, or would.
func (l *loader) dataFolder(store *Embedded) string {
	if store != nil && store.Dir != "" {
		return string(store.Dir)
	}
	return filepath.Join(filepath.Dir(l.files[0].path), "data")
}

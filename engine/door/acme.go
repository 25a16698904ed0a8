package door

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"
)

// ACME is how certificates are obtained from an authority (RFC 8555). It proves
// that the domains are ours by the challenge tls-alpn-01 (RFC 8737): on the
// door's own listener, which the authority must reach at the port 443. Using it
// is accepting the authority's terms.
type ACME struct {
	Domains   []string
	Email     string // for the authority to write to; "" is none
	Directory string // the authority's address; "" is Let's Encrypt's
	CAFile    string // the authorities of the directory's own certificate; "" is the system's
	Cache     string // the folder for the certificates and the account, with their keys
}

// obtainer obtains certificates when the first client asks for them, and renews them in time.
type obtainer struct {
	manager   *autocert.Manager
	log       *slog.Logger
	told      atomic.Int64 // when a failure was last logged, Unix nanoseconds
	challenge *tls.Config  // for the authority's own handshake: it has no client certificate
}

func newObtainer(a *ACME, log *slog.Logger) (*obtainer, error) {
	if err := os.MkdirAll(a.Cache, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder for certificates: %w", err)
	}
	client, err := a.client()
	if err != nil {
		return nil, err
	}
	o := &obtainer{log: log, manager: &autocert.Manager{
		Prompt: autocert.AcceptTOS, Cache: autocert.DirCache(a.Cache), HostPolicy: autocert.HostWhitelist(a.Domains...),
		Email: a.Email, Client: &acme.Client{HTTPClient: client, DirectoryURL: a.Directory, UserAgent: "trotline"},
	}}
	o.challenge = &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: []string{acme.ALPNProto}, GetCertificate: o.manager.GetCertificate,
	}
	return o, nil
}

// client calls the directory.
func (a *ACME) client() (*http.Client, error) {
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, TLSHandshakeTimeout: 10 * time.Second, IdleConnTimeout: time.Minute}
	if a.CAFile != "" {
		pool, err := readAuthorities(a.CAFile)
		if err != nil {
			return nil, fmt.Errorf("load the authorities of the directory: %w", err)
		}
		transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool}
	}
	return &http.Client{Transport: transport, Timeout: time.Minute}, nil
}

// certificate is the one for a client. While an authority refuses, every client
// fails, so it is told once a minute.
func (o *obtainer) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	made, err := o.manager.GetCertificate(hello)
	if err == nil || o.manager.HostPolicy(context.Background(), hello.ServerName) != nil {
		return made, err
	}
	now, last := time.Now().UnixNano(), o.told.Load()
	if now-last >= int64(time.Minute) && o.told.CompareAndSwap(last, now) {
		o.log.Error("no certificate could be obtained; it is tried again when a client comes", "domain", hello.ServerName, "error", err)
	}
	return nil, err
}

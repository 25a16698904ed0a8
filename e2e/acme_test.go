package e2e

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/trotline/trotline/internal/rig"
)

// domain is a name that only the test's DNS server knows.
const domain = "hooks.trotline.test"

// TestACME obtains a certificate from Pebble, the ACME server of Let's Encrypt
// for tests, over the door's own listener; and has it still after a restart,
// when the authority is gone.
func TestACME(t *testing.T) {
	slow(t)
	e := newEngine(t, sources+"sinks: {out: {type: stdout}}\npipelines: {orders: {from: shop, to: [out]}}\n")
	authority := startPebble(t, e.door)
	e.serve(fmt.Sprintf("  tls:\n    acme: {domains: [%s], email: ops@%s, directory: %q, ca_file: %q}\n",
		domain, domain, authority.directory, authority.caFile))
	e.start()
	first := e.postSecurely(authority.roots(), "acme-1")
	if len(first.DNSNames) != 1 || first.DNSNames[0] != domain || !strings.HasPrefix(first.Issuer.CommonName, "Pebble") {
		t.Errorf("the certificate is for %v, by %s", first.DNSNames, first.Issuer)
	}
	roots := authority.roots()
	authority.process.Kill()
	e.kill()
	e.start()
	if second := e.postSecurely(roots, "acme-2"); !second.Equal(first) {
		t.Error("after a restart the certificate is another one")
	}
	if strings.Contains(e.log(), "PRIVATE KEY") {
		t.Error("the log holds a key")
	}
}

// postSecurely posts an event over TLS and returns the certificate it met.
func (e *engine) postSecurely(roots *x509.CertPool, id string) *x509.Certificate {
	e.t.Helper()
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: domain}, TLSHandshakeTimeout: time.Minute, DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, e.door)
		},
	}
	body := fmt.Appendf(nil, `{"id":%q}`, id)
	var met *x509.Certificate
	// The listener's handshakes have ten seconds; an authority may take longer.
	await(e.t, time.Minute, "the event is accepted over TLS", func() bool {
		q, err := http.NewRequest(http.MethodPost, "https://"+domain+"/hooks/shop", bytes.NewReader(body))
		if err != nil {
			e.t.Fatal(err)
		}
		q.Header.Set(header, sign(body))
		answer, err := (&http.Client{Transport: transport}).Do(q)
		if err != nil {
			return false
		}
		answer.Body.Close()
		met = answer.TLS.PeerCertificates[0]
		return answer.StatusCode == http.StatusAccepted
	})
	return met
}

// pebble is an ACME authority on loopback.
type pebble struct {
	t          *testing.T
	directory  string // its address
	management string
	caFile     string // of its own certificate
	trusting   *x509.CertPool
	process    *rig.Process
}

// startPebble starts an authority that takes every domain to be at the door.
func startPebble(t *testing.T, door string) *pebble {
	t.Helper()
	_, port, err := net.SplitHostPort(door)
	if err != nil {
		t.Fatal(err)
	}
	p := &pebble{t: t}
	certFile, keyFile, trusting := loopbackCertificate(t)
	listen, management, dns := freeAddr(t), freeAddr(t), freeAddr(t)
	p.directory, p.management, p.caFile, p.trusting = "https://"+listen+"/dir", "https://"+management, certFile, trusting
	config, err := json.Marshal(map[string]any{"pebble": map[string]any{
		"listenAddress": listen, "managementListenAddress": management, "certificate": certFile, "privateKey": keyFile,
		"httpPort": 1, "tlsPort": json.Number(port),
		"profiles": map[string]any{"default": map[string]any{"description": "for a test", "validityPeriod": 7776000}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "pebble.json")
	if err := os.WriteFile(file, config, 0o600); err != nil {
		t.Fatal(err)
	}
	names := freeAddr(t)
	startTool(t, "pebble-challtestsrv", func() bool { return listens(names) }, "-dnsserver", dns, "-management", names,
		"-defaultIPv6", "", "-http01", "", "-https01", "", "-tlsalpn01", "", "-doh", "")
	p.process = startTool(t, "pebble", func() bool { return p.root() != nil }, "-config", file, "-dnsserver", dns)
	return p
}

// startTool starts a program of `make bin/pebble`.
func startTool(t *testing.T, name string, ready func() bool, args ...string) *rig.Process {
	t.Helper()
	program := filepath.Join("..", "bin", name)
	if _, err := os.Stat(program); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("there is no %s: `make bin/pebble` installs it", program)
		}
		t.Skipf("there is no %s: `make bin/pebble` installs it", program)
	}
	p := &rig.Process{Program: program, Args: args, Log: filepath.Join(t.TempDir(), name), Env: []string{"PEBBLE_VA_NOSLEEP=1"}, Ready: ready}
	t.Cleanup(p.Kill)
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return p
}

func listens(addr string) bool {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return false
	}
	conn.Close()
	return true
}

// roots are those of the certificates it makes.
func (p *pebble) roots() *x509.CertPool {
	p.t.Helper()
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(p.root()) {
		p.t.Fatal("Pebble has no root certificate")
	}
	return pool
}

func (p *pebble) root() []byte {
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: p.trusting}, DisableKeepAlives: true}}
	answer, err := client.Get(p.management + "/roots/0")
	if err != nil {
		return nil
	}
	defer answer.Body.Close()
	pem, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		return nil
	}
	return pem
}

package door

import (
	"bytes"
	"crypto/tls"
	"encoding/pem"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/crypto/acme"
)

// TestACMEWithoutAnAuthority is what can be seen of it without one; that
// certificates are obtained is tested in e2e, against Pebble.
func TestACMEWithoutAnAuthority(t *testing.T) {
	var asked atomic.Int64
	away := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.WriteHeader(http.StatusForbidden)
	}))
	defer away.Close()
	dir := t.TempDir()
	directoryCA, clientCA, cache := filepath.Join(dir, "directory"), filepath.Join(dir, "clients"), filepath.Join(dir, "data", "acme")
	write(t, directoryCA, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: away.Certificate().Raw}))
	write(t, clientCA, certificate(t, "authority", nil).pem)
	var log bytes.Buffer
	certs, err := LoadCertificates(CertificateOptions{
		ACME:         &ACME{Domains: []string{"hooks.example.com"}, Directory: away.URL, CAFile: directoryCA, Cache: cache},
		ClientCAFile: clientCA, Log: slog.New(slog.NewTextHandler(&log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(cache); err != nil || info.Mode() != fs.ModeDir|0o700 {
		t.Errorf("the folder for keys is %v, %v", info, err)
	}
	configured := func(name string, protos ...string) *tls.Config {
		made, err := certs.Config().GetConfigForClient(&tls.ClientHelloInfo{ServerName: name, SupportedProtos: protos})
		if err != nil {
			t.Fatal(err)
		}
		return made
	}

	challenge := configured("hooks.example.com", acme.ALPNProto)
	if challenge.ClientAuth != tls.NoClientCert || challenge.NextProtos[0] != acme.ALPNProto {
		t.Errorf("the authority is met with %+v", challenge)
	}
	ordinary := configured("hooks.example.com", "h2")
	if ordinary.ClientAuth != tls.RequireAndVerifyClientCert {
		t.Errorf("a client is met with %+v", ordinary)
	}

	if _, err := ordinary.GetCertificate(&tls.ClientHelloInfo{ServerName: "other.example.com"}); err == nil || asked.Load() != 0 {
		t.Errorf("for a strange name: %v, and the authority is asked %d times", err, asked.Load())
	}
	for range 3 {
		if _, err := ordinary.GetCertificate(&tls.ClientHelloInfo{ServerName: "hooks.example.com"}); err == nil {
			t.Error("there is a certificate")
		}
	}
	if asked.Load() == 0 {
		t.Error("the authority is not asked")
	}
	if n := strings.Count(log.String(), "no certificate could be obtained"); n != 1 || !strings.Contains(log.String(), "hooks.example.com") {
		t.Errorf("it is told %d times:\n%s", n, log.String())
	}
}

package e2e

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// loopbackCertificate writes a certificate for 127.0.0.1 and its key. Whoever
// trusts the first file trusts the certificate.
func loopbackCertificate(t *testing.T) (certFile, keyFile string, trusting *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "loopback"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, BasicConstraintsValid: true, IsCA: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	certFile, keyFile = filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem")
	trusting = x509.NewCertPool()
	for file, block := range map[string]*pem.Block{
		certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "PRIVATE KEY", Bytes: keyDER},
	} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	trusting.AddCert(cert)
	return certFile, keyFile, trusting
}

// TestClientCertificates has a source for senders with a certificate beside one
// for senders without.
func TestClientCertificates(t *testing.T) {
	e := newEngine(t, sources+`  partner: {path: /hooks/partner, verify: {mtls: {subject: loopback}}}
  stranger: {path: /hooks/stranger, verify: {mtls: {subject: somebody}}}
sinks: {out: {type: stdout}}
pipelines: {all: {from: [shop, partner, stranger], to: [out]}}
`)
	certFile, keyFile, roots := loopbackCertificate(t)
	e.serve(fmt.Sprintf("  tls: {cert_file: %q, key_file: %q, client_ca_file: %q, client_auth: optional}\n", certFile, keyFile, certFile))
	e.start()
	own, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	body := []byte(`{"id":"tls"}`)
	for _, c := range []struct {
		source string
		with   []tls.Certificate
		status int
	}{
		{"shop", nil, 202}, {"partner", nil, 401}, {"partner", []tls.Certificate{own}, 202}, {"stranger", []tls.Certificate{own}, 401},
	} {
		q, err := http.NewRequest(http.MethodPost, "https://"+e.door+"/hooks/"+c.source, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		q.Header.Set(header, sign(body))
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: c.with}, DisableKeepAlives: true}
		status, err := exchange(&http.Client{Transport: transport}, q)
		if err != nil || status != c.status {
			t.Errorf("%s with %d certificates: %d, %v; want %d", c.source, len(c.with), status, err, c.status)
		}
	}
}

package door

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/trotline/trotline/event"
)

// authority signs certificates for 127.0.0.1.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

func certificate(t *testing.T, name string, parent *authority) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, BasicConstraintsValid: true, IsCA: parent == nil,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	signer, signerKey := template, key
	if parent != nil {
		signer, signerKey = parent.cert, parent.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, signer, &key.PublicKey, signerKey)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{cert, key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}
}

func (a *authority) keyPEM(t *testing.T) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(a.key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func write(t *testing.T, file string, data []byte) {
	t.Helper()
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestTLS(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile, caFile := filepath.Join(dir, "cert"), filepath.Join(dir, "key"), filepath.Join(dir, "ca")
	ca := certificate(t, "authority", nil)
	first, second, sender := certificate(t, "first", ca), certificate(t, "second", ca), certificate(t, "sender", ca)
	write(t, certFile, first.pem)
	write(t, keyFile, first.keyPEM(t))
	write(t, caFile, ca.pem)

	var log bytes.Buffer
	certs, err := LoadCertificates(CertificateOptions{CertFile: certFile, KeyFile: keyFile, ClientCAFile: caFile, Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	clock := time.Now()
	certs.now = func() time.Time { return clock }
	_, addr := listen(t, Options{Store: newMemory(1), Certificates: certs, Table: table(t, 1, Settings{}, Route{})})

	roots := x509.NewCertPool()
	roots.AddCert(ca.cert)
	// ask sends over a connection of its own, and says whose certificate it met.
	ask := func(with ...tls.Certificate) (server, proto string, err error) {
		transport := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: with}}
		defer transport.CloseIdleConnections()
		resp, err := (&http.Client{Transport: transport}).Do(post(t, "https://"+addr+"/hooks/shop", "x"))
		if err != nil {
			return "", "", err
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusAccepted {
			t.Errorf("answered %d", resp.StatusCode)
		}
		return resp.TLS.PeerCertificates[0].Subject.CommonName, resp.Proto, nil
	}
	own := tls.Certificate{Certificate: [][]byte{sender.cert.Raw}, PrivateKey: sender.key}

	if _, _, err := ask(); err == nil {
		t.Error("a client without a certificate is served")
	}
	if server, proto, err := ask(own); err != nil || server != "first" || proto != "HTTP/2.0" {
		t.Errorf("met %s over %s, %v", server, proto, err)
	}

	write(t, certFile, second.pem) // its key is not there yet
	clock = clock.Add(certificateAge)
	if server, _, err := ask(own); err != nil || server != "first" {
		t.Errorf("between the two writes: met %s, %v", server, err)
	}
	if !strings.Contains(log.String(), "cannot be used") {
		t.Errorf("the log is %q", log.String())
	}
	write(t, keyFile, second.keyPEM(t))
	clock = clock.Add(certificateAge)
	if server, _, err := ask(own); err != nil || server != "second" {
		t.Errorf("after the change: met %s, %v", server, err)
	}
}

func TestLoadCertificatesNamesTheFile(t *testing.T) {
	dir := t.TempDir()
	good := certificate(t, "x", nil)
	certFile, keyFile, caFile := filepath.Join(dir, "cert"), filepath.Join(dir, "key"), filepath.Join(dir, "ca")
	write(t, certFile, good.pem)
	write(t, keyFile, good.keyPEM(t))
	write(t, caFile, []byte("nothing"))
	for _, tt := range []struct{ cert, key, ca, want string }{
		{filepath.Join(dir, "missing"), keyFile, "", "missing"},
		{certFile, certFile, "", certFile},
		{certFile, keyFile, filepath.Join(dir, "nowhere"), "nowhere"},
		{certFile, keyFile, caFile, "there is no certificate in " + caFile},
	} {
		if _, err := LoadCertificates(CertificateOptions{CertFile: tt.cert, KeyFile: tt.key, ClientCAFile: tt.ca}); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("the error is %v, want %s", err, tt.want)
		}
	}
}

// TestClientCertificatesAreHandedOver: an optional one is verified like any
// other, also behind a proxy that passes TLS through.
func TestClientCertificatesAreHandedOver(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile, caFile := filepath.Join(dir, "cert"), filepath.Join(dir, "key"), filepath.Join(dir, "ca")
	ca := certificate(t, "authority", nil)
	server := certificate(t, "server", ca)
	write(t, certFile, server.pem)
	write(t, keyFile, server.keyPEM(t))
	write(t, caFile, ca.pem)
	certs, err := LoadCertificates(CertificateOptions{CertFile: certFile, KeyFile: keyFile, ClientCAFile: caFile, ClientsOptional: true})
	if err != nil {
		t.Fatal(err)
	}
	receiver := sourceFunc(func(r *event.Request) (*event.Receipt, error) {
		name := "nobody"
		if r.Certificate != nil {
			name = r.Certificate.Subject.CommonName
		}
		return &event.Receipt{Body: []byte(name + " from " + r.RemoteIP.String())}, nil
	})
	_, addr := listen(t, Options{Store: newMemory(1), Certificates: certs, Table: table(t, 1,
		Settings{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}, Route{Receiver: receiver})})
	roots := x509.NewCertPool()
	roots.AddCert(ca.cert)
	ask := func(proxy string, client *authority) string {
		transport := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: roots}}
		defer transport.CloseIdleConnections()
		if client != nil {
			own := tls.Certificate{Certificate: [][]byte{client.cert.Raw}, PrivateKey: client.key}
			// Also one that the server did not ask for.
			transport.TLSClientConfig.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &own, nil }
		}
		transport.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, network, addr)
			if err == nil {
				_, err = io.WriteString(conn, proxy)
			}
			return conn, err
		}
		resp, err := (&http.Client{Transport: transport}).Do(post(t, "https://"+addr+"/hooks/shop", "x"))
		if err != nil {
			return "refused"
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(body)
	}
	const proxy = "PROXY TCP4 198.51.100.1 203.0.113.1 56324 443\r\n"
	sender, stranger := certificate(t, "sender", ca), certificate(t, "sender", certificate(t, "authority", nil))
	for _, tt := range []struct {
		name, proxy string
		client      *authority
		want        string
	}{
		{"one of the authority's", "", sender, "sender from 127.0.0.1"},
		{"none", "", nil, "nobody from 127.0.0.1"},
		{"one of another authority's", "", stranger, "refused"},
		{"behind a proxy", proxy, sender, "sender from 198.51.100.1"},
	} {
		if got := ask(tt.proxy, tt.client); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

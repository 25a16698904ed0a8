package httpsink

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/trotline/trotline/event"
	"github.com/trotline/trotline/event/eventtest"
)

func TestTLS(t *testing.T) {
	seen := make(chan *http.Request, 1)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen <- r }))
	server.EnableHTTP2 = true
	server.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // the handshakes that fail here on purpose
	server.StartTLS()
	defer server.Close()
	ca := event.File{Path: "/ca.pem", Data: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})}
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	writeCertificate(t, cert, key, 1)

	for _, c := range []struct {
		name string
		tls  *TLS
		want string // in the error; "" is none
	}{
		{"an unknown authority", nil, "certificate signed by unknown authority"},
		{"its authority", &TLS{CAFile: ca}, ""},
		{"another name", &TLS{CAFile: ca, ServerName: "example.com"}, ""},
		{"a name it does not have", &TLS{CAFile: ca, ServerName: "example.org"}, "valid for"},
		{"not verified", &TLS{InsecureSkipVerify: true}, ""},
		{"with our certificate", &TLS{CAFile: ca, CertFile: event.Path(cert), KeyFile: event.Path(key)}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := start(t, &Settings{URL: eventtest.Template(server.URL), Method: "POST", TLS: c.tls})
			err := s.Deliver(t.Context(), []*event.Delivery{eventtest.Numbered(1)})[0].Err
			if c.want != "" {
				if err == nil || event.IsPermanent(err) || !strings.Contains(err.Error(), c.want) {
					t.Errorf("error %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			r := <-seen
			if r.ProtoMajor != 2 {
				t.Errorf("spoke %s", r.Proto)
			}
			if ours := c.tls.CertFile != ""; ours != (len(r.TLS.PeerCertificates) > 0) {
				t.Errorf("the receiver saw %d certificates", len(r.TLS.PeerCertificates))
			}
		})
	}
}

// A certificate renewed in its place is used from the next connection on.
func TestRenewedCertificate(t *testing.T) {
	serials := make(chan string, 1)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		serials <- r.TLS.PeerCertificates[0].SerialNumber.String()
	}))
	server.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	server.StartTLS()
	defer server.Close()
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	writeCertificate(t, cert, key, 1)
	s := start(t, &Settings{URL: eventtest.Template(server.URL), Method: "POST", TLS: &TLS{
		InsecureSkipVerify: true, CertFile: event.Path(cert), KeyFile: event.Path(key),
	}})
	for _, want := range []string{"1", "2"} {
		if v := s.Deliver(t.Context(), []*event.Delivery{eventtest.Numbered(1)})[0]; v.Err != nil {
			t.Fatal(v.Err)
		}
		if got := <-serials; got != want {
			t.Errorf("the receiver saw certificate %s, want %s", got, want)
		}
		writeCertificate(t, cert, key, 2)
		server.CloseClientConnections()
	}
}

func TestBadTLSFiles(t *testing.T) {
	dir := t.TempDir()
	for _, set := range []*TLS{
		{CAFile: event.File{Path: "/ca.pem", Data: []byte("no certificate")}},
		{CertFile: event.Path(filepath.Join(dir, "none")), KeyFile: event.Path(filepath.Join(dir, "none"))},
	} {
		_, err := Kind().Open(t.Context(), &Settings{URL: eventtest.Template("https://a.example"), TLS: set}, event.SinkOptions{})
		if err == nil || !strings.HasPrefix(err.Error(), "tls.") {
			t.Errorf("error %v", err)
		}
	}
}

func writeCertificate(t *testing.T, certFile, keyFile string, serial int64) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), NotAfter: time.Now().Add(time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	must(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	must(t, os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), 0o600))
	must(t, os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600))
}

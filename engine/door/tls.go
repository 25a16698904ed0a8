package door

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"time"
)

// certificateAge is how long certificate files are trusted to be unchanged.
const certificateAge = 10 * time.Second

// Certificates are a server's certificate, its key, and the authorities its
// clients' certificates must come from. When the files change, the next
// handshake uses what stands in them then; connections stay. Files that cannot
// be used leave the former ones in force.
type Certificates struct {
	certFile, keyFile, clientCAFile string
	log                             *slog.Logger

	current atomic.Pointer[tls.Config]
	files   atomic.Pointer[fingerprint] // of the files current was made of
	checked atomic.Int64                // when the files were last looked at, Unix nanoseconds
	now     func() time.Time
}

// fingerprint is what changes when one of the files does.
type fingerprint [3]struct {
	modified int64 // Unix nanoseconds
	size     int64
}

// LoadCertificates reads the files (PEM). With a clientCAFile, clients must have
// a certificate; "" asks for none. log hears of files that cannot be used later on.
func LoadCertificates(certFile, keyFile, clientCAFile string, log *slog.Logger) (*Certificates, error) {
	c := &Certificates{certFile: certFile, keyFile: keyFile, clientCAFile: clientCAFile, log: log, now: time.Now}
	if err := c.load(); err != nil {
		return nil, err
	}
	return c, nil
}

// load reads the files. After an error the former ones stay in force.
func (c *Certificates) load() error {
	// Taken before the files are read: a change in between is seen the next time.
	files := c.fingerprint()
	certificate, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return fmt.Errorf("load the certificate %s with its key %s: %w", c.certFile, c.keyFile, err)
	}
	config := &tls.Config{
		MinVersion:   tls.VersionTLS12,
		Certificates: []tls.Certificate{certificate},
		NextProtos:   []string{"h2", "http/1.1"},
	}
	if c.clientCAFile != "" {
		if config.ClientCAs, err = readAuthorities(c.clientCAFile); err != nil {
			return err
		}
		config.ClientAuth = tls.RequireAndVerifyClientCert
	}
	c.current.Store(config)
	c.files.Store(&files)
	return nil
}

func readAuthorities(file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("load the clients' authorities: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, errors.New("load the clients' authorities: there is no certificate in " + file)
	}
	return pool, nil
}

// Config is a server's configuration that follows the files.
func (c *Certificates) Config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"h2", "http/1.1"},
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			c.refresh()
			return c.current.Load(), nil
		},
	}
}

// refresh reloads changed files, looking at them now and then.
func (c *Certificates) refresh() {
	now, last := c.now().UnixNano(), c.checked.Load()
	if now-last < int64(certificateAge) || !c.checked.CompareAndSwap(last, now) {
		return
	}
	if c.fingerprint() == *c.files.Load() {
		return
	}
	// A certificate and its key are two files: between the writes of the two
	// they do not fit, and the next look finds them whole.
	if err := c.load(); err != nil {
		c.log.Warn("changed certificate files cannot be used; the former ones stay", "error", err)
	}
}

func (c *Certificates) fingerprint() fingerprint {
	var f fingerprint
	for i, name := range []string{c.certFile, c.keyFile, c.clientCAFile} {
		if info, err := os.Stat(name); err == nil {
			f[i].modified, f[i].size = info.ModTime().UnixNano(), info.Size()
		}
	}
	return f
}

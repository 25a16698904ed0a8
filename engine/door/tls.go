package door

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/acme"
)

// certificateAge is how long certificate files are trusted to be unchanged.
const certificateAge = 10 * time.Second

// CertificateOptions are how a server proves itself, and whom it asks to do the same.
type CertificateOptions struct {
	CertFile, KeyFile string // PEM
	ACME              *ACME  // instead of the files
	// ClientCAFile are the authorities of clients' certificates (PEM); "" asks
	// for none. A client must have one, unless ClientsOptional; whatever one it
	// has is verified.
	ClientCAFile    string
	ClientsOptional bool
	Log             *slog.Logger // hears of what cannot be used, or obtained, later on
}

// Certificates are a server's certificate, its key, and the authorities its
// clients' certificates must come from. When the files change, the next
// handshake uses what stands in them then; connections stay. Files that cannot
// be used leave the former ones in force.
type Certificates struct {
	CertificateOptions
	obtainer *obtainer // nil where there are files

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

// LoadCertificates reads the files, or prepares to obtain certificates when the first client comes.
func LoadCertificates(o CertificateOptions) (*Certificates, error) {
	c := &Certificates{CertificateOptions: o, now: time.Now}
	if o.ACME != nil {
		var err error
		if c.obtainer, err = newObtainer(o.ACME, o.Log); err != nil {
			return nil, err
		}
	}
	if err := c.load(); err != nil {
		return nil, err
	}
	return c, nil
}

// load reads the files. After an error the former ones stay in force.
func (c *Certificates) load() error {
	// Taken before the files are read: a change in between is seen the next time.
	files := c.fingerprint()
	config := &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}
	if c.obtainer != nil {
		config.GetCertificate = c.obtainer.certificate
	} else {
		certificate, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
		if err != nil {
			return fmt.Errorf("load the certificate %s with its key %s: %w", c.CertFile, c.KeyFile, err)
		}
		config.Certificates = []tls.Certificate{certificate}
	}
	if c.ClientCAFile != "" {
		var err error
		if config.ClientCAs, err = readAuthorities(c.ClientCAFile); err != nil {
			return fmt.Errorf("load the clients' authorities: %w", err)
		}
		config.ClientAuth = tls.RequireAndVerifyClientCert
		if c.ClientsOptional {
			config.ClientAuth = tls.VerifyClientCertIfGiven
		}
	}
	c.current.Store(config)
	c.files.Store(&files)
	return nil
}

func readAuthorities(file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, errors.New("there is no certificate in " + file)
	}
	return pool, nil
}

// Config is a server's configuration that follows the files.
func (c *Certificates) Config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"h2", "http/1.1"},
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			if c.obtainer != nil && slices.Contains(hello.SupportedProtos, acme.ALPNProto) {
				return c.obtainer.challenge, nil
			}
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
		c.Log.Warn("changed certificate files cannot be used; the former ones stay", "error", err)
	}
}

func (c *Certificates) fingerprint() fingerprint {
	var f fingerprint
	for i, name := range []string{c.CertFile, c.KeyFile, c.ClientCAFile} {
		if info, err := os.Stat(name); err == nil {
			f[i].modified, f[i].size = info.ModTime().UnixNano(), info.Size()
		}
	}
	return f
}

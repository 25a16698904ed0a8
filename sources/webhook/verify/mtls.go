package verify

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/trotline/trotline/event"
)

// Certificate verifies senders by their TLS certificates. Whether one is
// genuine, the server has found out in the handshake.
type Certificate struct {
	subjects []string
	sans     []sanRule
}

// sanRule tells whether a certificate has a subject alternative name.
type sanRule func(*x509.Certificate) bool

// NewCertificate takes certificates with any of the subjects and any of the
// subject alternative names; without either of the lists, any.
func NewCertificate(subjects, sans []string) (*Certificate, error) {
	if slices.Contains(subjects, "") {
		return nil, &event.FieldError{Path: "subject", Msg: "holds an empty text"}
	}
	c := &Certificate{subjects: subjects}
	for _, name := range sans {
		rule, err := parseSAN(name)
		if err != nil {
			return nil, &event.FieldError{Path: "san", Msg: err.Error()}
		}
		c.sans = append(c.sans, rule)
	}
	return c, nil
}

// Verify looks at the certificate the request's connection came with.
func (c *Certificate) Verify(_ context.Context, r *event.Request) error {
	switch {
	case r.Certificate == nil:
		return event.Refuse(http.StatusUnauthorized, reasonCertificate, "The client certificate is missing.")
	case !c.isSubject(r.Certificate), !c.hasName(r.Certificate):
		return event.Refuse(http.StatusUnauthorized, reasonCertificate, "The client certificate is not the sender's.")
	}
	return nil
}

// isSubject compares whole subjects with whole ones, and common names with
// common names: a common name may look like a whole subject.
func (c *Certificate) isSubject(cert *x509.Certificate) bool {
	return len(c.subjects) == 0 || slices.ContainsFunc(c.subjects, func(subject string) bool {
		if strings.Contains(subject, "=") {
			return subject == cert.Subject.String()
		}
		return subject == cert.Subject.CommonName
	})
}

func (c *Certificate) hasName(cert *x509.Certificate) bool {
	return len(c.sans) == 0 || slices.ContainsFunc(c.sans, func(rule sanRule) bool { return rule(cert) })
}

// parseSAN is the rule for a name. What sort it is of, its text tells; it is not
// looked for among those of another sort.
func parseSAN(name string) (sanRule, error) {
	ip, notIP := netip.ParseAddr(name)
	switch {
	case name == "":
		return nil, errors.New("holds an empty text")
	case strings.Contains(name, "://"):
		return func(cert *x509.Certificate) bool { return hasURI(cert, name) }, nil
	case strings.Contains(name, "@"):
		return func(cert *x509.Certificate) bool { return slices.Contains(cert.EmailAddresses, name) }, nil
	case notIP == nil:
		return func(cert *x509.Certificate) bool { return hasIP(cert, ip.Unmap()) }, nil
	case strings.ContainsAny(name, " /:="):
		return nil, fmt.Errorf("%q is no DNS name, address, e-mail or URI", name)
	}
	return func(cert *x509.Certificate) bool {
		return slices.ContainsFunc(cert.DNSNames, func(dns string) bool { return strings.EqualFold(dns, name) })
	}, nil
}

func hasURI(cert *x509.Certificate, uri string) bool {
	for _, u := range cert.URIs {
		if u.String() == uri {
			return true
		}
	}
	return false
}

func hasIP(cert *x509.Certificate, ip netip.Addr) bool {
	for _, raw := range cert.IPAddresses {
		if a, ok := netip.AddrFromSlice(raw); ok && a.Unmap() == ip {
			return true
		}
	}
	return false
}

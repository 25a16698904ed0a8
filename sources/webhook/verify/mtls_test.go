package verify

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"net"
	"net/url"
	"strings"
	"testing"

	"github.com/trotline/trotline/event"
)

func TestCertificate(t *testing.T) {
	spiffe, err := url.Parse("spiffe://example/partner")
	if err != nil {
		t.Fatal(err)
	}
	cert := &x509.Certificate{
		Subject:  pkix.Name{CommonName: "partner", Organization: []string{"Example, Inc."}},
		DNSNames: []string{"partner.example.com", "*.example.org"}, EmailAddresses: []string{"hooks@example.com"},
		IPAddresses: []net.IP{net.IPv4(192, 0, 2, 7)}, URIs: []*url.URL{spiffe},
	}
	// Its names are written so that they look like something else.
	sly := &x509.Certificate{
		Subject:  pkix.Name{CommonName: `CN=partner,O=Example\, Inc.`},
		DNSNames: []string{"spiffe://example/partner", "hooks@example.com", "192.0.2.7"},
	}
	tests := []struct {
		name          string
		subjects      []string
		sans          []string
		accepts, also bool // the certificate, and the sly one
	}{
		{"any", nil, nil, true, true},
		{"common name", []string{"other", "partner"}, nil, true, false},
		{"whole subject", []string{`CN=partner,O=Example\, Inc.`}, nil, true, false},
		{"another one", []string{"other"}, nil, false, false},
		{"a part of it", []string{"part"}, nil, false, false},
		{"DNS name", nil, []string{"Partner.Example.com"}, true, false},
		{"a name that a wildcard covers", nil, []string{"a.example.org"}, false, false},
		{"e-mail", nil, []string{"hooks@example.com"}, true, false},
		{"address", nil, []string{"192.0.2.7"}, true, false},
		{"address in IPv6", nil, []string{"::ffff:192.0.2.7"}, true, false},
		{"URI", nil, []string{"spiffe://example/partner"}, true, false},
		{"any of several", nil, []string{"other.example.com", "192.0.2.7"}, true, false},
		{"both", []string{"partner"}, []string{"partner.example.com"}, true, false},
		{"only one of both", []string{"partner"}, []string{"other.example.com"}, false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v, err := NewCertificate(tt.subjects, tt.sans)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range []struct {
				cert *x509.Certificate
				want bool
			}{{cert, tt.accepts}, {sly, tt.also}, {nil, false}} {
				if err := v.Verify(t.Context(), &event.Request{Certificate: c.cert}); (err == nil) != c.want {
					t.Errorf("%v: %v", c.cert, err)
				}
			}
		})
	}
	for _, tt := range []struct {
		subjects, sans []string
		want           string
	}{
		{[]string{""}, nil, "subject: holds an empty text"},
		{nil, []string{""}, "san: holds an empty text"},
		{nil, []string{"DNS:partner.example.com"}, `san: "DNS:partner.example.com" is no DNS name`},
	} {
		if _, err := NewCertificate(tt.subjects, tt.sans); err == nil || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%v %v: %v, want %s", tt.subjects, tt.sans, err, tt.want)
		}
	}
}

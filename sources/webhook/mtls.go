package webhook

import (
	"github.com/trotline/trotline/event"
	"github.com/trotline/trotline/sources/webhook/verify"
)

// MTLS is a TLS certificate of the sender's.
type MTLS struct {
	Subject []string `yaml:"subject" doc:"the certificate's common name, or its whole subject (CN=partner,O=Example); any of them counts"`
	SAN     []string `yaml:"san" doc:"a subject alternative name: a DNS name, an address, an e-mail or a URI (spiffe://example/partner); any of them counts"`
}

// AsksForCertificate implements [event.CertificateAsker].
func (s *Settings) AsksForCertificate() (path string, asks bool) {
	return "verify.mtls", s.Verify != nil && s.Verify.MTLS != nil
}

func (m *MTLS) proof() (*proof, *event.FieldError) {
	v, err := verify.NewCertificate(m.Subject, m.SAN)
	if err != nil {
		return nil, fieldError("verify.mtls", err)
	}
	return &proof{Verifier: v}, nil
}

package admin

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/trotline/trotline/event"
)

// guard lets through who shows the token. Without a token it lets through
// who asks for a loopback name and does not come from another site's page: a
// browser on the same machine can be made to send requests by any page it shows.
func guard(token event.Secret, next http.Handler) http.Handler {
	if token != "" {
		return withToken(token, next)
	}
	sameSite := http.NewCrossOriginProtection()
	sameSite.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		refuse(w, http.StatusForbidden, "requests from another site's pages are not taken")
	}))
	return onLoopback(sameSite.Handler(next))
}

func withToken(token event.Secret, next http.Handler) http.Handler {
	// Digests have one length, so that the comparison tells nothing of the token's.
	want := sha256.Sum256([]byte(token.Reveal()))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got := sha256.Sum256([]byte(bearer(r.Header.Get("Authorization"))))
		if subtle.ConstantTimeCompare(want[:], got[:]) != 1 {
			w.Header().Set("WWW-Authenticate", `Bearer realm="trotline"`)
			refuse(w, http.StatusUnauthorized, "the token of server.admin.token is needed as a bearer token")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// bearer is the token of an Authorization header (RFC 6750, section 2.1), "" if it has none.
func bearer(header string) string {
	scheme, token, ok := strings.Cut(header, " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// onLoopback refuses what is addressed to another name than this machine's
// own: a page whose name was made to resolve to 127.0.0.1 (DNS rebinding)
// still sends its own name in Host.
func onLoopback(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !loopback(r.Host) {
			refuse(w, http.StatusForbidden, "without a token, requests are taken at localhost alone; set server.admin.token")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// loopback tells whether a Host header names this machine.
func loopback(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.Trim(host, "[]")
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}

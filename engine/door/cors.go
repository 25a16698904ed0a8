package door

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/trotline/trotline/event"
)

// CORS says which pages may send to a route from a browser (the Fetch standard,
// section 3.3).
type CORS struct {
	Origins []string      // "*" is every page, "https://*.example.com" those of every host below
	Headers []string      // what a page may put into the header, beside Content-Type
	MaxAge  time.Duration // how long a browser may remember what it was told; 0 is ten minutes
}

// The headers of the protocol, as net/http writes them.
const (
	headerOrigin       = "Origin"
	headerAsksMethod   = "Access-Control-Request-Method"
	headerAllowOrigin  = "Access-Control-Allow-Origin"
	headerAllowMethods = "Access-Control-Allow-Methods"
	headerAllowHeaders = "Access-Control-Allow-Headers"
	headerMaxAge       = "Access-Control-Max-Age"
	headerExpose       = "Access-Control-Expose-Headers"
)

// everyPage is the origin that stands for all of them.
const everyPage = "*"

func (c *CORS) allows(origin string) bool {
	return slices.ContainsFunc(c.Origins, func(allowed string) bool {
		scheme, domain, wild := strings.Cut(allowed, "*.")
		return allowed == everyPage || allowed == origin ||
			wild && strings.HasPrefix(origin, scheme) && strings.HasSuffix(origin, "."+domain)
	})
}

// fromPage refuses what a page of an unknown origin sends, also where a browser
// would send it without asking, as it does a form. What has no Origin comes from
// no page.
func (v *visit) fromPage(r *http.Request) error {
	cors, origin := v.route.CORS, r.Header.Get(headerOrigin)
	switch {
	case cors == nil || origin == "":
		return nil
	case !cors.allows(origin):
		return event.Refuse(http.StatusForbidden, "origin", "Pages of %.200s may not send here.", origin)
	case slices.Contains(cors.Origins, everyPage):
		origin = everyPage
	}
	v.reader = origin
	return nil
}

// isPreflight tells whether a browser only asks what its page may send.
func (v *visit) isPreflight(r *http.Request) bool {
	return v.reader != "" && r.Method == http.MethodOptions && r.Header.Get(headerAsksMethod) != ""
}

func (v *visit) preflight() answer {
	cors := v.route.CORS
	return answer{status: http.StatusNoContent, header: http.Header{
		headerAllowMethods: v.route.allow,
		headerAllowHeaders: {strings.Join(append([]string{"Content-Type"}, cors.Headers...), ", ")},
		headerMaxAge:       {strconv.Itoa(int(orDefault(cors.MaxAge, 10*time.Minute).Seconds()))},
	}}
}

// letRead lets the page that sent a request read its answer, whatever that is.
func (v *visit) letRead(h http.Header) {
	if v.reader == "" {
		return
	}
	h.Set(headerAllowOrigin, v.reader)
	h.Set(headerExpose, "Retry-After")
	if v.reader != everyPage {
		h.Set("Vary", headerOrigin)
	}
}

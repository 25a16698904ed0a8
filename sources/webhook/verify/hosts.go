package verify

import (
	"errors"
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"
)

// hosts are patterns of the hosts that may be called.
type hosts []string

func parseHosts(patterns []string) (hosts, error) {
	if len(patterns) == 0 {
		return nil, errors.New("is missing: name the sender's hosts")
	}
	for _, pattern := range patterns {
		labels := strings.Split(pattern, ".")
		if len(labels) < 2 || strings.Contains(strings.Join(labels[len(labels)-2:], "."), "*") {
			return nil, fmt.Errorf("%q must name a domain: at least its last two parts without a *", pattern)
		}
		if strings.ContainsAny(pattern, "/:@?[]\\ ") {
			return nil, fmt.Errorf("%q is not a host", pattern)
		}
	}
	return patterns, nil
}

// allow tells whether an address is one of the hosts', over HTTPS at its usual port.
func (h hosts) allow(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" || u.User != nil || u.Port() != "" && u.Port() != "443" {
		return false
	}
	name := strings.ToLower(u.Hostname())
	return slices.ContainsFunc(h, func(pattern string) bool { return sameLabels(pattern, name) })
}

// sameLabels compares part by part, so that a * never crosses a dot.
func sameLabels(pattern, name string) bool {
	want, got := strings.Split(pattern, "."), strings.Split(name, ".")
	if len(want) != len(got) {
		return false
	}
	for i := range want {
		if ok, err := path.Match(want[i], got[i]); !ok || err != nil {
			return false
		}
	}
	return true
}

package httpsink

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/trotline/trotline/event"
)

// outcome is what becomes of a delivery after an answer.
type outcome int

const (
	delivered outcome = iota
	again
	refused
)

// meaning is what a status means by itself.
func meaning(status int) outcome {
	switch {
	case status >= 200 && status < 300:
		return delivered
	case status >= 500, status == http.StatusRequestTimeout, status == http.StatusTooEarly, status == http.StatusTooManyRequests:
		return again
	}
	return refused
}

// rules are the settings' own words on answers.
type rules struct {
	retry, refuse []event.AnswerRule
}

// hasExpr tells whether any of them looks at more of an answer than its status.
func (r rules) hasExpr() bool {
	isExpr := func(rule event.AnswerRule) bool { return rule.Expr != nil }
	return slices.ContainsFunc(r.retry, isExpr) || slices.ContainsFunc(r.refuse, isExpr)
}

// apply is what an answer means by the rules, or else by itself. Where a rule
// fails on it, nobody knows: then what would be tried again still is, everything
// else is refused, and fault says why.
func (r rules) apply(d *event.Delivery, a event.Answer, itself outcome) (means outcome, fault error) {
	for _, list := range []struct {
		name  string
		rules []event.AnswerRule
		means outcome
	}{{"refuse_on", r.refuse, refused}, {"retry_on", r.retry, again}} {
		for _, rule := range list.rules {
			switch holds, err := rule.Holds(d, a); {
			case err != nil:
				if itself == delivered {
					itself = refused
				}
				return itself, fmt.Errorf("%s fails on it: %w", list.name, err)
			case holds:
				return list.means, nil
			}
		}
	}
	return itself, nil
}

// withFault is what an attempt came to, with the failure of a rule beside it. A
// dead letter gets its reason from that one: it is what has to be mended.
func withFault(err, fault error) error {
	if fault == nil {
		return err
	}
	return fmt.Errorf("%w; %w", err, fault)
}

package event

import (
	"strconv"
	"strings"
)

// AnswerRule chooses answers of a receiver: by their status, or by an
// expression that sees status, headers, body and error.
type AnswerRule struct {
	From, To int  // statuses, from 300 on; 0 where there is an expression
	Expr     Expr // nil: the statuses count
}

// ParseStatus reads a rule that goes by the status: 409, 5xx or 500-504.
func ParseStatus(text string) (rule AnswerRule, ok bool) {
	text = strings.TrimSpace(text)
	if class, is := strings.CutSuffix(text, "xx"); is {
		n, err := strconv.Atoi(class)
		return AnswerRule{From: 100 * n, To: 100*n + 99}, err == nil && 3 <= n && n <= 9
	}
	first, last, isRange := strings.Cut(text, "-")
	if !isRange {
		last = first
	}
	from, err := strconv.Atoi(first)
	if err != nil {
		return AnswerRule{}, false
	}
	to, err := strconv.Atoi(last)
	return AnswerRule{From: from, To: to}, err == nil && 300 <= from && from <= to && to <= 999
}

// Holds tells whether an answer is one of those. An attempt that was not
// answered has a status of 0, and an error.
func (r AnswerRule) Holds(d *Delivery, a Answer) (bool, error) {
	if r.Expr == nil {
		return r.From <= a.Status && a.Status <= r.To, nil
	}
	v, err := r.Expr.Eval(d.Event, Results{answered: a})
	return v == true, err
}

// answered is whose answer an expression sees that looks at a single one.
const answered = ""

// Answered is the answer that an expression looks at with [Scope].Answer.
func (r Results) Answered() Answer { return r[answered] }

package expression

import (
	"cmp"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"
)

// binaryOperations are the operators with two operands; and, or and ?? are the machine's own.
var binaryOperations = map[string]operation{
	"==": func(_ *site, f *frame, a []any) (any, error) { return equal(a[0], a[1]), f.charge(cost(a[0])) },
	"!=": func(_ *site, f *frame, a []any) (any, error) { return !equal(a[0], a[1]), f.charge(cost(a[0])) },
	"<":  ordering(func(c int) bool { return c < 0 }),
	"<=": ordering(func(c int) bool { return c <= 0 }),
	">":  ordering(func(c int) bool { return c > 0 }),
	">=": ordering(func(c int) bool { return c >= 0 }),

	"+": add, "-": subtract, "*": multiply, "/": arithmetic("/"), "%": arithmetic("%"), "**": arithmetic("**"), "^": arithmetic("**"),

	"..": span,
	"in": contained,

	"contains":   textTest(strings.Contains),
	"startsWith": textTest(strings.HasPrefix),
	"endsWith":   textTest(strings.HasSuffix),
	"matches":    matches,
}

// ordering compares numbers, texts, times and durations with their like.
func ordering(holds func(c int) bool) operation {
	return func(s *site, _ *frame, a []any) (any, error) {
		if c, ok := order(a[0], a[1]); ok {
			return holds(c), nil
		}
		return nil, s.incomparable(a[0], a[1])
	}
}

// order compares two values; ok is false where they have no order.
func order(a, b any) (c int, ok bool) {
	switch a := a.(type) {
	case nil:
		return 0, false
	case string:
		b, ok := b.(string)
		return strings.Compare(a, b), ok
	case time.Time:
		b, ok := b.(time.Time)
		return a.Compare(b), ok
	case time.Duration:
		b, ok := b.(time.Duration)
		return cmp.Compare(a, b), ok
	}
	m, ok := toNumber(a)
	if !ok {
		return 0, false
	}
	n, ok := toNumber(b)
	if !ok {
		return 0, false
	}
	return m.compare(n), true
}

// mismatch is the fault of two operands that an operator cannot take together.
func (s *site) mismatch(verb string, a, b any) *fault {
	for i, v := range []any{a, b} {
		if v == nil {
			return s.fault(i, nil, "is nil")
		}
	}
	f := s.fault(-1, a, "cannot %s %s (%s) and %s (%s)", verb, s.text(0), described(a), s.text(1), described(b))
	if isNumber(a) {
		f.value = b
	}
	return f
}

func isNumber(v any) bool {
	_, ok := toNumber(v)
	return ok
}

func (s *site) incomparable(a, b any) *fault {
	f := s.mismatch("compare", a, b)
	f.hint = f.hintFor(a, b, "a number", "a time")
	return f
}

// hintFor proposes to make one operand of the kind that the other one has.
func (f *fault) hintFor(a, b any, kinds ...string) string {
	for _, k := range kinds {
		switch {
		case described(b) == k:
			if hint := conversion(a, k, f.site.text(0)); hint != "" {
				return hint
			}
		case described(a) == k:
			if hint := conversion(b, k, f.site.text(1)); hint != "" {
				return hint
			}
		}
	}
	return ""
}

func add(s *site, f *frame, a []any) (any, error) {
	switch x := a[0].(type) {
	case string:
		if y, ok := a[1].(string); ok {
			if err := checkText(f, len(x)+len(y)); err != nil {
				return nil, err
			}
			return x + y, nil
		}
	case time.Time:
		if d, ok := a[1].(time.Duration); ok {
			return x.Add(d), nil
		}
	case time.Duration:
		switch y := a[1].(type) {
		case time.Duration:
			return addDurations(s, x, y)
		case time.Time:
			return y.Add(x), nil
		}
	}
	return numeric(s, "+", "add", a)
}

func addDurations(s *site, x, y time.Duration) (any, error) {
	sum, ok := addInts(int(x), int(y))
	if !ok {
		return nil, s.fault(-1, x, "the result is beyond the longest duration, 292 years")
	}
	return time.Duration(sum), nil
}

func subtract(s *site, _ *frame, a []any) (any, error) {
	switch x := a[0].(type) {
	case time.Time:
		switch y := a[1].(type) {
		case time.Time:
			return x.Sub(y), nil
		case time.Duration:
			return x.Add(-y), nil
		}
	case time.Duration:
		if y, ok := a[1].(time.Duration); ok {
			return addDurations(s, x, -y)
		}
	}
	return numeric(s, "-", "subtract", a)
}

func multiply(s *site, _ *frame, a []any) (any, error) {
	d, isDuration := a[0].(time.Duration)
	factor := a[1]
	if !isDuration {
		d, isDuration = a[1].(time.Duration)
		factor = a[0]
	}
	n, isNumber := toNumber(factor)
	if !isDuration || !isNumber || n.huge != "" {
		return numeric(s, "*", "multiply", a)
	}
	product := float64(d) * n.float()
	if math.Abs(product) >= 1<<63 {
		return nil, s.fault(-1, factor, "the result is beyond the longest duration, 292 years")
	}
	if n.isInt {
		return d * time.Duration(n.i), nil
	}
	return time.Duration(product), nil
}

func arithmetic(operator string) operation {
	verb := map[string]string{"/": "divide", "%": "divide", "**": "raise"}[operator]
	return func(s *site, _ *frame, a []any) (any, error) { return numeric(s, operator, verb, a) }
}

// numeric calculates with two numbers.
func numeric(s *site, operator, verb string, a []any) (any, error) {
	var n [2]num
	for i, v := range a {
		var ok bool
		if n[i], ok = toNumber(v); !ok {
			f := s.mismatch(verb, a[0], a[1])
			if operator == "+" {
				f.hint = f.hintFor(a[0], a[1], "a text")
			} else {
				f.hint = f.hintFor(a[0], a[1], "a number")
			}
			return nil, f
		}
	}
	for i, v := range a {
		if n[i].huge != "" {
			return nil, s.beyond(i, v, n[i])
		}
	}
	return calculate(s, operator, n[0], n[1])
}

var intOperations = map[string]func(a, b int) (result int, ok bool){"+": addInts, "-": subtractInts, "*": multiplyInts}

// calculate gives an int for two ints, a float64 otherwise; / and ** always give a float64.
func calculate(s *site, operator string, a, b num) (any, error) {
	switch operator {
	case "/":
		if b.float() == 0 {
			return nil, s.fault(-1, 0, "division by zero: %s is 0", s.text(1))
		}
		return finite(s, a.float()/b.float())
	case "**":
		return finite(s, math.Pow(a.float(), b.float()))
	case "%":
		return modulo(s, a, b)
	}
	if a.isInt && b.isInt {
		i, ok := intOperations[operator](a.i, b.i)
		if !ok {
			return nil, s.fault(-1, a.i, "the result is an integer beyond 64 bits")
		}
		return i, nil
	}
	switch operator {
	case "+":
		return finite(s, a.float()+b.float())
	case "-":
		return finite(s, a.float()-b.float())
	default:
		return finite(s, a.float()*b.float())
	}
}

func modulo(s *site, a, b num) (any, error) {
	x, ok := a.whole()
	if !ok {
		return nil, s.fault(0, a.value(), "is no whole number, and %s wants one", s.name)
	}
	y, ok := b.whole()
	switch {
	case !ok:
		return nil, s.fault(1, b.value(), "is no whole number, and %s wants one", s.name)
	case y == 0:
		return nil, s.fault(-1, 0, "division by zero: %s is 0", s.text(1))
	}
	return x % y, nil
}

// finite refuses what JSON cannot write.
func finite(s *site, f float64) (any, error) {
	if math.IsInf(f, 0) || math.IsNaN(f) {
		return nil, s.fault(-1, nil, "the result of %s is no number that 64 bits can hold", s.name)
	}
	return f, nil
}

func negate(s *site, _ *frame, a []any) (any, error) {
	if d, ok := a[0].(time.Duration); ok {
		return -d, nil
	}
	n, err := operand(s, a[0])
	if err != nil {
		return nil, err
	}
	if !n.isInt {
		return -n.f, nil
	}
	if n.i == math.MinInt {
		return nil, s.fault(-1, n.i, "the result is an integer beyond 64 bits")
	}
	return -n.i, nil
}

// positive is the unary +, which only asks for a number.
func positive(s *site, _ *frame, a []any) (any, error) {
	n, err := operand(s, a[0])
	if err != nil {
		return nil, err
	}
	return n.value(), nil
}

func operand(s *site, v any) (num, error) {
	n, ok := toNumber(v)
	switch {
	case v == nil:
		return num{}, s.fault(0, nil, "is nil")
	case !ok:
		return num{}, s.wants(0, v, "a number")
	case n.huge != "":
		return num{}, s.beyond(0, v, n)
	}
	return n, nil
}

// maxSpan is how many numbers a..b may hold.
const maxSpan = 1_000_000

func span(s *site, f *frame, a []any) (any, error) {
	var ends [2]int
	for i, v := range a {
		if v == nil {
			return nil, s.fault(i, nil, "is nil")
		}
		n, ok := toNumber(v)
		if ok {
			ends[i], ok = n.whole()
		}
		if !ok {
			return nil, s.wants(i, v, "a whole number")
		}
	}
	if ends[1] < ends[0] {
		return []any{}, nil
	}
	if size := uint(ends[1]) - uint(ends[0]); size >= maxSpan {
		return nil, s.fault(-1, ends[1], "%s..%s holds more than a million numbers", s.text(0), s.text(1))
	}
	list := make([]any, ends[1]-ends[0]+1)
	for i := range list {
		list[i] = ends[0] + i
	}
	return list, f.charge(len(list))
}

// contained is the operator in: an element of a list or a field of an object. In nil there is nothing.
func contained(s *site, f *frame, a []any) (any, error) {
	if a[1] == nil {
		return false, nil
	}
	if list, ok := asList(a[1]); ok {
		found := slices.ContainsFunc(list, func(item any) bool { return equal(a[0], item) })
		return found, f.charge(len(list))
	}
	if _, ok := asObject(a[1]); ok {
		_, found := lookup(a[1], a[0])
		return found, nil
	}
	fault := s.wants(1, a[1], "a list or an object")
	if _, ok := a[1].(string); ok {
		fault.hint = "write " + s.text(1) + " contains " + s.text(0)
	}
	return nil, fault
}

// textTest is an operator between texts. As in expr, nil contains nothing and is in no text.
func textTest(holds func(text, part string) bool) operation {
	return func(s *site, f *frame, a []any) (any, error) {
		text, part, ok, err := twoTexts(s, f, a)
		return ok && holds(text, part), err
	}
}

func twoTexts(s *site, f *frame, a []any) (text, part string, ok bool, err error) {
	var texts [2]string
	for i, v := range a {
		if v == nil {
			return "", "", false, nil
		}
		t, isText := asText(v)
		if !isText {
			return "", "", false, s.wants(i, v, "a text")
		}
		texts[i] = t.(string)
	}
	return texts[0], texts[1], true, f.charge(cost(texts[0]))
}

func matches(s *site, f *frame, a []any) (any, error) {
	text, pattern, ok, err := twoTexts(s, f, a)
	if !ok || err != nil {
		return false, err
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil, s.fault(1, pattern, "is no regular expression")
	}
	return re.MatchString(text), nil
}

// matchesConstant is matches with a pattern that is known before.
func matchesConstant(re *regexp.Regexp) operation {
	return func(s *site, f *frame, a []any) (any, error) {
		text, _, ok, err := twoTexts(s, f, a)
		return ok && err == nil && re.MatchString(text), err
	}
}

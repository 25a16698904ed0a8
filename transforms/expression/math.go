package expression

import (
	"math"
	"slices"
	"strings"
)

var numberFunctions = []*function{
	define("int(value any) int", "a whole number of a text or a number; what follows the point is cut off", toInt),
	define("float(value any) float", "a number of a text or a number", toFloat),
	define("abs(number number) number", "without its sign", absolute),
	define("ceil(number number) number", "rounded up", roundWith(math.Ceil)),
	define("floor(number number) number", "rounded down", roundWith(math.Floor)),
	define("round(number number) number", "rounded to the nearest whole number, halves away from zero", roundWith(math.Round)),
	define("sum(list list) number", "all elements added", sum),
	define("mean(values... any) number", "the mean of numbers or of a list of them", mean),
	define("median(values... any) number", "the middle of numbers or of a list of them", median),
	define("max(values... any) any", "the largest of the values or of a list of them", extreme(1)),
	define("min(values... any) any", "the smallest of the values or of a list of them", extreme(-1)),
	bitwise("bitand", func(a, b int) int { return a & b }),
	bitwise("bitor", func(a, b int) int { return a | b }),
	bitwise("bitxor", func(a, b int) int { return a ^ b }),
	bitwise("bitnand", func(a, b int) int { return a &^ b }),
	shift("bitshl", func(a int, n uint) int { return a << n }),
	shift("bitshr", func(a int, n uint) int { return a >> n }),
	shift("bitushr", func(a int, n uint) int { return int(uint(a) >> n) }),
	define("bitnot(a int) int", "each bit of a reversed", func(_ *site, _ *frame, a []any) (any, error) { return ^a[0].(int), nil }),
}

func bitwise(name string, f func(a, b int) int) *function {
	return define(name+"(a int, b int) int", "the bits of a and b combined", func(_ *site, _ *frame, a []any) (any, error) {
		return f(a[0].(int), a[1].(int)), nil
	})
}

func shift(name string, f func(a int, n uint) int) *function {
	return define(name+"(a int, n int) int", "the bits of a moved by n places", func(s *site, _ *frame, a []any) (any, error) {
		n := a[1].(int)
		if n < 0 {
			return nil, s.fault(1, n, "is negative")
		}
		return f(a[0].(int), uint(n)), nil
	})
}

func toInt(s *site, _ *frame, a []any) (any, error) {
	n, err := readNumber(s, a[0])
	if err != nil {
		return nil, err
	}
	if n.huge != "" {
		return nil, s.beyond(0, a[0], n)
	}
	if i, ok := n.whole(); ok {
		return i, nil
	}
	i, ok := floatNum(math.Trunc(n.f)).whole()
	if !ok {
		return nil, s.fault(0, a[0], "is an integer beyond 64 bits")
	}
	return i, nil
}

func toFloat(s *site, _ *frame, a []any) (any, error) {
	n, err := readNumber(s, a[0])
	if err != nil {
		return nil, err
	}
	if n.huge != "" && !n.isHugeInt() || math.IsInf(n.float(), 0) {
		return nil, s.beyond(0, a[0], n)
	}
	return n.float(), nil
}

// readNumber reads a number, or a text that is one.
func readNumber(s *site, v any) (num, error) {
	if n, ok := toNumber(v); ok {
		return n, nil
	}
	text, ok := v.(string)
	if !ok {
		return num{}, s.wants(0, v, "a number or a text")
	}
	text = strings.TrimSpace(text)
	if n, ok := parseNumber(strings.TrimPrefix(text, "+")); ok && isDecimal(text) {
		return n, nil
	}
	return num{}, s.fault(0, v, "is no number")
}

// isDecimal tells apart from 12.5e3 what strconv also reads: 0x1p-2, inf, nan, 1_000.
func isDecimal(text string) bool {
	return text != "" && strings.Trim(text, "0123456789.eE+-") == "" && strings.ContainsAny(text, "0123456789")
}

func absolute(s *site, _ *frame, a []any) (any, error) {
	n := a[0].(num)
	if !n.isInt {
		return math.Abs(n.f), nil
	}
	if n.i == math.MinInt {
		return nil, s.fault(-1, n.i, "the result is an integer beyond 64 bits")
	}
	return max(n.i, -n.i), nil
}

func roundWith(f func(float64) float64) operation {
	return func(_ *site, _ *frame, a []any) (any, error) {
		n := a[0].(num)
		if n.isInt {
			return n.i, nil
		}
		return f(n.f), nil
	}
}

func sum(s *site, _ *frame, a []any) (any, error) {
	total := intNum(0)
	for i, item := range a[0].([]any) {
		n, err := elementNumber(s, i, item)
		if err != nil {
			return nil, err
		}
		v, err := calculate(s, "+", total, n)
		if err != nil {
			return nil, err
		}
		total, _ = toNumber(v)
	}
	return total.value(), nil
}

func elementNumber(s *site, i int, item any) (num, error) {
	n, ok := toNumber(item)
	switch {
	case !ok:
		return num{}, s.fault(0, item, "has %s at place %d, and %s wants numbers", described(item), i, s.name)
	case n.huge != "":
		return num{}, s.fault(0, item, "has a number beyond 64 bits at place %d", i)
	}
	return n, nil
}

// spread takes lists among the arguments for their elements.
func spread(s *site, args []any) ([]any, error) {
	var all []any
	for i, a := range args {
		if list, ok := asList(a); ok {
			all = append(all, list...)
			continue
		}
		if a == nil {
			return nil, s.wants(i, nil, "numbers or a list")
		}
		all = append(all, a)
	}
	if len(all) == 0 {
		return nil, s.fault(0, []any{}, "is empty, and %s wants at least one element", s.name)
	}
	return all, nil
}

func floats(s *site, args []any) ([]float64, error) {
	all, err := spread(s, args)
	if err != nil {
		return nil, err
	}
	numbers := make([]float64, len(all))
	for i, item := range all {
		n, err := elementNumber(s, i, item)
		if err != nil {
			return nil, err
		}
		numbers[i] = n.float()
	}
	return numbers, nil
}

func mean(s *site, _ *frame, a []any) (any, error) {
	numbers, err := floats(s, a)
	if err != nil {
		return nil, err
	}
	total := 0.0
	for _, n := range numbers {
		total += n
	}
	return finite(s, total/float64(len(numbers)))
}

func median(s *site, _ *frame, a []any) (any, error) {
	numbers, err := floats(s, a)
	if err != nil {
		return nil, err
	}
	slices.Sort(numbers)
	middle := len(numbers) / 2
	if len(numbers)%2 == 1 {
		return numbers[middle], nil
	}
	return finite(s, (numbers[middle-1]+numbers[middle])/2)
}

// extreme picks the value that is largest (1) or smallest (-1) and leaves it as it is.
func extreme(sign int) operation {
	return func(s *site, _ *frame, a []any) (any, error) {
		all, err := spread(s, a)
		if err != nil {
			return nil, err
		}
		best := all[0]
		for _, item := range all {
			c, ok := order(item, best)
			if !ok {
				return nil, s.fault(-1, item, "%s cannot compare %s with %s", s.name, described(item), described(best))
			}
			if c*sign > 0 {
				best = item
			}
		}
		return best, nil
	}
}

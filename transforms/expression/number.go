package expression

import (
	"cmp"
	"encoding/json"
	"math"
	"math/bits"
	"strconv"
	"strings"
	"time"
)

// num is a number to calculate with: an int where it is whole and fits 64 bits,
// else a float64. A number beyond both keeps its text, so that it can still be
// compared, but not calculated with.
type num struct {
	isInt bool
	i     int
	f     float64 // where it is no int
	huge  string  // the text of a number that fits neither
}

func intNum(i int) num       { return num{isInt: true, i: i} }
func floatNum(f float64) num { return num{f: f} }

// toNumber is a value as a number. A text is none, nor is a duration.
func toNumber(v any) (num, bool) {
	switch v := v.(type) {
	case int:
		return intNum(v), true
	case float64:
		return floatNum(v), true
	case json.Number:
		return parseNumber(string(v))
	case nil, string, bool, []any, map[string]any, time.Duration:
		return num{}, false
	case int64:
		return intNum(int(v)), true
	case int32:
		return intNum(int(v)), true
	case int16:
		return intNum(int(v)), true
	case int8:
		return intNum(int(v)), true
	case uint8:
		return intNum(int(v)), true
	case uint16:
		return intNum(int(v)), true
	case uint32:
		return intNum(int(v)), true
	case uint:
		return parseNumber(strconv.FormatUint(uint64(v), 10))
	case uint64:
		return parseNumber(strconv.FormatUint(v, 10))
	case float32:
		return floatNum(float64(v)), true
	}
	return num{}, false
}

// parseNumber reads a number as JSON writes it.
func parseNumber(text string) (num, bool) {
	if !strings.ContainsAny(text, ".eE") {
		i, err := strconv.Atoi(text)
		if err == nil {
			return intNum(i), true
		}
		if !isDigits(strings.TrimPrefix(text, "-")) {
			return num{}, false
		}
		f, _ := strconv.ParseFloat(text, 64)
		return num{f: f, huge: text}, true
	}
	f, err := strconv.ParseFloat(text, 64)
	switch {
	case err == nil:
		return floatNum(f), true
	case math.IsInf(f, 0):
		return num{f: f, huge: text}, true
	}
	return num{}, false
}

func isDigits(text string) bool {
	return text != "" && strings.Trim(text, "0123456789") == ""
}

// isHugeInt tells whether the number is an integer beyond 64 bits.
func (n num) isHugeInt() bool {
	return n.huge != "" && isDigits(strings.TrimPrefix(n.huge, "-"))
}

// whole is the number as an int, if it is one: 3, and 3.0 as well.
func (n num) whole() (int, bool) {
	if n.isInt {
		return n.i, true
	}
	if n.huge != "" || n.f != math.Trunc(n.f) || n.f < -1<<63 || n.f >= 1<<63 {
		return 0, false
	}
	return int(n.f), true
}

func (n num) float() float64 {
	if n.isInt {
		return float64(n.i)
	}
	return n.f
}

func (n num) value() any {
	if n.isInt {
		return n.i
	}
	return n.f
}

// compare is exact: an integer is not rounded to compare it with a float.
func (n num) compare(m num) int {
	switch {
	case n.isInt && m.isInt:
		return cmp.Compare(n.i, m.i)
	case (n.isInt || n.isHugeInt()) && (m.isInt || m.isHugeInt()):
		return compareDigits(n.digits(), m.digits())
	case n.huge != "" && n.huge == m.huge:
		return 0
	case n.isInt && m.huge == "":
		return -compareFloatInt(m.f, n.i)
	case m.isInt && n.huge == "":
		return compareFloatInt(n.f, m.i)
	}
	return cmp.Compare(n.float(), m.float())
}

func (n num) digits() string {
	if n.isInt {
		return strconv.Itoa(n.i)
	}
	return n.huge
}

// compareDigits compares integers by their digits.
func compareDigits(a, b string) int {
	a, aNegative := strings.CutPrefix(a, "-")
	b, bNegative := strings.CutPrefix(b, "-")
	switch {
	case aNegative != bNegative && aNegative:
		return -1
	case aNegative != bNegative:
		return 1
	case aNegative:
		a, b = b, a
	}
	if len(a) != len(b) {
		return cmp.Compare(len(a), len(b))
	}
	return strings.Compare(a, b)
}

func compareFloatInt(f float64, i int) int {
	switch {
	case f >= 1<<63:
		return 1
	case f < -1<<63:
		return -1
	}
	whole := math.Trunc(f)
	if c := cmp.Compare(int(whole), i); c != 0 {
		return c
	}
	return cmp.Compare(f, whole)
}

// The functions below calculate with ints; ok is false where the result does not fit 64 bits.

func addInts(a, b int) (sum int, ok bool) {
	sum = a + b
	return sum, (sum > a) == (b > 0)
}

func subtractInts(a, b int) (difference int, ok bool) {
	difference = a - b
	return difference, (difference < a) == (b > 0)
}

func multiplyInts(a, b int) (product int, ok bool) {
	hi, lo := bits.Mul64(magnitude(a), magnitude(b))
	negative := (a < 0) != (b < 0)
	if hi != 0 || lo > 1<<63 || lo == 1<<63 && !negative {
		return 0, false
	}
	return a * b, true
}

func magnitude(i int) uint64 {
	if i < 0 {
		return -uint64(i)
	}
	return uint64(i)
}

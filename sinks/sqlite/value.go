package sqlite

import (
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/trotline/trotline/event"
	"github.com/trotline/trotline/sinks/sqltable"
)

// affinity is what SQLite makes of a value on its way into a column.
type affinity int

const (
	none    affinity = iota // keeps what it is given
	text                    // makes a text of it
	numeric                 // makes a number of a text that looks like one
	real                    // the same, and a floating point number of an integer
)

// affinityOf follows https://www.sqlite.org/datatype3.html#determination_of_column_affinity.
func affinityOf(declared string) affinity {
	declared = strings.ToUpper(declared)
	has := func(words ...string) bool {
		for _, w := range words {
			if strings.Contains(declared, w) {
				return true
			}
		}
		return false
	}
	switch {
	case has("INT"):
		return numeric
	case has("CHAR", "CLOB", "TEXT"):
		return text
	case declared == "" || has("BLOB"):
		return none
	case has("REAL", "FLOA", "DOUB"): //nolint:misspell // SQLite's own word
		return real
	}
	return numeric
}

// errDigits is an integer that its column would round.
var errDigits = errors.New("the integer has more digits than the column can hold: make it a column of TEXT")

// encode is a plain value as it is bound to a column.
func (a affinity) encode(v any) (any, error) {
	switch v := v.(type) {
	case nil, string:
		return v, nil
	case json.Number:
		return a.number(v.String())
	case bool:
		if a != text {
			return v, nil // the driver binds 1 and 0
		}
	case time.Time:
		return sqltable.SortableTime(v), nil
	case []byte:
		if a != text || !utf8.Valid(v) {
			return v, nil
		}
	case map[string]any, []any:
		raw, err := event.EncodeJSON(v)
		return string(raw), err
	}
	return sqltable.Text(v)
}

// number keeps a number as exactly as the column can. SQLite has integers of 64
// bits and floating point numbers; what neither can say exactly stays a text
// where the column lets it.
func (a affinity) number(n string) (any, error) {
	if a == text {
		return n, nil
	}
	if !strings.ContainsAny(n, ".eE") {
		i, err := strconv.ParseInt(n, 10, 64)
		switch {
		case err != nil && a == none:
			return n, nil
		case err != nil || a == real && !exactFloat(i):
			return nil, errDigits
		}
		return i, nil
	}
	f, err := strconv.ParseFloat(n, 64)
	switch exact := err == nil && sameNumber(n, strconv.FormatFloat(f, 'e', -1, 64)); {
	case a == none && !exact:
		return n, nil
	case err != nil:
		return nil, errors.New("the number is greater than the column can hold: make it a column of TEXT")
	}
	return f, nil // a column of this type rounds a fraction, as its owner chose
}

func exactFloat(i int64) bool {
	f := float64(i)
	return f < math.MaxInt64 && int64(f) == i
}

// sameNumber tells whether two decimal texts say the same number: 10.10 and 1.01e+01.
func sameNumber(a, b string) bool {
	digitsA, exponentA := scientific(a)
	digitsB, exponentB := scientific(b)
	return digitsA == digitsB && exponentA == exponentB
}

// scientific brings a JSON number to its digits, without zeros around them,
// and the exponent of the first: "-10.10" is "-101" and 1.
func scientific(n string) (digits string, exponent int) {
	sign := ""
	if strings.HasPrefix(n, "-") {
		sign, n = "-", n[1:]
	}
	mantissa := n
	if i := strings.IndexAny(n, "eE"); i >= 0 {
		mantissa = n[:i]
		exponent, _ = strconv.Atoi(n[i+1:]) // too great: the other side's is not
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits = whole + fraction
	exponent += len(whole) - 1
	significant := strings.TrimLeft(digits, "0")
	if significant == "" {
		return sign, 0
	}
	exponent -= len(digits) - len(significant)
	return sign + strings.TrimRight(significant, "0"), exponent
}

// typeOf is the type of a column that we make for a value. Numbers and booleans
// get none: such a column keeps what it is given, while one of numbers would
// make 7 of the text "007" and round what has too many digits.
func typeOf(v any) string {
	switch v.(type) {
	case string, time.Time, map[string]any, []any:
		return "TEXT"
	case []byte:
		return "BLOB"
	}
	return ""
}

package transforms

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"

	"github.com/trotline/trotline/event"
)

// A window holds at most so many values of collect, of so many bytes, and so
// many different ones of distinct.
const (
	maxCollected      = 10_000
	maxCollectedBytes = 1 << 20
	maxDistinct       = 100_000
)

// figure is a figure of a window, as far as it is. Which of its fields are used
// depends on the function.
type figure struct {
	Count    int                 `json:"count,omitempty"` // count
	Sum      *exact              `json:"sum,omitempty"`   // sum, avg
	Extreme  *version            `json:"extreme,omitempty"`
	List     []json.RawMessage   `json:"list,omitempty"`
	Bytes    int                 `json:"bytes,omitempty"` // of the list
	Distinct map[string]struct{} `json:"distinct,omitempty"`
}

// argument is what an event brings to a figure, as it is stored.
func argument(a event.Aggregate, so *figure, e *event.Event) (json.RawMessage, error) {
	if a.Of == nil {
		return json.RawMessage("true"), nil
	}
	v, err := a.Of.Eval(e, nil)
	if err != nil {
		return nil, err
	}
	wrong := func(format string, args ...any) error {
		return &event.StepError{Expression: a.Text, Value: shown(v), Err: fmt.Errorf(format, args...)}
	}
	switch a.Function {
	case "count":
		if _, ok := v.(bool); !ok {
			return nil, wrong("it gives neither true nor false; count(…) counts the events for which something is true, count() all of them")
		}
	case "sum", "avg":
		if _, ok := numberText(v); !ok {
			return nil, wrong("it gives no number")
		}
	case "min", "max":
		made, err := versionOfValue(v)
		if err != nil {
			return nil, wrong("it gives neither a number nor a time nor a text")
		}
		if so != nil && so.Extreme != nil {
			if _, ok := compare(made, *so.Extreme); !ok {
				return nil, wrong("it gives %s, and gave %s for this window before", made.kind(), so.Extreme.kind())
			}
		}
		return event.EncodeJSON(made)
	}
	text, err := event.EncodeJSON(v)
	if err != nil {
		return nil, failed(err)
	}
	switch {
	case a.Function == "collect" && so != nil && (len(so.List) >= maxCollected || so.Bytes+len(text) > maxCollectedBytes):
		return nil, wrong("the window has collected as much as it can hold: %d values, %d bytes; collect less, or make the window shorter", len(so.List), so.Bytes)
	case a.Function == "distinct":
		if so != nil && len(so.Distinct) >= maxDistinct {
			return nil, wrong("the window has met as many different values as it can tell apart: %d", len(so.Distinct))
		}
		sum := sha256.Sum256(text)
		return event.EncodeJSON(base64.RawStdEncoding.EncodeToString(sum[:12]))
	}
	return text, nil
}

// numberText is the text of a number.
func numberText(v any) (string, bool) {
	switch v.(type) {
	case json.Number, int, float64:
		text, err := event.EncodeJSON(v)
		return string(text), err == nil && !isMonster(string(text))
	}
	return "", false
}

// add takes in what an event brings.
func (f *figure) add(function string, v json.RawMessage) error {
	switch function {
	case "count":
		if string(v) == "true" {
			f.Count++
		}
	case "sum", "avg":
		if f.Sum == nil {
			f.Sum = &exact{}
		}
		return f.Sum.add(string(v))
	case "min", "max":
		var next version
		if err := json.Unmarshal(v, &next); err != nil {
			return err
		}
		if f.Extreme == nil {
			f.Extreme = &next
			return nil
		}
		order, _ := compare(next, *f.Extreme)
		if function == "min" && order < 0 || function == "max" && order > 0 {
			f.Extreme = &next
		}
	case "collect":
		f.List, f.Bytes = append(f.List, v), f.Bytes+len(v)
	case "distinct":
		if f.Distinct == nil {
			f.Distinct = make(map[string]struct{})
		}
		f.Distinct[string(v)] = struct{}{}
	default:
		return fmt.Errorf("there is no function %s", function)
	}
	return nil
}

// result is the figure of a window with so many events.
func (f *figure) result(function string, count int) any {
	switch function {
	case "count":
		return f.Count
	case "sum":
		return json.Number(f.Sum.String())
	case "avg":
		return f.Sum.over(count)
	case "min", "max":
		return f.Extreme.is()
	case "distinct":
		return len(f.Distinct)
	}
	list := make([]any, len(f.List))
	for i, v := range f.List {
		list[i], _ = event.Decode(event.JSON, v) // it was encoded by us
	}
	return list
}

// exact is a number with all of its digits.
type exact struct {
	value  big.Int
	digits int // behind the point
}

var errNoDecimal = errors.New("it is no decimal number")

// add adds a number as JSON writes it.
func (d *exact) add(text string) error {
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		return errNoDecimal
	}
	digits := d.digits
	scaled := new(big.Rat).Mul(r, new(big.Rat).SetInt(power(digits)))
	for ; !scaled.IsInt(); digits++ {
		scaled.Mul(scaled, big.NewRat(10, 1))
	}
	d.value.Mul(&d.value, power(digits-d.digits))
	d.value.Add(&d.value, scaled.Num())
	d.digits = digits
	return nil
}

func power(n int) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil) }

// String is the number in plain digits.
func (d *exact) String() string {
	text := new(big.Int).Abs(&d.value).String()
	if d.digits > 0 {
		text = strings.Repeat("0", max(d.digits+1-len(text), 0)) + text
		text = text[:len(text)-d.digits] + "." + text[len(text)-d.digits:]
		text = strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
	}
	if d.value.Sign() < 0 {
		return "-" + text
	}
	return text
}

// over is the number divided by a count.
func (d *exact) over(count int) float64 {
	f, _ := new(big.Rat).SetFrac(&d.value, new(big.Int).Mul(power(d.digits), big.NewInt(int64(count)))).Float64()
	return f
}

// MarshalText is part of [encoding.TextMarshaler].
func (d *exact) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText is part of [encoding.TextUnmarshaler].
func (d *exact) UnmarshalText(text []byte) error {
	*d = exact{}
	return d.add(string(text))
}

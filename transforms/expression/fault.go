package expression

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/expr-lang/expr/ast"
)

// fault is why an operation refused its operands. It holds no value in its
// message: the value may be a secret, and who reports the fault decides.
type fault struct {
	site  *site
	arg   int // the operand at fault, -1 for none in particular
	msg   string
	hint  string
	value any
}

func (f *fault) Error() string { return f.text() }

func (f *fault) text() string {
	text := f.msg
	if f.arg >= 0 {
		text = f.site.text(f.arg) + " " + text
	}
	if f.hint != "" {
		text += " (" + f.hint + ")"
	}
	return text
}

// site is a place in an expression where an operation stands. It keeps the
// operands as they were written, for errors to name.
type site struct {
	name     string // of the operator or function
	source   string // the whole expression
	node     ast.Node
	operands []ast.Node
}

// text is an operand as it was written, shortened.
func (s *site) text(i int) string {
	if i >= len(s.operands) || s.operands[i] == nil {
		return "the value"
	}
	return shorten(s.operands[i].String(), 80)
}

func (s *site) fault(arg int, value any, format string, args ...any) *fault {
	return &fault{site: s, arg: arg, value: value, msg: fmt.Sprintf(format, args...)}
}

// wants is the fault of an operand that is not what the operation takes.
func (s *site) wants(arg int, value any, wanted string) *fault {
	if value == nil {
		f := s.fault(arg, value, "is nil; %s wants %s", s.name, wanted)
		if wanted == "a list" {
			f.hint = "for an absent one write " + s.text(arg) + " ?? []"
		}
		return f
	}
	f := s.fault(arg, value, "is %s; %s wants %s", described(value), s.name, wanted)
	f.hint = conversion(value, wanted, s.text(arg))
	return f
}

// conversion is the function that makes of a value what is wanted, "" if there is none.
func conversion(value any, wanted, text string) string {
	_, isText := value.(string)
	switch {
	case wanted == "a number" && isText:
		return "write float(" + text + ")"
	case wanted == "a whole number":
		return "write int(" + text + ")"
	case wanted == "a text" && isScalar(value):
		return "write string(" + text + ")"
	case wanted == "a time" && isText:
		return "write parse_time(" + text + ")"
	}
	return ""
}

// described names the kind of a value: "a text", "a number", "nil".
func described(v any) string {
	switch v := v.(type) {
	case nil:
		return "nil"
	case bool:
		return "true or false"
	case string:
		return "a text"
	case []byte:
		return "bytes"
	case time.Time:
		return "a time"
	case time.Duration:
		return "a duration"
	case *time.Location:
		return "a time zone"
	default:
		if _, ok := toNumber(v); ok {
			return "a number"
		}
		if _, ok := asList(v); ok {
			return "a list"
		}
		return "an object"
	}
}

func isScalar(v any) bool {
	switch v.(type) {
	case string, bool:
		return true
	}
	_, ok := toNumber(v)
	return ok
}

// maxShown is how much of a value an error shows, in bytes.
const maxShown = 200

// show is a value for an error: JSON where it can be, shortened.
func show(v any) string {
	switch v := v.(type) {
	case string:
		v, _ = cut(v, 2*maxShown)
		return shorten(fmt.Sprintf("%q", v), maxShown)
	case []byte:
		return fmt.Sprintf("%d bytes", len(v))
	}
	b, err := json.Marshal(sample(plain(v), 3))
	if err != nil {
		return fmt.Sprintf("%T", v)
	}
	return shorten(string(b), maxShown)
}

// sample is a value without what would not be shown anyway, so that showing a
// body of megabytes costs nothing.
func sample(v any, depth int) any {
	const most = 20
	switch v := v.(type) {
	case string:
		short, _ := cut(v, 2*maxShown)
		return short
	case []any:
		if depth == 0 {
			return "…"
		}
		list := make([]any, min(len(v), most))
		for i := range list {
			list[i] = sample(v[i], depth-1)
		}
		return list
	case map[string]any:
		if depth == 0 {
			return "…"
		}
		object := make(map[string]any, min(len(v), most))
		for _, k := range firstKeys(v, most) {
			object[k] = sample(v[k], depth-1)
		}
		return object
	}
	return v
}

// shorten cuts a text to at most n bytes, the dots that show it included.
func shorten(text string, n int) string {
	text = strings.ToValidUTF8(text, "�")
	if len(text) <= n {
		return text
	}
	short, _ := cut(text, n-len("…"))
	return short + "…"
}

// cut takes at most n bytes of a text without breaking a character.
func cut(text string, n int) (short string, wasCut bool) {
	if len(text) <= n {
		return text, false
	}
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n], true
}

package expression

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/expr-lang/expr/builtin"

	"github.com/trotline/trotline/event"
)

// TestEveryBuiltin checks that no function of expr is left to expr, whose
// numbers, nil and clock are not ours.
func TestEveryBuiltin(t *testing.T) {
	for _, name := range builtin.Names {
		_, loops := predicates[name]
		if !loops && functionByName[name] == nil {
			t.Errorf("expr's function %s is not taken over", name)
		}
	}
}

func TestManual(t *testing.T) {
	entries := Functions()
	if !slices.IsSortedFunc(entries, func(a, b Entry) int { return strings.Compare(a.Name, b.Name) }) {
		t.Error("the functions are not sorted")
	}
	seen := map[string]bool{}
	for _, e := range entries {
		if e.Doc == "" || !strings.HasPrefix(e.Signature, e.Name+"(") || seen[e.Name] {
			t.Errorf("bad entry %+v", e)
		}
		seen[e.Name] = true
	}
	for _, v := range Variables() {
		if v.Doc == "" {
			t.Errorf("%s has no line in the manual", v.Name)
		}
	}
}

// TestConcurrent uses one program from many sides, with events of its own each.
func TestConcurrent(t *testing.T) {
	x := compileTest(t, `string(sum(body.items, .qty) + float(headers.n)) + "/" + uuid()`, event.Scope{})
	failing := compileTest(t, `body.items[0].sku > body.amount`, event.Scope{})
	var wg sync.WaitGroup
	for n := range 8 {
		wg.Go(func() {
			e := testEvent()
			e.ID = strings.Repeat("x", n+1)
			e.Request = event.Keep(event.RequestInfo{Header: map[string][]string{"N": {strings.Repeat("1", n+1)}}})
			first, err := x.Eval(e, nil)
			for range 200 {
				if _, err := failing.Eval(e, nil); err == nil {
					t.Error("a text was compared with a number")
				}
				again, err2 := x.Eval(e, nil)
				if err != nil || err2 != nil || first != again {
					t.Errorf("got %v, %v and %v, %v", first, err, again, err2)
					return
				}
			}
		})
	}
	wg.Wait()
}

// TestValueUnchanged checks that no function changes the value it is given.
func TestValueUnchanged(t *testing.T) {
	e := testEvent()
	for _, text := range []string{
		`sort(body.numbers)`, `reverse(body.numbers)`, `sortBy(body.items, .price)`, `concat(body.numbers[:1], [9])`,
		`take(body.numbers, 1) | concat([9])`, `uniq(body.numbers)`, `flatten([body.numbers])`, `groupBy(body.items, .sku)`,
		`fromPairs(toPairs(body))`, `map(body.items, .price * 2)`,
	} {
		if _, err := compileTest(t, text, event.Scope{}).Eval(e, nil); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
	now, _ := e.Body.Value()
	before, _ := testEvent().Body.Value()
	if !equal(now, before) {
		t.Errorf("the body has changed to %v", now)
	}
}

var fuzzSeeds = []string{
	`body.event == "new_order" && body.amount >= 100`, `body.a.b.c ?? 'x'`, `-body.huge ** 2 % 3`, `map(body.items, ({a: .price, "b": #index}))`,
	`sum(body.items, .qty) / count(body.items, .price > 1)`, `let x = body.id; x | string() | sha256()`, `sortBy(body.items, .sku, "desc")[0].sku`,
	`reduce(1..9, #acc + #)`, `if body.ok { 1; 2 } else { [3][0:1] }`, `received_at.Add(duration("1h")).Unix()`, `headers["X-Foo"] matches "^o(n|m)e$"`,
	`results.crm.body.x?.y`, `xml({a: {"@b": 1}}) + json(body)`, `groupBy(body.items, .qty)[1] not in [1..2, nil]`, `findLast(body.items, .qty > 1)`,
	`env.LIMIT + ::upper("x")`, `"\u00e9` + "`", `body["é"].ü == '日本'`, "// x\n1 /* y */ + 2", `1..body.amount`, `body = 1`, `((((`, `{{}`, `$env`, `#`,
	`parse_time("1", "unix")`, `bitshl(1, 70)`, `int("9999999999999999999")`, `get(body, 1..2)`, `{(body): 1}`, `all(body.numbers, any(body.mixed, # == 1))`,
}

func FuzzExpr(f *testing.F) {
	for _, s := range fuzzSeeds {
		f.Add(s, testBody)
	}
	l := New(testEnv)
	shape := &event.Shape{Fields: map[string]*event.Shape{"a": nil}}
	f.Fuzz(func(t *testing.T, text, body string) {
		for _, s := range []event.Scope{
			{Results: []string{"crm"}}, {Want: event.Bool, Request: true}, {Want: event.String, Body: shape}, {Want: event.List},
		} {
			x, err := l.Expr(text, s)
			if err != nil {
				checkPlace(t, text, err)
				continue
			}
			e := testEvent()
			e.Body = event.NewBody(event.JSON, []byte(body))
			v, err := x.Eval(e, event.Results{"crm": {Body: []byte(body)}})
			if err != nil {
				checkStepError(t, text, err)
				continue
			}
			switch got := v.(type) {
			case bool, string, []any:
			default:
				if s.Want != event.Any {
					t.Errorf("%q gives %T where %s is wanted", text, got, s.Want)
				}
			}
			if _, err := event.EncodeJSON(v); err != nil && !strings.Contains(err.Error(), "Time") {
				t.Errorf("%q gives what no body can hold: %v", text, err)
			}
			if again, err := x.Eval(e, event.Results{"crm": {Body: []byte(body)}}); err != nil || !equal(v, again) {
				t.Errorf("%q gives %v, and then %v, %v", text, v, again, err)
			}
		}
	})
}

func FuzzTemplate(f *testing.F) {
	for _, s := range fuzzSeeds {
		f.Add("/a/{{ " + s + " }}/{{body.id}}")
	}
	l := New(testEnv)
	f.Fuzz(func(t *testing.T, text string) {
		x, err := l.Template(text, event.Scope{})
		if err != nil {
			checkPlace(t, text, err)
			return
		}
		if _, err := x.Render(testEvent(), nil); err != nil {
			checkStepError(t, text, err)
		}
	})
}

func checkPlace(t *testing.T, text string, err error) {
	t.Helper()
	var e *event.TextError
	if !errors.As(err, &e) {
		t.Fatalf("%q: %v is no TextError", text, err)
	}
	end := e.Offset + e.Len
	if e.Offset < 0 || e.Len < 0 || end > len(text) || e.Msg == "" {
		t.Fatalf("%q: a fault %q at %d, %d bytes long", text, e.Msg, e.Offset, e.Len)
	}
	if utf8.ValidString(text) && (!utf8.ValidString(text[:e.Offset]) || !utf8.ValidString(text[:end])) {
		t.Fatalf("%q: the fault at %d, %d bytes long, cuts a character", text, e.Offset, e.Len)
	}
}

func checkStepError(t *testing.T, text string, err error) {
	t.Helper()
	var s *event.StepError
	if !errors.As(err, &s) {
		t.Fatalf("%q: %v is no StepError", text, err)
	}
	for _, raw := range []string{"interface conversion", "runtime error", "reflect", "stack underflow", "invalid memory"} {
		if strings.Contains(s.Err.Error(), raw) {
			t.Fatalf("%q: the error is Go's own: %v", text, err)
		}
	}
	if len(s.Value) > maxShown || strings.Contains(err.Error(), "s3cr3t") {
		t.Fatalf("%q: the error shows too much: %v", text, err)
	}
}

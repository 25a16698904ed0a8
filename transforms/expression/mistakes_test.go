package expression

import (
	"errors"
	"strings"
	"testing"

	"github.com/trotline/trotline/event"
)

// marked takes the marks «…» out of a text and tells what stands between them.
func marked(t *testing.T, text string) (plain string, offset, length int) {
	t.Helper()
	before, rest, ok := strings.Cut(text, "«")
	inside, after, ok2 := strings.Cut(rest, "»")
	if !ok || !ok2 {
		t.Fatalf("no marks in %s", text)
	}
	return before + inside + after, len(before), len(inside)
}

func checkMistake(t *testing.T, err error, offset, length int, want string) {
	t.Helper()
	var e *event.TextError
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want a TextError", err)
	}
	if e.Error() != want {
		t.Errorf(" got %s\nwant %s", e.Error(), want)
	}
	if e.Offset != offset || e.Len != length {
		t.Errorf("it is at %d, %d bytes long; want %d, %d", e.Offset, e.Len, offset, length)
	}
}

// TestMistakes holds what is refused before any event comes. The place that the
// error names stands between « and ».
func TestMistakes(t *testing.T) {
	shape := &event.Shape{Fields: map[string]*event.Shape{
		"order_id": nil, "total": nil, "customer": {Fields: map[string]*event.Shape{"name": nil}},
	}}
	in := func(s event.Scope) event.Scope { s.Body = shape; return s }
	for _, c := range []struct {
		text, want string
		scope      event.Scope
	}{
		// names
		{"«new»", `unknown name new (a literal text is quoted twice: "'new'")`, event.Scope{}},
		{"«bdoy».x", `unknown name bdoy (did you mean body? a literal text is quoted twice: "'bdoy'")`, event.Scope{}},
		{"body.a == «null»", "unknown name null (write nil)", event.Scope{}},
		{"body.a == «True»", "unknown name True (write true)", event.Scope{}},
		{"«payload».a", "unknown name payload (write body)", event.Scope{}},
		{"«upper» == 1", "unknown name upper (it is a function: write upper(…))", event.Scope{}},
		{"«$env».body", `unknown name $env (did you mean env? a literal text is quoted twice: "'$env'")`, event.Scope{}},
		{"«id» + body.x", "id is not there yet: the source is only making the event", event.Scope{Request: true}},
		{"«type»", "type is not there yet: the source is only making the event", event.Scope{Request: true}},
		{"body.x ?? «original».y", "original is not there yet: the source is only making the event", event.Scope{Request: true}},
		{"«body».x", "body is not there yet: this is asked before the body is read (there are headers, query, params, path, method and remote_ip)", event.Scope{Request: true, Head: true}},
		{"len(«raw»)", "raw is not there yet: this is asked before the body is read (there are headers, query, params, path, method and remote_ip)", event.Scope{Request: true, Head: true}},
		{"«results».crm.status", "results is there only inside a chain", event.Scope{}},
		{"results.«crn».status", "results has no sink crn (did you mean crm? the sinks before this place: crm, warehouse)", event.Scope{Results: []string{"crm", "warehouse"}}},
		{`results[«"x"»].status`, "results has no sink x (no sink stands before this place)", event.Scope{Results: []string{}}},
		{"env.«NOPE»", "the environment has no variable NOPE", event.Scope{}},
		{"«env»", "env wants the name of a variable (write env.NAME)", event.Scope{}},
		{"env[body.«x»]", "the name of a variable of the environment must be written out (write env.NAME)", event.Scope{}},
		{"let x = 1; «y» + x", `unknown name y (a literal text is quoted twice: "'y'")`, event.Scope{}},

		// functions
		{"«lowr»(body.x)", "unknown function lowr (did you mean lower?)", event.Scope{}},
		{"«lowercase»(body.x)", "unknown function lowercase (did you mean lower?)", event.Scope{}},
		{"«Upper»(body.x)", "unknown function Upper (did you mean upper?)", event.Scope{}},
		{"body.x | «blah»()", "unknown function blah", event.Scope{}},
		{"«body»(1)", "body is no function", event.Scope{}},
		{"body.name.«upper»()", "a value has no method upper (write upper(body.name))", event.Scope{}},
		{"body.name.«size»()", "a value has no methods (functions are written before it: upper(body.name))", event.Scope{}},
		{"«upper»()", "upper takes 1 argument, got 0: upper(text text) text", event.Scope{}},
		{"«upper»(body.x, 1)", "upper takes 1 argument, got 2: upper(text text) text", event.Scope{}},
		{"«replace»(body.x)", "replace takes 3 to 4 arguments, got 1: replace(text text, old text, new text, times? int) text", event.Scope{}},
		{"«max»()", "max takes at least 1 argument, got 0: max(values... any) any", event.Scope{}},
		{"«upper»(1)", "upper wants a text, and gets a number: upper(text text) text", event.Scope{}},
		{"«hmac_sha256»(nil, raw)", "hmac_sha256 wants a text or bytes, and gets nil: hmac_sha256(secret data, data data) text", event.Scope{}},
		{"«float»('x')", `"x" is no number`, event.Scope{}},
		{"«parse_time»('yesterday')", `"yesterday" is no time (give a layout: the time Mon Jan 2 15:04:05 2006 as it would be written, or "unix" or "unix_ms")`, event.Scope{}},
		{"«timezone»('Local')", `"Local" is no time zone: write one such as Europe/Berlin or UTC`, event.Scope{}},
		{"all(1«)»", "it takes at least 2 arguments", event.Scope{}},
		{"all(«'x'», true)", "all wants a list, and gets a text", event.Scope{}},
		{"filter(body.x, «1»)", "this must give true or false for each element, and gives a number", event.Scope{}},
		{"received_at.«Yeer»()", "a time has no method Yeer", event.Scope{}},

		// operators and types
		{"body.a «=» 1", "= is not expected here (compare with ==)", event.Scope{}},
		{"body.a ==«=» 1", "= is not expected here (compare with ==)", event.Scope{}},
		{"body.a «AND» body.b", "AND is not expected here (write and in small letters)", event.Scope{}},
		{"body.a == 1 «OR» body.b", "OR is not expected here (write or in small letters)", event.Scope{}},
		{"NOT «body».a", "body is not expected here (write not in small letters)", event.Scope{}},
		{"body.a «&» body.b", "& is not expected here (write && or and)", event.Scope{}},
		{"body.a | «1»", "1 is not expected here (one | hands a value to a function: write || or or)", event.Scope{}},
		{"1 «+» 'a'", "+ cannot be applied to a number and a text (write string(…) around the number)", event.Scope{}},
		{"path «>» 5", "a text and a number have no order (write float(…) around the text)", event.Scope{}},
		{"env.LIMIT «<» 5", "a text and a number have no order (write float(…) around the text)", event.Scope{}},
		{"received_at «<» '2026-01-01'", "a time and a text have no order (write parse_time(…) around the text)", event.Scope{}},
		{"method «==» 1", "a text and a number are never equal (write float(…) around the text)", event.Scope{}},
		{"«!»path", "! cannot be applied to a text", event.Scope{}},
		{"«-»path", "- cannot be applied to a text", event.Scope{}},
		{"«5» ? 1 : 2", "a condition must be true or false, and this is a number", event.Scope{}},
		{"1 «/» 0", "division by zero: 0 is 0", event.Scope{}},
		{"1 «>» nil", "> cannot be applied to nil (compare with == nil, or give a value for it: body.x ?? 0)", event.Scope{}},
		{"9223372036854775807 «+» 1", "the result is an integer beyond 64 bits", event.Scope{}},
		{"body.x == «99999999999999999999»", "the number has more than 64 bits (to compare it as it is written, write string(body.id) == '…')", event.Scope{}},
		{"body.x matches «'['»", "this is no regular expression: missing closing ]", event.Scope{}},
		{"body.a ?? 1 «+» 2", "?? and + cannot stand side by side (write brackets: (a ?? b) + c)", event.Scope{}},
		{"«#».x", "# is not expected here (# and .field are the element, inside all, map, filter and the like; elsewhere write body.field)", event.Scope{}},

		// texts
		{"body.a == «'»new", "the text that starts here is not closed (end it with the quote it starts with)", event.Scope{}},
		{"body.a == «“»new”", "“ is not expected here (a text stands between \" or ')", event.Scope{}},
		{"body.a ==«»", "the expression ends too early", event.Scope{}},
		{"(body.a == 1«»  ", "the expression ends too early", event.Scope{}},
		{"«»", "the expression is empty", event.Scope{}},
		{"«  \n»", "the expression is empty", event.Scope{}},
		{"body.a «@» 1", "@ is not expected here", event.Scope{}},
		{"«1x»", "1x is no number (a text is quoted, and a name starts with a letter)", event.Scope{}},
		{"body.a == 'x' «)»", ") is not expected here", event.Scope{}},
		{"map(body.items, {a«:» 1})", ": is not expected here (an object stands in { }, and after map(list, in brackets as well: ({name: .name}))", event.Scope{}},
		{"body.a «/*» open", "the comment that starts here is not closed (end it with */)", event.Scope{}},

		// places in texts of several lines and other letters
		{"body.a == 'Zoë' &&\n  body.b == «new»", `unknown name new (a literal text is quoted twice: "'new'")`, event.Scope{}},
		{"'日本語' + '\U0001F600' == «nope» // ü", `unknown name nope (a literal text is quoted twice: "'nope'")`, event.Scope{}},
		{"body.größe == 1 &&\r\n body.ü «=» 2", "= is not expected here (compare with ==)", event.Scope{}},
		{"// ümläut\n(body.a\n  «>» nil)", "> cannot be applied to nil (compare with == nil, or give a value for it: body.x ?? 0)", event.Scope{}},
		{"body.é == «'»ü", "the text that starts here is not closed (end it with the quote it starts with)", event.Scope{}},

		// the body's shape
		{"body.«totl» > 1", "body has no field totl (did you mean total? the map before makes: customer, order_id, total)", in(event.Scope{})},
		{`body[«"x"»]`, "body has no field x (the map before makes: customer, order_id, total)", in(event.Scope{})},
		{"body?.«amount»", "body has no field amount (the map before makes: customer, order_id, total)", in(event.Scope{})},
		{"body.customer.«nam»", "body.customer has no field nam (did you mean name? the map before makes: name)", in(event.Scope{})},
		{"any(body.total, # == body.«y»)", "body has no field y (the map before makes: customer, order_id, total)", in(event.Scope{})},
		{"body.«x» ?? 1", "body has no field x (the map before makes no fields)", event.Scope{Body: &event.Shape{}}},

		// what is wanted
		{"«'x'»", "it gives a text, and true or false is wanted", event.Scope{Want: event.Bool}},
		{"«body.a + 1 .. 3»", "it gives a list, and true or false is wanted", event.Scope{Want: event.Bool}},
		{"«len(body.x)»", "it gives a whole number, and true or false is wanted", event.Scope{Want: event.Bool}},
		{"«nil»", "it gives nil, and a text is wanted", event.Scope{Want: event.String}},
		{"«[1]»", "it gives a list, and a text is wanted", event.Scope{Want: event.String}},
		{"«received_at»", "it gives a time, and a text is wanted", event.Scope{Want: event.String}},
		{"«path»", "it gives a text, and a list is wanted", event.Scope{Want: event.List}},
		{"«body.a == 1»", "it gives true or false, and a list is wanted", event.Scope{Want: event.List}},
	} {
		t.Run(c.text, func(t *testing.T) {
			text, offset, length := marked(t, c.text)
			_, err := New(testEnv).Expr(text, c.scope)
			checkMistake(t, err, offset, length, c.want)
		})
	}
}

// TestAccepted holds what must not be taken for a mistake.
func TestAccepted(t *testing.T) {
	shape := &event.Shape{Fields: map[string]*event.Shape{"total": nil, "customer": {Fields: map[string]*event.Shape{"name": nil}}}}
	for _, c := range []struct {
		text  string
		scope event.Scope
	}{
		{`body.total.anything.below`, event.Scope{Body: shape}},
		{`body.customer.name[0:3]`, event.Scope{Body: shape}},
		{`original.whatever`, event.Scope{Body: shape}},
		{`body[body.total]`, event.Scope{Body: shape}},
		{`body.anything`, event.Scope{}},
		{`body.a ? "x" : body.b`, event.Scope{Want: event.Bool}},
		{`body.a ?? "x"`, event.Scope{Want: event.List}},
		{`1 + 1`, event.Scope{Want: event.String}},
		{`len(body.x)`, event.Scope{Want: event.String}},
		{`true`, event.Scope{Want: event.String}},
		{`results.crm.anything`, event.Scope{Results: []string{"crm"}}},
		{`results[body.x].status`, event.Scope{Results: []string{}}},
		{`source + headers.x + remote_ip + path + uuid()`, event.Scope{Request: true}},
		{strings.Repeat("(", 5000) + "1" + strings.Repeat(")", 5000), event.Scope{}},
		{strings.Repeat("body.a + ", 2000) + "1", event.Scope{}},
		{strings.Repeat("!", 3000) + "body.a", event.Scope{}},
		{"body" + strings.Repeat(".a", 4000), event.Scope{}},
	} {
		if _, err := New(testEnv).Expr(c.text, c.scope); err != nil {
			t.Errorf("%s: %v", shorten(c.text, 100), err)
		}
	}
}

func TestTooLong(t *testing.T) {
	for _, text := range []string{
		strings.Repeat("(", 1<<20),
		strings.Repeat("(", maxExpression-1),
		strings.Repeat("[", maxExpression-1),
		strings.Repeat("body.a + ", 7000) + "1",
		strings.Repeat("-", maxExpression-1),
	} {
		_, err := New(testEnv).Expr(text, event.Scope{})
		var e *event.TextError
		if !errors.As(err, &e) {
			t.Errorf("%s: got %v", shorten(text, 20), err)
		}
	}
}

func TestTemplateMistakes(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"/orders/«{{» body.id", `the {{ is not closed (end it with }}; a literal {{ is written {{ "{{" }})`},
		{"é {{ body.x }} ü «{{» body.y }", `the {{ is not closed (end it with }}; a literal {{ is written {{ "{{" }})`},
		{"/{{«  »}}", "the expression is empty"},
		{"/{{«»}}", "the expression is empty"},
		{"ü/{{ body.x }}/{{ «nope» }}", `unknown name nope (a literal text is quoted twice: "'nope'")`},
		{"a\nü {{ body.x +\n «zz» }}", `unknown name zz (a literal text is quoted twice: "'zz'")`},
		{"{{ body.a «=» 1 }}", "= is not expected here (compare with ==)"},
		{"{{ env.«NOPE» }}", "the environment has no variable NOPE"},
		{`a «{{» "}}`, `the {{ is not closed (end it with }}; a literal {{ is written {{ "{{" }})`},
	} {
		t.Run(c.text, func(t *testing.T) {
			text, offset, length := marked(t, c.text)
			_, err := New(testEnv).Template(text, event.Scope{})
			checkMistake(t, err, offset, length, c.want)
		})
	}
}

func TestTemplates(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"plain", "plain"},
		{"", ""},
		{"a }} b }", "a }} b }"},
		{"/orders/{{ body.id }}", "/orders/1234567890123456789"},
		{"{{body.event}}-{{ body.price }}-{{ body.ok }}", "new_order-10.10-true"},
		{`{{ "{{" }} and {{ '}}' }}`, "{{ and }}"},
		{`{{ {a: {b: "x"}}.a.b }}!`, "x!"},
		{"{{ `}}` + \"\\\"}}\" }}", `}}"}}`},
		{"ü{{ body.name }}ü", "üZoëü"},
		{"{{ body.amount + 0.5 }}", "250.5"},
		{"{{ env.LIMIT }}{{ body.empty }}", "100"},
		{"{{{a: 1}.a}}", "1"},
	} {
		x, err := New(testEnv).Template(c.text, event.Scope{})
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		got, err := x.Render(testEvent(), nil)
		if err != nil || got != c.want {
			t.Errorf("%s: got %q, %v; want %q", c.text, got, err, c.want)
		}
		constant, ok := x.Constant()
		if ok != !strings.Contains(c.text, "{{") || ok && constant != c.text || x.Text() != c.text {
			t.Errorf("%s: Constant is %q, %v, Text is %q", c.text, constant, ok, x.Text())
		}
	}
}

func TestTemplateEventErrors(t *testing.T) {
	for _, c := range []struct{ text, expression, want string }{
		{"/{{ body.absent }}", " body.absent ", "it gives nil, not a text"},
		{"/{{ body.id }}/{{ body.items }}", " body.items ", "it gives a list, not a text"},
		{"{{ received_at }}", " received_at ", "it gives a time, not a text (write format_time(…))"},
		{"{{ body.absent + 1 }}", " body.absent + 1 ", "body.absent is nil"},
		{"{{ {h: env.SECRET} }}", " {h: env.SECRET} ", "it gives an object, not a text"},
	} {
		x, err := New(testEnv).Template(c.text, event.Scope{})
		if err != nil {
			t.Fatalf("%s: %v", c.text, err)
		}
		_, err = x.Render(testEvent(), nil)
		var s *event.StepError
		if !errors.As(err, &s) || s.Err.Error() != c.want || s.Expression != c.expression {
			t.Errorf("%s: got %v", c.text, err)
		}
		if err != nil && strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("%s: the error shows the secret", c.text)
		}
	}
}

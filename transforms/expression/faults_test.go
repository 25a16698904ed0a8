package expression

import (
	"errors"
	"strings"
	"testing"

	"github.com/trotline/trotline/event"
)

// TestEventErrors holds what fails on an event, and how it is said.
func TestEventErrors(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{`body.absent > 1`, `body.absent is nil`},
		{`body.absent <= body.amount`, `body.absent is nil`},
		{`1 < body.nested.x.y`, `body.nested.x.y is nil`},
		{`body.absent + 1`, `body.absent is nil`},
		{`body.event + body.absent`, `body.absent is nil`},
		{`body.amount - body.absent`, `body.absent is nil`},
		{`body.absent * 2`, `body.absent is nil`},
		{`body.absent / 2`, `body.absent is nil`},
		{`body.absent % 2`, `body.absent is nil`},
		{`body.absent ** 2`, `body.absent is nil`},
		{`-body.absent`, `body.absent is nil`},
		{`+body.nothing`, `body.nothing is nil`},
		{`1..body.absent`, `body.absent is nil`},
		{`body.text > 10`, `cannot compare body.text (a text) and 10 (a number) (write float(body.text))`},
		{`10 > body.text`, `cannot compare 10 (a number) and body.text (a text) (write float(body.text))`},
		{`body.when < received_at`, `cannot compare body.when (a text) and received_at (a time) (write parse_time(body.when))`},
		{`body.ok > 1`, `cannot compare body.ok (true or false) and 1 (a number)`},
		{`body.id + "/" + body.event`, `cannot add body.id (a number) and "/" (a text) (write string(body.id))`},
		{`body.text * 2`, `cannot multiply body.text (a text) and 2 (a number) (write float(body.text))`},
		{`body.items + 1`, `cannot add body.items (a list) and 1 (a number)`},
		{`body.huge + 1`, `body.huge is an integer beyond 64 bits`},
		{`-body.huge`, `body.huge is an integer beyond 64 bits`},
		{`sum([body.huge])`, `[body.huge] has a number beyond 64 bits at place 0`},
		{`int(body.huge)`, `body.huge is an integer beyond 64 bits`},
		{`body.id * 100`, `the result is an integer beyond 64 bits`},
		{`body.id * body.id`, `the result is an integer beyond 64 bits`},
		{`body.amount / (body.amount - 250)`, `division by zero: body.amount - 250 is 0`},
		{`body.amount % (body.amount - 250)`, `division by zero: body.amount - 250 is 0`},
		{`body.price % 2`, `body.price is no whole number, and "%" wants one`},
		{`body.amount ** 1000`, `the result of "**" is no number that 64 bits can hold`},
		{`not body.event`, `body.event is a text; "not" wants true or false`},
		{`body.event and true`, `body.event is a text; "and" wants true or false`},
		{`body.ok && body.absent`, `body.absent is nil; "&&" wants true or false`},
		{`body.amount ? 1 : 2`, `body.amount is a number; a condition wants true or false`},
		{`filter(body.items, .sku)`, `.sku is a text; filter wants true or false`},
		{`findLast(body.items, .sku)`, `.sku is a text; findLast wants true or false`},
		{`any(body.items, .absent)`, `.absent is nil; any wants true or false`},
		{`count(body.numbers)`, `# is a number; count wants true or false`},
		{`all(body.absent, # > 1)`, `body.absent is nil; all wants a list (for an absent one write body.absent ?? [])`},
		{`map(body.event, #)`, `body.event is a text; map wants a list`},
		{`sum(body.mixed)`, `body.mixed has a text at place 1, and sum wants numbers`},
		{`sum(body.items, .absent)`, `body.items has nil at place 0, and sum wants numbers`},
		{`min(body.list)`, `body.list is empty, and min wants at least one element`},
		{`max(body.mixed)`, `max cannot compare a text with a number`},
		{`sort(body.mixed)`, `sort cannot compare`},
		{`sortBy(body.items, .absent)`, `sortBy cannot compare nil with nil`},
		{`sortBy(body.items, .sku, body.event)`, `is neither "asc" nor "desc"`},
		{`groupBy(body.items, #)`, `groupBy wants a text, a number or true or false as the key, and got an object`},
		{`reduce(body.list, #acc + #)`, `reduce of an empty list without a first value`},
		{`upper(body.absent)`, `body.absent is nil; upper wants a text`},
		{`upper(body.amount)`, `body.amount is a number; upper wants a text (write string(body.amount))`},
		{`body.amount contains "5"`, `body.amount is a number; "contains" wants a text (write string(body.amount))`},
		{`body.event in body.name`, `body.name is a text; "in" wants a list or an object (write body.name contains body.event)`},
		{`body.event matches body.name + "("`, `is no regular expression`},
		{`float(body.event)`, `body.event is no number`},
		{`float("0x" + body.text)`, `is no number`},
		{`int(body.absent)`, `body.absent is nil; int wants a number or a text`},
		{`take(body.numbers, body.price)`, `body.price is no whole number, and take wants one`},
		{`body.numbers[body.event:]`, `body.event is a text; [:] wants a whole number`},
		{`body.ok[1:]`, `body.ok is true or false, and only a list or a text has parts [from:to]`},
		{`string(body.items)`, `body.items is a list, which has no text (write json(body.items))`},
		{`string(body.absent)`, `body.absent is nil, which has no text`},
		{`parse_time(body.event)`, `body.event is no time`},
		{`parse_time(body.unix)`, `write parse_time(body.unix, "unix")`},
		{`parse_time(body.id, "unix")`, `body.id is beyond the year 9999`},
		{`format_time(body.when)`, `body.when is a text; format_time wants a time (write parse_time(body.when))`},
		{`base64_decode(body.event + "!")`, `is no base64`},
		{`fromJSON(body.event)`, `body.event is no JSON`},
		{`xml(body)`, `fields, and xml wants an object with one`},
		{`body.Foo()`, `body is an object, which has no method Foo`},
		{`body.items | map(({(.absent): 1}))`, `.absent is nil; a name wants a text`},
		{`1..(body.amount * 100000)`, `holds more than a million numbers`},
		{`map(1..900000, map(1..900000, #))`, `it makes more than a million values`},
		{`all(1..5000, len(1..body.amount * 40) > 0)`, `it takes too long`},
		{`reduce(1..60, #acc + #acc, body.event)`, `it makes a text of more than 64 MiB`},
		{`repeat(body.event, 100000000)`, `it makes a text of more than 64 MiB`},
	} {
		t.Run(c.text, func(t *testing.T) {
			_, err := compileTest(t, c.text, event.Scope{}).Eval(testEvent(), nil)
			var s *event.StepError
			if !errors.As(err, &s) {
				t.Fatalf("got %v, want a StepError", err)
			}
			if !strings.Contains(s.Err.Error(), c.want) {
				t.Errorf(" got %s\nwant %s", s.Err, c.want)
			}
			if s.Expression != c.text {
				t.Errorf("the error names the expression %q", s.Expression)
			}
			if len(s.Value) > maxShown {
				t.Errorf("the error shows %d bytes of a value", len(s.Value))
			}
		})
	}
}

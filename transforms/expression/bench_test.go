package expression

import (
	"testing"

	"github.com/trotline/trotline/event"
)

func BenchmarkEval(b *testing.B) {
	for _, c := range []struct{ name, text string }{
		{"filter", `body.event == "new_order" && body.amount >= 100`},
		{"field", `body.order_id`},
		{"text", `body.event + "/" + string(body.id)`},
		{"header", `headers["X-Foo"]`},
		{"loop", `sum(body.items, .price * .qty)`},
		{"uuid", `uuid()`},
	} {
		b.Run(c.name, func(b *testing.B) {
			x, err := New(testEnv).Expr(c.text, event.Scope{})
			if err != nil {
				b.Fatal(err)
			}
			e := testEvent()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := x.Eval(e, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkTemplate(b *testing.B) {
	t, err := New(testEnv).Template(`/orders/{{ body.id }}/{{ body.event }}`, event.Scope{})
	if err != nil {
		b.Fatal(err)
	}
	e := testEvent()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := t.Render(e, nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCompile(b *testing.B) {
	l := New(testEnv)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := l.Expr(`body.event == "new_order" && body.amount >= 100`, event.Scope{Want: event.Bool}); err != nil {
			b.Fatal(err)
		}
	}
}

package expression

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/oklog/ulid/v2"

	"github.com/trotline/trotline/event"
)

func evalText(t *testing.T, text string, s event.Scope, e *event.Event) string {
	t.Helper()
	got, err := compileTest(t, text, s).Eval(e, nil)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return got.(string)
}

// TestIDs checks that ids come from the event and from the place of the call alone.
func TestIDs(t *testing.T) {
	for _, text := range []string{"uuid()", "ulid()"} {
		first := evalText(t, text, event.Scope{}, testEvent())
		if again := evalText(t, text, event.Scope{}, testEvent()); again != first {
			t.Errorf("%s gives %s, and then %s", text, first, again)
		}
		replayed := testEvent()
		replayed.Stamp = "another"
		if again := evalText(t, text, event.Scope{}, replayed); again != first {
			t.Errorf("%s changes when the event is replayed", text)
		}
		for what, change := range map[string]func(*event.Event){
			"id":      func(e *event.Event) { e.ID = "ev-2" },
			"source":  func(e *event.Event) { e.Source = "other" },
			"element": func(e *event.Event) { e.Element = "1" },
		} {
			e := testEvent()
			change(e)
			if evalText(t, text, event.Scope{}, e) == first {
				t.Errorf("%s does not depend on the %s", text, what)
			}
		}
		if other := evalText(t, " "+text, event.Scope{}, testEvent()); other == first {
			t.Errorf("%s does not depend on its place", text)
		}
		if other := evalText(t, strings.Replace(text, ")", "'b')", 1), event.Scope{}, testEvent()); other == first {
			t.Errorf("%s does not depend on its name", text)
		}
		if got := evalText(t, `string(len(uniq(map(1..5, `+text+`))))`, event.Scope{}, testEvent()); got != "5" {
			t.Errorf("in a loop of five %s gives %s different ones", text, got)
		}
		request := event.Scope{Request: true}
		one, two := testEvent(), testEvent()
		one.ID, two.ID, two.Stamp = "", "", "stamp-2"
		if evalText(t, text, request, one) == evalText(t, text, request, two) {
			t.Errorf("before the event has an id %s is the same for different requests", text)
		}
	}
}

func TestIDForms(t *testing.T) {
	u, err := uuid.Parse(evalText(t, "uuid()", event.Scope{}, testEvent()))
	if err != nil || u.Version() != 8 || u.Variant() != uuid.RFC4122 {
		t.Errorf("%v is of version %d and variant %s, %v", u, u.Version(), u.Variant(), err)
	}
	l, err := ulid.ParseStrict(evalText(t, "ulid()", event.Scope{}, testEvent()))
	if err != nil || l.Timestamp().UnixMilli() != testTime.UnixMilli() {
		t.Errorf("%v is of %v, %v", l, l.Timestamp(), err)
	}
	if !regexp.MustCompile(`^[0-9A-Z]{26}$`).MatchString(l.String()) {
		t.Errorf("%v has another form", l)
	}
}

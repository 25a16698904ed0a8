package event

import "testing"

func TestParseStatus(t *testing.T) {
	for text, want := range map[string]AnswerRule{
		"409": {From: 409, To: 409}, "5xx": {From: 500, To: 599}, " 500-504 ": {From: 500, To: 504},
		"200": {}, "2xx": {}, "504-500": {}, "soon": {}, "1000": {}, "": {}, "status": {},
	} {
		got, ok := ParseStatus(text)
		if ok != (want != AnswerRule{}) || ok && got != want {
			t.Errorf("%q is %+v, %v", text, got, ok)
		}
	}
}

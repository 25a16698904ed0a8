package transforms

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestAnAnswerIsUsedUntilItIsOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAnswers(2, time.Minute)
		a.add("q", []byte("1"))
		time.Sleep(59 * time.Second)
		if body, ok := a.get("q"); !ok || string(body) != "1" {
			t.Errorf("before its time the answer is %s, %v", body, ok)
		}
		time.Sleep(2 * time.Second)
		if _, ok := a.get("q"); ok {
			t.Error("it is used after its time")
		}
		a.add("q", []byte("2"))
		if body, ok := a.get("q"); !ok || string(body) != "2" {
			t.Errorf("asked again the answer is %s, %v", body, ok)
		}
	})
}

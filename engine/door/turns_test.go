package door

import (
	"testing"
	"testing/synctest"
)

func TestTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := newTurns(turnsShare * 2 * largeBody) // two at once
		passed := make(chan int64, 4)
		pass := func(size int64) {
			go func() {
				if err := turns.acquire(t.Context(), size); err != nil {
					t.Error(err)
				}
				passed <- size
			}()
			synctest.Wait()
		}
		want := func(what string, n int) {
			t.Helper()
			if len(passed) != n {
				t.Errorf("%s: %d have passed, want %d", what, len(passed), n)
			}
		}
		pass(largeBody)
		pass(largeBody)
		want("two large ones", 2)
		pass(10 * largeBody)
		want("one that is larger than all turns", 2)
		pass(largeBody - 1)
		want("a small one", 3)
		turns.release(largeBody)
		synctest.Wait()
		want("while one large one is on its way", 3)
		turns.release(largeBody)
		synctest.Wait()
		want("when none is", 4)
	})
}

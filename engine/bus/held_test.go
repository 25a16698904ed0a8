package bus

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/trotline/trotline/event/eventtest"
)

func TestHeldEvents(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir)
	until := time.Date(2026, 3, 14, 16, 0, 0, 0, time.UTC)
	held := func(i int) *Held {
		e := eventtest.EventJSON(fmt.Sprintf(`{"n":%d}`, i))
		e.Stamp, e.Element = fmt.Sprintf("stamp-%d", i), "0"
		return &Held{
			Event: e, Pipeline: "orders", Generation: 3, Step: 2, Until: until.Add(time.Duration(i) * time.Second),
			Since: eventtest.Time, Attempts: i, Cause: fmt.Sprintf("e%d", i+1),
		}
	}
	for i := range 3 {
		if _, err := b.Hold(held(i)).Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if ack, err := b.Hold(held(1)).Wait(t.Context()); err != nil || !ack.Duplicate {
		t.Errorf("holding again: %+v, %v", ack, err)
	}
	if used, err := b.UsesGeneration(t.Context(), 3); err != nil || !used {
		t.Errorf("the generation of what is held: used %v, %v", used, err)
	}
	if err := b.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	b = open(t, dir)
	var marks []HeldMark
	if err := b.HeldMarks(t.Context(), "orders", func(m HeldMark) bool { marks = append(marks, m); return true }); err != nil {
		t.Fatal(err)
	}
	if len(marks) != 3 {
		t.Fatalf("%d are held", len(marks))
	}
	if all, err := b.HeldEvents(t.Context(), []uint64{marks[0].Sequence, marks[2].Sequence}); err != nil || len(all) != 2 {
		t.Errorf("%d of two are read: %v", len(all), err)
	}
	for i, m := range marks {
		want := held(i)
		if m.Name != want.Name() || m.Cause != want.Cause || !m.Until.Equal(want.Until) {
			t.Errorf("mark %d is %+v", i, m)
		}
		all, err := b.HeldEvents(t.Context(), []uint64{m.Sequence, m.Sequence + 100, m.Sequence + 101})
		if err != nil || len(all) != 1 {
			t.Fatalf("%d are read: %v", len(all), err)
		}
		got := all[0]
		raw, _ := got.Event.Body.Raw()
		if got.Generation != 3 || got.Step != 2 || got.Attempts != i || !got.Since.Equal(want.Since) || got.Event.Element != "0" || string(raw) != fmt.Sprintf(`{"n":%d}`, i) {
			t.Errorf("held %d is %+v, %s", i, got, raw)
		}
		for range 2 {
			if err := b.LetGo(t.Context(), m.Sequence); err != nil {
				t.Error(err)
			}
		}
		if all, err := b.HeldEvents(t.Context(), []uint64{m.Sequence}); len(all) > 0 || err != nil {
			t.Errorf("after it was let go: %v, %v", all, err)
		}
	}
}

func TestChangelog(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir)
	large := bytes.Repeat([]byte("0123456789"), maxPage/10*2+7)
	var pages []Page
	for i, data := range [][]byte{[]byte("first"), large, []byte("last"), {}} {
		p, err := b.WriteChanges(t.Context(), "orders", fmt.Sprint(i), data)
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, p)
		if _, err := b.WriteChanges(t.Context(), "orders", fmt.Sprint(i), data); err != nil { // an answer was lost
			t.Fatal(err)
		}
		if _, err := b.WriteChanges(t.Context(), "others", fmt.Sprint(i), []byte("not ours")); err != nil {
			t.Fatal(err)
		}
	}
	check := func(want []Page) {
		t.Helper()
		var got []Page
		if err := b.Changes(t.Context(), "orders", func(p Page) error { got = append(got, p); return nil }); err != nil {
			t.Fatal(err)
		}
		if len(got) != len(want) {
			t.Fatalf("%d pages, want %d", len(got), len(want))
		}
		for i := range got {
			if got[i].Sequence != want[i].Sequence || !bytes.Equal(got[i].Data, want[i].Data) {
				t.Errorf("page %d stands at %d with %d bytes, want %d with %d", i, got[i].Sequence, len(got[i].Data), want[i].Sequence, len(want[i].Data))
			}
		}
	}
	check(pages)
	if err := b.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	b = open(t, dir)
	check(pages)
	if err := b.ForgetChanges(t.Context(), "orders", pages[2].Sequence); err != nil {
		t.Fatal(err)
	}
	check(pages[2:])
	// A page of which a part is missing was never finished.
	if err := b.ForgetChanges(t.Context(), "orders", pages[2].Sequence+1); err != nil {
		t.Fatal(err)
	}
	if err := b.ForgetChanges(t.Context(), "orders", 0); err != nil {
		t.Fatal(err)
	}
	check(nil)
}

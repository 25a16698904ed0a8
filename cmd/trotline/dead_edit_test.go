package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestADeadLetterIsEditedInAnEditor(t *testing.T) {
	crm := newReceiver(t)
	s := newSite(t, strings.Replace(deadSite, "CRM", crm.URL, 1))
	r := s.run()
	s.must("send", "shop", "--data", `{"id": "a", "n": 1, "price": 10.10}`)
	r.letters(1)

	if got := s.with([]string{"EDITOR=true", "VISUAL="}, "dead", "edit", "1"); got.code != exitNo || !strings.Contains(got.errOut, "nothing was changed") {
		t.Errorf("an editor that is closed: %+v", got)
	}
	if got := s.with([]string{"EDITOR=false", "VISUAL="}, "dead", "edit", "1"); got.code != exitNo || !strings.Contains(got.errOut, "nothing was changed") {
		t.Errorf("an editor that fails: %+v", got)
	}
	if got := s.with([]string{"EDITOR=", "VISUAL="}, "dead", "edit", "1"); got.code != exitUsage || !strings.Contains(got.errOut, "--body FILE") {
		t.Errorf("no editor: %+v", got)
	}
	if got := s.with([]string{"EDITOR=sed -i s/10.10/20.20/", "VISUAL="}, "dead", "edit", "1"); got.code != exitDone || !strings.Contains(got.out, "dead letter 1 is edited") {
		t.Errorf("an edit: %+v", got)
	}
	shown := s.must("dead", "show", "1")
	for _, want := range []string{"edited ", "20.20", "body before it was edited", "10.10"} {
		if !strings.Contains(shown, want) {
			t.Errorf("dead show does not hold %q:\n%s", want, shown)
		}
	}
	file := filepath.Join(s.dir, "body.json")
	if err := os.WriteFile(file, []byte(`{"id": "a", "n": `), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := s.trotline("dead", "edit", "1", "--body", file); got.code != exitNo || !strings.Contains(got.errOut, "the JSON ends too early") {
		t.Errorf("a body that is none: %+v", got)
	}
	if got := s.must("dead", "edit", "1", "--restore"); !strings.Contains(got, "has its first body again") {
		t.Errorf("restoring says %q", got)
	}
	if got := s.trotline("dead", "edit", "1", "--restore"); got.code != exitNo {
		t.Errorf("restored twice: %+v", got)
	}

	if got := s.trotline("dead", "export", "-o", "letters.jsonl"); got.code != exitDone || !strings.Contains(got.errOut, "1 dead letter written") || len(s.lines("letters.jsonl")) != 1 {
		t.Errorf("an export: %+v", got)
	}
	if got := s.trotline("dead", "export", "-o", "letters.jsonl"); got.code == exitDone {
		t.Error("an export writes over a file")
	}
}

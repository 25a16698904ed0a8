package admin_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/trotline/trotline/admin"
)

// put sends a body to the API and wants a status.
func (w *world) put(path, body string, status int, into any) {
	w.t.Helper()
	r, err := http.NewRequest(http.MethodPut, w.api.URL+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != status {
		w.t.Fatalf("PUT %s is answered %s", path, answer.Status)
	}
	if err := json.NewDecoder(answer.Body).Decode(into); err != nil {
		w.t.Fatal(err)
	}
}

// fill makes n dead letters, one after the other, of amounts from 0 on; the last one has none.
func (w *world) fill(n int) {
	w.t.Helper()
	for i := range n {
		body := fmt.Sprintf(`{"id": "o-%d", "amount": %d}`, i, i)
		if i == n-1 {
			body = fmt.Sprintf(`{"id": "o-%d"}`, i)
		}
		w.send("application/json", body)
		w.dead(i + 1)
	}
}

func TestDeadLettersAreChosen(t *testing.T) {
	w := newWorld(t)
	w.fill(5)
	for query, want := range map[string]string{
		"where=body.amount+%3E+1":                "o-3 o-2 ",
		"class=own":                              "",
		"class=receiver&limit=2":                 "o-4 o-3 ",
		"until=1h":                               "",
		"id=o-2&sink=crm&source=shop":            "o-2 ",
		"step=filter_1":                          "",
		"reason=refused&after=3&pipeline=orders": "o-3 o-4 ",
	} {
		var list admin.DeadLetters
		w.ask(http.MethodGet, "/api/dead?"+query, http.StatusOK, &list)
		got := ""
		for _, d := range list.Letters {
			got += d.Event.ID + " "
			if d.Class != "receiver" {
				t.Errorf("the class is %s", d.Class)
			}
		}
		if got != want {
			t.Errorf("%s leaves %q, not %q", query, got, want)
		}
		if strings.HasPrefix(query, "where") && (list.Count != 1 || !strings.Contains(list.Error, "body.amount is nil")) {
			t.Errorf("what the expression fails on is told as %+v", list.Unjudged)
		}
		if strings.Contains(query, "limit=2") && list.Next != list.Letters[1].Sequence {
			t.Errorf("the next page begins at %d", list.Next)
		}
	}
	for _, query := range []string{"class=sender", "reason=refusal", "where=body.", "where=env.HOME+%3D%3D+''", "until=soon", "refused=maybe"} {
		w.ask(http.MethodGet, "/api/dead?"+query, http.StatusBadRequest, nil)
	}
}

func TestDeadLettersAreEdited(t *testing.T) {
	w := newWorld(t)
	w.fill(1)
	var d admin.DeadDetail
	w.put("/api/dead/1/body", `{"id": "o-0", "amount": 7}`, http.StatusOK, &d)
	if string(d.Body) != `{"id":"o-0","amount":7}` || d.Unedited == nil || string(d.Unedited.Body) != `{"id":"o-0"}` || d.Sequence != 1 || d.Edited.IsZero() {
		t.Errorf("the letter is %+v", d)
	}
	var p admin.Problem
	w.put("/api/dead/1/body", `{"id":`, http.StatusConflict, &p)
	w.put("/api/dead/9/body", `{}`, http.StatusNotFound, &p)
	w.put("/api/dead/1/body?refused=true", `{}`, http.StatusConflict, &p)
	w.put("/api/dead/1/body?number=1", `{}`, http.StatusBadRequest, &p)
	d = admin.DeadDetail{}
	w.ask(http.MethodPost, "/api/dead/1/restore", http.StatusOK, &d)
	if string(d.Body) != `{"id":"o-0"}` || d.Unedited != nil {
		t.Errorf("restored it is %+v", d)
	}
	w.ask(http.MethodPost, "/api/dead/1/restore", http.StatusConflict, nil)
}

func TestDeadLettersAreExported(t *testing.T) {
	w := newWorld(t)
	w.ask(http.MethodGet, "/api/dead/export", http.StatusOK, nil)
	w.fill(3)
	answer, err := http.Get(w.api.URL + "/api/dead/export?" + url.Values{"where": {"body.amount < 9"}}.Encode())
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	lines, ids := bufio.NewScanner(answer.Body), ""
	for lines.Scan() {
		var d admin.DeadDetail
		if err := json.Unmarshal(lines.Bytes(), &d); err != nil {
			t.Fatal(err)
		}
		if ids += d.Event.ID + " "; len(d.Body) == 0 || len(d.History) != 1 || d.History[0].Answer != "no such customer" || d.DeliveryID == "" {
			t.Errorf("the line is %s", lines.Bytes())
		}
	}
	if ids != "o-0 o-1 " {
		t.Errorf("exported are %s", ids)
	}
}

func TestRunsTellWhatTheyDid(t *testing.T) {
	w := newWorld(t)
	w.fill(4)
	var done admin.Done
	w.ask(http.MethodPost, "/api/dead/drop?dry_run=true&where=body.amount+%3E+0", http.StatusOK, &done)
	if done.Done != 2 || !done.DryRun || !done.Finished || done.Count != 1 {
		t.Errorf("the dry run says %+v", done)
	}
	w.dead(4)
	w.refuse.Store(false)
	done = admin.Done{}
	w.ask(http.MethodPost, "/api/dead/replay?all=true&limit=3&rate=1000/s", http.StatusOK, &done)
	if done.Done != 3 || done.To["crm"] != 3 || !done.Finished {
		t.Errorf("the replay says %+v", done)
	}
	w.dead(1)
	done = admin.Done{}
	w.ask(http.MethodPost, "/api/events/replay?where=body.amount+%3D%3D+1&sink=other", http.StatusOK, &done)
	if got, err := w.arrived["other"].Wait(t.Context(), 1); done.Done != 1 || err != nil || got[0].Event.ID != "o-1" || got[0].Event.Replay != done.Replay {
		t.Errorf("the replay of events says %+v; %+v arrived, %v", done, got, err)
	}
	for path, status := range map[string]int{
		"/api/dead/replay?sink=crm&rate=fast":           http.StatusBadRequest,
		"/api/dead/replay?refused=true&all=true":        http.StatusConflict,
		"/api/dead/1/replay?refused=true":               http.StatusConflict,
		"/api/events/replay?sink=other&pipeline=orders": http.StatusConflict,
		"/api/events/replay?pipeline=nothing":           http.StatusConflict,
		"/api/events/replay?from=shop":                  http.StatusBadRequest,
	} {
		w.ask(http.MethodPost, path, status, nil)
	}
}

package postgres

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/trotline/trotline/event"
	"github.com/trotline/trotline/event/eventtest"
)

func TestValidate(t *testing.T) {
	x := eventtest.Expr(json.Number("1"))
	for _, test := range []struct {
		settings Settings
		path     string
	}{
		{Settings{Table: "a.b.c"}, "table"},
		{Settings{Table: ".b"}, "table"},
		{Settings{Table: "{{ body.table }}"}, "table"},
		{Settings{Table: "a", Version: "v"}, "version"},
		{Settings{Table: "a", Key: []string{"v"}, Version: "v"}, "version"},
		{Settings{Table: "a", Key: []string{"k", "k"}}, "key[1]"},
		{Settings{Table: "a", Key: []string{""}}, "key[0]"},
		{Settings{Table: "a", Key: []string{"k"}, Columns: map[string]event.Expr{"a": x}}, "key[0]"},
		{Settings{Table: "a", Key: []string{"a"}, Version: "v", Columns: map[string]event.Expr{"a": x}}, "version"},
		{Settings{Table: "a", Columns: map[string]event.Expr{"delivery_id": x}}, "columns"},
		{Settings{Table: "a", Columns: map[string]event.Expr{"": x}}, "columns"},
		{Settings{Table: "a", DSN: "postgres://u:p%ss@h/d"}, "dsn"},
		{Settings{Table: "a", DSN: "postgres://u:p@h/d?sslmode=s3cret"}, "dsn"},
		{Settings{Table: "a", DSN: "s3cret"}, "dsn"},
		{Settings{Table: "a", DSN: "postgres://u:s3cret@h/d?sslmode=verify-full&sslrootcert=/no/such/file"}, "dsn"},
	} {
		problems := test.settings.Validate()
		if len(problems) != 1 || problems[0].Path != test.path {
			t.Errorf("%#v: %v, want one problem at %s", test.settings, problems, test.path)
			continue
		}
		if strings.Contains(problems[0].Error(), "s3cret") {
			t.Errorf("shows the secret: %v", problems[0])
		}
	}
}

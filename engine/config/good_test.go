package config_test

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/trotline/trotline/engine/config"
	"github.com/trotline/trotline/event"
)

const planBegins = "---plan---\n"

// TestGood loads each file of testdata/good; below the line ---plan--- stands
// everything that came of it.
func TestGood(t *testing.T) {
	files, _ := filepath.Glob("testdata/good/*.yaml")
	if len(files) == 0 {
		t.Fatal("no files in testdata/good")
	}
	for _, path := range files {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".yaml"), func(t *testing.T) {
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			input, want, ok := strings.Cut(string(content), planBegins)
			if !ok {
				t.Fatalf("%s has no line %q", path, planBegins)
			}
			c, problems := loadText(t, input)
			if len(problems) > 0 {
				t.Fatalf("problems:\n%s", render(problems))
			}
			got := dump(c)
			if *update {
				if err := os.WriteFile(path, []byte(input+planBegins+got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != want {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

// dump writes every value that is not zero, one a line. Secrets are shown: they are the tests' own.
func dump(c *config.Config) string {
	var b strings.Builder
	dir := filepath.Dir(c.Files[0].Path)
	for _, v := range []struct {
		name  string
		value any
	}{
		{"server", c.Server}, {"nats", c.NATS}, {"durability", c.Durability}, {"dedupe", c.Dedupe}, {"retention", c.Retention},
		{"sources", c.Sources}, {"sinks", c.Sinks}, {"pipelines", c.Pipelines},
	} {
		dumpValue(&b, v.name, reflect.ValueOf(v.value))
	}
	return strings.ReplaceAll(b.String(), dir, "/etc/trotline")
}

func dumpValue(b *strings.Builder, path string, v reflect.Value) {
	if !v.IsValid() || v.IsZero() {
		return
	}
	line := func(text string) { fmt.Fprintf(b, "%s = %s\n", path, text) }
	switch x := v.Interface().(type) {
	case event.Secret:
		line(fmt.Sprintf("secret %q", x.Reveal()))
		return
	case event.Duration, event.Size, netip.Prefix:
		line(fmt.Sprint(x))
		return
	case event.Expr:
		line("expression " + x.Text())
		return
	case event.Template:
		text, constant := x.Constant()
		line(fmt.Sprintf("template %q constant=%t %q", x.Text(), constant, text))
		return
	case event.File:
		line(fmt.Sprintf("file %s %q", x.Path, x.Data))
		return
	case *event.Mapping:
		if x.Expr == nil && x.Fields == nil && x.Items == nil {
			line(fmt.Sprintf("%T %v", x.Value, x.Value))
			return
		}
	case config.Position:
		line(fmt.Sprintf("%d:%d", x.Line, x.Column))
		return
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		dumpValue(b, path, v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			if name := v.Type().Field(i).Name; name != "Checksum" {
				dumpValue(b, path+"."+name, v.Field(i))
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			dumpValue(b, fmt.Sprintf("%s[%d]", path, i), v.Index(i))
		}
	case reflect.Map:
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
		for _, k := range keys {
			dumpValue(b, path+"."+k.String(), v.MapIndex(k))
		}
	default:
		line(fmt.Sprintf("%#v", v.Interface()))
	}
}

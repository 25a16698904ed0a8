package eventtest

import (
	"reflect"
	"strings"
	"testing"

	"github.com/trotline/trotline/event"
)

// Settings checks a kind's settings as the configuration will read them: a
// pointer to a struct whose exported fields each have a yaml word and a doc
// line, of types the configuration can decode, and made anew at each call.
func Settings(t *testing.T, settings func() any) {
	t.Helper()
	first := settings()
	v := reflect.ValueOf(first)
	if v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Struct {
		t.Fatalf("the settings are %T, not a pointer to a struct", first)
	}
	if v.Elem().NumField() > 0 && v.Pointer() == reflect.ValueOf(settings()).Pointer() {
		t.Error("two calls of Settings give the same pointer: one user's YAML would be written over the other's")
	}
	checkStruct(t, v.Elem().Type(), v.Elem().Type().Name())
}

var (
	exprType      = reflect.TypeFor[event.Expr]()
	templateType  = reflect.TypeFor[event.Template]()
	settingsTypes = map[reflect.Type]bool{
		exprType: true, templateType: true,
		reflect.TypeFor[event.Secret]():     true,
		reflect.TypeFor[event.Duration]():   true,
		reflect.TypeFor[event.Size]():       true,
		reflect.TypeFor[event.Path]():       true,
		reflect.TypeFor[event.File]():       true,
		reflect.TypeFor[*event.File]():      true,
		reflect.TypeFor[*event.Mapping]():   true,
		reflect.TypeFor[event.Format]():     true,
		reflect.TypeFor[event.Aggregate]():  true,
		reflect.TypeFor[event.AnswerRule](): true,
	}
)

func checkStruct(t *testing.T, s reflect.Type, path string) {
	t.Helper()
	for f := range s.Fields() {
		if !f.IsExported() {
			continue
		}
		place := path + "." + f.Name
		if word, _, _ := strings.Cut(f.Tag.Get("yaml"), ","); word == "" || word == "-" {
			t.Errorf("%s has no yaml word", place)
		}
		if f.Tag.Get("doc") == "" {
			t.Errorf("%s has no doc line", place)
		}
		checkType(t, f.Type, place)
	}
}

func checkType(t *testing.T, f reflect.Type, path string) {
	t.Helper()
	if settingsTypes[f] {
		return
	}
	switch f.Kind() {
	case reflect.String, reflect.Bool, reflect.Int, reflect.Float64:
	case reflect.Slice:
		checkType(t, f.Elem(), path+"[]")
	case reflect.Map:
		if f.Key().Kind() != reflect.String {
			t.Errorf("%s has keys of type %s", path, f.Key())
		}
		checkType(t, f.Elem(), path+"{}")
	case reflect.Pointer:
		if f.Elem().Kind() != reflect.Struct {
			t.Errorf("%s is a %s, which the configuration does not decode", path, f)
			return
		}
		checkStruct(t, f.Elem(), path)
	case reflect.Struct:
		checkStruct(t, f, path)
	default:
		t.Errorf("%s is a %s, which the configuration does not decode", path, f)
	}
}

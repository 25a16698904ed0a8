package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"
)

var update = flag.Bool("update", false, "write the files and the parts of the manual that are made of the code")

const schemaFile = "../../schemas/pipelines.schema.json"

// TestSchemaFile compares the schema in the repository with the one of this build.
func TestSchemaFile(t *testing.T) {
	s := newSite(t, plainSite)
	now := s.must("schema")
	if *update {
		if err := os.WriteFile(schemaFile, []byte(now), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if readFile(t, schemaFile) != now {
		t.Error("schemas/pipelines.schema.json is not what `trotline schema` prints; write it again:\n" +
			"  go run ./cmd/trotline schema > schemas/pipelines.schema.json")
	}
}

// fileSchema is the schema of this build, ready to check with.
var fileSchema = sync.OnceValues(func() (*jsonschema.Schema, error) {
	var out bytes.Buffer
	if err := (schemaCommand{}).Run(&terminal{out: &out}); err != nil {
		return nil, err
	}
	document, err := jsonschema.UnmarshalJSON(&out)
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("pipelines.schema.json", document); err != nil {
		return nil, err
	}
	return c.Compile("pipelines.schema.json")
})

// checkSchema is what an editor would find wrong with a file.
func checkSchema(t *testing.T, text string) error {
	t.Helper()
	schema, err := fileSchema()
	if err != nil {
		t.Fatal(err)
	}
	var file any
	if err := yaml.Unmarshal([]byte(text), &file); err != nil {
		t.Fatal(err)
	}
	encoded, err := json.Marshal(file) // the numbers as the library wants them
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(encoded))
	if err != nil {
		t.Fatal(err)
	}
	return schema.Validate(document)
}

// TestSchemaTakes holds files without a mistake; those of the manual are in [TestDocs].
func TestSchemaTakes(t *testing.T) {
	files, err := filepath.Glob("../../engine/config/testdata/good/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	for _, path := range append(files, "../../pipelines.example.yaml") {
		t.Run(filepath.Base(path), func(t *testing.T) {
			text, _, _ := strings.Cut(readFile(t, path), "---plan---\n")
			if err := checkSchema(t, text); err != nil {
				t.Errorf("%#v", err)
			}
		})
	}
}

func TestSchemaRefuses(t *testing.T) {
	example := readFile(t, "../../pipelines.example.yaml")
	for _, c := range []struct{ what, old, now string }{
		{"a misspelt word at the top", "sinks:", "snks:"},
		{"a misspelt setting of a sink", "create: true", "craete: true"},
		{"a setting of another kind", "{type: file, path:", "{type: file, table: x, path:"},
		{"an unknown kind", "type: sqlite", "type: sqlight"},
		{"a missing setting", "path: /hooks/shop", ""},
		{"a source without verify", "verify: {preset:", "disabled: {preset:"},
		{"an unknown step", "- filter:", "- fliter:"},
		{"a text for a switch", "create: true", "create: always"},
		{"a name with a hyphen", "big_orders:", "big-orders:"},
	} {
		t.Run(c.what, func(t *testing.T) {
			broken := strings.Replace(example, c.old, c.now, 1)
			if broken == example {
				t.Fatalf("the example does not hold %q", c.old)
			}
			if checkSchema(t, broken) == nil {
				t.Errorf("the schema takes %q for %q", c.now, c.old)
			}
		})
	}
}

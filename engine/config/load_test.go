package config_test

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"

	"github.com/trotline/trotline/engine/config"
)

const small = `sources:
  shop: {path: /hooks/shop, verify: none}
sinks:
  out: {type: stdout}
pipelines:
  orders: {from: shop, to: out}
`

func TestSeveralFiles(t *testing.T) {
	parts := map[string]string{
		"conf/10-sources.yaml":   "server: {listen: \":1\"}\nsources:\n  shop: {path: /hooks/shop, verify: none}\n",
		"conf/20-sinks.yml":      "sinks:\n  out: {type: stdout}\n",
		"conf/30-pipelines.yaml": "pipelines:\n  orders: {from: shop, to: out}\n",
		"conf/.hidden.yaml":      "nonsense",
		"conf/notes.txt":         "nonsense",
		"conf/deeper/x.yaml":     "nonsense",
	}
	for _, test := range []struct {
		name  string
		files map[string]string
		paths []string
		want  []string
	}{
		{name: "a folder", files: parts, paths: []string{"conf"}},
		{name: "files, and one of them again", files: parts, paths: []string{"conf/30-pipelines.yaml", "conf/20-sinks.yml", "conf/10-sources.yaml", "conf/20-sinks.yml"}},
		{name: "a folder without any", files: map[string]string{"conf/notes.txt": ""}, paths: []string{"conf"},
			want: []string{"conf: the folder holds no *.yaml (name a file, or put one there)"}},
		{name: "a file that is not there", files: nil, paths: []string{"nowhere.yaml"},
			want: []string{"nowhere.yaml: cannot read the file: no such file or directory (name the configuration's file, or a folder of *.yaml)"}},
		{name: "one name in two files", files: map[string]string{"a.yaml": small, "b.yaml": "sinks:\n  out: {type: stdout}\n"}, paths: []string{"a.yaml", "b.yaml"},
			want: []string{"b.yaml:2:3: sink out stands here twice (the first is at a.yaml:4:3)"}},
		{name: "one setting in two files", files: map[string]string{"a.yaml": "server: {listen: \":1\"}\n" + small, "b.yaml": "server: {listen: \":2\"}\n"}, paths: []string{"a.yaml", "b.yaml"},
			want: []string{"b.yaml:1:1: server stands here twice (the first is at a.yaml:1:1)"}},
		{name: "a version in each", files: map[string]string{"a.yaml": "version: 1\n" + small, "b.yaml": "version: 1\n"}, paths: []string{"a.yaml", "b.yaml"}},
		{name: "a fault in each", files: map[string]string{"a.yaml": small + "x: 1\n", "b.yaml": "y: 1\n"}, paths: []string{"b.yaml", "a.yaml"},
			want: []string{"b.yaml:1:1: unknown setting y", "a.yaml:7:1: unknown setting x"}},
		{name: "one that is broken hides nothing of another's syntax", files: map[string]string{"a.yaml": "x: 'y\n", "b.yaml": "x: \"y\n"}, paths: []string{"a.yaml", "b.yaml"},
			want: []string{"a.yaml:1:4: this quote is not closed (end the text with ')", "b.yaml:1:4: this quote is not closed (end the text with \")"}},
		{name: "not UTF-8", files: map[string]string{"a.yaml": small + "# \xff\n"}, paths: []string{"a.yaml"},
			want: []string{"a.yaml:7:3: the file is not UTF-8 text (save it as UTF-8)"}},
		{name: "nothing named", want: []string{"no configuration is named (name a file, or a folder of *.yaml)"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, problems := load(t, test.files, test.paths...)
			if len(problems) != len(test.want) {
				t.Fatalf("problems:\n%s", render(problems))
			}
			for i, p := range problems {
				if !strings.HasPrefix(p.String(), test.want[i]) {
					t.Errorf("got  %s\nwant %s", p, test.want[i])
				}
			}
			if (c == nil) != (len(test.want) > 0) {
				t.Errorf("the configuration is %v", c)
			}
		})
	}
}

func TestErr(t *testing.T) {
	ps := config.Problems{
		{Position: config.Position{File: "a.yaml", Line: 1, Column: 2}, Msg: "m", Hint: "h"},
		{Position: config.Position{File: "a.yaml", Line: 3, Column: 4}, Msg: "w", Warning: true},
		{Position: config.Position{File: "b.yaml"}, Msg: "n"},
	}
	if err := ps.Err(); err == nil || err.Error() != "a.yaml:1:2: m (h)\nb.yaml: n" {
		t.Errorf("got %v", err)
	}
	if warnings := ps[1:2]; warnings.Err() != nil || warnings.HasErrors() || warnings[0].String() != "a.yaml:3:4: warning: w" {
		t.Errorf("got %v, %s", warnings.Err(), warnings[0])
	}
}

func TestWindowsFiles(t *testing.T) {
	crlf := func(s string) string { return "\ufeff" + strings.ReplaceAll(s, "\n", "\r\n") }
	if _, problems := loadText(t, crlf(small)); len(problems) > 0 {
		t.Errorf("a file with CRLF and a byte order mark:\n%s", render(problems))
	}
	_, problems := loadText(t, crlf("x: 1\n"+small))
	if len(problems) != 1 || problems[0].Line != 1 || problems[0].Column != 1 || problems[0].Text != "x: 1" {
		t.Errorf("got %+v", problems)
	}
	_, problems = loadText(t, crlf(strings.Replace(small, "to: out", "steps: [filter: \"body.a ==\n    bodi.b\"], to: out", 1)))
	if len(problems) != 1 || problems[0].Line != 7 || problems[0].Column != 5 || problems[0].EndColumn != 9 {
		t.Errorf("got %+v", problems)
	}
}

// tree writes a configuration that reads from everywhere, and returns its folder.
func tree(t *testing.T) string {
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"secret.txt": "opensesame\n", "order.schema.json": "{}", "ca.pem": "a certificate",
		"pipelines.yaml": `sources:
  shop: {path: /hooks/shop, verify: {preset: github, secrets: ["${SHOP_SECRET}", "${file:secret.txt}"]}}
sinks:
  warehouse: {type: postgres, dsn: "${WAREHOUSE_DSN}", table: orders}
  crm: {type: http, url: "https://crm/{{ body.id }}", tls: {ca_file: ca.pem}}
pipelines:
  orders: {from: shop, steps: [validate: order.schema.json], to: [warehouse, crm]}
`,
	})
	return dir
}

func TestFilesAndWatch(t *testing.T) {
	dir := tree(t)
	c, problems := config.Load([]string{dir}, config.Options{Kinds: kinds(), Env: environment})
	if len(problems) > 0 {
		t.Fatalf("problems:\n%s", render(problems))
	}
	var files []string
	for _, f := range c.Files {
		files = append(files, strings.TrimPrefix(f.Path, dir))
		data, err := os.ReadFile(f.Path)
		if err != nil || string(data) != string(f.Data) || f.Config != strings.HasSuffix(f.Path, ".yaml") {
			t.Errorf("%s: %v, %q, config %t", f.Path, err, f.Data, f.Config)
		}
	}
	if want := []string{"/pipelines.yaml", "/order.schema.json"}; !slices.Equal(files, want) {
		t.Errorf("files %v, want %v", files, want)
	}
	var watched []string
	for _, path := range c.Watch {
		watched = append(watched, strings.TrimPrefix(path, dir))
	}
	slices.Sort(watched)
	if want := []string{"", "/ca.pem", "/order.schema.json", "/secret.txt"}; !slices.Equal(watched, want) {
		t.Errorf("watched %q, want %q", watched, want)
	}
}

// TestWhatAnEditChanges edits one thing at a time and looks at what tells edits apart.
func TestWhatAnEditChanges(t *testing.T) {
	for _, test := range []struct {
		name           string
		file, old, new string
		env            string
		same           bool
		warehouse, crm bool // whether the sink is another one
	}{
		{name: "nothing", same: true},
		{name: "a comment", file: "pipelines.yaml", old: "sinks:", new: "# hello\nsinks:"},
		{name: "a rule", file: "pipelines.yaml", old: "orders: {from", new: "orders: {on_error: drop, from"},
		{name: "a sink's own settings", file: "pipelines.yaml", old: "table: orders", new: "table: o", warehouse: true},
		{name: "how a sink is attempted", file: "pipelines.yaml", old: "table: orders", new: "table: orders, timeout: 5s"},
		{name: "a template", file: "pipelines.yaml", old: "body.id", new: "body.ids", crm: true},
		{name: "a schema", file: "order.schema.json", old: "{}", new: "{ }"},
		{name: "a secret's file", file: "secret.txt", old: "open", new: "close"},
		{name: "a watched file", file: "ca.pem", old: "a", new: "another", crm: true},
		{name: "a variable", env: "postgres://other", warehouse: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := tree(t)
			env := environment
			first := mustLoad(t, dir, env)
			if test.file != "" {
				path := filepath.Join(dir, test.file)
				text, _ := os.ReadFile(path)
				write(t, dir, map[string]string{test.file: strings.Replace(string(text), test.old, test.new, 1)})
			}
			if test.env != "" {
				env = func(name string) (string, bool) {
					if name == "WAREHOUSE_DSN" {
						return test.env, true
					}
					return environment(name)
				}
			}
			second := mustLoad(t, dir, env)
			if same := first.Fingerprint == second.Fingerprint; same != test.same {
				t.Errorf("the fingerprint is the same: %t", same)
			}
			for i, another := range []bool{test.warehouse, test.crm} {
				if got := first.Sinks[i].Checksum != second.Sinks[i].Checksum; got != another {
					t.Errorf("%s is another sink: %t", first.Sinks[i].Name, got)
				}
			}
		})
	}
}

func mustLoad(t *testing.T, path string, env func(string) (string, bool)) *config.Config {
	t.Helper()
	c, problems := config.Load([]string{path}, config.Options{Kinds: kinds(), Env: env})
	if problems.HasErrors() {
		t.Fatalf("problems:\n%s", render(problems))
	}
	return c
}

// TestStoredGeneration loads the rules from the texts kept with them, on a
// machine that has none of the files and none of the secrets any more.
func TestStoredGeneration(t *testing.T) {
	dir := tree(t)
	now := mustLoad(t, dir, environment)
	texts := make(map[string][]byte)
	var paths []string
	for _, f := range now.Files {
		texts[f.Path] = f.Data
		if f.Config {
			paths = append(paths, f.Path)
		}
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	c, problems := config.Load(paths, config.Options{
		Kinds: kinds(), RulesOnly: true, Env: func(string) (string, bool) { return "", false },
		ReadFile: func(path string) ([]byte, error) {
			if text, ok := texts[path]; ok {
				return text, nil
			}
			return nil, fs.ErrNotExist
		},
	})
	if len(problems) > 0 {
		t.Fatalf("problems:\n%s", render(problems))
	}
	if len(c.Sources) != 1 || c.Sources[0].Name != "shop" || len(c.Sinks) != 0 {
		t.Errorf("sources %v, sinks %v", c.Sources, c.Sinks)
	}
	now.Sources, c.Sources, now.Sinks, now.Server, now.NATS, now.Dedupe, now.Durability, now.Retention = nil, nil, nil, c.Server, c.NATS, c.Dedupe, "", c.Retention
	if got, want := dump(c), dump(now); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestFrom tells a folder's links from its files, as a ConfigMap has them.
func TestConfigMap(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"..2026_01/pipelines.yaml": small})
	if err := errors.Join(
		os.Symlink("..2026_01", filepath.Join(dir, "..data")),
		os.Symlink("..data/pipelines.yaml", filepath.Join(dir, "pipelines.yaml")),
	); err != nil {
		t.Fatal(err)
	}
	if c := mustLoad(t, dir, environment); len(c.Files) != 1 || len(c.Pipelines) != 1 {
		t.Errorf("files %v", c.Files)
	}
}

// TestNoSecretIsShown makes every sort of problem around secrets.
func TestNoSecretIsShown(t *testing.T) {
	_, problems := loadText(t, `sources:
  shop: {path: /a, verify: {preset: "${SHOP_SECRET}", secrets: ["in the open", "${file:secret.txt}"]}, methods: ["${SHOP_SECRET}"], max_body: "${SHOP_SECRET}", decode: "${SHOP_SECRET}", allow_ips: ["${SHOP_SECRET}"], public_url: "${SHOP_SECRET}"}
  numb: {path: "${SHOP_SECRET}", verify: {preset: github, secrets: [123456789]}}
sinks:
  out: {type: postgres, dsn: in the open, tabel: x}
  two: {type: postgres, dsn: "postgres://me:in the open@${NOT_THERE}/", table: x, create: "${SHOP_SECRET}", concurrency: "${SHOP_SECRET}", timeout: "${SHOP_SECRET}"}
  six: {type: http, url: "${SHOP_SECRET}{{ bodi.x }}", method: "${SHOP_SECRET}"}
pipelines:
  orders: {from: shop, start: "${SHOP_SECRET}", steps: [validate: "${SHOP_SECRET}"], to: [out, "${SHOP_SECRET}"]}
  more: {from: "${file:secret.txt}", routes: [{name: "${SHOP_SECRET}", to: two}]}
`)
	if len(problems) < 15 {
		t.Errorf("only these problems:\n%s", render(problems))
	}
	text := render(problems)
	for _, p := range problems {
		text += p.String() + "\n"
	}
	for _, secret := range []string{"hunter2", "in the open", "opensesame", "123456789"} {
		if strings.Contains(text, secret) {
			t.Errorf("%q is shown:\n%s", secret, text)
		}
	}
}

func TestSchema(t *testing.T) {
	text, err := config.Schema(kinds())
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("schema.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	valid := func(text string) error {
		var v any
		if err := yaml.Unmarshal([]byte(text), &v); err != nil {
			t.Fatal(err)
		}
		asJSON, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(string(asJSON)))
		if err != nil {
			t.Fatal(err)
		}
		return schema.Validate(value)
	}
	files, _ := filepath.Glob("testdata/good/*.yaml")
	for _, path := range files {
		content, _ := os.ReadFile(path)
		input, _, _ := strings.Cut(string(content), planBegins)
		if err := valid(input); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
	for _, wrong := range []string{
		"pipeline: {}",
		"sources: {Shop: {path: /a, verify: none}}",
		"sources: {shop: {path: /a}}",
		"sinks: {out: {type: stdout, tabel: x}}",
		"sinks: {out: {type: nothing}}",
		"pipelines: {a: {from: shop, to: out, match: some}}",
		"pipelines: {a: {from: shop, to: out, steps: [{fliter: x}]}}",
	} {
		if valid(wrong) == nil {
			t.Errorf("the schema takes %s", wrong)
		}
	}
}

// FuzzLoad feeds any text: no panic, and every place is one of the text.
func FuzzLoad(f *testing.F) {
	for _, pattern := range []string{"testdata/good/*.yaml", "testdata/mistakes/*.yaml"} {
		files, _ := filepath.Glob(pattern)
		for _, path := range files {
			content, _ := os.ReadFile(path)
			input, _, _ := strings.Cut(string(content), "---")
			text, _ := takeMarks(input)
			f.Add(text)
		}
	}
	k := kinds()
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 1<<14 {
			return
		}
		began := time.Now()
		defer func() {
			if d := time.Since(began); d > time.Second {
				t.Fatalf("it took %v", d)
			}
		}()
		c, problems := config.Load([]string{"/etc/trotline/pipelines.yaml"}, config.Options{
			Kinds: k, Env: environment,
			ReadFile: func(path string) ([]byte, error) {
				if path == "/etc/trotline/pipelines.yaml" {
					return []byte(text), nil
				}
				return nil, fs.ErrNotExist
			},
		})
		if (c == nil) != problems.HasErrors() {
			t.Fatalf("the configuration is there: %t; problems: %v", c != nil, problems)
		}
		lines := strings.Split(text, "\n")
		for _, p := range problems {
			if p.Line < 0 || p.Line > len(lines) || p.Line > 0 && (p.Column < 1 || p.EndColumn <= p.Column || p.Column > len([]rune(lines[p.Line-1]))+1) {
				t.Fatalf("a place outside the text: %+v", p)
			}
		}
		render(problems)
	})
}

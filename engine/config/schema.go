package config

import (
	"encoding/json"
	"reflect"
	"strings"

	"github.com/trotline/trotline/event"
)

// Schema is the JSON Schema (draft 2020-12) of a file, for editors. It is made of the
// same structs that decode it.
func Schema(k event.Kinds) ([]byte, error) {
	root := objectSchema(topDefaults())
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "Trotline pipelines"
	properties := root["properties"].(map[string]any)
	var sources, sinks, steps []any
	for _, s := range k.Sources {
		sources = append(sources, kindSchema(s.Name, s.Doc, s.Name == defaultSource, sourceDefaults(), s.Settings()))
	}
	for _, s := range k.Sinks {
		sinks = append(sinks, kindSchema(s.Name, s.Doc, false, sinkDefaults(), s.Settings()))
	}
	for _, t := range k.Transforms {
		steps = append(steps, map[string]any{
			"type": "object", "additionalProperties": false, "required": []string{t.Name},
			"properties": map[string]any{t.Name: described(structSchema(reflect.TypeOf(t.Settings()).Elem()), t.Doc)},
		})
	}
	properties["sources"] = named("where events come in", map[string]any{"anyOf": sources})
	properties["sinks"] = named("where events go", map[string]any{"anyOf": sinks})
	properties["pipelines"] = named("the ways between them", pipelineSchema(steps))
	return json.MarshalIndent(root, "", "  ")
}

func named(doc string, of map[string]any) map[string]any {
	return map[string]any{
		"type": "object", "description": doc, "additionalProperties": of,
		"propertyNames": map[string]any{"pattern": "^[a-z][a-z0-9_]*$", "maxLength": maxName},
	}
}

// kindSchema is an entry whose type is this kind.
func kindSchema(name, doc string, fallback bool, targets ...any) map[string]any {
	s := objectSchema(append([]any{&header{}}, targets...)...)
	s["properties"].(map[string]any)["type"] = map[string]any{"const": name, "description": doc}
	if !fallback {
		required, _ := s["required"].([]string)
		s["required"] = append([]string{"type"}, required...)
	}
	return s
}

func pipelineSchema(steps []any) map[string]any {
	route := objectSchema(&routeWords{})
	delete(route, "required") // a single route goes without its name
	pipeline := objectSchema(&pipelineWords{}, &Pipeline{})
	for _, s := range []map[string]any{route, pipeline} {
		refine(s, "to", hopsSchema(objectSchema(&hopWords{})))
		refine(s, "chain", hopsSchema(chainHopSchema()))
	}
	refine(pipeline, "order_by", typeSchema(exprType, ""))
	refine(pipeline, "steps", map[string]any{"type": "array", "items": map[string]any{"anyOf": steps}})
	refine(pipeline, "routes", map[string]any{"type": "array", "items": route})
	return pipeline
}

// refine says more of a word of an object than the type of its field does.
func refine(object map[string]any, word string, s map[string]any) {
	properties := object["properties"].(map[string]any)
	properties[word] = described(s, properties[word].(map[string]any)["description"].(string))
}

// hopsSchema is one hop or a list of them.
func hopsSchema(hop map[string]any) map[string]any {
	return oneOrMore(map[string]any{"anyOf": []any{map[string]any{"type": "string"}, hop}})
}

func chainHopSchema() map[string]any {
	to := objectSchema(&failureTo{})
	refine(to, "to", hopsSchema(objectSchema(&hopWords{})))
	hop := objectSchema(&hopWords{}, &failureWords{})
	refine(hop, "on_failure", map[string]any{"anyOf": []any{map[string]any{"enum": failureOptions}, to}})
	return hop
}

// objectSchema is the schema of structs that are written as one.
func objectSchema(targets ...any) map[string]any {
	properties := make(map[string]any)
	var required []string
	for _, f := range fieldsOf(targets...) {
		properties[f.word] = described(typeSchema(f.value.Type(), f.tag), f.tag.Get("doc"))
		if f.required() {
			required = append(required, f.word)
		}
	}
	s := map[string]any{"type": "object", "additionalProperties": false, "properties": properties}
	if required != nil {
		s["required"] = required
	}
	return s
}

// structSchema is that of a nested struct, and of the value its short field stands for.
func structSchema(t reflect.Type) map[string]any {
	target := reflect.New(t).Interface()
	s := objectSchema(target)
	for _, f := range fieldsOf(target) {
		switch f.tag.Get("short") {
		case "all":
			return typeSchema(f.value.Type(), f.tag)
		case "true":
			return map[string]any{"anyOf": []any{typeSchema(f.value.Type(), f.tag), s}}
		}
	}
	return s
}

func described(s map[string]any, doc string) map[string]any {
	out := map[string]any{}
	for k, v := range s {
		out[k] = v
	}
	if doc != "" {
		out["description"] = doc
	}
	return out
}

func oneOrMore(item map[string]any) map[string]any {
	return map[string]any{"anyOf": []any{item, map[string]any{"type": "array", "items": item}}}
}

// fromOutside is a ${…} in the place of something that is not a text.
var fromOutside = map[string]any{"type": "string", "pattern": `^\$\{.*\}$`}

func typeSchema(t reflect.Type, tag reflect.StructTag) map[string]any {
	switch t {
	case exprType: // true and 5 are expressions too
		return map[string]any{"type": []string{"string", "boolean", "number"}}
	case answerType:
		return map[string]any{"type": []string{"string", "boolean", "integer"}}
	case mappingType, rawType:
		return map[string]any{}
	case durationType:
		return map[string]any{"type": "string", "pattern": `^([0-9.]+(d|h|m|s|ms|us|µs|ns))+$|\$\{`}
	case sizeType:
		return map[string]any{"type": "string", "pattern": `^[0-9]+ *([KMGT]i?)?B$|\$\{`}
	case rateType:
		return map[string]any{"type": "string", "pattern": `^[0-9]+/[smhd]$|\$\{`}
	case rateKeyType:
		return map[string]any{"type": "string"}
	case formatType:
		return map[string]any{"enum": event.Formats}
	case aggregateType:
		return map[string]any{"type": "string", "pattern": `^\s*(` + strings.Join(event.AggregateFunctions, "|") + `)\s*\(`}
	case templateType, fileType, reflect.PointerTo(fileType), prefixType:
		return map[string]any{"type": "string"}
	}
	switch t.Kind() {
	case reflect.Slice:
		return oneOrMore(typeSchema(t.Elem(), tag))
	case reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": typeSchema(t.Elem(), tag)}
	case reflect.Pointer:
		return structSchema(t.Elem())
	case reflect.Struct:
		return structSchema(t)
	case reflect.Bool:
		return map[string]any{"anyOf": []any{map[string]any{"type": "boolean"}, fromOutside}}
	case reflect.Int, reflect.Int64:
		return map[string]any{"anyOf": []any{bounded("integer", tag), fromOutside}}
	case reflect.Float64:
		return map[string]any{"anyOf": []any{bounded("number", tag), fromOutside}}
	}
	if enum := tag.Get("enum"); enum != "" {
		return map[string]any{"anyOf": []any{map[string]any{"enum": strings.Split(enum, ",")}, fromOutside}}
	}
	return map[string]any{"type": "string"}
}

func bounded(kind string, tag reflect.StructTag) map[string]any {
	s := map[string]any{"type": kind}
	if low := tag.Get("min"); low != "" {
		s["minimum"] = json.Number(low)
	}
	if high := tag.Get("max"); high != "" {
		s["maximum"] = json.Number(high)
	}
	return s
}

package expression

import (
	"reflect"
	"time"
)

// variable is a name that every expression knows.
type variable struct {
	name string
	doc  string
	kind reflect.Type // nil: not known before the event is there
	// later: it is not there while the source still looks at the request.
	later bool
	// read: it is not there while the request's body is not read.
	read bool
	// view: it looks like an object, but has to be converted where it leaves the expression.
	view bool
	load func(f *frame) (any, error)
	// field loads what a path of names leads to, without loading the whole; nil: it has no way to.
	field func(f *frame, path []string) (any, error)
}

var variables = []variable{
	{name: "body", doc: "the body, decoded", read: true, load: (*frame).body, field: (*frame).bodyField},
	{name: "raw", doc: "the body as bytes", read: true, load: (*frame).raw},
	{name: "headers", doc: `the request's headers, names in any case: headers["X-Foo"]`, view: true,
		load: func(f *frame) (any, error) { return headerView(f.event.Request.Info().Header), nil }},
	{name: "query", doc: "the parameters of the URL's query", view: true,
		load: func(f *frame) (any, error) { return queryView(f.event.Request.Info().Query), nil }},
	{name: "params", doc: "the {name} parts of the path", view: true,
		load: func(f *frame) (any, error) { return f.event.Request.Info().Params, nil }},
	{name: "path", doc: "the path of the request", kind: textType,
		load: func(f *frame) (any, error) { return f.event.Request.Info().Path, nil }},
	{name: "method", doc: "the method of the request", kind: textType,
		load: func(f *frame) (any, error) { return f.event.Request.Info().Method, nil }},
	{name: "remote_ip", doc: "the sender's address", kind: textType,
		load: func(f *frame) (any, error) { return f.event.Request.Info().RemoteIP, nil }},
	{name: "id", doc: "the event's id", kind: textType, later: true,
		load: func(f *frame) (any, error) { return f.event.ID, nil }},
	{name: "type", doc: "the sender's word for what happened", kind: textType, later: true,
		load: func(f *frame) (any, error) { return f.event.Type, nil }},
	{name: "source", doc: "the source's name", kind: textType,
		load: func(f *frame) (any, error) { return f.event.Source, nil }},
	{name: "received_at", doc: "when the event was accepted", kind: timeType,
		load: func(f *frame) (any, error) { return f.event.Time, nil }},
	{name: "replayed", doc: "whether it is a stored event that is replayed", kind: boolType, later: true,
		load: func(f *frame) (any, error) { return f.event.Replay != "", nil }},
	{name: "original", doc: "the body before the steps", later: true, load: (*frame).original, field: (*frame).originalField},
	{name: "results", doc: "what earlier sinks of the chain answered: results.crm.status, .headers, .body; of a delivery that failed also .error and .reason", view: true,
		load: func(f *frame) (any, error) { return f.allAnswers(), nil }},
	{name: "env", doc: "the environment's variables: env.NAME"},
}

// answerVariables are the names that an expression on an answer knows.
var answerVariables = []variable{
	{name: "status", doc: "the status of the answer, 0 where there was none", kind: intType,
		load: func(f *frame) (any, error) { return f.results.Answered().Status, nil }},
	{name: "headers", doc: `the answer's headers, names in any case: headers["X-Foo"]`, view: true,
		load: func(f *frame) (any, error) { return nameView(f.results.Answered().Header), nil }},
	{name: "body", doc: "the answer's body: JSON is decoded, all else is a text",
		load: func(f *frame) (any, error) { return answerBody(f.results.Answered()), nil }},
	{name: "error", doc: "why there was no answer, in words; an empty text where there was one", kind: textType,
		load: func(f *frame) (any, error) { return f.results.Answered().Error, nil }},
	{name: "env", doc: "the environment's variables: env.NAME"},
}

var variableByName, answerVariableByName = byName(variables), byName(answerVariables)

func byName(list []variable) map[string]*variable {
	byName := make(map[string]*variable, len(list))
	for i := range list {
		byName[list[i].name] = &list[i]
	}
	return byName
}

// variables are the names that the expression knows.
func (c *compilation) variables() []variable {
	if c.scope.Answer {
		return answerVariables
	}
	return variables
}

// variable is the one of a name; nil if there is none.
func (c *compilation) variable(name string) *variable {
	if c.scope.Answer {
		return answerVariableByName[name]
	}
	return variableByName[name]
}

var (
	anyType      = reflect.TypeFor[any]()
	boolType     = reflect.TypeFor[bool]()
	intType      = reflect.TypeFor[int]()
	floatType    = reflect.TypeFor[float64]()
	textType     = reflect.TypeFor[string]()
	bytesType    = reflect.TypeFor[[]byte]()
	listType     = reflect.TypeFor[[]any]()
	objectType   = reflect.TypeFor[map[string]any]()
	timeType     = reflect.TypeFor[time.Time]()
	durationType = reflect.TypeFor[time.Duration]()
	zoneType     = reflect.TypeFor[*time.Location]()
)

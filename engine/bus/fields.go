package bus

import (
	"strconv"
	"strings"
	"time"
)

// What a message says beside its CloudEvents attributes stands in one header,
// as two query strings with a blank between them: the fields, and what is kept
// of the request. One header, because the client and the server work for each
// one at each hop; two strings, because the second is handed on as it is.
const hdrTrotline = "Trotline"

// The names of the fields.
const (
	fldFormat     = "format"
	fldStamp      = "stamp"
	fldElement    = "element"
	fldUntyped    = "untyped"
	fldReplay     = "replay"
	fldParts      = "parts"
	fldGeneration = "generation"
	fldSequence   = "sequence"
	fldSink       = "sink"
	fldPipeline   = "pipeline"
	fldRoute      = "route"
	fldHop        = "hop"
	fldLane       = "lane"
	fldKey        = "key"
	fldPlace      = "place"
	fldSkip       = "skip"
	fldAfter      = "after"
	fldFinal      = "final"

	fldReason       = "reason"
	fldError        = "error"
	fldExpression   = "expression"
	fldValue        = "value"
	fldStep         = "step"
	fldStatus       = "status"
	fldAttempts     = "attempts"
	fldFirstAttempt = "first-attempt"
	fldLastAttempt  = "last-attempt"
	fldNumber       = "number"
	fldEdited       = "edited"
	fldDied         = "died"

	fldUntil = "until"
	fldSince = "since"
	fldCause = "cause"
)

// queryString is one being written.
type queryString struct{ strings.Builder }

// add writes a name and a value.
func (q *queryString) add(prefix, name, value string) {
	if q.Len() > 0 {
		q.WriteByte('&')
	}
	q.WriteString(prefix)
	writeEscaped(&q.Builder, name, unsafeField)
	q.WriteByte('=')
	writeEscaped(&q.Builder, value, unsafeField)
}

// text writes a field; none for "".
func (q *queryString) text(name, value string) {
	if value != "" {
		q.add("", name, value)
	}
}

func (q *queryString) number(name string, value uint64) {
	var digits [20]byte
	q.add("", name, string(strconv.AppendUint(digits[:0], value, 10)))
}

func (q *queryString) integer(name string, value int) {
	if value != 0 {
		q.add("", name, strconv.Itoa(value))
	}
}

// flag writes a field that is either there or not.
func (q *queryString) flag(name string, set bool) {
	if set {
		q.add("", name, "true")
	}
}

func (q *queryString) time(name string, t time.Time) {
	q.add("", name, t.UTC().Format(time.RFC3339Nano))
}

// fields are a query string that is read; the values are still escaped.
type fields []field

type field struct{ name, value string }

func readFields(text string) fields {
	f := make(fields, 0, strings.Count(text, "&")+1)
	for text != "" {
		var pair string
		pair, text, _ = strings.Cut(text, "&")
		name, value, _ := strings.Cut(pair, "=")
		f = append(f, field{name, value})
	}
	return f
}

// get is a field as it was, "" if it is not there.
func (f fields) get(name string) string {
	for i := range f {
		if f[i].name == name {
			return unescape(f[i].value)
		}
	}
	return ""
}

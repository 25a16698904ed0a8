package verify

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/trotline/trotline/event"
)

// filter changes what stands at a place.
type filter struct {
	name string
	// apply may change the bytes it is given, and returns those that are.
	apply func(q *reading, b []byte) []byte
	// raw: what it gives are bytes, not a text.
	raw bool
}

var filters = map[string]filter{
	"lower":     text(bytes.ToLower),
	"upper":     text(bytes.ToUpper),
	"trim":      text(bytes.TrimSpace),
	"url":       text(func(b []byte) []byte { return []byte(url.QueryEscape(string(b))) }),
	"json":      text(quoteJSON),
	"params":    text(sortedParams),
	"hex":       text(func(b []byte) []byte { return hex.AppendEncode(nil, b) }),
	"base64":    text(func(b []byte) []byte { return base64.StdEncoding.AppendEncode(nil, b) }),
	"base64url": text(func(b []byte) []byte { return base64.RawURLEncoding.AppendEncode(nil, b) }),
	"crc32": text(func(b []byte) []byte {
		return strconv.AppendUint(nil, uint64(crc32.ChecksumIEEE(b)), 10)
	}),
	"md5":    raw(func(b []byte) []byte { sum := md5.Sum(b); return sum[:] }),
	"sha1":   raw(func(b []byte) []byte { sum := sha1.Sum(b); return sum[:] }),
	"sha256": raw(func(b []byte) []byte { sum := sha256.Sum256(b); return sum[:] }),
	"sha512": raw(func(b []byte) []byte { sum := sha512.Sum512(b); return sum[:] }),
	"hmac":   {raw: true, apply: func(q *reading, b []byte) []byte { return q.sign(b) }},
}

func text(change func([]byte) []byte) filter {
	return filter{apply: func(_ *reading, b []byte) []byte { return change(b) }}
}

func raw(change func([]byte) []byte) filter {
	f := text(change)
	f.raw = true
	return f
}

// quoteJSON writes a text as JavaScript does, and most others: encoding/json
// alone escapes two separators of lines.
func quoteJSON(b []byte) []byte {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(string(b)) // a string can always be written
	return lineSeparators.ReplaceAllFunc(bytes.TrimSuffix(out.Bytes(), []byte("\n")), func(escaped []byte) []byte {
		switch string(escaped) {
		case `\u2028`:
			return []byte("\u2028")
		case `\u2029`:
			return []byte("\u2029")
		}
		return escaped
	})
}

// lineSeparators are the two, and every backslash that is itself escaped: what
// follows that is a text.
var lineSeparators = regexp.MustCompile(`\\\\|\\u202[89]`)

// sortedParams are a query's parameters, decoded, by their names and then their
// values. A query that is broken stays as it is.
func sortedParams(query []byte) []byte {
	values, err := url.ParseQuery(string(query))
	if err != nil {
		return query
	}
	var pairs []string
	for _, name := range sorted(values) {
		for _, value := range slices.Sorted(slices.Values(values[name])) {
			pairs = append(pairs, name+"="+value)
		}
	}
	return []byte(strings.Join(pairs, "&"))
}

func parseFilter(name string) (filter, error) {
	f, ok := filters[name]
	if !ok {
		if near := event.Nearest(name, sorted(filters)); near != "" {
			return filter{}, fmt.Errorf("unknown filter %q: did you mean %s?", name, near)
		}
		return filter{}, fmt.Errorf("unknown filter %q: there are %s", name, names(filters))
	}
	f.name = name
	return f, nil
}

package bus

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// names are what the streams and their subjects are called.
type names struct{ prefix string }

// newNames checks a prefix, which must do as a part of a stream's name.
func newNames(prefix string) (names, error) {
	if prefix == "" {
		return names{}, errors.New("nats.prefix is empty; leave it out for trotline")
	}
	if token(prefix) != prefix {
		return names{}, fmt.Errorf("nats.prefix %q may hold letters, digits, - and _ alone", prefix)
	}
	return names{prefix}, nil
}

func (n names) events() string  { return n.prefix + "_events" }
func (n names) work() string    { return n.prefix + "_work" }
func (n names) dead() string    { return n.prefix + "_dead" }
func (n names) control() string { return n.prefix + "_control" }
func (n names) held() string    { return n.prefix + "_held" }
func (n names) state() string   { return n.prefix + "_state" }

// refused is the stream of requests that sources have refused.
func (n names) refused() string { return n.prefix + "_refused" }

func (n names) refusedSubject(source string) string { return n.prefix + ".refused." + token(source) }

// attempts is the stream of attempts that failed, of deliveries that are still attempted.
func (n names) attempts() string { return n.prefix + "_attempts" }

func (n names) eventSubject(source string) string { return n.prefix + ".events." + token(source) }

func (n names) eventSubjects() string { return n.prefix + ".events.*" }

// noSubject is a subject of the events stream that no source can have: names
// hold no hyphen.
func (n names) noSubject() string { return n.prefix + ".events.-" }

// cutSubject is where the marker of a cut stands in the events stream, apart
// from the sources, so that no pipeline is given it.
func (n names) cutSubject() string { return n.prefix + ".cut" }

func (n names) workSubject(w *Work) string {
	queue := "work"
	if w.Lane {
		queue = "lane"
	}
	return strings.Join([]string{
		n.prefix, queue, token(w.Sink), token(w.Pipeline), token(w.Route), strconv.FormatUint(w.Generation, 10),
	}, ".")
}

func (n names) deadSubject(d *Dead) string {
	place := d.Sink
	if place == "" {
		place = d.Step
	}
	return strings.Join([]string{n.prefix, "dead", token(place), token(d.Pipeline), token(d.Route)}, ".")
}

// attemptsSubject is where the attempts of one delivery stand. Its name is a
// digest, because the ids in it are as long as their senders like.
func (n names) attemptsSubject(w *Work) string {
	sum := workDigest(w, 0)
	return n.prefix + ".attempts." + base64.RawURLEncoding.EncodeToString(sum[:18])
}

func (n names) heldSubject(h *Held) string {
	return strings.Join([]string{n.prefix, "held", token(h.Pipeline), strconv.FormatUint(h.Generation, 10)}, ".")
}

// fenceSubject is a subject of a stream at which nothing is ever stored.
func (n names) fenceSubject(stream string) string {
	return n.prefix + "." + strings.TrimPrefix(stream, n.prefix+"_") + ".-"
}

func (n names) changesSubject(pipeline string) string { return n.prefix + ".state." + token(pipeline) }

// laneSubjects is everything that waits in a sink's lanes.
func (n names) laneSubjects(sink string) string { return n.prefix + ".lane." + token(sink) + ".>" }

// headsSubject is where is kept how often the heads of a sink's lanes were attempted.
func (n names) headsSubject(sink string) string { return n.prefix + ".control.heads." + token(sink) }

func (n names) checkpointSubject() string { return n.prefix + ".control.checkpoint" }

// firstsSubject is where is kept at which sequences the streams begin.
func (n names) firstsSubject() string { return n.prefix + ".control.firsts" }

func (n names) leaseSubject() string { return n.prefix + ".control.owner" }

func (n names) keysSubject(source string) string { return n.prefix + ".control.keys." + source }

func (n names) idsSubject(number uint64) string {
	return fmt.Sprintf("%s.control.ids.%d", n.prefix, number)
}

func (n names) idsSubjects() string { return n.prefix + ".control.ids.*" }

func (n names) generationSubject(number uint64) string {
	return fmt.Sprintf("%s.control.generation.%d", n.prefix, number)
}

func (n names) chunkSubject(number uint64, chunk int) string {
	return fmt.Sprintf("%s.control.text.%d.%d", n.prefix, number, chunk)
}

// token is a text as one token of a subject. Names of sources, sinks,
// pipelines and routes are tokens already; what else there is loses the
// characters a subject cannot have, and the headers have it as it was.
func token(s string) string {
	if s == "" {
		return "_"
	}
	for i := range len(s) {
		if !tokenByte(s[i]) {
			return strings.Map(func(r rune) rune {
				if r < 0x80 && tokenByte(byte(r)) {
					return r
				}
				return '_'
			}, s)
		}
	}
	return s
}

func tokenByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '-'
}

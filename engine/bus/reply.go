package bus

import (
	"fmt"
	"strconv"
	"strings"
)

// reply is what the subject says at which the server is told what becomes of a
// message: $JS.ACK.<stream>.<consumer>.<delivered>.<sequence>.<handed>.<stored>.<pending>,
// with a domain and an account before the stream where there are such, and
// perhaps more at its end (NATS ADR-15).
type reply struct {
	delivered uint64 // how often the message was handed out
	sequence  uint64
	handed    uint64 // its place among all that the consumer has handed out
	stored    uint64 // when, in nanoseconds since 1970
}

// firstNumber is the place of the first of a reply's numbers.
func firstNumber(subject string) int {
	if strings.Count(subject, ".") > 8 {
		return 6
	}
	return 4
}

// readReply reads a reply's numbers; false if it is none.
func readReply(subject string) (r reply, ok bool) {
	rest, ok := strings.CutPrefix(subject, "$JS.ACK.")
	if !ok {
		return r, false
	}
	for range firstNumber(subject) - 2 {
		if _, rest, ok = strings.Cut(rest, "."); !ok {
			return r, false
		}
	}
	for _, number := range []*uint64{&r.delivered, &r.sequence, &r.handed, &r.stored} {
		var text string
		if text, rest, ok = strings.Cut(rest, "."); !ok {
			return r, false
		}
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return r, false
		}
		*number = n
	}
	return r, true
}

// replyFor is where the server is told of the message at a sequence, made of
// where it is told of another one. It looks at nothing but the sequence and, when
// told of all up to it, at how many they are, which has to rise (nats-server,
// server/consumer.go: ackReplyInfo, processAckMsgLocked).
func replyFor(other string, sequence, count uint64) string {
	tokens := strings.Split(other, ".")
	at := firstNumber(other) + 1
	tokens[at] = strconv.FormatUint(sequence, 10)
	if count > 0 {
		tokens[at+1] = strconv.FormatUint(count, 10)
	}
	return strings.Join(tokens, ".")
}

// makeReply is where the embedded server is told that the message at a sequence
// is in progress, by somebody who was not handed it. It is told nothing else.
func makeReply(stream, consumer string, sequence uint64) string {
	return fmt.Sprintf("$JS.ACK.%s.%s.1.%d.1.0.0", stream, consumer, sequence)
}

// noSequence is one that no stream gets to.
const noSequence = 1 << 62

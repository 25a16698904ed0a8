package event

import (
	"errors"
	"runtime"
)

// BodyLimits are what a body of any format may hold when it is received: a byte
// a stranger sends can become fifty once it is a value.
var BodyLimits = Limits{Depth: 256, Values: 250_000}

// budget counts the values of a body that is being decoded.
type budget int

func (b *budget) spend(values int) error {
	if *b += budget(values); int(*b) > BodyLimits.Values {
		return BodyLimits.tooMany()
	}
	return nil
}

// check tells whether one of the JSON texts that a body holds can be decoded.
func (b *budget) check(text []byte) error {
	end, values, err := BodyLimits.scan(text)
	if err == nil && skipSpace(text, end) < len(text) {
		err = errSyntax
	}
	if errors.Is(err, errSyntax) {
		_, err = decodeJSON(text) // knows where it is no JSON, and why
	}
	if err != nil {
		return err
	}
	return b.spend(values)
}

// largeBody is from how many bytes on a body waits for its turn to be decoded.
const largeBody = 64 << 10

// turns are taken by large bodies while they are decoded: as values each takes
// many times its size, and more at once would not be ready any sooner.
var turns = make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2))

func takeTurn(size int) (end func()) {
	if size < largeBody {
		return func() {}
	}
	turns <- struct{}{}
	return func() { <-turns }
}

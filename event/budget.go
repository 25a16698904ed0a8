package event

import "errors"

// BodyLimits are what a body of any format may hold when it is received: a few
// bytes a stranger sends can become a hundred times as many once they are values.
var BodyLimits = Limits{Depth: 256, Values: 500_000}

// budget counts the values of a body that is being decoded.
type budget int

func (b *budget) spend(values int) error {
	if *b += budget(values); int(*b) > BodyLimits.Values {
		return BodyLimits.tooMany()
	}
	return nil
}

// json decodes one of the JSON texts that a body holds.
func (b *budget) json(text []byte) (any, error) {
	_, values, err := BodyLimits.scan(text)
	if err != nil && !errors.Is(err, errSyntax) {
		return nil, err
	}
	if err := b.spend(values); err != nil {
		return nil, err
	}
	return decodeJSON(text) // knows where a text is no JSON, and why
}

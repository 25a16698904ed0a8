package transforms

import (
	"context"
	"crypto/sha256"
	"encoding/binary"

	"github.com/trotline/trotline/event"
)

type sampleSettings struct {
	Rate float64    `yaml:"rate" short:"true" required:"true" min:"0" max:"1" doc:"the part to keep, from 0 to 1: 0.1 keeps a tenth"`
	Key  event.Expr `yaml:"key" want:"string" doc:"what is kept or dropped together, such as body.customer_id; each event by itself when left out"`
}

var sampleKind = event.TransformKind{
	Name:     "sample",
	Doc:      "keeps a part of the events, always the same ones: it goes by the hash of a key, or of the event's id",
	Settings: func() any { return &sampleSettings{} },
	Open: func(settings any, _ event.TransformOptions) (event.Transform, error) {
		s := event.SettingsOf[sampleSettings](settings)
		return sampler{rate: s.Rate, key: s.Key}, nil
	},
}

type sampler struct {
	rate float64
	key  event.Expr // nil: the event's id
}

func (s sampler) Apply(_ context.Context, e *event.Event) ([]*event.Event, error) {
	key := e.ID
	if s.key != nil {
		v, err := s.key.Eval(e, nil)
		if err != nil {
			return nil, err
		}
		key, _ = v.(string)
	}
	if fraction(key) >= s.rate {
		return nil, nil
	}
	return []*event.Event{e}, nil
}

// fraction is a number from 0 to below 1 that depends on the text alone.
func fraction(text string) float64 {
	const bits = 53 // as many as a float64 holds exactly
	sum := sha256.Sum256([]byte(text))
	return float64(binary.BigEndian.Uint64(sum[:])>>(64-bits)) / (1 << bits)
}

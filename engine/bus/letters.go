package bus

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/trotline/trotline/event"
)

// encodeEvent is the message of the events stream that keeps an event.
func (n names) encodeEvent(e *event.Event, generation uint64) (*nats.Msg, error) {
	d := newDraft()
	if err := d.event(e); err != nil {
		return nil, err
	}
	d.fields.number(fldGeneration, generation)
	return d.message(n.eventSubject(e.Source), ""), nil
}

func decodeEvent(header nats.Header, data []byte) (*event.Event, uint64, error) {
	r := read(header, data)
	generation := r.number(fldGeneration)
	e, err := r.event()
	return e, generation, err
}

// encodeWork is the message of the work stream. Its id is the same each time
// the same event takes the same hop in the pipeline that was made at that time,
// so that handing over again does nothing.
func (n names) encodeWork(w *Work, made int64) (*nats.Msg, error) {
	d := newDraft()
	if err := d.event(w.Event); err != nil {
		return nil, err
	}
	d.fields.number(fldGeneration, w.Generation)
	d.fields.number(fldSequence, w.Sequence)
	d.fields.text(fldSink, w.Sink)
	d.fields.text(fldPipeline, w.Pipeline)
	d.fields.text(fldRoute, w.Route)
	d.fields.integer(fldHop, w.Hop)
	if w.Lane {
		d.fields.text(fldLane, "true")
		d.fields.text(fldKey, w.Key)
		d.fields.integer(fldPlace, w.Place)
	}
	d.fields.flag(fldSkip, w.Skip)
	d.fields.text(fldAfter, w.After)
	d.fields.flag(fldFinal, w.Final)
	if err := d.results(w.Results); err != nil {
		return nil, err
	}
	return d.message(n.workSubject(w), handOverID(workDigest(w, made))), nil
}

// handOverID is the id a hand-over has in place of its name. The server keeps it
// in memory for a while, and so does [handOvers]; so it is short.
func handOverID(sum [sha256.Size]byte) string {
	return base64.RawURLEncoding.EncodeToString(sum[:12])
}

// workDigest stands for the name of a hop of a delivery.
func workDigest(w *Work, made int64) [sha256.Size]byte {
	return digest(w.Event.Stamp, madeName(w.Pipeline, made), w.Route, w.Sink, strconv.Itoa(w.Hop), w.Event.Element)
}

// madeName tells a pipeline from an earlier one of its name.
func madeName(pipeline string, made int64) string {
	if made == 0 {
		return pipeline
	}
	return pipeline + "@" + strconv.FormatInt(made, 36)
}

// digest is the hash of a name that has these parts.
func digest(parts ...string) [sha256.Size]byte {
	name := make([]byte, 0, 256)
	for i, part := range parts {
		if i > 0 {
			name = append(name, '/')
		}
		name = append(name, part...)
	}
	return sha256.Sum256(name)
}

func decodeWork(header nats.Header, data []byte) (*Work, error) {
	r := read(header, data)
	w := &Work{
		Sequence: r.number(fldSequence), Generation: r.number(fldGeneration),
		Sink: r.text(fldSink), Pipeline: r.text(fldPipeline), Route: r.text(fldRoute), Hop: r.integer(fldHop),
		Results: r.results(),
		Lane:    r.text(fldLane) != "", Key: r.text(fldKey), Place: r.integer(fldPlace), Skip: r.text(fldSkip) != "",
		After: r.text(fldAfter), Final: r.text(fldFinal) != "",
	}
	var err error
	w.Event, err = r.event()
	return w, err
}

// encodeDead is the message of the dead stream. Its id is the same each time
// the same event dies the same death in the pipeline that was made at that time.
func (n names) encodeDead(l *Dead, made int64) (*nats.Msg, error) {
	d := newDraft()
	if err := d.event(l.Event); err != nil {
		return nil, err
	}
	d.fields.number(fldGeneration, l.Generation)
	if l.Number != 0 {
		d.fields.number(fldNumber, l.Number)
		d.fields.time(fldDied, l.Time)
	}
	d.fields.text(fldPipeline, l.Pipeline)
	d.fields.text(fldRoute, l.Route)
	d.fields.text(fldSink, l.Sink)
	d.fields.text(fldStep, l.Step)
	d.fields.integer(fldHop, l.Hop)
	d.fields.text(fldAfter, l.After)
	d.fields.flag(fldFinal, l.Final)
	d.fields.text(fldReason, l.Reason)
	d.fields.text(fldError, shorten(l.Error))
	d.fields.text(fldExpression, shorten(l.Expression))
	d.fields.text(fldValue, shorten(l.Value))
	d.fields.integer(fldStatus, l.Status)
	d.fields.integer(fldAttempts, l.Attempts)
	d.fields.time(fldFirstAttempt, l.FirstAttempt)
	d.fields.time(fldLastAttempt, l.LastAttempt)
	if err := d.results(l.Results); err != nil {
		return nil, err
	}
	if len(l.Answer) > 0 {
		d.attach(partAnswer, l.Answer[:min(len(l.Answer), maxAnswer)])
	}
	if err := d.history(l.History); err != nil {
		return nil, err
	}
	if err := d.unedited(l); err != nil {
		return nil, err
	}
	id := handOverID(digest(l.Event.Stamp, madeName(l.Pipeline, made), l.Route, l.Sink, l.Step, strconv.Itoa(l.Hop), l.Event.Element, l.Reason))
	return d.message(n.deadSubject(l), id), nil
}

func decodeDead(header nats.Header, data []byte, sequence uint64, stored time.Time) (*Dead, error) {
	r := read(header, data)
	l := &Dead{
		Sequence: sequence, Time: stored, Generation: r.number(fldGeneration),
		Pipeline: r.text(fldPipeline), Route: r.text(fldRoute), Sink: r.text(fldSink), Step: r.text(fldStep),
		Hop: r.integer(fldHop), After: r.text(fldAfter), Final: r.text(fldFinal) != "", Reason: r.text(fldReason), Error: r.text(fldError),
		Expression: r.text(fldExpression), Value: r.text(fldValue), Status: r.integer(fldStatus),
		Answer: r.parts[partAnswer], Attempts: r.integer(fldAttempts),
		FirstAttempt: r.time(fldFirstAttempt, r.text(fldFirstAttempt)), LastAttempt: r.time(fldLastAttempt, r.text(fldLastAttempt)), Results: r.results(), History: r.history(),
	}
	if l.Number = r.number(fldNumber); l.Number == 0 {
		l.Number = sequence
	}
	if died := r.text(fldDied); died != "" {
		l.Time = r.time(fldDied, died)
	}
	if l.Unedited = r.bodyPart(partUnedited); l.Unedited != nil {
		l.Edited = r.time(fldEdited, r.text(fldEdited))
	}
	var err error
	if l.Event, err = r.event(); err != nil {
		return nil, fmt.Errorf("dead letter %d: %w", sequence, err)
	}
	return l, nil
}

// lighter is a dead letter that fits where d does not: the event as it was
// received, which has fitted before, without what the sinks answered.
func (l *Dead) lighter(why error) *Dead {
	c := *l
	c.Results, c.Answer, c.History = nil, nil, nil
	c.Error = shorten(l.Error + "; the body as it stood is not kept: " + why.Error())
	if l.Event.Original != nil {
		c.Event = l.Event.WithBody(l.Event.Original)
	}
	return &c
}

func shorten(s string) string { return s[:min(len(s), maxText)] }

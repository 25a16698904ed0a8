package stage

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/trotline/trotline/engine/bus"
)

// record is one line of a pipeline's changelog: what was said of an event, a note
// of a step on a key, a window that was closed, or how far a step's clock is.
type record struct {
	Cause string   `json:"cause,omitempty"`
	Stamp string   `json:"stamp,omitempty"`
	Place uint64   `json:"place,omitempty"`
	Said  []saying `json:"said,omitempty"`

	State      string          `json:"state,omitempty"`
	Key        string          `json:"key,omitempty"`
	Note       json.RawMessage `json:"note,omitempty"`
	First      bool            `json:"first,omitempty"` // the note needs none before it, and replaces them
	Name       string          `json:"name,omitempty"`  // of the window that begins
	Generation uint64          `json:"generation,omitempty"`
	Closed     string          `json:"closed,omitempty"` // the window that ends
	Gone       string          `json:"gone,omitempty"`   // the window whose event is on its way

	Newest *time.Time `json:"newest,omitempty"`
	Until  *time.Time `json:"until,omitempty"`

	Needed uint64 `json:"needed,omitempty"` // the first page that something is needed of
}

// changelog is what is known of the pages that are written.
type changelog struct {
	run   string // unique to this life of the engine
	count uint64
	pages []bus.Page // without their data
	sizes []int
	total int
	// fresh is what the next page will hold for the first time.
	fresh   []*value
	trimmed time.Time
	needed  uint64 // as an earlier run has written last: pages before it may have come back
}

// A changelog is written anew, bit by bit, when it is longer than keepLonger and
// changelogSlack times what is still needed of it.
const (
	keepLonger     = 1 << 20
	changelogSlack = 1
	trimPeriod     = time.Second
)

// pending tells whether there is something to be written.
func (m *memory) pending() bool { return len(m.records)+len(m.gone) > 0 }

// write puts everything that has changed on the disk. When it returns an error,
// which is when ctx has ended, nothing may follow from what has changed.
func (m *memory) write(ctx context.Context) error {
	if !m.pending() {
		return nil
	}
	records := m.complete()
	needed := m.trimTo()
	if needed > 0 {
		records = append(records, record{Needed: needed})
	}
	text, err := encodeRecords(records)
	if err != nil {
		return err
	}
	j := &m.changelog
	if j.run == "" {
		j.run = rand.Text()
	}
	j.count++
	number := j.run + "-" + strconv.FormatUint(j.count, 36)
	var page bus.Page
	for wait := publishAgainFirst; ; wait = min(2*wait, publishAgainMax) {
		// What follows from an event must not be on the disk before the event itself is.
		if err = m.bus.Barrier(ctx); err == nil {
			page, err = m.bus.WriteChanges(ctx, m.pipeline, number, text)
		}
		if err == nil {
			break
		}
		if ctx.Err() != nil {
			return err
		}
		m.log.Warn("the store does not take what the steps remember; trying again", "pipeline", m.pipeline, "error", err)
		if !sleep(ctx, wait) {
			return ctx.Err()
		}
	}
	m.written(records, page)
	if needed > 0 {
		m.trim(ctx, needed)
	}
	return nil
}

// complete is what is to be written, with what goes along to keep the changelog short.
func (m *memory) complete() []record {
	records := m.records
	for _, name := range m.gone {
		records = append(records, record{Gone: name})
	}
	for _, s := range m.states {
		if s.clockMoved || s.clockPage > 0 && m.overlong() {
			records = append(records, record{State: s.name, Newest: &s.newest, Until: &s.closed})
		}
	}
	return append(records, m.renewals(len(records))...)
}

func (m *memory) overlong() bool {
	needed := 0
	for _, s := range m.states {
		needed += s.size
	}
	return m.changelog.total > keepLonger+changelogSlack*needed
}

// renewals are notes that replace the oldest ones, so that the pages these stand
// in can go.
func (m *memory) renewals(records int) []record {
	if !m.overlong() {
		return nil
	}
	// Where something else holds the pages, writing notes anew would only make more of them.
	first := m.changelog.pages[0].Sequence
	for _, a := range m.accounts {
		if a.page == first {
			return nil
		}
	}
	var renewed []record
	budget := 4*records + 64
	for _, s := range m.states {
		for front := s.notes.Front(); front != nil && budget > 0; front = s.notes.Front() {
			v := front.Value.(*value)
			if v.page == 0 {
				break // everything behind it is new
			}
			note, err := s.step.Note(v.is)
			if err != nil {
				m.log.Error("what a step remembers cannot be written; it is kept as it was", "pipeline", m.pipeline, "state", s.name, "error", err)
				break
			}
			size := len(v.key) + len(note)
			s.size += size - v.size
			v.page, v.size = 0, size
			s.notes.MoveToBack(front)
			m.changelog.fresh = append(m.changelog.fresh, v)
			renewed = append(renewed, record{State: s.name, Key: v.key, Note: note, First: true, Name: v.name, Generation: v.generation})
			budget--
		}
	}
	return renewed
}

// written notes in which page everything stands.
func (m *memory) written(records []record, page bus.Page) {
	j := &m.changelog
	size := len(page.Data)
	page.Data = nil
	j.pages, j.sizes, j.total = append(j.pages, page), append(j.sizes, size), j.total+size
	for _, v := range j.fresh {
		v.page = page.Sequence
	}
	j.fresh = nil
	for _, c := range m.closing {
		if c.page == 0 {
			c.page = page.Sequence
		}
	}
	for _, r := range records {
		switch {
		case r.Cause != "":
			if a := m.accounts[r.Cause]; a != nil && a.page == 0 {
				a.page = page.Sequence
			}
		case r.Newest != nil:
			s := m.states[r.State]
			s.clockPage, s.clockMoved = page.Sequence, false
		case r.Gone != "":
			delete(m.closing, r.Gone)
		}
	}
	m.records, m.gone = nil, nil
}

// needed is the first page that something is still needed of.
func (m *memory) needed() uint64 {
	j := &m.changelog
	first := j.pages[len(j.pages)-1].Sequence
	need := func(page uint64) {
		if page > 0 {
			first = min(first, page)
		}
	}
	for _, s := range m.states {
		need(s.clockPage)
		if front := s.notes.Front(); front != nil {
			need(front.Value.(*value).page)
		}
	}
	for _, a := range m.accounts {
		need(a.page)
	}
	for _, c := range m.closing {
		need(c.page)
	}
	return first
}

// trimTo is the first page that something is needed of, if pages before it can
// go; 0 when there is none, or it is too early to look again. It is written
// before they go: after a crash the server may have some of them again, and
// they must not be believed.
func (m *memory) trimTo() uint64 {
	j := &m.changelog
	if len(j.pages) < 2 || time.Since(j.trimmed) < trimPeriod {
		return 0
	}
	j.trimmed = time.Now()
	m.settle()
	if needed := m.needed(); j.pages[0].Sequence < needed {
		return needed
	}
	return 0
}

// trim removes the pages that nothing is needed of any more.
func (m *memory) trim(ctx context.Context, needed uint64) {
	if err := m.bus.ForgetChanges(ctx, m.pipeline, needed); err != nil {
		if ctx.Err() == nil {
			m.log.Warn("what is not remembered any more stays in the store for now", "pipeline", m.pipeline, "error", err)
		}
		return
	}
	m.changelog.forget(needed)
}

// forget takes the pages before a sequence for gone; it tells whether there were any.
func (j *changelog) forget(before uint64) bool {
	n := 0
	for n < len(j.pages) && j.pages[n].Sequence < before {
		j.total -= j.sizes[n]
		n++
	}
	j.pages, j.sizes = append([]bus.Page(nil), j.pages[n:]...), append([]int(nil), j.sizes[n:]...)
	return n > 0
}

// recover reads what an earlier run has left.
func (m *memory) recover(ctx context.Context) error {
	err := m.bus.Changes(ctx, m.pipeline, func(page bus.Page) error {
		records, err := decodeRecords(page.Data)
		if err != nil {
			return fmt.Errorf("page %d of what pipeline %s remembers cannot be read: %w", page.Sequence, m.pipeline, err)
		}
		for _, r := range records {
			if err := m.read(r, page.Sequence); err != nil {
				return err
			}
		}
		m.changelog.pages = append(m.changelog.pages, bus.Page{Sequence: page.Sequence})
		m.changelog.sizes = append(m.changelog.sizes, len(page.Data))
		m.changelog.total += len(page.Data)
		return nil
	})
	if err != nil {
		return err
	}
	m.changelog.fresh = nil
	if m.changelog.forget(m.changelog.needed) {
		m.trim(ctx, m.changelog.needed)
	}
	if err := m.bus.HeldMarks(ctx, m.pipeline, func(mark bus.HeldMark) bool {
		m.marks.add(mark)
		return true
	}); err != nil {
		return err
	}
	for cause, a := range m.accounts {
		if a.place == 0 && !m.marks.has(cause) {
			delete(m.accounts, cause) // the held event has gone on
		}
	}
	m.settle()
	return nil
}

// read does again what a record says was done.
func (m *memory) read(r record, page uint64) error {
	switch {
	case r.Cause != "":
		m.account(&account{cause: r.Cause, stamp: r.Stamp, place: r.Place, said: r.Said, page: page})
		return nil
	case r.Gone != "":
		delete(m.closing, r.Gone)
		return nil
	case r.Needed > 0:
		m.disbelieve(r.Needed)
		return nil
	}
	s := m.states[r.State]
	if s == nil {
		step := m.find(r.State)
		if step == nil {
			return nil // no configuration that is kept has such a step any more
		}
		s = m.state(r.State, step)
	}
	switch {
	case r.Newest != nil:
		s.newest, s.closed, s.clockPage = *r.Newest, *r.Until, page
	case r.Closed != "":
		if v := s.values[r.Key]; v != nil {
			s.drop(v)
			m.closing[v.name] = &closing{state: s, is: v.is, name: v.name, generation: v.generation, page: v.page}
		}
	case !r.First && s.values[r.Key] == nil:
		// What the note is to change has ended, and the notes before this one are gone.
	default:
		if _, err := s.note(r, page); err != nil {
			return fmt.Errorf("what pipeline %s remembers of %q cannot be read: %w", m.pipeline, r.Key, err)
		}
	}
	return nil
}

// disbelieve forgets what was read of pages that had been removed and are back
// after a crash, some of them, when nothing of them was needed any more.
func (m *memory) disbelieve(before uint64) {
	m.changelog.needed = before
	for _, s := range m.states {
		for front := s.notes.Front(); front != nil && front.Value.(*value).page < before; front = s.notes.Front() {
			s.drop(front.Value.(*value))
		}
	}
	for name, c := range m.closing {
		if c.page < before {
			delete(m.closing, name)
		}
	}
}

func encodeRecords(records []record) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	for i := range records {
		if err := enc.Encode(&records[i]); err != nil {
			return nil, fmt.Errorf("what the steps remember cannot be written: %w", err)
		}
	}
	return b.Bytes(), nil
}

func decodeRecords(text []byte) ([]record, error) {
	var records []record
	dec := json.NewDecoder(strings.NewReader(string(text)))
	for {
		var r record
		switch err := dec.Decode(&r); {
		case errors.Is(err, io.EOF):
			return records, nil
		case err != nil:
			return nil, err
		}
		records = append(records, r)
	}
}

package stage

import (
	"container/heap"
	"strconv"
	"strings"
	"time"

	"github.com/trotline/trotline/engine/bus"
)

// The causes of held events: an event of the events stream, a held one, a
// window, a dead letter.
const (
	causeEvent  = "e"
	causeHeld   = "h"
	causeWindow = "w"
)

func eventCause(sequence uint64) string { return causeEvent + strconv.FormatUint(sequence, 10) }
func heldCause(sequence uint64) string  { return causeHeld + strconv.FormatUint(sequence, 10) }

// marks are what is known of a pipeline's held events; the events themselves
// are in the store. One takes some 200 bytes.
type marks struct {
	byName  map[string]uint64
	waiting map[uint64]bus.HeldMark
	due     agenda[due]
}

func newMarks() marks {
	return marks{byName: make(map[string]uint64), waiting: make(map[uint64]bus.HeldMark)}
}

func (m *marks) add(mark bus.HeldMark) {
	if _, known := m.waiting[mark.Sequence]; known {
		return
	}
	m.byName[mark.Name] = mark.Sequence
	m.waiting[mark.Sequence] = mark
	heap.Push(&m.due, due{mark.Sequence, mark.Until})
}

// drop forgets a held event that has gone on.
func (m *marks) drop(sequence uint64) {
	mark, known := m.waiting[sequence]
	if !known {
		return
	}
	delete(m.waiting, sequence)
	if m.byName[mark.Name] == sequence {
		delete(m.byName, mark.Name)
	}
}

// has tells whether a cause is a held event that is still there.
func (m *marks) has(cause string) bool {
	number, ok := strings.CutPrefix(cause, causeHeld)
	sequence, err := strconv.ParseUint(number, 10, 64)
	_, there := m.waiting[sequence]
	return ok && err == nil && there
}

// holds tells whether an event is held already.
func (m *marks) holds(h *bus.Held) bool {
	_, held := m.byName[h.Name()]
	return held
}

// pop takes the sequences that are due, up to a number of them.
func (m *marks) pop(now time.Time, limit int) []uint64 {
	var popped []uint64
	for len(m.due) > 0 && len(popped) < limit && !m.due[0].at.After(now) {
		popped = append(popped, heap.Pop(&m.due).(due).sequence)
	}
	return popped
}

// push puts one back that cannot go on yet.
func (m *marks) push(sequence uint64, at time.Time) { heap.Push(&m.due, due{sequence, at}) }

// due is when a held event goes on.
type due struct {
	sequence uint64
	at       time.Time
}

// before tells which goes on first; of several, the one held first.
func (d due) before(other due) bool {
	if d.at.Equal(other.at) {
		return d.sequence < other.sequence
	}
	return d.at.Before(other.at)
}

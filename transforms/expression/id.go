package expression

import (
	"crypto/sha256"
	"strconv"

	"github.com/google/uuid"
	"github.com/oklog/ulid/v2"
)

var idFunctions = []*function{
	ofEvent(define("uuid(name? text) text", "a UUID of the event, the same whenever the event is handled; two of them in one pipeline want two names", newUUID)),
	ofEvent(define("ulid(name? text) text", "a ULID of the event, sorted by received_at, the same whenever the event is handled", newULID)),
}

// seed is random-looking and made of the event and of the place of the call
// alone: the event handled or replayed again gives the same one.
func (s *site) seed(f *frame, a []any) [sha256.Size]byte {
	id := f.event.ID
	if f.request {
		id = f.event.Stamp
	}
	name := ""
	if len(a) == 1 {
		name = a[0].(string)
	}
	place := strconv.Itoa(s.node.Location().From)
	turn := strconv.Itoa(f.ids) // a call in a loop gives another one at each turn
	f.ids++
	h := sha256.New()
	for _, part := range []string{s.name, f.event.Source, id, f.event.Element, s.source, place, turn, name} {
		h.Write([]byte(strconv.Itoa(len(part)) + ":" + part))
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// newUUID gives a UUID of version 8 (RFC 9562), the one for ids of one's own making.
func newUUID(s *site, f *frame, a []any) (any, error) {
	sum := s.seed(f, a)
	u := uuid.UUID(sum[:16])
	u[6] = u[6]&0x0f | 0x80
	u[8] = u[8]&0x3f | 0x80
	return u.String(), nil
}

func newULID(s *site, f *frame, a []any) (any, error) {
	sum := s.seed(f, a)
	var u ulid.ULID
	if err := u.SetTime(ulid.Timestamp(f.event.Time)); err != nil {
		return nil, err
	}
	if err := u.SetEntropy(sum[:10]); err != nil {
		return nil, err
	}
	return u.String(), nil
}

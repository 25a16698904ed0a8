package event

// Schema is what a body must look like. It is safe for concurrent use.
type Schema interface {
	// Check finds where a body does not fit; nothing where it does. The error is
	// a body that cannot be checked.
	Check(b *Body) ([]Misfit, error)
}

// Misfit is a place where a body does not fit its schema, and why.
type Misfit struct {
	Pointer string `json:"pointer"` // a JSON Pointer (RFC 6901); "" is the whole body
	Detail  string `json:"detail"`
}

func (m Misfit) String() string {
	if m.Pointer == "" {
		return "/: " + m.Detail
	}
	return m.Pointer + ": " + m.Detail
}

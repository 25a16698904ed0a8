package bus

// KeepRefused keeps a request that a source has refused. Nothing waits for it:
// where there is no room for it, it is not kept. The oldest go when there are
// too many, so that no stranger can fill the disk.
func (b *Bus) KeepRefused(d *Dead) {
	if b.health.err() != nil || b.suspected.Load() || b.publisher.room() != nil {
		return
	}
	m, err := b.names.encodeDead(d, 0)
	if err != nil {
		return
	}
	m.Subject = b.names.refusedSubject(d.Event.Source)
	b.publisher.sendPlain(m)
}

package api

import (
	"sync/atomic"

	"mirnode/store"
)

// damage remembers that the store has reported a record that is not what it must be, until the process ends: what was damaged once is not whole again
// before somebody has looked at it. It is safe for concurrent use.
type damage struct {
	reports atomic.Uint64
	first   atomic.Pointer[store.CorruptError]
}

func (d *damage) note(e *store.CorruptError) {
	d.reports.Add(1)
	d.first.CompareAndSwap(nil, e)
}

// found is the first report, or nil.
func (d *damage) found() error {
	if e := d.first.Load(); e != nil {
		return e
	}
	return nil
}

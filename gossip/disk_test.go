package gossip_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"sync"

	"mirnode/protocol"
	"mirnode/store"
	"mirnode/translog"
)

// disk is a store that holds no more than heads.
type disk struct {
	changed chan struct{}

	mu      sync.Mutex
	version uint64
	heads   map[string]store.Head
	state   map[string]map[string][]byte
	logged  []protocol.Statement
	waiting map[chan struct{}]func() bool // by channel to close: when
}

func newDisk() *disk {
	return &disk{
		changed: make(chan struct{}, 1), heads: map[string]store.Head{}, state: map[string]map[string][]byte{},
		waiting: map[chan struct{}]func() bool{},
	}
}

func rootOf(size uint64) translog.Checkpoint {
	return translog.Checkpoint{Size: size, Root: sha256.Sum256(fmt.Append(nil, size))}
}

func (d *disk) setHead(origin string, size uint64, own bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.version++
	d.heads[origin] = store.Head{
		Origin: origin, Hash: sha256.Sum256([]byte(origin)), Own: own, Size: size, Checkpoint: rootOf(size), Settled: size, Version: d.version,
	}
	select {
	case d.changed <- struct{}{}:
	default:
	}
	for done, when := range d.waiting {
		if when() {
			close(done)
			delete(d.waiting, done)
		}
	}
}

func rootStart(size uint64) (start [4]byte) {
	root := rootOf(size).Root
	copy(start[:], root[:])
	return start
}

// reached is closed when a log's head has the size.
func (d *disk) reached(origin string, size uint64) <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	done := make(chan struct{})
	when := func() bool { return d.heads[origin].Size >= size }
	if when() {
		close(done)
	} else {
		d.waiting[done] = when
	}
	return done
}

func (d *disk) size(origin string) uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.heads[origin].Size
}

func (d *disk) sizes() map[string]uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	sizes := map[string]uint64{}
	for name, h := range d.heads {
		sizes[name] = h.Size
	}
	return sizes
}

func (d *disk) Heads(since uint64, _ int) (list []store.Head, next uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, h := range d.heads {
		if h.Version > since {
			list = append(list, h)
		}
	}
	return list, d.version
}

func (d *disk) HeadsChanged() <-chan struct{} { return d.changed }

func (d *disk) Head(origin string) (store.Head, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	h, ok := d.heads[origin]
	return h, ok
}

func (d *disk) AppendStatement(_ context.Context, s protocol.Statement) (store.Appended, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.logged = append(d.logged, s)
	return store.Appended{}, nil
}

func (d *disk) PutState(_ context.Context, space, key string, value []byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.state[space] == nil {
		d.state[space] = map[string][]byte{}
	}
	d.state[space][key] = value
	return nil
}

func (d *disk) State(space string) (map[string][]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return maps.Clone(d.state[space]), nil
}

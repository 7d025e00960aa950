package store

import (
	"crypto/rand"
	"encoding/binary"
	"sync"
	"sync/atomic"
	"time"

	"mirnode/protocol"
	"mirnode/translog"
)

// originLog is a log that this store holds: the own one, or a mirror of another node's.
type originLog struct {
	number uint32 // in this store, from 1; what names the log in keys and envelopes
	origin protocol.Origin
	name   string // the origin's
	hash   [32]byte
	state  logState // guarded by logs; changed by the committer alone
}

// key names the log in buckets.
func (l *originLog) key() []byte { return binary.BigEndian.AppendUint32(nil, l.number) }

// logState is how far a log is held. The committer works on copies, and shows them once they are on disk.
type logState struct {
	header
	size       uint64 // entries held
	root       translog.Hash
	frontier   translog.Frontier
	tails      translog.Tails
	checkpoint translog.Checkpoint
	cosigned   Cosigned
	version    uint64
}

// header is what is kept of a log besides its entries and tiles.
type header struct {
	Origin      string `json:"origin"`
	Settled     uint64 `json:"settled"`               // entries whose bodies were seen to
	Quarantined uint64 `json:"quarantined,omitempty"` // bodies of these that are in quarantine
	Missing     uint64 `json:"missing,omitempty"`     // and missing
	GivenUp     uint64 `json:"givenUp,omitempty"`     // and not asked for any more
	Refused     uint64 `json:"refused,omitempty"`     // and refused for good
	Frozen      bool   `json:"frozen,omitempty"`
	FrozenWhy   string `json:"frozenWhy,omitempty"`
	Checkpoint  []byte `json:"checkpoint,omitempty"` // the signed note
	// The checkpoint's size and root, which were read out of it when it was checked.
	CheckpointSize uint64 `json:"checkpointSize,omitempty"`
	CheckpointRoot []byte `json:"checkpointRoot,omitempty"`
}

// logs are the logs that are held, with what reads take from memory.
type logs struct {
	sync.RWMutex
	all    []*originLog // by number less one
	byName map[string]*originLog
	byHash map[[32]byte]*originLog
	// version counts changes, in the lower versionBits; above them stands a random number of this run, so that a version of an earlier run is
	// known for what it is.
	version uint64

	own     atomic.Pointer[originLog] // nil without own log
	origins atomic.Pointer[[]string]  // names by number less one; replaced, never changed
	changed chan struct{}             // tells of growth, see Store.HeadsChanged

	writing                 atomic.Bool // the own log is confirmed
	quarantined, tombstones atomic.Uint64
}

// versionBits are enough for 1,000 changes a second in 34 years.
const versionBits = 40

// init makes an empty registry.
func (l *logs) init() {
	l.byName, l.byHash = make(map[string]*originLog), make(map[[32]byte]*originLog)
	var run [4]byte
	_, _ = rand.Read(run[:]) // never fails
	l.version = uint64(binary.BigEndian.Uint32(run[:])>>9) << versionBits
	l.changed = make(chan struct{}, 1)
	l.origins.Store(new([]string))
}

// add takes in a log. The caller holds the lock, or is the only one yet.
func (l *logs) add(log *originLog) {
	l.version++
	log.state.version = l.version
	l.all = append(l.all, log)
	l.byName[log.name], l.byHash[log.hash] = log, log
	names := append(append([]string(nil), *l.origins.Load()...), log.name)
	l.origins.Store(&names)
}

// named gives the log of that name.
func (l *logs) named(origin string) (*originLog, bool) {
	l.RLock()
	defer l.RUnlock()
	log, ok := l.byName[origin]
	return log, ok
}

// numbered gives the log with that number here, nil if there is none.
func (l *logs) numbered(number uint32) *originLog {
	l.RLock()
	defer l.RUnlock()
	if number == 0 || int(number) > len(l.all) {
		return nil
	}
	return l.all[number-1]
}

// snapshot is the log's state now.
func (l *logs) snapshot(log *originLog) logState {
	l.RLock()
	defer l.RUnlock()
	return log.state
}

// ownNumber is the own log's number, 0 without one.
func (l *logs) ownNumber() uint32 {
	if own := l.own.Load(); own != nil {
		return own.number
	}
	return 0
}

// place is a place in the words of callers.
func (l *logs) place(p place) Place {
	told := Place{Index: p.index, IngestedAt: time.UnixMilli(p.ingested).UTC()}
	if names := *l.origins.Load(); p.log > 0 && int(p.log) <= len(names) {
		told.Origin = names[p.log-1]
	}
	return told
}

// looksLike tells whether others, who ask what changed, would be told the same again.
func (s *logState) looksLike(was *logState) bool {
	return s.size == was.size && s.checkpoint.Size == was.checkpoint.Size && s.cosigned.Size == was.cosigned.Size &&
		len(s.cosigned.Note) == len(was.cosigned.Note) && s.Frozen == was.Frozen
}

// publish shows the logs as a transaction left them, once that is on disk.
func (l *logs) publish(t *transaction) {
	if len(t.changes) == 0 && len(t.opened) == 0 {
		return
	}
	l.Lock()
	for _, log := range t.opened {
		l.add(log)
	}
	for _, c := range t.changes {
		if !c.state.looksLike(&c.log.state) {
			l.version++
			c.state.version = l.version
		}
		c.log.state = c.state
	}
	l.Unlock()
	notify(l.changed)
}

package store

import (
	"encoding/json"
	"fmt"

	"go.etcd.io/bbolt"

	"mirnode/protocol"
	"mirnode/translog"
)

// logChange is a log while a transaction changes it.
type logChange struct {
	log     *originLog
	state   logState
	bucket  *bbolt.Bucket // of its entries, once they were wanted
	tileBox *bbolt.Bucket
}

// peek gives the log's state as this transaction has it.
func (t *transaction) peek(log *originLog) *logState {
	for _, c := range t.changes {
		if c.log == log {
			return &c.state
		}
	}
	return &log.state
}

// change gives the log as this transaction has it, to be changed.
func (t *transaction) change(log *originLog) *logChange {
	for _, c := range t.changes {
		if c.log == log {
			return c
		}
	}
	c := &logChange{log: log, state: log.state}
	t.changes = append(t.changes, c)
	return c
}

// entries is the bucket of the log's entries: index → entry.
func (c *logChange) entries(t *transaction) *bbolt.Bucket {
	if c.bucket == nil {
		c.bucket = t.log.Bucket(entriesBucket).Bucket(c.log.key())
		c.bucket.FillPercent = 1 // keys come in order
	}
	return c.bucket
}

// grow takes the grown tree over, and writes its tiles: of the lowest level full ones alone, since the entries say what is in the last. The
// entries are the caller's to write.
func (c *logChange) grow(t *transaction, g *translog.Growth) (err error) {
	if c.tileBox == nil {
		c.tileBox = t.log.Bucket(tilesBucket).Bucket(c.log.key())
		c.tileBox.FillPercent = 1
	}
	g.Tiles(func(tile translog.Tile, hashes []byte) {
		if err == nil && (tile.Level > 0 || tile.Width == translog.TileWidth) {
			err = c.tileBox.Put(tileKey(tile.Level, tile.Index), hashes)
		}
	})
	c.state.size, c.state.root, c.state.frontier, c.state.tails = g.Size(), g.Root(), g.Frontier(), g.Tails()
	t.changed = true
	return err
}

// save writes what is kept of the log besides its entries and tiles.
func (c *logChange) save(t *transaction) error {
	value, err := json.Marshal(c.state.header)
	if err != nil {
		return err
	}
	return t.log.Bucket(logsBucket).Put(c.log.key(), value)
}

// createLog makes an empty log in the file, and gives it; the caller adds it to the others once it is on disk. unseen is the number of logs
// that the same transaction made before.
func (s *Store) createLog(tx *bbolt.Tx, origin protocol.Origin, unseen int) (*originLog, error) {
	log := &originLog{number: uint32(len(s.logs.all) + unseen + 1), origin: origin, name: origin.String(), hash: origin.Hash()}
	log.state.Origin, log.state.root = log.name, translog.EmptyRoot()
	if forked(tx, log.hash) {
		log.state.Frozen, log.state.FrozenWhy = true, frozenByFork
	}
	for _, name := range [][]byte{entriesBucket, tilesBucket} {
		if _, err := tx.Bucket(name).CreateBucket(log.key()); err != nil {
			return nil, err
		}
	}
	value, err := json.Marshal(log.state.header)
	if err != nil {
		return nil, err
	}
	return log, tx.Bucket(logsBucket).Put(log.key(), value)
}

// loadLogs reads all logs' states from the file. Their trees must be what their signed heads say.
func (s *Store) loadLogs() error {
	var read []*originLog
	err := s.log.view(func(tx *bbolt.Tx) error {
		return tx.Bucket(logsBucket).ForEach(func(k, v []byte) error {
			log, err := s.loadLog(tx, uint32(len(read)+1), k, v)
			if err != nil {
				return &CorruptError{File: s.log.path, Reason: fmt.Sprintf("log %d: %v", len(read)+1, err)}
			}
			read = append(read, log)
			return nil
		})
	})
	if err != nil {
		return err
	}
	s.logs.Lock()
	defer s.logs.Unlock()
	quarantined := uint64(0)
	for _, log := range read {
		if held, known := s.logs.byName[log.name]; known {
			if log.state.size == 0 && log.state.checkpoint.Note == nil {
				log.state.checkpoint = held.state.checkpoint // see signEmpty
			}
			s.logs.version++
			log.state.version = s.logs.version
			held.state = log.state
		} else {
			s.logs.add(log)
		}
		quarantined += log.state.Quarantined
	}
	s.logs.quarantined.Store(quarantined)
	return nil
}

func (s *Store) loadLog(tx *bbolt.Tx, number uint32, key, value []byte) (*originLog, error) {
	log := &originLog{number: number}
	if string(key) != string(log.key()) {
		return nil, fmt.Errorf("it is missing: %x stands there", key)
	}
	if err := json.Unmarshal(value, &log.state.header); err != nil {
		return nil, err
	}
	var err error
	if log.origin, err = protocol.ParseOrigin(log.state.Origin); err != nil {
		return nil, err
	}
	log.name, log.hash = log.origin.String(), log.origin.Hash()
	state := &log.state
	if err := loadTree(tx, log); err != nil {
		return nil, err
	}
	if state.Checkpoint != nil {
		if len(state.CheckpointRoot) != translog.HashSize || state.CheckpointSize > state.size || state.Settled > state.size {
			return nil, fmt.Errorf("it has %d entries, fewer than it says", state.size)
		}
		state.checkpoint = translog.Checkpoint{
			Origin: log.name, Size: state.CheckpointSize, Root: translog.Hash(state.CheckpointRoot), Note: state.Checkpoint,
		}
		if state.CheckpointSize == state.size && state.checkpoint.Root != state.root {
			return nil, fmt.Errorf("its tree of %d entries is not the one of its signed head", state.size)
		}
	}
	state.cosigned, err = loadCosigned(tx, log)
	return log, err
}

// loadTree finds the log's size and reads its tree's right edge.
func loadTree(tx *bbolt.Tx, log *originLog) error {
	entries, tiles := tx.Bucket(entriesBucket).Bucket(log.key()), tx.Bucket(tilesBucket).Bucket(log.key())
	if entries == nil || tiles == nil {
		return fmt.Errorf("its bucket is missing")
	}
	state := &log.state
	if last, _ := entries.Cursor().Last(); len(last) == 8 {
		state.size = beUint64(last) + 1
	} else if last != nil {
		return fmt.Errorf("its last entry is not one")
	}
	var err error
	if state.tails, err = translog.ReadTails(noContext, tilesIn{entries, tiles, state.size}, state.size); err != nil {
		return err
	}
	state.frontier = state.tails.Frontier()
	state.root = state.frontier.Root()
	return nil
}

package store

import (
	"context"

	"go.etcd.io/bbolt"

	"mirnode/protocol"
)

// Have tells of each of the records, at most MaxEntries, whether its body is here.
func (s *Store) Have(ctx context.Context, hashes [][32]byte) ([]HaveState, error) {
	states := make([]HaveState, len(hashes))
	err := s.eachHeld(ctx, hashes, MaxEntries, func(i int, r *logRecord) bool {
		if states[i] = Held; r.erased {
			states[i] = Erased
		}
		return true
	})
	if err != nil || s.logs.quarantined.Load()+s.logs.tombstones.Load() == 0 {
		return states, err
	}
	return states, s.log.view(func(tx *bbolt.Tx) error {
		for i, hash := range hashes {
			if states[i] != Unknown {
				continue
			}
			if tx.Bucket(tombstonesBucket).Get(hash[:]) != nil {
				states[i] = Erased
			} else if tx.Bucket(quarantineBucket).Get(hash[:]) != nil {
				states[i] = Quarantined
			}
		}
		return nil
	})
}

// Body is what Bodies gives for one record.
type Body struct {
	Kind    protocol.Kind
	Raw     []byte       // exactly as it was received; good until visit returns
	Erased  *ErasedError // the body was erased
	Missing bool         // the body is not here, or in quarantine
}

// MaxBodies is the most records that one Bodies call takes.
const MaxBodies = 1_000

// Bodies shows visit the bodies of the records with these hashes, in their order, until it returns false. visit must neither wait nor call
// the store.
func (s *Store) Bodies(ctx context.Context, hashes [][32]byte, visit func(i int, b Body) bool) error {
	notices, err := s.erasedByNotice(hashes)
	if err != nil {
		return err
	}
	next, going := 0, true
	show := func(b Body) {
		going = callVisitor(func() bool { return visit(next, b) })
		next++
	}
	lacking := func(until int) { // those between two that are held
		for going && next < until {
			erased := notices[hashes[next]]
			show(Body{Erased: erased, Missing: erased == nil})
		}
	}
	err = s.eachHeld(ctx, hashes, MaxBodies, func(i int, r *logRecord) bool {
		if lacking(i); !going {
			return false
		}
		if r.erased {
			show(Body{Kind: r.Kind, Erased: &ErasedError{Reason: r.reason, At: r.erasedAt}})
		} else {
			show(Body{Kind: r.Kind, Raw: r.Raw})
		}
		return going
	})
	if err == nil {
		lacking(len(hashes))
	}
	return err
}

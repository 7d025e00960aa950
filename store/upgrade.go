package store

import (
	"encoding/json"
	"fmt"

	"go.etcd.io/bbolt"

	"mirnode/protocol"
)

// maxRevived bounds the entries of a log whose bodies are asked for after an upgrade, as they were skipped before: what exceeds it is given up.
const maxRevived = 1_000_000

// knowAssertions makes room for what assertions need. What is settled of entries of the kinds that came with it was skipped, and their bodies are asked for now.
func knowAssertions(tx *bbolt.Tx) error {
	for _, name := range [][]byte{notesBucket, offeredBucket} {
		if _, err := tx.CreateBucket(name); err != nil {
			return err
		}
	}
	type changed struct{ key, value []byte }
	var headers []changed // a bucket must not change while it is read
	err := tx.Bucket(logsBucket).ForEach(func(key, value []byte) error {
		var h header
		if err := json.Unmarshal(value, &h); err != nil {
			return fmt.Errorf("the header of a log: %w", err)
		}
		n, err := reviveSkipped(tx, key, &h)
		if err != nil || n == 0 {
			return err
		}
		value, err = json.Marshal(h)
		headers = append(headers, changed{append([]byte(nil), key...), value})
		return err
	})
	for _, h := range headers {
		if err == nil {
			err = tx.Bucket(logsBucket).Put(h.key, h.value)
		}
	}
	return err
}

// reviveSkipped makes the settled entries of a log missing whose kind had no number in the format before, and has one now. They are due at once.
func reviveSkipped(tx *bbolt.Tx, log []byte, h *header) (revived uint64, err error) {
	entries := tx.Bucket(entriesBucket).Bucket(log)
	if entries == nil {
		return 0, fmt.Errorf("the entries of %s are missing", h.Origin)
	}
	missing, due := tx.Bucket(missingBucket), tx.Bucket(missingDueBucket)
	value, never := make([]byte, 16), make([]byte, 8) // no attempts yet, and the first is due since 1970
	cursor := entries.Cursor()
	for k, v := cursor.First(); len(k) == 8 && beUint64(k) < h.Settled; k, v = cursor.Next() {
		if len(v) <= entryBytes || v[8] != 0 || indexOf(recordKinds, protocol.Kind(v[entryBytes:])) < 0 {
			continue
		}
		if revived++; revived > maxRevived {
			h.GivenUp++
			continue
		}
		key := missingKey(log, k)
		if err := missing.Put(key, value); err != nil {
			return revived, err
		}
		if err := due.Put(append(never, key...), nil); err != nil {
			return revived, err
		}
		h.Missing++
	}
	return revived, nil
}

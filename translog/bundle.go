package translog

import (
	"encoding/binary"
	"fmt"
)

// EntryBundle lays entries out as a bundle of c2sp.org/tlog-tiles: each behind its length in two bytes, big-endian. It panics when there are
// more than TileWidth entries, or when one is larger than MaxEntryBytes.
func EntryBundle(entries [][]byte) []byte {
	if len(entries) > TileWidth {
		panic("translog: too many entries for a bundle")
	}
	size := 0
	for _, e := range entries {
		if len(e) > MaxEntryBytes {
			panic("translog: entry too large")
		}
		size += 2 + len(e)
	}
	b := make([]byte, 0, size)
	for _, e := range entries {
		b = append(binary.BigEndian.AppendUint16(b, uint16(len(e))), e...)
	}
	return b
}

// ParseEntryBundle splits a bundle into its want entries, which are parts of b. The error is of kind ErrMalformed: there are fewer or more, or
// want is not between 1 and TileWidth.
func ParseEntryBundle(b []byte, want int) ([][]byte, error) {
	if want < 1 || want > TileWidth {
		return nil, fmt.Errorf("%w bundle: of %d entries", ErrMalformed, want)
	}
	entries := make([][]byte, 0, want)
	for len(b) > 0 && len(entries) < want {
		if len(b) < 2 || len(b)-2 < int(binary.BigEndian.Uint16(b)) {
			return nil, fmt.Errorf("%w bundle: entry %d is cut off", ErrMalformed, len(entries))
		}
		n := 2 + int(binary.BigEndian.Uint16(b))
		entries = append(entries, b[2:n:n])
		b = b[n:]
	}
	if len(entries) != want || len(b) > 0 {
		return nil, fmt.Errorf("%w bundle: %d entries and %d further bytes instead of %d entries", ErrMalformed, len(entries), len(b), want)
	}
	return entries, nil
}
